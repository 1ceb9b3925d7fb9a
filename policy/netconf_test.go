package policy_test

import (
	"net/netip"
	"testing"

	"gateway"
	"gateway/policy"
)

// An access with NETCONF rights is for NETCONF and nothing else, and a guest
// has no more of them than the group.
func TestNETCONFOnly(t *testing.T) {
	key := gateway.EgressKey{ID: 1, Fingerprint: "SHA256:x"}
	access := func(host, rights string) gateway.Access {
		return gateway.Access{User: "root", Prefix: netip.MustParsePrefix(host), Port: 830, NETCONF: rights}
	}
	alice := &gateway.Account{Name: "alice", Created: now, EgressKeys: []gateway.EgressKey{key},
		Personal: []gateway.Access{access("192.0.2.1/32", "get"), access("192.0.2.2/32", ""), access("192.0.2.0/24", "")}}
	net := &gateway.Group{Name: "net", Keys: []gateway.EgressKey{key},
		Accesses: []gateway.Access{access("192.0.2.9/32", "get,lock:candidate")},
		Guests:   map[string][]gateway.Access{"bob": {access("192.0.2.9/32", "")}, "carol": {access("192.0.2.9/32", "*")}}}
	bob, carol := &gateway.Account{Name: "bob", Created: now}, &gateway.Account{Name: "carol", Created: now}
	s := policy.New([]*gateway.Account{alice, bob, carol}, []*gateway.Group{net}, policy.Rules{IPv4: true})
	for _, test := range []struct {
		account, host string
		protocol      gateway.Protocol
		want          gateway.Reason
		rights        string
	}{
		{"alice", "192.0.2.1", gateway.SSH, gateway.ReasonNETCONFOnly, ""}, // the smallest access counts, not the one of the network
		{"alice", "192.0.2.1", gateway.Telnet, gateway.ReasonNETCONFOnly, ""},
		{"alice", "192.0.2.1", "", gateway.ReasonNETCONFOnly, ""},
		{"alice", "192.0.2.1", gateway.NETCONF, "", "get"},
		{"alice", "192.0.2.2", gateway.SSH, "", ""},
		{"alice", "192.0.2.2", gateway.NETCONF, "", ""},
		{"bob", "192.0.2.9", gateway.SSH, gateway.ReasonNETCONFOnly, ""},
		{"bob", "192.0.2.9", gateway.NETCONF, "", "get,lock:candidate"},
		{"carol", "192.0.2.9", gateway.NETCONF, "", "*;get,lock:candidate"},
	} {
		r := gateway.Request{Principal: gateway.Principal{Account: test.account}, Protocol: test.protocol,
			From: netip.MustParseAddrPort("198.51.100.1:1"), Target: gateway.Target{User: "root", Addr: netip.MustParseAddr(test.host), Port: 830}}
		d := s.Decide(r, now)
		if d.Reason != test.want || d.Allowed() != (test.want == "") {
			t.Errorf("%s to %s by %s: %+v, want %q", test.account, test.host, test.protocol, d, test.want)
		}
		if d.Allowed() && d.Ways[0].Access.NETCONF != test.rights {
			t.Errorf("%s to %s: rights %q, want %q", test.account, test.host, d.Ways[0].Access.NETCONF, test.rights)
		}
		e := s.Explain(r, now)
		if n := len(e.Lists); e.Lists[n-1].Why != string(test.want) {
			t.Errorf("%s to %s by %s: explained with %+v", test.account, test.host, test.protocol, e.Lists)
		}
	}
}
