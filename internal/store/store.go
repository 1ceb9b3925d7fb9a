// Package store declares what the gateway keeps: accounts, groups, accesses,
// keys, host keys and the index of sessions. Each engine is a folder below
// (sqlite) and passes the suite in storetest.
//
// Errors wrap gateway.ErrNotFound, ErrConflict, ErrInvalid or ErrUnavailable.
package store

import (
	"context"
	"net/netip"
	"time"

	"gateway"
)

// Store is one data folder's state. It is safe for concurrent use.
type Store interface {
	// Load returns every account and group.
	Load(ctx context.Context) ([]*gateway.Account, []*gateway.Group, error)
	// Update runs f in one transaction; transactions run one after the other.
	// When f returns nil it commits, then calls the OnCommit function with the
	// whole new state of every account and group that f touched, and only then
	// returns. When f or the commit fails nothing was changed. f and the
	// OnCommit function must not call anything here that writes.
	Update(ctx context.Context, f func(Tx) error) error
	// OnCommit sets the one function that is told of changes. It is called
	// with transactions still serialised. Set it before the first Update.
	OnCommit(f func([]Change))

	// Maintenance returns the maintenance mode; nil: it is off.
	Maintenance(ctx context.Context) (*gateway.Maintenance, error)

	// Archives returns every deleted account that is kept, newest
	// first, without the private halves of keys.
	Archives(ctx context.Context) ([]Archive, error)

	// SealedKey returns the sealed private half of an egress key.
	SealedKey(ctx context.Context, id int64) ([]byte, error)
	// SealedPassword returns a sealed egress password.
	SealedPassword(ctx context.Context, id int64) ([]byte, error)
	// SealedDatabase returns a sealed secret of a database: of the kind
	// DatabasePassword or DatabaseKey.
	SealedDatabase(ctx context.Context, id int64, kind SecretKind) ([]byte, error)

	// HostKeys returns the host keys of a target that are known to an account,
	// as met behind that egress jump host; zero: directly.
	HostKeys(ctx context.Context, account string, target, jump netip.AddrPort) ([]HostKey, error)
	// AddHostKey learns a key; one that is known already stays as it is.
	AddHostKey(ctx context.Context, account string, k HostKey) error
	// ForgetHostKeys drops the known keys of one target, whatever jump host it
	// was met behind, and says of how many accounts; for an empty account those
	// of everybody.
	ForgetHostKeys(ctx context.Context, account string, addr netip.Addr, port uint16) (int, error)

	// BeginSession writes the start of a session or command, EndSession its
	// end: the first stands, another is ErrConflict.
	BeginSession(ctx context.Context, s Session) error
	EndSession(ctx context.Context, id gateway.SessionID, e End) error
	// Sessions returns at most f.Limit sessions, newest first.
	Sessions(ctx context.Context, f SessionFilter) ([]Session, error)
	// TouchLogin records that the account logged in at t, without an OnCommit call of its own when
	// less than a minute passed since the last one.
	TouchLogin(ctx context.Context, account string, t time.Time) error

	Close() error
}

// Tx reads and changes inside one transaction. Reads see the transaction's
// own writes. Values returned may be kept and changed by the caller.
type Tx interface {
	Account(name string) (*gateway.Account, error)
	Group(name string) (*gateway.Group, error)

	// CreateAccount and UpdateAccount write the scalar fields (not keys,
	// passwords, accesses, grants). CreateAccount picks the lowest free UID in
	// [uidMin, uidMax] when a.UID is 0 and sets it.
	CreateAccount(a *gateway.Account, uidMin, uidMax int) error
	UpdateAccount(a *gateway.Account) error
	// DeleteAccount removes it with its keys, passwords, accesses, roles and guest accesses.
	DeleteAccount(name string) error
	// ArchiveAccount deletes it and keeps all that in an archive. reseal gives
	// each of its secrets sealed for the archive.
	ArchiveAccount(name, by string, at time.Time, reseal Reseal) (id int64, err error)
	Archive(id int64) (Archive, error)
	DeleteArchive(id int64) error
	// RestoreSessions gives an account the sessions that the archived one had.
	RestoreSessions(archive int64, account string) error
	// RenameAccount gives it another name, with all that it has, the host keys
	// that it knows and its sessions in the index. See RenameGroup for reseal.
	RenameAccount(name, to string, reseal Reseal) error
	Grant(account, command string) (changed bool, err error)
	Revoke(account, command string) (changed bool, err error)
	AddIngressKey(account string, k gateway.IngressKey) (id int64, err error)
	DelIngressKey(account string, id int64) error

	// CreateGroup and UpdateGroup write the scalar fields (not roles, keys,
	// passwords, accesses).
	CreateGroup(g *gateway.Group) error
	UpdateGroup(g *gateway.Group) error
	// RenameGroup gives a group another name, with all that it has. Its secrets
	// are sealed for the name: reseal gives what takes the place of each.
	RenameGroup(name, to string, reseal Reseal) error
	DeleteGroup(name string) error
	// AddRole and DelRole are for owner, gatekeeper, aclkeeper and member. The
	// role is over at ends; zero: never. One that is over is replaced; changed
	// is false when it is held already.
	AddRole(group string, r gateway.Role, account string, ends, now time.Time) (changed bool, err error)
	DelRole(group string, r gateway.Role, account string) (changed bool, err error)

	// AddEgressKey stores a key of an account or a group with its sealed private half.
	AddEgressKey(o Owner, k gateway.EgressKey, sealed []byte) (id int64, err error)
	DelEgressKey(id int64) error
	// AddEgressPassword makes a sealed password the current one of an account or
	// a group. The others are its fallbacks; the oldest goes when there are more
	// than gateway.MaxEgressPasswords.
	AddEgressPassword(o Owner, p gateway.EgressPassword, sealed []byte) (id int64, err error)

	// AddAccess adds, or when one with the same identity exists that has
	// expired replaces it; changed is false when an unexpired one is there already.
	AddAccess(o Owner, a gateway.Access, now time.Time) (changed bool, err error)
	// DelAccess removes the access with a's identity.
	DelAccess(o Owner, a gateway.Access) (changed bool, err error)

	// AddDatabase offers a database to a group; its name must be free on the
	// whole gateway. It has a password, and a key, when their secrets are given.
	AddDatabase(group string, d gateway.Database, s DatabaseSecrets) (id int64, err error)
	// UpdateDatabase writes all of the database of d's name but who added it, and
	// when. The secrets that d still has, by d.Password and d.Certificate, stay
	// where none are given in their place.
	UpdateDatabase(d gateway.Database, s DatabaseSecrets) error
	DelDatabase(name string) error
	// AddDatabaseGuest lets an account use the database that g names; see AddAccess
	// for what is changed. DelDatabaseGuest ends that.
	AddDatabaseGuest(account string, g gateway.DatabaseGuest, now time.Time) (changed bool, err error)
	DelDatabaseGuest(account, database string) (changed bool, err error)

	// SetMaintenance turns maintenance mode on, or off for nil.
	SetMaintenance(m *gateway.Maintenance) error
}

