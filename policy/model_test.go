package policy_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"

	"gateway"
	"gateway/policy"

	"github.com/google/go-cmp/cmp"
)

// model decides as slowly and plainly as the rules can be written down. It
// shares no code with the package but the nouns.
type model struct {
	accounts map[string]*gateway.Account
	groups   map[string]*gateway.Group
	rules    policy.Rules
}

func inside(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// through is the model's reading of jump hosts: the same one, or none at all.
func through(h gateway.Hop, jump gateway.Target) bool {
	if jump == (gateway.Target{}) {
		return h == gateway.Hop{}
	}
	user, _ := path.Match(h.User, jump.User)
	return h.Addr == jump.Addr && (h.Port == 0 || h.Port == jump.Port) && (h.User == "" || user)
}

func (m *model) find(list []gateway.Access, t, jump gateway.Target) *gateway.Access {
	var matching []gateway.Access
	for _, a := range list {
		if !through(a.Proxy, jump) {
			continue
		}
		user := a.User == "" && !strings.HasPrefix(t.User, "!")
		if ok, err := path.Match(a.User, t.User); a.User != "" && err == nil && ok {
			user = a.User == t.User || !strings.HasPrefix(t.User, "!")
		}
		expired := !a.Expires.IsZero() && !a.Expires.After(now)
		if user && (a.Port == 0 || a.Port == t.Port) && a.Prefix.Contains(t.Addr) && !expired {
			matching = append(matching, a)
		}
	}
	if len(matching) == 0 {
		return nil
	}
	slices.SortStableFunc(matching, func(a, b gateway.Access) int { return b.Prefix.Bits() - a.Prefix.Bits() })
	return &matching[0]
}

func (m *model) network(from, to netip.Addr) gateway.Reason {
	if to.Is4() && !m.rules.IPv4 || to.Is6() && !m.rules.IPv6 {
		return gateway.ReasonIPVersion
	}
	if inside(m.rules.Forbidden, to) {
		return gateway.ReasonForbiddenNetwork
	}
	if len(m.rules.Allowed) > 0 && !inside(m.rules.Allowed, to) {
		return gateway.ReasonNotAllowed
	}
	for _, r := range m.rules.Ingress {
		if !inside(r.From, from) {
			continue
		}
		if inside(r.To, to) {
			if r.Action == policy.Deny {
				return gateway.ReasonIngressRule
			}
			return ""
		}
		if r.Action == policy.AllowExclusive {
			return gateway.ReasonIngressRule
		}
	}
	return ""
}

func (m *model) decide(r gateway.Request) string {
	a := m.accounts[r.Principal.Account]
	switch {
	case a == nil:
		return string(gateway.ReasonUnknownAccount)
	case a.Freeze != nil:
		return string(gateway.ReasonFrozen)
	case a.Expires.Equal(now):
		return string(gateway.ReasonExpired)
	case a.MaxInactiveDays != nil && *a.MaxInactiveDays == 1 && !a.AlwaysActive && a.LastLogin.Add(day).Before(now):
		return string(gateway.ReasonInactive)
	case a.OSHOnly:
		return string(gateway.ReasonOSHOnly)
	}
	if why := m.network(r.From.Addr(), r.Target.Addr); why != "" {
		return string(why)
	}
	if r.Jump.Addr.IsValid() {
		if why := m.network(r.From.Addr(), r.Jump.Addr); why != "" {
			return string(why)
		}
	}
	if r.Protocol == gateway.Postgres {
		return m.database(a, r)
	}
	var ways []string
	var wants []gateway.MFA
	matched, gone := false, false
	add := func(kind, group string, mfa gateway.MFA, a *gateway.Access, of []gateway.EgressKey, has []gateway.EgressPassword, force ...string) {
		matched = true
		password := a.ForcePassword
		if kind == "group-guest" && force[1] != "" {
			password = force[1]
		}
		if password != "" {
			of = nil
		}
		if kind == "group-guest" {
			force = force[:1]
		}
		force = append(force, a.ForceKey, r.UseKey)
		if r.Password.Self || r.Password.Group != "" {
			if names := m.passwords(r, group, has); strings.Join(force, "") == "" && len(names) > 0 {
				names = slices.DeleteFunc(names, func(n string) bool { return password != "" && password[3:] != n[3:] })
				if gone = gone || len(names) == 0; len(names) > 0 {
					ways = append(ways, fmt.Sprintf("%s(%s):%s[%s]", kind, group, a, strings.Join(names, " ")))
					wants = append(wants, mfa)
				}
			}
			return
		}
		var fps []string
		for _, k := range of {
			if !slices.ContainsFunc(force, func(f string) bool { return f != "" && f != k.Fingerprint }) {
				fps = append(fps, k.Fingerprint)
			}
		}
		if len(fps) > 0 || strings.Join(force, "") == "" {
			ways = append(ways, fmt.Sprintf("%s(%s):%s[%s]", kind, group, a, strings.Join(fps, " ")))
			wants = append(wants, mfa)
		}
	}
	if p := m.find(a.Personal, r.Target, r.Jump); p != nil {
		add("personal", "", a.PersonalMFA, p, a.EgressKeys, a.Passwords)
	}
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[name]
		found := m.find(g.Accesses, r.Target, r.Jump)
		if found == nil {
			continue
		}
		end, ends := g.Ends[gateway.Holder{Role: gateway.Member, Account: a.Name}]
		if slices.Contains(g.Members, a.Name) && (!ends || end.After(now)) {
			add("group-member", g.Name, g.MFARequired, found, g.Keys, g.Passwords)
		} else if own := m.find(g.Guests[a.Name], r.Target, r.Jump); own != nil && !conflicting(own.ForcePassword, found.ForcePassword) {
			add("group-guest", g.Name, g.MFARequired, own, g.Keys, g.Passwords, found.ForceKey, found.ForcePassword)
		} else if own != nil {
			matched = true
		}
	}
	switch {
	case len(ways) > 0:
		return strings.Join(append(ways, "mfa "+m.mfa(a, wants)), " ")
	case gone:
		return string(gateway.ReasonForcedPassword)
	case matched && (r.Password.Self || r.Password.Group != ""):
		return string(gateway.ReasonNoPassword)
	case matched:
		return string(gateway.ReasonNoKey)
	}
	return string(gateway.ReasonNoAccess)
}

