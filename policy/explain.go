package policy

import (
	"fmt"
	"net/netip"
	"time"

	"gateway"
)

// Explanation says how a decision came about.
type Explanation struct {
	Decision gateway.Decision
	Checks   []Check // what comes before accesses, up to the first that fails
	Lists    []List  // every list of accesses that was looked into
}

// Check is one condition that holds for everything an account does.
type Check struct {
	Name string // account, network, network of the jump host
	OK   bool
	Rule string // the rule that decided, in words
}

// List is one list of accesses that could have granted.
type List struct {
	Kind  gateway.WayKind
	Group string
	// Access is the one that counts; nil: none of the list covers the request.
	Access   *gateway.Access
	Database *gateway.Database // likewise, for a request for a database
	Why      string            // why it is no way all the same, or what is missing; empty: it is one
	Misses   []Miss            // accesses for the target's address that don't cover the request; at most maxMisses
}

// Miss is an access that was meant for something else.
type Miss struct {
	Access gateway.Access
	Why    string
}

// maxMisses bounds the accesses shown of one list.
const maxMisses = 20

// Explain answers like Decide, and says why.
func (s *Snapshot) Explain(r gateway.Request, now time.Time) Explanation {
	e := Explanation{Decision: s.Decide(r, now)}
	if !e.account(s, r, now) || !e.network(s.rules, "network", r.From.Addr(), r.Target.Addr) ||
		r.Jump != (gateway.Target{}) && !e.network(s.rules, "network of the jump host", r.From.Addr(), r.Jump.Addr) {
		return e
	}
	r.Target.Addr, r.Jump.Addr = r.Target.Addr.Unmap(), r.Jump.Addr.Unmap()
	t := &wanted{r.Target, r.Jump, now}
	a, _ := s.accounts.get(r.Principal.Account)
	if r.Protocol == gateway.Postgres {
		e.database(s, a.Name, &r, now)
		return e
	}
	e.list(gateway.WayPersonal, "", a.personal, t)
	seats, _ := s.seats.get(a.Name)
	for _, seat := range seats {
		g, _ := s.groups.get(seat.group)
		switch {
		case seat.member && g.Has(gateway.Member, a.Name, now):
			e.list(gateway.WayGroupMember, g.Name, g.accesses, t)
		case seat.guest:
			e.guest(g, a.Name, t)
		case len(g.DatabaseGuests[a.Name]) > 0 && !seat.member:
			e.Lists = append(e.Lists, List{Kind: gateway.WayGroupGuest, Group: g.Name, Why: "the account is a guest of databases only"})
		case seat.member:
			e.Lists = append(e.Lists, List{Kind: gateway.WayGroupMember, Group: g.Name,
				Why: "the membership ended " + g.Ends[gateway.Holder{Role: gateway.Member, Account: a.Name}].UTC().Format(time.DateTime)})
		default:
			e.Lists = append(e.Lists, List{Kind: gateway.WayGroupMember, Group: g.Name,
				Why: "the account has a role in the group, and is neither member nor guest"})
		}
	}
	e.credentials(r)
	return e
}

// account explains what the account itself is kept from.
func (e *Explanation) account(s *Snapshot, r gateway.Request, now time.Time) bool {
	why := s.Login(r.Principal.Account, now)
	a := s.Account(r.Principal.Account)
	switch {
	case r.Principal.Realm != "":
		why = gateway.ReasonUnknownAccount
	case why == "" && a.OSHOnly:
		why = gateway.ReasonOSHOnly
	}
	c := Check{Name: "account", OK: why == "", Rule: string(why)}
	switch {
	case why == gateway.ReasonExpired:
		c.Rule += " " + a.Expires.UTC().Format(time.DateTime)
	case why == gateway.ReasonFrozen && a.Freeze.Reason != "":
		c.Rule += ": " + a.Freeze.Reason
	case c.OK && !a.Expires.IsZero():
		c.Rule = "expires " + a.Expires.UTC().Format(time.DateTime)
	}
	e.Checks = append(e.Checks, c)
	return c.OK
}

