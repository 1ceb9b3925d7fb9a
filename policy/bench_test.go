package policy_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"gateway"
	"gateway/policy"
)

// large is a company: 100,000 accounts with 5 personal accesses each, and
// groups of 10 to 5,000 accesses, half a million together. Each account is in
// about ten groups.
type large struct {
	accounts []*gateway.Account
	groups   []*gateway.Group
	requests []gateway.Request
}

func host(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

func newLarge() *large {
	l := new(large)
	for i := range 100_000 {
		a := &gateway.Account{Name: fmt.Sprintf("account%06d", i), EgressKeys: keys("personal")}
		for j := range 5 {
			a.Personal = append(a.Personal, gateway.Access{User: "root", Port: 22, Prefix: netip.PrefixFrom(host(i*5+j), 32)})
		}
		l.accounts = append(l.accounts, a)
	}
	next := 0
	for i := range 1000 {
		g := &gateway.Group{Name: fmt.Sprintf("group%04d", i), Keys: keys("k1", "k2")}
		n := 10
		switch {
		case i < 50:
			n = 5000
		case i < 500:
			n = 500
		}
		for j := range n {
			a := gateway.Access{User: "root", Port: 22, Prefix: netip.PrefixFrom(host(next), 32)}
			if j%10 == 0 {
				a.Prefix, a.User = netip.PrefixFrom(host(next), 24+next%6).Masked(), ""
			}
			next++
			g.Accesses = append(g.Accesses, a)
		}
		for j := range 1000 {
			g.Members = append(g.Members, l.accounts[(i*101+j*97)%len(l.accounts)].Name)
		}
		slices.Sort(g.Members)
		l.groups = append(l.groups, g)
	}
	for i := range 4096 {
		l.requests = append(l.requests, gateway.Request{
			Principal: gateway.Principal{Account: l.accounts[i*7919%len(l.accounts)].Name},
			From:      netip.MustParseAddrPort("192.0.2.1:4000"),
			Target:    gateway.Target{User: "root", Addr: host(i * 104729 % next), Port: 22},
		})
	}
	return l
}

// BenchmarkDecide reports the median and the 99th percentile as well.
func BenchmarkDecide(b *testing.B) {
	l := newLarge()
	rules := open
	rules.Forbidden = nets("127.0.0.0/8", "169.254.0.0/16")
	s := policy.New(l.accounts, l.groups, rules)
	took := make([]time.Duration, 0, 1<<20)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		s.Decide(l.requests[i%len(l.requests)], now)
		if d := time.Since(start); len(took) < cap(took) {
			took = append(took, d)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
}

// BenchmarkChange measures one change of the company's snapshot.
func BenchmarkChange(b *testing.B) {
	l := newLarge()
	s := policy.New(l.accounts, l.groups, open)
	b.Run("account", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.WithAccount(l.accounts[i%len(l.accounts)])
		}
	})
	b.Run("access of 5000", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.WithGroup(l.groups[i%50])
		}
	})
	b.Run("member of 1000", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			g := *l.groups[500+i%500]
			g.Members = g.Members[1:]
			s.WithGroup(&g)
		}
	})
	b.Run("everything", func(b *testing.B) {
		for b.Loop() {
			policy.New(l.accounts, l.groups, open)
		}
	})
}
