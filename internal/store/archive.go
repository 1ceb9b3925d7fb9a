package store

import (
	"time"

	"gateway"
)

// Archive is a deleted account with all that it had. It is kept until it is
// restored or purged, and nothing of it counts meanwhile. Host keys that it
// knew are not kept.
type Archive struct {
	ID      int64            `json:"-"`
	By      string           `json:"-"` // who deleted it
	At      time.Time        `json:"-"`
	Account *gateway.Account `json:"account"`
	// Sealed are the private halves of Account.EgressKeys, in their order.
	Sealed [][]byte `json:"sealed"`
	// SealedPasswords are the secrets of Account.Passwords, in their order.
	SealedPasswords [][]byte        `json:"sealed_passwords,omitempty"`
	Roles           []ArchivedRole  `json:"roles"`
	Guest           []ArchivedGuest `json:"guest"`
	// DatabaseGuest are the databases that it could use as a guest.
	DatabaseGuest []ArchivedDatabaseGuest `json:"database_guest,omitempty"`
}

// ArchivedGroup says which group it was: another one may have its name today.
type ArchivedGroup struct {
	Name    string    `json:"group"`
	Created time.Time `json:"created"`
}

// ArchivedRole is a role that the account had.
type ArchivedRole struct {
	ArchivedGroup
	Role gateway.Role `json:"role"`
	Ends time.Time    `json:"ends,omitzero"` // zero: never
}

// ArchivedGuest is a guest access that the account had.
type ArchivedGuest struct {
	ArchivedGroup
	Access gateway.Access `json:"access"`
}

// ArchivedDatabaseGuest is what let the account use a database as a guest.
type ArchivedDatabaseGuest struct {
	ArchivedGroup
	// AddedAt is when the database was added: another one may have its name today.
	AddedAt time.Time             `json:"database_added_at"`
	Guest   gateway.DatabaseGuest `json:"guest"`
}
