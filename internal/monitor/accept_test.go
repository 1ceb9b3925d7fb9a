package monitor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/jail"
)

func newMonitor() *Monitor {
	return &Monitor{conns: map[*conn]struct{}{}, pending: map[netip.Prefix]int{}, live: map[gateway.SessionID]*live{}}
}

func TestLimits(t *testing.T) {
	m, set := newMonitor(), Settings{MaxConnections: 6, MaxPerSource: 2}
	from := func(addr string) *conn { return &conn{m: m, source: sourcePrefix(netip.MustParseAddr(addr))} }
	const perSource, inAll = "too many unauthenticated connections from this source", "too many connections"
	const strangers = "too many unauthenticated connections"
	var all []*conn
	enter := func(c *conn, want string) *conn {
		t.Helper()
		if got := m.register(c, set); got != want {
			t.Errorf("register = %q, want %q", got, want)
		}
		all = append(all, c)
		return c
	}
	a := enter(from("192.0.2.1"), "")
	enter(from("192.0.2.1"), "")
	enter(from("192.0.2.1"), perSource)
	d := enter(from("192.0.2.2"), "") // another source
	enter(from("192.0.2.3"), strangers)
	m.proven(a) // makes room for one that is not
	m.proven(a) // counts once
	e := enter(from("192.0.2.1"), "")
	enter(from("192.0.2.1"), strangers)
	for _, c := range []*conn{d, e} {
		m.proven(c)
	}
	for _, addr := range []string{"192.0.2.4", "192.0.2.5"} {
		enter(from(addr), "")
	}
	enter(from("192.0.2.6"), inAll)
	m.unregister(a)
	enter(from("192.0.2.6"), strangers)
	for _, c := range all {
		m.unregister(c)
		m.unregister(c)
	}
	if len(m.pending) != 0 || len(m.conns) != 0 || m.strangers != 0 {
		t.Errorf("%d connections, %d sources and %d strangers are left of none", len(m.conns), len(m.pending), m.strangers)
	}
	m.closing = true
	enter(from("192.0.2.1"), "shutting down")
}

func TestSourcePrefix(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"::1":                  "::/64",
	} {
		if got := sourcePrefix(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("sourcePrefix(%s) = %s, want %s", addr, got, want)
		}
	}
	if got := sourcePrefix(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("sourcePrefix of no address = %s", got)
	}
}

func TestAddrPort(t *testing.T) {
	for _, test := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 22}, "192.0.2.1:22"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 22, Zone: "eth0"}, "[fe80::1]:22"},
		{&net.UnixAddr{Name: "x"}, "invalid AddrPort"},
	} {
		if got := addrPort(test.addr).String(); got != test.want {
			t.Errorf("addrPort(%v) = %s, want %s", test.addr, got, test.want)
		}
	}
}

func TestUIDPool(t *testing.T) {
	var p uidPool
	if os.Geteuid() != 0 {
		if uid := p.take(); uid != 0 {
			t.Errorf("take = %d without the right to change it, want 0", uid)
		}
		return
	}
	seen := map[int]bool{}
	for range jail.LastUID - jail.FirstUID {
		uid := p.take()
		if seen[uid] || uid < jail.FirstUID || uid >= jail.LastUID {
			t.Fatalf("take = %d: taken, or not in the range", uid)
		}
		seen[uid] = true
	}
	for _, free := range []int{jail.FirstUID + 7, jail.LastUID - 1, jail.FirstUID} {
		p.give(free)
		if uid := p.take(); uid != free {
			t.Errorf("take = %d, want the free one, %d", uid, free)
		}
	}
}