// Owner says whose key or access it is: exactly one of the forms
// {Account}, {Group}, or {Group, Guest}.
type Owner struct {
	Account string // personal
	Group   string // the group's own
	Guest   string // with Group: what this account may reach of it as a guest
}

// SecretKind says what a sealed secret is. Each is sealed for its kind and its
// owner, so that none can stand in for another.
type SecretKind string

// The kinds of secrets.
const (
	EgressKey      SecretKind = "egress-key"
	EgressPassword SecretKind = "egress-password"
	// Those of databases are sealed for the name of the database.
	DatabasePassword SecretKind = "database-password"
	DatabaseKey      SecretKind = "database-key" // of the client certificate
)

// DatabaseSecrets are the sealed secrets of a database; nil: none.
type DatabaseSecrets struct{ Password, Key []byte }

// Reseal gives what takes the place of a secret when its owner changes.
type Reseal func(kind SecretKind, sealed []byte) ([]byte, error)

// Change is the new state of one account or group, or of the whole gateway,
// after a commit.
type Change struct {
	Account *gateway.Account // set, or
	Group   *gateway.Group   // set, or
	// the name of what was deleted:
	DeletedAccount string
	DeletedGroup   string
	// Maintenance mode was turned on or off:
	MaintenanceSet bool
	Maintenance    *gateway.Maintenance
}

// HostKey is a target's host key as first seen.
type HostKey struct {
	Addr  netip.Addr
	Port  uint16
	Jump  netip.AddrPort // the egress jump host that it was met behind; zero: none
	Type  string         // ssh-ed25519, …
	Blob  []byte         // wire form
	Added time.Time
}

// Session is one line of the index: a session, a command, or an attempt at one.
type Session struct {
	ID        gateway.SessionID
	Account   string
	Realm     string
	Type      string // ssh, osh, interactive, sshas, abort
	Allowed   bool
	From      netip.AddrPort
	Via       netip.AddrPort // the gateway's own end
	To        netip.AddrPort // zero for a command
	HostTo    string         // as asked
	User      string         // login at the target
	Proxy     netip.AddrPort // the egress jump host; zero: none
	ProxyUser string         // login there
	Plugin    string         // command name, for osh
	Params    string         // its arguments, or the remote command; printable
	Comment   string         // why it was refused, and the like
	Started   time.Time
	Recording bool // a recording with this ID exists
	End       *End // nil: still running, or lost
}

// End is how a session ended.
type End struct {
	At      time.Time
	Code    int    // exit status
	Signal  string // without SIG
	Comment string
	Bytes   int64 // relayed, both directions
}

// SessionFilter selects sessions; zero fields do not restrict.
type SessionFilter struct {
	Account       string
	ID            gateway.SessionID
	Type          string
	Allowed       *bool
	After, Before time.Time
	Addr          netip.Addr
	Port          uint16
	User          string
	Via           netip.Addr
	ViaPort       uint16
	Proxy         netip.Addr
	ProxyPort     uint16
	ProxyUser     string
	Limit         int // 0: 100
	// MaxParams ends the list with the session whose Params, with those before,
	// have so many bytes; 0: it does not.
	MaxParams int
}