// passwords are those that r asks for, as far as the list of a group, or the
// personal one for "", grants them: $1$ and their name.
func (m *model) passwords(r gateway.Request, group string, has []gateway.EgressPassword) (names []string) {
	if r.Password.Self {
		has = m.accounts[r.Principal.Account].Passwords
	} else if group == "" || group != r.Password.Group {
		return nil
	}
	for _, p := range has {
		names = append(names, p.Hashes.MD5Crypt)
	}
	return names
}

func conflicting(a, b string) bool { return a != "" && b != "" && a != b }

// mfa is what is asked of a: the strictest of what its ways want that the
// account has to prove.
func (m *model) mfa(a *gateway.Account, wants []gateway.MFA) string {
	for _, factor := range []gateway.MFA{"totp", "password", "any"} {
		if !slices.Contains(wants, factor) {
			continue
		}
		password, totp := a.MFAPassword == "bypass", a.MFATOTP == "bypass"
		if factor == "totp" && totp || factor == "password" && password || factor == "any" && password && totp {
			continue
		}
		return string(factor)
	}
	return "none"
}

// TestModel compares 210,000 random decisions with the model's.
func TestModel(t *testing.T) {
	for seed := range uint64(400) {
		compareWithModel(t, seed)
	}
}

func FuzzModel(f *testing.F) {
	f.Add(uint64(1 << 40))
	f.Fuzz(compareWithModel)
}

