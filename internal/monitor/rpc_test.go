package monitor

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
	"gateway/policy"
)

// heard is an audit log that is listened to.
type heard struct{ records []audit.Record }

func (h *heard) Log(r audit.Record) error {
	h.records = append(h.records, r)
	return nil
}

// TestAllowRPC: operations are decided by the way whose key worked, as it is
// now, and each that is refused is written down, up to a bound.
func TestAllowRPC(t *testing.T) {
	own, ofGroup := gateway.EgressKey{ID: 1, Fingerprint: "own"}, gateway.EgressKey{ID: 2, Fingerprint: "group"}
	access := func(rights string) []gateway.Access {
		return []gateway.Access{{User: "root", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Port: 830, NETCONF: rights}}
	}
	state := func(personal, group string) *policy.Snapshot {
		alice := &gateway.Account{Name: "alice", Created: time.Now(), EgressKeys: []gateway.EgressKey{own}, Personal: access(personal)}
		net := &gateway.Group{Name: "net", Members: []string{"alice"}, Keys: []gateway.EgressKey{ofGroup}, Accesses: access(group)}
		return policy.New([]*gateway.Account{alice}, []*gateway.Group{net}, policy.Rules{IPv4: true})
	}
	m, log := newMonitor(), &heard{}
	m.Audit, m.Now = log, time.Now
	m.Policy = policy.NewLive(state("get", "get,edit-config:candidate"))
	s := &live{request: gateway.Request{Session: "s", Principal: gateway.Principal{Account: "alice"}, Protocol: gateway.NETCONF,
		From:   netip.MustParseAddrPort("198.51.100.1:1"),
		Target: gateway.Target{User: "root", Addr: netip.MustParseAddr("192.0.2.1"), Port: 830}, Action: gateway.Action{Kind: "subsystem", Text: "netconf"}}}
	c := &conn{m: m, sessions: map[gateway.SessionID]*live{"s": s}}
	s.c = c
	ask := func(when, text string, want bool) {
		t.Helper()
		before := len(log.records)
		_, err := c.allow(control.Allow{Session: "s", Action: gateway.Action{Kind: "rpc", Text: text}})
		if want != (err == nil) || err != nil && !errors.Is(err, gateway.ErrDenied) {
			t.Errorf("%s: %s: %v, want allowed %v", when, text, err, want)
		}
		if got := len(log.records) - before; want != (got == 0) {
			t.Errorf("%s: %s: %d records", when, text, got)
		}
	}
	ask("before a key worked both ways must allow", "get", true)
	ask("before a key worked both ways must allow", "edit-config:candidate", false)
	s.in = &leased{way: gateway.Way{Kind: gateway.WayPersonal}, key: own, signer: ed25519Signer(t)}
	ask("personal", "edit-config:candidate", false)
	s.in = &leased{way: gateway.Way{Kind: gateway.WayGroupMember, Group: "net"}, key: ofGroup, signer: ed25519Signer(t)}
	ask("group", "edit-config:candidate", true)
	ask("group", "edit-config:running", false)
	ask("group", "close-session", true)
	ask("group", "not a name", false)
	ask("group", "", false)
	m.Policy = policy.NewLive(state("get", "get"))
	ask("taken away", "edit-config:candidate", false)
	m.Policy = policy.NewLive(state("", ""))
	ask("no list", "{urn:x y}even that", true)
	m.Policy = policy.NewLive(policy.New(nil, nil, policy.Rules{IPv4: true}))
	ask("no account", "get", false)
	last := log.records[len(log.records)-1]
	if last.Event != audit.Decision || last.Allowed != audit.No || last.Command != "get" || last.Principal.Account != "alice" || last.Target.Port != 830 {
		t.Errorf("recorded %+v", last)
	}
	for range 2 * maxRefusals {
		_, _ = c.allow(control.Allow{Session: "s", Action: gateway.Action{Kind: "rpc", Text: "get"}})
	}
	if n := len(log.records); n != maxRefusals {
		t.Errorf("%d records, want %d", n, maxRefusals)
	}
	s.request.Protocol = gateway.SSH
	if _, err := c.allow(control.Allow{Session: "s", Action: gateway.Action{Kind: "rpc", Text: "get"}}); !errors.As(err, new(*control.ViolationError)) {
		t.Errorf("an rpc in an SSH session: %v, want a violation", err)
	}
}

func TestSplitLogin(t *testing.T) {
	for _, test := range []struct {
		user, account, target string
		ok                    bool
	}{
		{"alice", "alice", "", true},
		{"", "", "", true}, // no account has such a name
		{"alice+root@dev", "alice", "root@dev", true},
		{"alice+root@[2001:db8::1]:830", "alice", "root@[2001:db8::1]:830", true},
		{"alice+", "", "", false},
		{"+root@dev", "", "", false},
		{"+alice", "", "", false},
		{"alice+bob+root@dev", "", "", false},
		{"alice+root@dev+", "", "", false},
		{"alice++root@dev", "", "", false},
		{"alice+root@dev --osh info", "", "", false},
		{"alice+root@dev\n", "", "", false},
		{"alice+root@dev\x00", "", "", false},
		{"alice+r\u00f6t@dev", "", "", false},
		{"al ice+root@dev", "", "", false},
		{"realm_x+root@dev", "", "", false},
		{"alice+" + strings.Repeat("x", maxLoginTarget+1), "", "", false},
	} {
		account, target, ok := splitLogin(test.user)
		if ok != test.ok || ok && (account != test.account || target != test.target) {
			t.Errorf("splitLogin(%q) = %q, %q, %v", test.user, account, target, ok)
		}
	}
}

// TestProveWithTarget: the whole login name is what was signed, the account in
// front of the '+' is who logs in, and both are written down.
func TestProveWithTarget(t *testing.T) {
	signer := ed25519Signer(t)
	m, set := loginMonitor(signer, nil)
	set.ActivenessProgram = ""
	m.Settings = func() Settings { return set }
	log := &heard{}
	m.Audit = log
	try := func(signed, said string) (control.Login, *conn, error) {
		c := &conn{m: m, set: set, phase: control.PreAuth, exchange: bytes.Clone(exchangeHash), sessions: map[gateway.SessionID]*live{}}
		r := prove(t, signer, exchangeHash, signed, ssh.KeyAlgoED25519)
		r.User = said
		login, err := c.prove(t.Context(), r)
		return login, c, err
	}
	login, c, err := try("bob+root@dev", "bob+root@dev")
	if err != nil || login.Account != "bob" || login.Target != "root@dev" || c.account != "bob" {
		t.Errorf("prove = %+v, %v, bound to %q", login, err, c.account)
	}
	if r := log.records[0]; r.Principal.Account != "bob" || len(r.Details) != 1 || r.Details[0].Value != "bob+root@dev" {
		t.Errorf("recorded %+v", r)
	}
	for _, other := range []string{"bob", "alice+root@dev", "bob+root@dev2", "bob+root@dev+", "alice"} {
		if _, c, err := try("bob+root@dev", other); !errors.Is(err, gateway.ErrDenied) || c.account != "" {
			t.Errorf("a signature for bob+root@dev logs %s in: %v", other, err)
		}
	}
}
