package gateway

import (
	"net/netip"
	"time"
)

// Access lets somebody reach a user at an address and port. Its identity in a
// list is (User, Prefix, Port, Proxy): a list holds each at most once.
type Access struct {
	// User is the login at the target; empty is any; '*' and '?' are wildcards. A
	// right to transfer files is a user of its own: see RightUser.
	User    string       `json:"user,omitempty"`
	Prefix  netip.Prefix `json:"prefix"`           // one address is a /32 or /128
	Port    uint16       `json:"port,omitempty"`   // 0 is any
	Expires time.Time    `json:"expires,omitzero"` // zero: never
	// Proxy is the egress jump host that this access is for; zero: none. Neither
	// serves in place of the other.
	Proxy Hop `json:"proxy,omitzero"`
	// ForceKey restricts this way to the egress key with that fingerprint (SHA256:…).
	ForceKey string `json:"force_key,omitempty"`
	// ForcePassword restricts this way to the egress password with that hash.
	ForcePassword string `json:"force_password,omitempty"`
	// Profile names how the device is logged in to with a password; empty: that is found out.
	Profile string `json:"profile,omitempty"`
	// NETCONF is what NETCONF sessions may do, in the words of --netconf-allow;
	// where several such lists are joined by ';' each must allow. Empty: all.
	NETCONF string `json:"netconf,omitempty"`
	// Legacy permits algorithms that are insecure today, for old gear.
	Legacy  bool      `json:"legacy,omitempty"`
	Comment string    `json:"comment,omitempty"`
	AddedBy string    `json:"added_by"`
	AddedAt time.Time `json:"added_at"`
}

// Hop is the egress jump host that an access is bound to.
type Hop struct {
	Addr netip.Addr `json:"addr"`
	Port uint16     `json:"port,omitempty"` // 0 is any
	User string     `json:"user,omitempty"` // login there; empty is any; '*' and '?' are wildcards
}

// IsZero reports whether there is no jump host.
func (h Hop) IsZero() bool { return h == Hop{} }

// RightUser gives the user that stands for the right to transfer files with a
// protocol, such as "!sftp". No other right covers it, and it covers no login.
func RightUser(protocol string) (user string, ok bool) {
	switch protocol {
	case "scpupload", "scpdownload", "sftp", "rsync":
		return "!" + protocol, true
	}
	return "", false
}

// Expired reports whether a no longer grants anything at now.
func (a Access) Expired(now time.Time) bool {
	return !a.Expires.IsZero() && !now.Before(a.Expires)
}
