package policy

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"gateway"
)

// Rules are the settings that hold for everybody and that no access overrides.
type Rules struct {
	Forbidden []netip.Prefix // never a target; stronger than Allowed
	Allowed   []netip.Prefix // if not empty, the only targets
	Ingress   []IngressRule  // the first that decides, decides
	IPv4      bool           // targets may be IPv4
	IPv6      bool           // targets may be IPv6
	// MaxInactiveDays is the inactivity after which an account without a limit
	// of its own may not log in. 0: never.
	MaxInactiveDays int
	// AccountMFA is the second factor that every account must have enrolled.
	AccountMFA gateway.MFA
	// NoMFA: no second factor is ever asked for, whoever wants it.
	NoMFA bool
}

// IngressRule says where those who come from somewhere may go.
type IngressRule struct {
	From, To []netip.Prefix
	Action   Action
}

// Action is what an IngressRule does.
type Action string

// The actions of an IngressRule, written as in The Bastion's configuration.
const (
	Allow          Action = "ALLOW"           // From may go to To
	Deny           Action = "DENY"            // From may not go to To
	AllowExclusive Action = "ALLOW-EXCLUSIVE" // From may go to To, and nowhere else
)

// rules is Rules ready for use. A set that could not be understood as a whole
// refuses, rather than silently meaning less than what was written.
type rules struct {
	forbidden, allowed *bart.Lite
	forbiddenBroken    bool
	restricted         bool // allowed is in force, even when nothing in it is valid
	ingress            []ingressRule
	ipv4, ipv6         bool
	maxInactiveDays    int
	accountMFA         gateway.MFA
	noMFA              bool
	written            Rules // as given, to explain with
}

type ingressRule struct {
	from, to *bart.Lite
	action   Action
	broken   bool
}

func compile(r Rules) *rules {
	c := &rules{
		restricted: len(r.Allowed) > 0,
		ipv4:       r.IPv4, ipv6: r.IPv6,
		maxInactiveDays: r.MaxInactiveDays, accountMFA: r.AccountMFA, noMFA: r.NoMFA, written: r,
	}
	var ok bool
	c.forbidden, ok = networks(r.Forbidden)
	c.forbiddenBroken = !ok
	c.allowed, _ = networks(r.Allowed)
	for _, in := range r.Ingress {
		from, fromOK := networks(in.From)
		to, toOK := networks(in.To)
		known := in.Action == Allow || in.Action == Deny || in.Action == AllowExclusive
		c.ingress = append(c.ingress, ingressRule{from, to, in.Action, !fromOK || !toOK || !known})
	}
	return c
}

// networks builds a set; ok is false if one of them is not a network.
func networks(list []netip.Prefix) (set *bart.Lite, ok bool) {
	set, ok = new(bart.Lite), true
	for _, p := range list {
		if p, valid := gateway.NormalNetwork(p); valid {
			set.Insert(p)
		} else {
			ok = false
		}
	}
	return set, ok
}

// network checks the rules in their order. The zone of from is ignored, as the
// peer of a link-local connection has one; a target with a zone is refused.
func (r *rules) network(from, to netip.Addr) gateway.Reason {
	from, to = from.WithZone("").Unmap(), to.Unmap()
	switch {
	case !to.IsValid(), to.Zone() != "", to.Is4() && !r.ipv4, to.Is6() && !r.ipv6:
		return gateway.ReasonIPVersion
	case r.forbiddenBroken, r.forbidden.Contains(to):
		return gateway.ReasonForbiddenNetwork
	case r.restricted && !r.allowed.Contains(to):
		return gateway.ReasonNotAllowed
	}
	for _, in := range r.ingress {
		// Who comes from nowhere (a local command) can't be matched: refused.
		if in.broken || !from.IsValid() {
			return gateway.ReasonIngressRule
		}
		if !in.from.Contains(from) {
			continue
		}
		inside := in.to.Contains(to)
		switch {
		case inside && in.action == Deny, !inside && in.action == AllowExclusive:
			return gateway.ReasonIngressRule
		case inside:
			return ""
		}
	}
	return ""
}