func TestLookup(t *testing.T) {
	m := newMonitor()
	for _, test := range []struct {
		host string
		want string // address or name of the refusal
	}{
		{"192.0.2.1", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8::1", "2001:db8::1"},
		{"fe80::1%eth0", gateway.RefusalRemoteHost.Name},
		{"no host", gateway.RefusalRemoteHost.Name},
		{"srv.example.com", gateway.RefusalDNS.Name},
	} {
		addr, refusal := m.lookup(t.Context(), test.host, Settings{IPv4: true, IPv6: true})
		got := addr.String()
		if refusal != nil {
			got = refusal.Name
		}
		if got != test.want {
			t.Errorf("lookup(%q) = %s, want %s", test.host, got, test.want)
		}
	}
}

func TestHostKeyVerdict(t *testing.T) {
	type verdict struct{ ok, ask bool }
	accept, ask, refuse := verdict{ok: true}, verdict{ask: true}, verdict{}
	for _, test := range []struct {
		policy          gateway.HostKeyPolicy
		known, accepted bool
		want            verdict
	}{
		{gateway.HostKeyYes, false, false, refuse},
		{gateway.HostKeyYes, false, true, refuse},
		{gateway.HostKeyYes, true, true, refuse},
		{gateway.HostKeyAsk, false, false, ask},
		{gateway.HostKeyAsk, false, true, accept},
		{gateway.HostKeyAsk, true, false, refuse},
		{gateway.HostKeyAsk, true, true, refuse}, // nobody can say yes to a changed key
		{gateway.HostKeyAcceptNew, false, false, accept},
		{gateway.HostKeyAcceptNew, true, true, refuse},
		{gateway.HostKeyNo, false, false, accept},
		{gateway.HostKeyNo, true, false, accept},
	} {
		at := gateway.Target{Addr: netip.MustParseAddr("192.0.2.1"), Port: 22}
		r := hostKeyVerdict(test.policy, at, test.known, "SHA256:x", test.accepted)
		if got := (verdict{r.OK, r.Ask}); got != test.want {
			t.Errorf("policy %s, known %v, accepted %v: verdict %+v, want %+v", test.policy, test.known, test.accepted, got, test.want)
		}
		if !strings.Contains(r.Text, "192.0.2.1") || !strings.Contains(r.Text, "SHA256:x") || strings.Contains(r.Text, "WARNING") != (test.known && r.OK) {
			t.Errorf("policy %s, known %v, accepted %v: text %q", test.policy, test.known, test.accepted, r.Text)
		}
	}
}

// TestForeignSession: what names a session of another connection, or a key
// that it has no lease of, is a violation.
func TestForeignSession(t *testing.T) {
	m := newMonitor()
	own := &live{request: gateway.Request{Session: "own"}}
	c := &conn{m: m, sessions: map[gateway.SessionID]*live{"own": own}}
	own.c = c
	m.live["other"] = &live{c: &conn{m: m}}
	for name, f := range map[string]func() error{
		"sign for another":  func() error { _, err := c.signEgress(t.Context(), control.SignEgress{Session: "other"}); return err },
		"sign without keys": func() error { _, err := c.signEgress(t.Context(), control.SignEgress{Session: "own"}); return err },
		"negative key": func() error {
			_, err := c.signEgress(t.Context(), control.SignEgress{Session: "own", Key: -1})
			return err
		},
		"worked":         func() error { _, err := c.worked(control.Worked{Session: "other"}); return err },
		"worked, no key": func() error { _, err := c.worked(control.Worked{Session: "own", Key: 1}); return err },
		"allow":          func() error { _, err := c.allow(control.Allow{Session: "other"}); return err },
		"host key":       func() error { _, err := c.hostKey(t.Context(), control.HostKey{Session: "other"}); return err },
		"end":            func() error { _, err := c.end(t.Context(), control.End{Session: "other"}); return err },
	} {
		if _, ok := f().(*control.ViolationError); !ok {
			t.Errorf("%s: no violation but %v", name, fmt.Sprint(f()))
		}
	}
}

func TestPanicEndsOneSession(t *testing.T) {
	m := newMonitor()
	m.Log = zap.NewNop() // everything else a proof needs is missing
	c := &conn{m: m, phase: control.PreAuth}
	_, _, err := c.Handle(t.Context(), control.OpUserKey, []byte(`{"user":"alice","blob":"AA=="}`), nil)
	var v *control.ViolationError
	if !errors.As(err, &v) {
		t.Errorf("Handle = %v, want a violation, which ends the session", err)
	}
}