// compareWithModel changes a snapshot and the model alike, and compares what
// they decide, and what they decide with a snapshot made afresh.
func compareWithModel(t *testing.T, seed uint64) {
	c := chance{rand.New(rand.NewPCG(seed, 1))}
	m := &model{map[string]*gateway.Account{}, map[string]*gateway.Group{}, c.rules()}
	s := policy.New(nil, nil, m.rules)
	for range 25 {
		s = m.change(c, s)
		fresh := policy.New(slices.Collect(maps.Values(m.accounts)), slices.Collect(maps.Values(m.groups)), m.rules)
		for range 21 {
			r, account := c.request(), c.name()
			want := m.decide(r)
			if got := decided(s, r); got != want {
				t.Fatalf("seed %d: %v: changed snapshot gives %s, want %s", seed, r, got, want)
			}
			if got := decided(fresh, r); got != want {
				t.Fatalf("seed %d: %v: fresh snapshot gives %s, want %s", seed, r, got, want)
			}
			if r.Protocol == gateway.Postgres && m.meant(r, account) != meant(s, r, account) {
				want, got := m.meant(r, account), meant(s, r, account)
				t.Fatalf("seed %d: %v of %s means %s, want %s", seed, r, account, got, want)
			}
			if why := unexplained(s.Explain(r, now)); why != "" {
				t.Fatalf("seed %d: %v: %s: %s", seed, r, want, why)
			}
		}
		account := c.name()
		if diff := cmp.Diff(view(fresh, account), view(s, account)); diff != "" {
			t.Fatalf("seed %d: GroupsOf(%s): fresh, changed: %s", seed, account, diff)
		}
		if s.NumAccounts() != len(m.accounts) || s.NumGroups() != len(m.groups) {
			t.Fatalf("seed %d: %d accounts and %d groups, want %d and %d", seed,
				s.NumAccounts(), s.NumGroups(), len(m.accounts), len(m.groups))
		}
	}
}

func decided(s *policy.Snapshot, r gateway.Request) string {
	d := s.Decide(r, now)
	if !d.Allowed() {
		return render(d)
	}
	return render(d) + " mfa " + d.MFA.String()
}

// unexplained says what is wrong with an explanation: it must tell of each way
// and of nothing else that it grants, and a refusal must have a cause.
func unexplained(e policy.Explanation) string {
	var granted []string
	for _, l := range e.Lists {
		if l.Why == "" {
			granted = append(granted, fmt.Sprint(l.Kind, l.Group, l.Access, l.Database))
		}
	}
	var ways []string
	for _, w := range e.Decision.Ways {
		if w.Database != nil {
			ways = append(ways, fmt.Sprint(w.Kind, w.Group, (*gateway.Access)(nil), w.Database))
			continue
		}
		ways = append(ways, fmt.Sprint(w.Kind, w.Group, &w.Access, w.Database))
	}
	if diff := cmp.Diff(ways, granted); diff != "" {
		return "ways (-) and what is said to grant (+): " + diff
	}
	last := e.Checks[len(e.Checks)-1]
	early := !slices.Contains([]gateway.Reason{"", gateway.ReasonNoAccess, gateway.ReasonNoKey, gateway.ReasonNoPassword,
		gateway.ReasonForcedPassword, gateway.ReasonNoDatabase, gateway.ReasonNoDatabaseAccess, gateway.ReasonDatabaseExpired,
		gateway.ReasonOtherDatabase}, e.Decision.Reason)
	if last.OK == early {
		return fmt.Sprintf("the last check is %+v", last)
	}
	if !last.OK && last.Rule == "" {
		return "no rule is named"
	}
	return ""
}

// change makes one random change to both.
func (m *model) change(c chance, s *policy.Snapshot) *policy.Snapshot {
	account, group := c.name(), fmt.Sprintf("g%d", c.IntN(5))
	switch c.IntN(10) {
	case 0:
		delete(m.accounts, account)
		return s.WithoutAccount(account)
	case 1:
		delete(m.groups, group)
		return s.WithoutGroup(group)
	case 2:
		m.rules = c.rules()
		return s.WithRules(m.rules)
	case 3, 4, 5:
		m.accounts[account] = c.account(account)
		return s.WithAccount(m.accounts[account])
	}
	m.groups[group] = c.group(group)
	return s.WithGroup(m.groups[group])
}

// view shows the roles of an account.
func view(s *policy.Snapshot, account string) []string {
	var list []string
	for _, m := range s.GroupsOf(account, now) {
		list = append(list, fmt.Sprint(m.Group.Name, m.Roles))
	}
	return list
}
