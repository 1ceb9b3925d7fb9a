package policy_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/policy"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// access reads USER@IP/LEN:PORT followed by words: "expired", "ttl" (an hour
// to go), "legacy", "key=FP", "password=HASH".
func access(t testing.TB, text string) gateway.Access {
	t.Helper()
	words := strings.Fields(text)
	a, err := gateway.ParseAccess(words[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "expired":
			a.Expires = now
		case "ttl":
			a.Expires = now.Add(time.Hour)
		case "legacy":
			a.Legacy = true
		case "key":
			a.ForceKey = v
		case "password":
			a.ForcePassword = v
		default:
			t.Fatalf("access %q: word %q", text, w)
		}
	}
	return a
}

func accesses(t testing.TB, texts ...string) []gateway.Access {
	t.Helper()
	var list []gateway.Access
	for _, text := range texts {
		list = append(list, access(t, text))
	}
	return list
}

func keys(fingerprints ...string) []gateway.EgressKey {
	var list []gateway.EgressKey
	for _, f := range fingerprints {
		list = append(list, gateway.EgressKey{Fingerprint: f})
	}
	return list
}

// passwords have hashes like $1$NAME.
func passwords(names ...string) []gateway.EgressPassword {
	var list []gateway.EgressPassword
	for _, n := range names {
		list = append(list, gateway.EgressPassword{Hashes: gateway.PasswordHashes{
			MD5Crypt: "$1$" + n, SHA256Crypt: "$5$" + n, SHA512Crypt: "$6$" + n, Type8: "$8$" + n, Type9: "$9$" + n,
		}})
	}
	return list
}

