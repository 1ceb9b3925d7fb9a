package admin_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

const (
	key1 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g bob@laptop"
	key2 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAfHh0cGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIB"
)

func access(host, user, port string) osh.AccessOptions {
	return osh.AccessOptions{Host: host, User: user, Port: port}
}

func TestInfo(t *testing.T) {
	f := newFixture(t)
	f.golden("info", f.want("OK", "bob", "info", osh.Info{}))
	f.golden("info-admin", f.want("OK", "alice", "info", osh.Info{}))
}

func TestSelfIngressKeys(t *testing.T) {
	f := newFixture(t)
	add := func(code, key string) osh.Result {
		t.Helper()
		return f.want(code, "bob", "selfAddIngressKey", osh.SelfAddIngressKey{PublicKey: key})
	}
	add("ERR_MISSING_PARAMETER", "")
	add("KO_NOT_A_KEY", "hello")
	add("KO_PRIVATE_KEY", "-----BEGIN OPENSSH PRIVATE KEY-----")
	f.golden("selfAddIngressKey", add("OK", key1))
	add("KO_DUPLICATE_KEY", key1)
	add("KO_DUPLICATE_KEY", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g other comment")

	id := 1
	f.want("ERR_ONLY_ONE_KEY", "bob", "selfDelIngressKey", osh.SelfDelIngressKey{ID: &id})
	f.set.IngressKeysFrom = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	f.set.IngressKeysFromAllowOverride = true
	add("OK", `from="192.0.2.1,2001:db8::/32" `+key2)
	f.golden("selfListIngressKeys", f.want("OK", "bob", "selfListIngressKeys", osh.SelfListIngressKeys{}))
	f.want("ERR_MISSING_PARAMETER", "bob", "selfDelIngressKey", osh.SelfDelIngressKey{})
	f.want("ERR_INVALID_PARAMETER", "bob", "selfDelIngressKey", osh.SelfDelIngressKey{Fingerprint: "SHA256:nothing"})
	zero := 0
	f.want("ERR_INVALID_PARAMETER", "bob", "selfDelIngressKey", osh.SelfDelIngressKey{ID: &zero})
	f.golden("selfDelIngressKey", f.want("OK", "bob", "selfDelIngressKey", osh.SelfDelIngressKey{ID: &id}))
	if got := f.live.Load().Account("bob").IngressKeys; len(got) != 1 || len(got[0].From) != 2 {
		t.Errorf("ingress keys = %+v, want the second one with its from=", got)
	}
}

// A from= that policy does not let the person set is replaced, and said so.
func TestIngressKeyFromIsPolicys(t *testing.T) {
	f := newFixture(t)
	f.set.IngressKeysFrom = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	f.want("OK", "bob", "selfAddIngressKey", osh.SelfAddIngressKey{PublicKey: `from="0.0.0.0/0" ` + key1})
	got := f.live.Load().Account("bob").IngressKeys[0].From
	if !slices.Equal(got, f.set.IngressKeysFrom) {
		t.Errorf("from = %v, want %v", got, f.set.IngressKeysFrom)
	}
}

func TestSelfListEgressKeys(t *testing.T) {
	f := newFixture(t)
	f.set.EgressKeysFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.99/32")}
	f.golden("selfListEgressKeys", f.want("OK", "bob", "selfListEgressKeys", osh.SelfListEgressKeys{}))
}

func TestSelfPersonalAccess(t *testing.T) {
	f := newFixture(t)
	add := func(code string, o osh.AccessOptions, n osh.NewAccessOptions) osh.Result {
		t.Helper()
		return f.want(code, "bob", "selfAddPersonalAccess", osh.SelfAddPersonalAccess{AccessOptions: o, NewAccessOptions: n})
	}
	host := access("192.0.2.7", "root", "22")
	add("KO_RESTRICTED_COMMAND", osh.AccessOptions{}, osh.NewAccessOptions{}) // rights come first
	f.grant("bob", "selfAddPersonalAccess", "selfDelPersonalAccess")
	add("ERR_MISSING_PARAMETER", osh.AccessOptions{}, osh.NewAccessOptions{})
	add("ERR_MISSING_PARAMETER", access("192.0.2.7", "", "22"), osh.NewAccessOptions{})
	add("ERR_MISSING_PARAMETER", access("192.0.2.7", "root", ""), osh.NewAccessOptions{})
	add("ERR_INVALID_PARAMETER", access("192.0.2.7", "ro ot", "22"), osh.NewAccessOptions{})
	add("ERR_INVALID_PARAMETER", access("192.0.2.7", "root", "0"), osh.NewAccessOptions{})
	add("ERR_INVALID_PARAMETER", access("192.0.2.7/24", "root", "22"), osh.NewAccessOptions{})
	add("ERR_INVALID_PARAMETER", access("fe80::1%eth0", "root", "22"), osh.NewAccessOptions{})
	add("ERR_INVALID_PARAMETER", host, osh.NewAccessOptions{TTL: "soon"})
	add("ERR_HOST_NOT_FOUND", access("nowhere.example", "root", "22"), osh.NewAccessOptions{})
	add("KO_NO_MATCHING_KEY", host, osh.NewAccessOptions{ForceKey: "SHA256:other"})
	f.deps.down = true
	add("ERR_CONNECTION_FAILED", host, osh.NewAccessOptions{})
	f.deps.down = false
	if got := f.live.Load().Account("bob").Personal; len(got) != 0 {
		t.Fatalf("after refusals only, accesses = %+v", got)
	}

	f.golden("selfAddPersonalAccess", add("OK", host, osh.NewAccessOptions{TTL: "1d2h", Comment: `see "#7"`, ForceKey: "SHA256:bob"}))
	add("OK_NO_CHANGE", host, osh.NewAccessOptions{})
	add("OK", access("srv.example", "root", "2222"), osh.NewAccessOptions{})
	add("OK", osh.AccessOptions{Host: "192.0.2.0/24", UserAny: true, PortAny: true}, osh.NewAccessOptions{})
	f.golden("selfListAccesses", f.want("OK", "bob", "selfListAccesses", osh.SelfListAccesses{}))
	if got := len(f.deps.probed); got != 4 {
		t.Errorf("%d probes: %v, want none for prefixes and refusals of the format", got, f.deps.probed)
	}
	del := osh.SelfDelPersonalAccess{AccessOptions: host}
	f.golden("selfDelPersonalAccess", f.want("OK", "bob", "selfDelPersonalAccess", del))
	f.want("OK_NO_CHANGE", "bob", "selfDelPersonalAccess", del)
}

func TestSelfListAccesses(t *testing.T) {
	f := newFixture(t)
	f.want("OK_EMPTY", "bob", "selfListAccesses", osh.SelfListAccesses{})
	f.group("web", map[gateway.Role]string{gateway.Owner: "alice", gateway.Member: "bob"})
	one := gateway.Access{User: "root", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Port: 22, AddedBy: "alice", AddedAt: f.now}
	two := gateway.Access{Prefix: netip.MustParsePrefix("192.0.2.2/32"), AddedBy: "alice", AddedAt: f.now, Expires: f.now.Add(time.Hour)}
	f.change(func(tx store.Tx) error {
		for _, a := range []gateway.Access{one, two} {
			if _, err := tx.AddAccess(store.Owner{Group: "web"}, a, f.now); err != nil {
				return err
			}
			if _, err := tx.AddAccess(store.Owner{Group: "web", Guest: "carol"}, a, f.now); err != nil {
				return err
			}
		}
		return nil
	})
	f.golden("selfListAccesses-group", f.want("OK", "bob", "selfListAccesses", osh.SelfListAccesses{}))
	f.want("OK_EMPTY", "bob", "selfListAccesses", osh.SelfListAccesses{ListAccessesOptions: osh.ListAccessesOptions{HideGroups: true}})
	filter := osh.FilterOptions{Include: []string{"root@*"}, Exclude: []string{"192.0.2.2"}}
	f.want("OK", "carol", "selfListAccesses", osh.SelfListAccesses{ListAccessesOptions: osh.ListAccessesOptions{FilterOptions: filter}})
	filter.Exclude = []string{".1:22"}
	f.want("OK_EMPTY", "carol", "selfListAccesses", osh.SelfListAccesses{ListAccessesOptions: osh.ListAccessesOptions{FilterOptions: filter}})
	f.now = f.now.Add(2 * time.Hour)
	f.golden("selfListAccesses-guest-expired", f.want("OK", "carol", "selfListAccesses", osh.SelfListAccesses{}))
}

func TestSelfSessions(t *testing.T) {
	f := newFixture(t)
	base := store.Session{
		ID: "aaaaaaaaaaaaaaaaaaaaaaaa", Account: "bob", Type: "ssh", Allowed: true, Recording: true, Started: f.now.Add(-time.Hour),
		From: netip.MustParseAddrPort("198.51.100.9:40000"), Via: netip.MustParseAddrPort("192.0.2.99:22"),
		To: netip.MustParseAddrPort("192.0.2.7:22"), HostTo: "srv.example", User: "root", Params: "uname -a",
	}
	gone, other := base, base
	gone.ID, other.ID, other.Account = "ffffffffffffffffffffffff", "bbbbbbbbbbbbbbbbbbbbbbbb", "carol"
	command := store.Session{
		ID: "cccccccccccccccccccccccc", Account: "bob", Type: "osh", From: base.From, Via: base.Via, Plugin: "info", Started: f.now,
	}
	jumped := base
	jumped.ID, jumped.Started, jumped.End = "dddddddddddddddddddddddd", base.Started.Add(-time.Minute), &store.End{At: base.Started, Code: 255}
	jumped.Proxy, jumped.ProxyUser = netip.MustParseAddrPort("192.0.2.9:2222"), "jump"
	for _, s := range []store.Session{base, gone, other, command, jumped} {
		if err := f.store.BeginSession(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.store.EndSession(t.Context(), base.ID, store.End{At: f.now, Code: 3}); err != nil {
		t.Fatal(err)
	}
	list := func(code string, r osh.SelfListSessions) osh.Result {
		t.Helper()
		return f.want(code, "bob", "selfListSessions", r)
	}
	f.golden("selfListSessions", list("OK", osh.SelfListSessions{ID: string(base.ID)}))
	f.golden("selfListSessions-osh", list("OK", osh.SelfListSessions{Denied: true, After: "2026-11-21", Before: "2026-11-21@23:00:00", Via: "192.0.2.99", ViaPort: "22"}))
	f.golden("selfListSessions-none", list("OK", osh.SelfListSessions{ID: string(other.ID)})) // of somebody else
	through := list("OK", osh.SelfListSessions{ProxyIP: "192.0.2.9", ProxyPort: "2222", ProxyUser: "jump"})
	f.golden("selfListSessions-proxy", through)
	cmd, _ := osh.Lookup("selfListSessions")
	var text strings.Builder
	_, err := cmd.Local(t.Context(), &osh.Env{Out: &text}, new(osh.SelfListSessions), func(context.Context, any) (osh.Result, error) { return through, nil })
	if err != nil || !strings.Contains(text.String(), " root@192.0.2.7:22 via 192.0.2.9:2222 ") {
		t.Errorf("the text is %q, %v", &text, err)
	}
	for _, none := range []osh.SelfListSessions{{ProxyIP: "192.0.2.8"}, {ProxyPort: "22"}, {ProxyUser: "root"}, {Via: "192.0.2.98"}, {ViaPort: "23"}} {
		if r := list("OK", none); string(r.Value) != "[]" {
			t.Errorf("%+v lists %s", none, r.Value)
		}
	}
	list("ERR_INVALID_PARAMETER", osh.SelfListSessions{ProxyIP: "hop"})
	list("ERR_INVALID_PARAMETER", osh.SelfListSessions{ProxyIP: "fe80::1%eth0"})
	list("ERR_INVALID_PARAMETER", osh.SelfListSessions{ProxyPort: "0"})
	list("ERR_INVALID_PARAMETER", osh.SelfListSessions{Via: "192.0.2.99:22"})
	list("ERR_INVALID_PARAMETER", osh.SelfListSessions{ViaPort: "65536"})
	list("ERR_INVALID_PARAMETER", osh.SelfListSessions{ID: "x"})
	list("ERR_INVALID_PARAMETER", osh.SelfListSessions{After: "yesterday"})
	list("ERR_INVALID_PARAMETER", osh.SelfListSessions{Limit: -1})
	list("ERR_INCOMPATIBLE_PARAMETERS", osh.SelfListSessions{Allowed: true, Denied: true})

	f.golden("selfPlaySession", f.want("OK", "bob", "selfPlaySession", osh.SelfPlaySession{ID: string(base.ID)}))
	f.want("ERR_NOT_FOUND", "bob", "selfPlaySession", osh.SelfPlaySession{ID: string(gone.ID)})
	f.want("ERR_NOT_FOUND", "bob", "selfPlaySession", osh.SelfPlaySession{ID: string(other.ID)})
	f.want("ERR_NOT_FOUND", "bob", "selfPlaySession", osh.SelfPlaySession{ID: string(command.ID)})
	f.want("ERR_INVALID_PARAMETER", "bob", "selfPlaySession", osh.SelfPlaySession{ID: "../../etc/passwd"})
}

func TestSelfForgetHostKey(t *testing.T) {
	f := newFixture(t)
	key := store.HostKey{Addr: netip.MustParseAddr("192.0.2.7"), Port: 22, Type: "ssh-ed25519", Blob: []byte("blob"), Added: f.now}
	if err := f.store.AddHostKey(t.Context(), "bob", key); err != nil {
		t.Fatal(err)
	}
	req := osh.SelfForgetHostKey{Host: "srv.example"}
	f.want("OK_NO_CHANGE", "carol", "selfForgetHostKey", req)
	f.golden("selfForgetHostKey", f.want("OK", "bob", "selfForgetHostKey", req))
	f.want("OK_NO_CHANGE", "bob", "selfForgetHostKey", req)
}

func TestNetworkCommands(t *testing.T) {
	f := newFixture(t)
	f.golden("nc", f.want("OK", "bob", "nc", osh.NC{Host: "srv.example", Port: "22"}))
	f.want("ERR_INVALID_PARAMETER", "bob", "nc", osh.NC{Host: "192.0.2.7", Port: "x"})
	f.want("ERR_INVALID_PARAMETER", "bob", "nc", osh.NC{Host: "192.0.2.7", Port: "22", Timeout: 3600})
	f.want("KO_ACCESS_DENIED", "bob", "nc", osh.NC{Host: "203.0.113.1", Port: "22"})
	f.want("KO_ACCESS_DENIED", "bob", "ping", osh.Ping{Host: "203.0.113.1"})
	f.want("KO_ACCESS_DENIED", "bob", "alive", osh.Alive{Host: "203.0.113.1"})
	f.want("ERR_INVALID_PARAMETER", "bob", "ping", osh.Ping{Host: "192.0.2.7", Size: 1 << 20})
	for _, ttl := range []int{-1, 256} {
		f.want("ERR_INVALID_PARAMETER", "bob", "ping", osh.Ping{Host: "192.0.2.7", TTL: ttl})
	}
	if r := f.want("OK", "bob", "ping", osh.Ping{Host: "192.0.2.7", TTL: 255}); len(r.Files) != 1 {
		t.Errorf("ping comes with %d descriptors, want 1", len(r.Files))
	}
}

func TestMTR(t *testing.T) {
	f := newFixture(t)
	f.want("ERR_MISSING_PARAMETER", "bob", "mtr", osh.MTR{Report: true})
	f.want("ERR_INVALID_PARAMETER", "bob", "mtr", osh.MTR{Host: "not a host"})
	f.want("ERR_HOST_NOT_FOUND", "bob", "mtr", osh.MTR{Host: "nowhere.example"})
	f.want("KO_ACCESS_DENIED", "bob", "mtr", osh.MTR{Host: "203.0.113.1"})
	for _, cycles := range []int{-1, 101} {
		f.want("ERR_INVALID_PARAMETER", "bob", "mtr", osh.MTR{Host: "192.0.2.7", Cycles: cycles})
	}
	if r := f.want("OK", "bob", "mtr", osh.MTR{Host: "srv.example", Cycles: 100}); len(r.Files) != 1 {
		t.Errorf("mtr comes with %d descriptors, want 1", len(r.Files))
	}
}

func TestLock(t *testing.T) {
	f := newFixture(t)
	f.want("OK_NO_CHANGE", "alice", "lock", osh.Lock{})
	f.want("OK_NO_CHANGE", "alice", "unlock", osh.Unlock{})
	f.deps.screens = 2
	f.golden("lock", f.want("OK", "alice", "lock", osh.Lock{}))
	f.golden("unlock", f.want("OK", "alice", "unlock", osh.Unlock{}))
	f.want("OK", "bob", "lock", osh.Lock{})
	f.want("KO_SAME_CONNECTION", "bob", "unlock", osh.Unlock{})
}
