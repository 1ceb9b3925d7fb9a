package gateway

import (
	"net/netip"
	"slices"
	"time"
)

// Account is a local principal and everything policy needs to know of it.
// Values reached from a policy snapshot are shared: never change them.
type Account struct {
	Name      string
	UID       int
	Created   time.Time
	CreatedBy string
	Comment   string

	Freeze          *Freeze       // nil: not frozen
	Expires         time.Time     // TTL; zero: never
	MaxInactiveDays *int          // nil: the global setting; 0: never inactive
	LastLogin       time.Time     // zero: never seen
	AlwaysActive    bool          // exempt from the inactivity rule and activeness checks
	OSHOnly         bool          // may run commands, may connect nowhere
	HostKeyPolicy   HostKeyPolicy // empty: default
	Multiplexing    string        // egress connection sharing as asked for: "", "yes" or "no"
	ImmutableKeys   bool          // the person can't change the ingress keys
	IdleIgnore      bool          // never locked or ended for being idle
	// What the account must prove besides its key, and where.
	MFAPassword        Factor // the password factor
	MFATOTP            Factor // the one-time password factor
	PersonalMFA        MFA    // for each connection by a personal access
	PAMAuthBypass      bool   // no second factor at login
	PubkeyAuthOptional bool   // factors may stand in for the key at login
	CreatedWith        string // version of the gateway that created it

	// Grants are the restricted commands given one by one, and "auditor".
	Grants      []string
	IngressKeys []IngressKey
	EgressKeys  []EgressKey
	Passwords   []EgressPassword // own egress passwords, the current one first
	Personal    []Access         // personal accesses, with the account's own egress keys
}

// Freeze says why and by whom an account may not log in.
type Freeze struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Granted reports whether the restricted command (or "auditor") was granted.
func (a *Account) Granted(command string) bool { return slices.Contains(a.Grants, command) }

// Factor says how an account stands to one second factor.
type Factor string

// The values of --mfa-password-required and --mfa-totp-required.
const (
	FactorOptional Factor = ""       // as accountMFAPolicy says
	FactorRequired Factor = "yes"    // must be enrolled
	FactorBypass   Factor = "bypass" // never asked, whoever requires it
)

// HostKeyPolicy says what to do with a target's host key that is not known.
type HostKeyPolicy string

// The values of The Bastion's --egress-strict-host-key-checking.
const (
	HostKeyDefault   HostKeyPolicy = ""           // accept-new
	HostKeyYes       HostKeyPolicy = "yes"        // only known keys
	HostKeyAcceptNew HostKeyPolicy = "accept-new" // learn a first key, refuse a changed one
	HostKeyAsk       HostKeyPolicy = "ask"        // ask the person about a first key
	HostKeyNo        HostKeyPolicy = "no"         // learn a first key, warn about a changed one
	HostKeyBypass    HostKeyPolicy = "bypass"     // neither check nor learn
)

// IngressKey is a public key that a person logs in with.
type IngressKey struct {
	ID      int64
	Type    string         // ssh-ed25519, …
	Blob    []byte         // wire form, RFC 4253 section 6.6
	Comment string         // as given
	From    []netip.Prefix // empty: from anywhere
	AddedBy string
	AddedAt time.Time
	// UniqID is the session or command that added it, as shown in listings.
	UniqID string
}

// EgressKey is the public half of a key that the gateway holds for an account
// or a group.
type EgressKey struct {
	ID          int64
	Type        string // ssh-ed25519, …
	Blob        []byte // wire form
	Size        int    // bits
	Fingerprint string // SHA256:…
	Comment     string
	Created     time.Time
}