func nets(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func days(n int) *int { return &n }

// render shows a decision in one line: the reason, or each way as
// kind(group):access[keys].
func render(d gateway.Decision) string {
	if !d.Allowed() {
		return string(d.Reason)
	}
	var parts []string
	for _, w := range d.Ways {
		if w.Database != nil {
			parts = append(parts, renderDatabase(w))
			continue
		}
		var fps []string
		for _, k := range w.Keys {
			fps = append(fps, k.Fingerprint)
		}
		for _, p := range w.Passwords {
			fps = append(fps, p.Hashes.MD5Crypt)
		}
		parts = append(parts, fmt.Sprintf("%s(%s):%s[%s]", w.Kind, w.Group, w.Access, strings.Join(fps, " ")))
	}
	return strings.Join(parts, " ")
}

func world(t testing.TB) ([]*gateway.Account, []*gateway.Group) {
	accounts := []*gateway.Account{
		{Name: "alice", EgressKeys: keys("a1", "a2"), Personal: accesses(t,
			"root@10.0.0.1:22", "*@10.0.0.0/8:22", "*@10.1.0.0/16:*", "admin@10.0.0.2:22 expired",
			"root@10.0.0.3:22 key=a2", "root@10.0.0.4:22 key=gone", "web-??@10.0.0.5:*", "*adm*n@10.0.0.6:*",
			"!sftp@10.0.0.1:22", "*@[2001:db8::/32]:22", "root@172.16.0.1:22 ttl", "*@192.0.2.0/24:22")},
		{Name: "bob", EgressKeys: keys("b1")},
		{Name: "carol"},
		{Name: "frozen", Freeze: &gateway.Freeze{By: "bob"}, Expires: now.Add(-day), Personal: accesses(t, "*@0.0.0.0/0:*")},
		{Name: "late", Expires: now, LastLogin: now.Add(-100 * day), MaxInactiveDays: days(1), Personal: accesses(t, "*@0.0.0.0/0:*")},
		{Name: "idle", LastLogin: now.Add(-31 * day), MaxInactiveDays: days(30), Personal: accesses(t, "*@0.0.0.0/0:*")},
		{Name: "unseen", MaxInactiveDays: days(30), Personal: accesses(t, "*@0.0.0.0/0:*")},
		{Name: "fresh", Created: now.Add(-day), MaxInactiveDays: days(30), Personal: accesses(t, "*@0.0.0.0/0:*")},
		{Name: "robot", LastLogin: now.Add(-900 * day), MaxInactiveDays: days(30), AlwaysActive: true, Personal: accesses(t, "*@10.0.0.0/8:*")},
		{Name: "clerk", OSHOnly: true, Personal: accesses(t, "*@0.0.0.0/0:*")},
	}
	groups := []*gateway.Group{
		{Name: "web", Keys: keys("w1", "w2"), Members: []string{"alice", "bob", "clerk"}, Owners: []string{"carol"},
			Accesses: accesses(t, "root@10.0.0.1:22", "*@10.2.0.0/16:22", "root@10.9.0.1:22 expired",
				"root@10.2.0.9:22 key=w2", "root@10.2.0.8:22 ttl legacy password=h", "root@10.2.0.7:22 key=w1")},
		{Name: "db", Keys: keys("d1"), Members: []string{"bob"}, Guests: map[string][]gateway.Access{
			"alice": accesses(t, "root@10.3.0.1:22", "root@10.3.0.2:22", "root@10.3.0.3:22 expired", "*@10.3.0.4:*", "root@10.3.0.5:22 key=d2"),
			"bob":   accesses(t, "root@10.3.0.1:22"),
		}, Accesses: accesses(t, "*@10.3.0.0/24:22", "root@10.4.0.1:22", "root@10.3.0.2:22 expired", "root@10.3.0.5:22 key=d1")},
		{Name: "bare", Members: []string{"bob"}, Accesses: accesses(t, "root@10.5.0.1:22")},
	}
	for _, g := range groups {
		if g.Name == "web" {
			g.Guests = map[string][]gateway.Access{"carol": accesses(t,
				"root@10.2.0.8:22", "root@10.2.0.9:22", "root@10.2.0.7:22 key=w2")}
		}
	}
	return accounts, groups
}

var open = policy.Rules{IPv4: true, IPv6: true}

// TestDecide is the matrix of decisions: what is refused, and why, first.
func TestDecide(t *testing.T) {
	closed := open
	closed.Forbidden, closed.Allowed = nets("10.0.0.0/30"), nets("10.0.0.0/8", "2001:db8::/32")
	for _, test := range []struct {
		account, target string // ACCOUNT, USER@IP:PORT
		use             string
		rules           policy.Rules
		want            string
	}{
		{account: "nobody", target: "root@10.0.0.1:22", want: "unknown account"},
		{account: "", target: "root@10.0.0.1:22", want: "unknown account"},
		{account: "web", target: "root@10.0.0.1:22", want: "unknown account"},
		{account: "frozen", target: "root@10.0.0.1:22", want: "account frozen"},
		{account: "late", target: "root@10.0.0.1:22", want: "account expired"},
		{account: "idle", target: "root@10.0.0.1:22", want: "account inactive"},
		{account: "unseen", target: "root@10.0.0.1:22", want: "account inactive"},
		{account: "clerk", target: "root@10.0.0.1:22", want: "account may only run commands"},

		// The rules, which no access overrides, in their order.
		{account: "alice", target: "root@10.0.0.1:22", rules: policy.Rules{IPv6: true}, want: "ip version disabled"},
		{account: "alice", target: "root@[::ffff:10.0.0.1]:22", rules: policy.Rules{IPv6: true}, want: "ip version disabled"},
		{account: "alice", target: "root@[2001:db8::1]:22", rules: policy.Rules{IPv4: true}, want: "ip version disabled"},
		{account: "alice", target: "root@[2001:db8::1%eth0]:22", want: "ip version disabled"},
		{account: "alice", target: "root@10.0.0.1:22", rules: closed, want: "target in forbidden network"},
		{account: "alice", target: "root@[::ffff:10.0.0.1]:22", rules: closed, want: "target in forbidden network"},
		{account: "alice", target: "root@192.0.2.1:22", rules: closed, want: "target outside allowed networks"},
		{account: "bob", target: "root@198.51.100.1:22", rules: closed, want: "target outside allowed networks"},

		// No access.
		{account: "carol", target: "root@10.0.0.1:22", want: "no matching access"}, // an owner is not a member
		{account: "bob", target: "root@10.9.0.1:22", want: "no matching access"},
		{account: "bob", target: "root@10.0.0.1:2222", want: "no matching access"},
		{account: "bob", target: "www@10.0.0.1:22", want: "no matching access"},
		{account: "bob", target: "!sftp@10.2.0.1:22", want: "no matching access"}, // any user is any login only
		{account: "bob", target: "root@10.9.0.1:22", want: "no matching access"},
		{account: "alice", target: "root@[2001:db9::1]:22", want: "no matching access"},
		{account: "alice", target: "root@11.0.0.1:22", want: "no matching access"},
		{account: "alice", target: "web-1@10.0.0.5:2222", want: "no matching access"},
		{account: "alice", target: "web-123@10.0.0.5:2222", want: "no matching access"},
		{account: "alice", target: "ADMIN@10.0.0.6:2222", want: "no matching access"},
		// A guest's access is no more than a part of the group's.
		{account: "alice", target: "root@10.3.0.3:22", want: "personal():*@10.0.0.0/8:22[a1 a2]"},
		{account: "alice", target: "root@10.3.0.4:2222", want: "no matching access"},
		{account: "alice", target: "root@10.4.0.1:2222", want: "no matching access"},
		{account: "carol", target: "root@10.2.0.1:22", want: "no matching access"},

		// Keys.
		{account: "alice", target: "root@10.0.0.4:22", want: "no matching access owns the asked key"},
		{account: "alice", target: "root@10.0.0.1:22", use: "x", want: "no matching access owns the asked key"},
		{account: "alice", target: "root@10.0.0.3:22", use: "a1", want: "no matching access owns the asked key"},
		{account: "bob", target: "root@10.5.0.1:22", use: "x", want: "no matching access owns the asked key"},
		{account: "bob", target: "root@198.51.100.1:22", use: "x", want: "no matching access"},
		{account: "carol", target: "root@10.2.0.7:22", want: "no matching access owns the asked key"}, // two forced keys

		// Allowed.
		{account: "alice", target: "root@10.0.0.1:22", want: "personal():root@10.0.0.1:22[a1 a2] group-member(web):root@10.0.0.1:22[w1 w2]"},
		{account: "alice", target: "root@[::ffff:10.0.0.1]:22", want: "personal():root@10.0.0.1:22[a1 a2] group-member(web):root@10.0.0.1:22[w1 w2]"},
		{account: "alice", target: "root@10.0.0.1:22", use: "w2", want: "group-member(web):root@10.0.0.1:22[w2]"},
		{account: "alice", target: "www@10.0.0.1:22", want: "personal():*@10.0.0.0/8:22[a1 a2]"},
		{account: "alice", target: "www@10.1.0.1:22", want: "personal():*@10.1.0.0/16:*[a1 a2]"},
		{account: "alice", target: "www@10.1.0.1:2222", want: "personal():*@10.1.0.0/16:*[a1 a2]"},
		{account: "alice", target: "admin@10.0.0.2:22", want: "personal():*@10.0.0.0/8:22[a1 a2]"},
		{account: "alice", target: "root@10.0.0.3:22", want: "personal():root@10.0.0.3:22[a2]"},
		{account: "alice", target: "web-12@10.0.0.5:2222", want: "personal():web-??@10.0.0.5:*[a1 a2]"},
		{account: "alice", target: "xadmxn@10.0.0.6:2222", want: "personal():*adm*n@10.0.0.6:*[a1 a2]"},
		{account: "alice", target: "!sftp@10.0.0.1:22", want: "personal():!sftp@10.0.0.1:22[a1 a2]"},
		{account: "alice", target: "root@[2001:db8::1]:22", want: "personal():*@[2001:db8::/32]:22[a1 a2]"},
		{account: "alice", target: "root@172.16.0.1:22", want: "personal():root@172.16.0.1:22[a1 a2]"},
		{account: "alice", target: "root@10.3.0.1:22", use: "d1", want: "group-guest(db):root@10.3.0.1:22[d1]"},
		{account: "alice", target: "root@10.3.0.5:22", want: "personal():*@10.0.0.0/8:22[a1 a2]"},
		{account: "bob", target: "root@10.3.0.1:22", want: "group-member(db):*@10.3.0.0/24:22[d1]"},
		{account: "bob", target: "root@10.2.0.9:22", want: "group-member(web):root@10.2.0.9:22[w2]"},
		{account: "bob", target: "root@10.5.0.1:22", want: "group-member(bare):root@10.5.0.1:22[]"}, // for its passwords
		{account: "carol", target: "root@10.2.0.9:22", want: "group-guest(web):root@10.2.0.9:22[w2]"},
		{account: "fresh", target: "root@10.0.0.1:22", want: "personal():*@0.0.0.0/0:*[]"},
		{account: "robot", target: "root@10.0.0.1:22", want: "personal():*@10.0.0.0/8:*[]"},
		{account: "alice", target: "root@10.1.0.1:22", rules: closed, want: "personal():*@10.1.0.0/16:*[a1 a2]"},
	} {
		if test.rules.IPv4 == test.rules.IPv6 && !test.rules.IPv4 {
			test.rules = open
		}
		accounts, groups := world(t)
		r := request(t, test.account, test.target, test.use)
		got := render(policy.New(accounts, groups, test.rules).Decide(r, now))
		if got != test.want {
			t.Errorf("Decide(%s → %s, key %q) = %s, want %s", test.account, test.target, test.use, got, test.want)
		}
	}
}

func request(t testing.TB, account, target, use string) gateway.Request {
	t.Helper()
	user, host, _ := strings.Cut(target, "@")
	addr, err := netip.ParseAddrPort(host)
	if err != nil {
		t.Fatal(err)
	}
	return gateway.Request{
		Principal: gateway.Principal{Account: account},
		From:      netip.MustParseAddrPort("192.0.2.7:40000"),
		Target:    gateway.Target{User: user, Addr: addr.Addr(), Port: addr.Port()},
		UseKey:    use,
	}
}

func TestDecideRealm(t *testing.T) {
	accounts, groups := world(t)
	r := request(t, "alice", "root@10.0.0.1:22", "")
	r.Principal.Realm = "partner"
	if d := policy.New(accounts, groups, open).Decide(r, now); d.Allowed() || d.Reason != gateway.ReasonUnknownAccount {
		t.Errorf("an account of a realm was taken for the local one: %v", d)
	}
}

func TestDecideGuestNarrowed(t *testing.T) {
	accounts, groups := world(t)
	d := policy.New(accounts, groups, open).Decide(request(t, "carol", "root@10.2.0.8:22", ""), now)
	want := access(t, "root@10.2.0.8:22 ttl legacy password=h")
	if len(d.Ways) != 1 {
		t.Fatalf("got %d ways, want 1", len(d.Ways))
	}
	if diff := cmp.Diff(want, d.Ways[0].Access, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
		t.Error("the group's conditions do not hold for its guest:", diff)
	}
}

func TestWaysAreNotWritable(t *testing.T) {
	accounts, groups := world(t)
	s := policy.New(accounts, groups, open)
	d := s.Decide(request(t, "alice", "root@10.0.0.1:22", "a1"), now)
	_ = append(d.Ways[0].Keys, gateway.EgressKey{Fingerprint: "evil"})
	if got := s.Account("alice").EgressKeys[1].Fingerprint; got != "a2" {
		t.Errorf("appending to a way's keys wrote %q into the snapshot", got)
	}
	dave := gateway.Account{Name: "dave", Passwords: passwords("p1", "p2", "p3"), Personal: accesses(t, "root@10.0.0.2:22 password=$6$p2")}
	s = policy.New([]*gateway.Account{&dave}, nil, open)
	r := request(t, "dave", "root@10.0.0.2:22", "")
	r.Password.Self = true
	d = s.Decide(r, now)
	_ = append(d.Ways[0].Passwords, passwords("evil")...)
	if got := s.Account("dave").Passwords[2].Hashes.MD5Crypt; got != "$1$p3" {
		t.Errorf("appending to a way's passwords wrote %q into the snapshot", got)
	}
}

func TestLogin(t *testing.T) {
	s := func(a gateway.Account, global int) gateway.Reason {
		a.Name = "x"
		r := open
		r.MaxInactiveDays = global
		return policy.New([]*gateway.Account{&a}, nil, r).Login("x", now)
	}
	for _, test := range []struct {
		name    string
		account gateway.Account
		global  int
		want    gateway.Reason
	}{
		{"frozen beats expired", gateway.Account{Freeze: &gateway.Freeze{}, Expires: now}, 0, gateway.ReasonFrozen},
		{"the second it expires", gateway.Account{Expires: now}, 0, gateway.ReasonExpired},
		{"always active still expires", gateway.Account{Expires: now, AlwaysActive: true}, 0, gateway.ReasonExpired},
		{"global limit", gateway.Account{LastLogin: now.Add(-10*day - 1)}, 10, gateway.ReasonInactive},
		{"own limit below global", gateway.Account{LastLogin: now.Add(-6 * day), MaxInactiveDays: days(5)}, 10, gateway.ReasonInactive},
		{"nothing known, global limit", gateway.Account{}, 10, gateway.ReasonInactive},
		{"created long ago, never seen", gateway.Account{Created: now.Add(-11 * day)}, 10, gateway.ReasonInactive},
		{"seen before its creation counts", gateway.Account{Created: now, LastLogin: now.Add(-11 * day)}, 10, gateway.ReasonInactive},

		{"a second before it expires", gateway.Account{Expires: now.Add(time.Second)}, 0, ""},
		{"no limit", gateway.Account{}, 0, ""},
		{"the limit's last instant", gateway.Account{LastLogin: now.Add(-10 * day)}, 10, ""},
		{"own limit above global", gateway.Account{LastLogin: now.Add(-15 * day), MaxInactiveDays: days(20)}, 10, ""},
		{"own limit 0 is never", gateway.Account{MaxInactiveDays: days(0)}, 10, ""},
		{"always active", gateway.Account{AlwaysActive: true}, 10, ""},
		{"never seen, just created", gateway.Account{Created: now.Add(-day)}, 10, ""},
		{"a huge limit", gateway.Account{LastLogin: now.Add(-day), MaxInactiveDays: days(1 << 40)}, 0, ""},
	} {
		if got := s(test.account, test.global); got != test.want {
			t.Errorf("%s: Login = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestNetwork(t *testing.T) {
	in := func(from, to string, a policy.Action) policy.IngressRule {
		return policy.IngressRule{From: nets(from), To: nets(to), Action: a}
	}
	rules := func(in ...policy.IngressRule) policy.Rules {
		r := open
		r.Ingress = in
		return r
	}
	broken := open
	broken.Forbidden = []netip.Prefix{{}}
	mapped := open
	mapped.Forbidden = nets("::ffff:10.0.0.0/104")
	nowhere := open
	nowhere.Allowed = []netip.Prefix{{}}
	for _, test := range []struct {
		name     string
		rules    policy.Rules
		from, to string
		want     gateway.Reason
	}{
		{"deny", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.Deny)), "10.1.0.1", "10.2.0.1", gateway.ReasonIngressRule},
		{"exclusive", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.AllowExclusive)), "10.1.0.1", "10.3.0.1", gateway.ReasonIngressRule},
		{"the first decides", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.AllowExclusive), in("0.0.0.0/0", "0.0.0.0/0", policy.Allow)), "10.1.0.1", "10.3.0.1", gateway.ReasonIngressRule},
		{"mapped source", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.Deny)), "::ffff:10.1.0.1", "10.2.0.1", gateway.ReasonIngressRule},
		{"source with a zone", rules(in("fe80::/10", "10.2.0.0/16", policy.Deny)), "fe80::1%eth0", "10.2.0.1", gateway.ReasonIngressRule},
		{"unknown action", rules(in("10.9.0.0/16", "10.9.0.0/16", "allow")), "10.1.0.1", "10.2.0.1", gateway.ReasonIngressRule},
		{"broken rule", rules(policy.IngressRule{From: []netip.Prefix{{}}, To: nets("10.0.0.0/8"), Action: policy.Allow}), "10.1.0.1", "10.2.0.1", gateway.ReasonIngressRule},
		{"no source", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.Allow)), "", "10.2.0.1", gateway.ReasonIngressRule},
		{"no target", open, "10.1.0.1", "", gateway.ReasonIPVersion},
		{"broken forbidden list", broken, "10.1.0.1", "192.0.2.1", gateway.ReasonForbiddenNetwork},
		{"broken allowed list", nowhere, "10.1.0.1", "192.0.2.1", gateway.ReasonNotAllowed},
		{"mapped forbidden list", mapped, "10.1.0.1", "10.2.0.1", gateway.ReasonForbiddenNetwork},
		{"nothing is enabled", policy.Rules{}, "10.1.0.1", "10.2.0.1", gateway.ReasonIPVersion},

		{"allow", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.Allow), in("0.0.0.0/0", "0.0.0.0/0", policy.Deny)), "10.1.0.1", "10.2.0.1", ""},
		{"allow is not exclusive", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.Allow)), "10.1.0.1", "10.3.0.1", ""},
		{"exclusive, inside", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.AllowExclusive)), "10.1.0.1", "10.2.0.1", ""},
		{"exclusive, others", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.AllowExclusive)), "10.4.0.1", "10.3.0.1", ""},
		{"deny, elsewhere", rules(in("10.1.0.0/16", "10.2.0.0/16", policy.Deny)), "10.1.0.1", "10.3.0.1", ""},
		{"no rules, no source", open, "", "10.3.0.1", ""},
	} {
		var from, to netip.Addr
		if test.from != "" {
			from = netip.MustParseAddr(test.from)
		}
		if test.to != "" {
			to = netip.MustParseAddr(test.to)
		}
		if got := policy.New(nil, nil, test.rules).Network(from, to); got != test.want {
			t.Errorf("%s: Network(%s, %s) = %q, want %q", test.name, test.from, test.to, got, test.want)
		}
	}
}
