package gateway

import (
	"net/netip"
	"time"
)

// Access lets somebody reach a user at an address and port. Its identity in a
// list is (User, Prefix, Port): a list holds each at most once.
type Access struct {
	User    string       `json:"user,omitempty"`   // login at the target; empty is any; '*' and '?' are wildcards
	Prefix  netip.Prefix `json:"prefix"`           // one address is a /32 or /128
	Port    uint16       `json:"port,omitempty"`   // 0 is any
	Expires time.Time    `json:"expires,omitzero"` // zero: never
	// ForceKey restricts this way to the egress key with that fingerprint (SHA256:…).
	ForceKey string `json:"force_key,omitempty"`
	// ForcePassword restricts this way to the egress password with that hash.
	ForcePassword string `json:"force_password,omitempty"`
	// Legacy permits algorithms that are insecure today, for old gear.
	Legacy  bool      `json:"legacy,omitempty"`
	Comment string    `json:"comment,omitempty"`
	AddedBy string    `json:"added_by"`
	AddedAt time.Time `json:"added_at"`
}

// Expired reports whether a no longer grants anything at now.
func (a Access) Expired(now time.Time) bool {
	return !a.Expires.IsZero() && !now.Before(a.Expires)
}
