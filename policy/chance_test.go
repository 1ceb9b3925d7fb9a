package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"gateway"
	"gateway/policy"
)

// chance makes small random worlds, in which things meet often.
type chance struct{ *rand.Rand }

func pick[T any](c chance, of ...T) T { return of[c.IntN(len(of))] }

func (c chance) addr() netip.Addr {
	if c.IntN(4) == 0 {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8::%d:%d", c.IntN(3), c.IntN(4)))
	}
	return netip.AddrFrom4([4]byte{10, byte(c.IntN(2)), byte(c.IntN(3)), byte(c.IntN(6))})
}

func (c chance) prefix() netip.Prefix {
	a := c.addr()
	bits := pick(c, a.BitLen(), a.BitLen(), a.BitLen(), a.BitLen()-1, a.BitLen()-8, a.BitLen()-16, 8, 0)
	return netip.PrefixFrom(a, bits).Masked()
}

func (c chance) accesses() []gateway.Access {
	list := make([]gateway.Access, c.IntN(pick(c, 1, 4, 12, 60)))
	for i := range list {
		list[i] = gateway.Access{
			Prefix:        c.prefix(),
			User:          pick(c, "", "", "root", "www", "w*", "*", "r??t", "!sftp", "*!*", "**t"),
			Port:          pick[uint16](c, 0, 22, 22, 23),
			ForceKey:      pick(c, "", "", "", "k1", "k2", "gone"),
			ForcePassword: pick(c, "", "", "", "", "", "$1$a", "$6$a", "$9$b"),
			Proxy:         pick(c, gateway.Hop{}, gateway.Hop{}, gateway.Hop{}, c.hop()),
			Expires:       pick(c, time.Time{}, time.Time{}, now, now.Add(-time.Hour), now.Add(time.Hour)),
		}
	}
	return list
}

// hop is a jump host; there are few, so that they meet.
func (c chance) hop() gateway.Hop {
	return gateway.Hop{Addr: pick(c, jumpA, jumpB), Port: pick[uint16](c, 0, 22, 22, 23), User: pick(c, "", "root", "j*")}
}

var (
	jumpA = netip.MustParseAddr("10.0.0.1")
	jumpB = netip.MustParseAddr("2001:db8::1:1")
)

func (c chance) name() string { return fmt.Sprintf("a%d", c.IntN(8)) }

func (c chance) names() []string {
	var names []string
	for range c.IntN(5) {
		names = append(names, c.name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c chance) account(name string) *gateway.Account {
	a := &gateway.Account{Name: name, Personal: c.accesses(), EgressKeys: keys("k1", "k3")[:c.IntN(3)], OSHOnly: c.IntN(12) == 0,
		Passwords: passwords("b", "c", "a")[:c.IntN(4)]}
	if c.IntN(12) == 0 {
		a.Freeze = new(gateway.Freeze)
	}
	a.Expires = pick(c, time.Time{}, time.Time{}, time.Time{}, time.Time{}, now.Add(1), now)
	a.AlwaysActive = c.IntN(4) == 0
	a.LastLogin = now.Add(-pick(c, 0, day, day+1))
	if c.IntN(4) == 0 {
		a.MaxInactiveDays = days(c.IntN(3))
	}
	a.PersonalMFA = pick(c, gateway.MFANone, gateway.MFANone, gateway.MFAAny, gateway.MFAPassword)
	a.MFAPassword = pick(c, gateway.FactorOptional, gateway.FactorOptional, gateway.FactorBypass)
	a.MFATOTP = pick(c, gateway.FactorOptional, gateway.FactorOptional, gateway.FactorBypass)
	return a
}

func (c chance) group(name string) *gateway.Group {
	g := &gateway.Group{Name: name, Owners: c.names(), Gatekeepers: c.names(), Aclkeepers: c.names(), Members: c.names(),
		Accesses: c.accesses(), Keys: keys("k1", "k2")[:c.IntN(3)],
		Passwords: passwords("a", "b", "c")[c.IntN(4):], Guests: map[string][]gateway.Access{}}
	for range c.IntN(4) {
		g.Guests[c.name()] = c.accesses()
	}
	c.databases(g)
	g.MFARequired = pick(c, gateway.MFANone, gateway.MFANone, gateway.MFAAny, gateway.MFATOTP)
	for _, name := range g.Members {
		if c.IntN(3) == 0 {
			g.Ends = map[gateway.Holder]time.Time{{Role: gateway.Member, Account: name}: pick(c, now, now.Add(time.Hour))}
		}
	}
	return g
}

func (c chance) prefixes() []netip.Prefix {
	var list []netip.Prefix
	for range c.IntN(4) {
		list = append(list, c.prefix())
	}
	return list
}

func (c chance) rules() policy.Rules {
	r := policy.Rules{IPv4: c.IntN(10) > 0, IPv6: c.IntN(3) > 0}
	if c.IntN(3) == 0 {
		r.Forbidden = c.prefixes()
	}
	if c.IntN(4) == 0 {
		r.Allowed = c.prefixes()
	}
	for range c.IntN(3) {
		r.Ingress = append(r.Ingress, policy.IngressRule{From: c.prefixes(), To: c.prefixes(),
			Action: pick(c, policy.Allow, policy.Deny, policy.AllowExclusive)})
	}
	return r
}

func (c chance) request() gateway.Request {
	if c.IntN(4) == 0 {
		return c.databaseRequest()
	}
	return gateway.Request{
		Principal: gateway.Principal{Account: c.name()},
		From:      netip.AddrPortFrom(c.addr(), 4000),
		Target:    gateway.Target{User: pick(c, "root", "www", "", "!sftp", "w*"), Addr: c.addr(), Port: pick[uint16](c, 22, 23, 24)},
		UseKey:    pick(c, "", "", "", "k1", "k2"),
		Password: pick(c, gateway.PasswordOf{}, gateway.PasswordOf{}, gateway.PasswordOf{}, gateway.PasswordOf{Self: true},
			gateway.PasswordOf{Group: fmt.Sprintf("g%d", c.IntN(4))}),
		Jump: pick(c, gateway.Target{}, gateway.Target{}, gateway.Target{},
			gateway.Target{User: pick(c, "root", "jump"), Addr: pick(c, jumpA, jumpB), Port: pick[uint16](c, 22, 23)}),
	}
}