// network explains the rules that no access overrides.
func (e *Explanation) network(r *rules, name string, from, to netip.Addr) bool {
	why := r.network(from, to)
	from, to = from.WithZone("").Unmap(), to.Unmap()
	c := Check{Name: name, OK: why == "", Rule: string(why)}
	switch why {
	case gateway.ReasonForbiddenNetwork:
		if p, ok := containing(r.written.Forbidden, to); ok {
			c.Rule = fmt.Sprintf("forbiddenNetworks has %s", p)
		}
	case gateway.ReasonNotAllowed:
		c.Rule = "no network of allowedNetworks contains it"
	case "", gateway.ReasonIngressRule:
		c.Rule = r.ingressText(from, to)
		if p, ok := containing(r.written.Allowed, to); ok && c.Rule == "" {
			c.Rule = fmt.Sprintf("allowedNetworks has %s", p)
		}
	}
	e.Checks = append(e.Checks, c)
	return c.OK
}

// ingressText names the first rule for those who come from there that decides.
func (r *rules) ingressText(from, to netip.Addr) string {
	for i, in := range r.ingress {
		if in.broken || !from.IsValid() {
			return fmt.Sprintf("ingressToEgressRules[%d] can't be applied", i)
		}
		if in.from.Contains(from) && (in.to.Contains(to) || in.action == AllowExclusive) {
			return fmt.Sprintf("ingressToEgressRules[%d], %s", i, in.action)
		}
	}
	return ""
}

func containing(list []netip.Prefix, a netip.Addr) (netip.Prefix, bool) {
	for _, p := range list {
		if p, ok := gateway.NormalNetwork(p); ok && p.Contains(a) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// list explains one list.
func (e *Explanation) list(kind gateway.WayKind, group string, l list, t *wanted) {
	n := List{Kind: kind, Group: group, Access: l.find(t)}
	if n.Access == nil {
		n.Why = "no access covers it"
		n.Misses = misses(l.accesses, t)
	}
	e.Lists = append(e.Lists, n)
}

// guest explains the part of a group that a guest may reach.
func (e *Explanation) guest(g *group, account string, t *wanted) {
	own, whole := g.guests[account], g.accesses
	n := List{Kind: gateway.WayGroupGuest, Group: g.Name}
	found, of := own.find(t), whole.find(t)
	switch {
	case found == nil:
		n.Why, n.Misses = "no guest access covers it", misses(own.accesses, t)
	case of == nil:
		n.Why, n.Misses = "the group itself has no access that covers it", misses(whole.accesses, t)
	default:
		both, ok := narrow(*found, *of)
		n.Access = &both
		if !ok {
			n.Why = "the group and the guest access force different credentials"
		}
	}
	e.Lists = append(e.Lists, n)
}

// credentials explains the lists whose access counts and which are no way.
func (e *Explanation) credentials(r gateway.Request) {
	for i := range e.Lists {
		l := &e.Lists[i]
		if l.Access == nil || l.Why != "" {
			continue
		}
		granted := false
		for _, w := range e.Decision.Ways {
			granted = granted || w.Kind == l.Kind && w.Group == l.Group
		}
		if !granted {
			l.Why = "it has not the egress key that is asked for or forced"
			switch {
			case !forProtocol(*l.Access, r.Protocol):
				l.Why = string(gateway.ReasonNETCONFOnly)
			case r.Password.Asked():
				l.Why = "it has not the egress password that is asked for or forced, or it forces a key"
			}
		}
	}
}

// misses says why accesses whose network has the target don't cover t.
func misses(list []gateway.Access, t *wanted) []Miss {
	var near []Miss
	for _, a := range list {
		if len(near) == maxMisses {
			break
		}
		if why := miss(a, t); why != "" && a.Prefix.Contains(t.Addr) {
			near = append(near, Miss{a, why})
		}
	}
	return near
}

func miss(a gateway.Access, t *wanted) string {
	switch {
	case a.Expired(t.now):
		return "it expired " + a.Expires.UTC().Format(time.DateTime)
	case a.Port != 0 && a.Port != t.Port:
		return "other port"
	case !CoversUser(a.User, t.User):
		return "other user"
	case !matchJump(a.Proxy, t.jump) && a.Proxy.IsZero():
		return "without jump host"
	case !matchJump(a.Proxy, t.jump):
		return "through another jump host"
	}
	return ""
}
