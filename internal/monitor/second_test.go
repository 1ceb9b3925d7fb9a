package monitor

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/store"
	"gateway/policy"
)

// anyPassword is a vault that names the password and its owner.
type anyPassword struct{}

func (anyPassword) Password(_ context.Context, owner store.Owner, p gateway.EgressPassword) (gateway.Secret, error) {
	return gateway.NewSecret([]byte(owner.Account + owner.Group + p.CreatedWith)), nil
}

// TestSecondPassword: it is given once, after the login and the host key, where
// it was asked for, and only that of who has a way to the target.
func TestSecondPassword(t *testing.T) {
	access := []gateway.Access{{User: "root", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Port: 22}}
	passwords := func(first int64) []gateway.EgressPassword {
		return []gateway.EgressPassword{{ID: first, CreatedWith: " now"}, {ID: first + 1, CreatedWith: " before"}}
	}
	state := func(core []gateway.Access) *policy.Snapshot {
		alice := &gateway.Account{Name: "alice", Created: time.Now(), Personal: access, Passwords: passwords(1)}
		return policy.New([]*gateway.Account{alice}, []*gateway.Group{
			{Name: "core", Members: []string{"alice"}, Accesses: core, Passwords: passwords(3)},
			{Name: "foreign", Accesses: access, Passwords: passwords(5)},
		}, policy.Rules{IPv4: true})
	}
	for _, test := range []struct {
		name    string
		enable  bool
		of      gateway.PasswordOf
		change  func(s *live)
		refused bool   // when the session is opened
		want    string // the password
		err     error  // nil: a violation of the protocol
	}{
		{name: "of the login", enable: true, want: "alice before"},
		{name: "of a group", enable: true, of: gateway.PasswordOf{Group: "core"}, want: "core now"},
		{name: "one's own", enable: true, of: gateway.PasswordOf{Self: true}, want: "alice now"},
		{name: "of somebody else", enable: true, of: gateway.PasswordOf{Group: "foreign"}, refused: true},
		{name: "of nobody", enable: true, of: gateway.PasswordOf{Group: "none"}, refused: true},
		{name: "not asked for"},
		{name: "before the login", enable: true, change: func(s *live) { s.in = nil }, err: gateway.ErrDenied},
		{name: "before the host key", enable: true, change: func(s *live) { s.vouched = false }, err: gateway.ErrDenied},
		{name: "after a key", enable: true, change: func(s *live) { s.in = &leased{signer: ed25519Signer(t)} }, err: gateway.ErrDenied},
		{name: "at the end", enable: true, change: func(s *live) { s.ending = "frozen" }, err: gateway.ErrDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMonitor()
			m.Audit, m.Now, m.Passwords = &heard{}, time.Now, anyPassword{}
			snapshot := state(access)
			s := &live{opened: control.Open{Enable: test.enable, EnablePassword: test.of}, vouched: true, request: gateway.Request{
				Session: "s", Principal: gateway.Principal{Account: "alice"}, Protocol: gateway.SSH, Password: gateway.PasswordOf{Self: true},
				From: netip.MustParseAddrPort("198.51.100.1:1"), Target: gateway.Target{User: "root", Addr: netip.MustParseAddr("192.0.2.1"), Port: 22},
			}}
			c := &conn{m: m, sessions: map[gateway.SessionID]*live{"s": s}}
			s.c, s.passwords = c, leasePasswords("alice", snapshot.Decide(s.request, time.Now()).Ways, s.request.Password)
			s.released, s.in = 2, &s.passwords[1]
			if refusal := s.decideSecond(snapshot, time.Now()); (refusal != nil) != test.refused || refusal != nil && refusal.Refusal != gateway.RefusalNoPassword {
				t.Fatalf("decided %+v, want refused %v", refusal, test.refused)
			}
			if test.refused {
				return
			}
			if test.change != nil {
				test.change(s)
			}
			ask := func() (string, error) {
				r, err := c.password(t.Context(), control.Password{Session: "s", Second: true})
				return string(r.Password), err
			}
			violation := new(control.ViolationError)
			switch got, err := ask(); {
			case test.want != "":
				if got != test.want || err != nil {
					t.Errorf("given %q, %v, want %q", got, err, test.want)
				}
				if _, err := ask(); !errors.As(err, &violation) {
					t.Errorf("the second time: %v, want a violation", err)
				}
			case test.err != nil && !errors.Is(err, test.err), test.err == nil && !errors.As(err, &violation):
				t.Errorf("given %q, %v, want %v", got, err, test.err)
			}
			if holds := s.holdsSecond(state(nil), time.Now()); holds != (test.of.Group == "") {
				t.Errorf("without the group's access it is still granted: %v", holds)
			}
		})
	}
}
