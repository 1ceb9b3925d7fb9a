package gateway

import "net/netip"

// Request is the question put to the one gate: may this principal, coming
// from there, reach that target.
type Request struct {
	Session   SessionID
	Principal Principal
	From      netip.AddrPort // the peer of the ingress connection, as the kernel says
	Via       netip.AddrPort // the gateway's own end of it
	Protocol  Protocol
	Target    Target
	Jump      Target // egress jump host to reach it through; zero: directly
	// Database is the name that a database is offered by, for Postgres only. Target
	// has its login, its port, and what its host resolved to.
	Database string
	Action   Action     // what is to be started there
	UseKey   string     // only this egress key (fingerprint); empty: all
	Password PasswordOf // log in with a password instead of keys
}

// Action is one operation inside a session that is put to Allow before it
// is relayed: exec, shell, subsystem, …
type Action struct {
	Kind string // "shell", "exec", "subsystem"; "osh", "interactive" for commands of the gateway
	Text string // the command line or the subsystem's name
}

// Decision is the answer to a Request.
type Decision struct {
	Ways []Way // every way that grants it, in the order in which their keys are tried
	MFA  MFA   // the strictest that one of the ways wants of this account
	// Reason says why there is no way. It is for the audit record and for
	// whoever may ask whyAccess; the person is told only that it is denied.
	Reason Reason
}

// Allowed reports whether there is at least one way.
func (d Decision) Allowed() bool { return len(d.Ways) > 0 }

// Unmet says what keeps an allowed decision from being used: a second factor,
// which nobody has yet, or that every way insists on a password, and the person
// asked for none. The text is for the person; ok is false when nothing does.
func (d Decision) Unmet() (r Refusal, text string, ok bool) {
	if d.MFA != MFANone {
		return d.MFA.SetupRefusal(), d.MFA.SetupText(), true
	}
	for _, w := range d.Ways {
		if w.Access.ForcePassword == "" || len(w.Passwords) > 0 {
			return Refusal{}, "", false
		}
	}
	return RefusalForcedPassword, "the access is for logging in with a password: use --password GROUP or --self-password", true
}

// WayKind is the family of a grant.
type WayKind string

// The families of grants, in the order in which they are tried.
const (
	WayPersonal    WayKind = "personal"
	WayGroupMember WayKind = "group-member"
	WayGroupGuest  WayKind = "group-guest"
)

// Way is one grant and the credentials it is used with.
type Way struct {
	Kind   WayKind
	Group  string // for the group kinds
	Access Access // the smallest matching access of that list
	// Keys are the egress keys to offer: those of the account (personal) or of
	// the group, restricted by ForceKey and UseKey. It may be empty, and is when
	// the access forces a password.
	Keys []EgressKey
	// Database is what is reached, with the limits that this way has, for
	// Postgres; nil for others, which have an Access.
	Database *Database
	// Passwords are tried in this order where a login with a password is asked
	// for, restricted by ForcePassword; Keys is empty then.
	Passwords []EgressPassword
}

// Reason is why a decision has no way. Its text is for operators.
type Reason string

// The reasons of a refusal, in the order in which they are checked.
const (
	ReasonUnknownAccount   Reason = "unknown account"
	ReasonFrozen           Reason = "account frozen"
	ReasonExpired          Reason = "account expired"
	ReasonInactive         Reason = "account inactive"
	ReasonOSHOnly          Reason = "account may only run commands"
	ReasonIPVersion        Reason = "ip version disabled"
	ReasonForbiddenNetwork Reason = "target in forbidden network"
	ReasonNotAllowed       Reason = "target outside allowed networks"
	ReasonIngressRule      Reason = "denied by ingress to egress rule"
	ReasonNoAccess         Reason = "no matching access"
	ReasonNoKey            Reason = "no matching access owns the asked key"
	ReasonNoPassword       Reason = "no matching access owns the asked password"
	ReasonForcedPassword   Reason = "the password that is forced is not there"
	ReasonNETCONFOnly      Reason = "the access is for NETCONF only"
	ReasonNoDatabase       Reason = "no such database"
	ReasonNoDatabaseAccess Reason = "neither member of the database's group nor guest"
	ReasonDatabaseExpired  Reason = "the database expired"
	ReasonOtherDatabase    Reason = "not where the database is, or not its login"
)
