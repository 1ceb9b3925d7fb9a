package admin_test

import (
	"net/netip"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func TestReverseDNS(t *testing.T) {
	f := newFixture(t)
	f.group("web", map[gateway.Role]string{gateway.Member: "bob", gateway.Owner: "alice"})
	f.grant("alice", "accountListAccesses")
	f.change(func(tx store.Tx) error {
		for _, network := range []string{"192.0.2.0/24", "192.0.2.7/32", "192.0.2.8/32", "2001:db8::/64"} {
			a := gateway.Access{Prefix: netip.MustParsePrefix(network), User: "root", Port: 22, AddedBy: "alice", AddedAt: f.now}
			if _, err := tx.AddAccess(store.Owner{Group: "web"}, a, f.now); err != nil {
				return err
			}
		}
		return nil
	})
	self := osh.SelfListAccesses{ListAccessesOptions: osh.ListAccessesOptions{ReverseDNS: true}}
	group := osh.GroupListServers{GroupOption: osh.GroupOption{Group: "web"}, ReverseDNS: true}
	account := osh.AccountListAccesses{AccountOption: osh.AccountOption{Account: "bob"}, ListAccessesOptions: self.ListAccessesOptions}
	for _, r := range []osh.Result{
		f.want("OK", "bob", "groupListServers", group), f.want("OK", "bob", "selfListAccesses", self),
		f.want("OK", "alice", "accountListAccesses", account),
	} {
		if !strings.Contains(r.Message, "disabled") || strings.Contains(string(r.Value), "srv.example") {
			t.Errorf("lookups are disabled: %s %s", r.Message, r.Value)
		}
	}
	if len(f.deps.reversed) != 0 {
		t.Errorf("looked up %v", f.deps.reversed)
	}

	f.set.ReverseDNS = true
	f.golden("groupListServers-reverse", f.want("OK", "bob", "groupListServers", group))
	if got := strings.Join(f.deps.reversed, " "); got != "192.0.2.7 192.0.2.8" { // single addresses only
		t.Errorf("looked up %s", got)
	}
	for _, r := range []osh.Result{f.want("OK", "bob", "selfListAccesses", self), f.want("OK", "alice", "accountListAccesses", account)} {
		if r.Message != "OK" || strings.Count(string(r.Value), `"reverseDns":"srv.example"`) != 1 {
			t.Errorf("%s %s", r.Message, r.Value)
		}
	}
	group.ReverseDNS = false
	if r := f.want("OK", "bob", "groupListServers", group); strings.Contains(string(r.Value), "srv.example") {
		t.Errorf("not asked for: %s", r.Value)
	}
}
