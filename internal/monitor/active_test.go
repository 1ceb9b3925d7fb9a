package monitor

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/control"
	"gateway/internal/programs"
	"gateway/internal/store"
	"gateway/policy"
)

// loginStore takes note of logins; nothing else is asked of it.
type loginStore struct{ store.Store }

func (loginStore) TouchLogin(context.Context, string, time.Time) error { return nil }

func (loginStore) BeginSession(context.Context, store.Session) error { return nil }

// loginMonitor knows alice, an administrator, and bob, both with that key.
func loginMonitor(signer ssh.Signer, answer func(context.Context) programs.Answer) (*Monitor, Settings) {
	set := Settings{
		KeyTypes: accepted(), LoginGrace: time.Minute, Admins: []string{"alice"}, AlwaysActive: []string{"listed"},
		ActivenessProgram: "/bin/active", ActivenessDenyOnFailure: true,
	}
	key := []gateway.IngressKey{{Blob: signer.PublicKey().Marshal()}}
	var accounts []*gateway.Account
	for _, name := range []string{"alice", "bob", "listed"} {
		accounts = append(accounts, &gateway.Account{Name: name, IngressKeys: key})
	}
	accounts = append(accounts, &gateway.Account{Name: "robot", AlwaysActive: true, IngressKeys: key},
		&gateway.Account{Name: "frozen", Freeze: &gateway.Freeze{}, IngressKeys: key})
	m := newMonitor()
	m.Log, m.Audit, m.Store, m.Now = zap.NewNop(), noAudit{}, loginStore{}, time.Now
	m.Policy = policy.NewLive(policy.New(accounts, nil, policy.Rules{}))
	m.Settings = func() Settings { return set }
	m.Activeness = func(ctx context.Context, _, _ string) programs.Answer { return answer(ctx) }
	return m, set
}

var exchangeHash = bytes.Repeat([]byte{7}, 32)

func TestActivenessAtLogin(t *testing.T) {
	signer := ed25519Signer(t)
	unknown := programs.Answer{Text: "ask HR"}
	tests := []struct {
		account string
		answer  programs.Answer
		open    bool // not ActivenessDenyOnFailure
		want    gateway.Refusal
		notice  []string
	}{
		{account: "bob", answer: programs.Answer{Verdict: programs.Active}},
		{account: "bob", answer: programs.Answer{Verdict: programs.Inactive}, want: gateway.RefusalInactive},
		{account: "bob", answer: unknown, want: gateway.RefusalInactive},
		{account: "bob", answer: unknown, open: true, notice: []string{"it can't be told whether this account is active: ask HR"}},
		{account: "bob", open: true},
		{account: "alice", answer: programs.Answer{Verdict: programs.Inactive}, want: gateway.RefusalInactive},
		{account: "alice"},
		{account: "listed", answer: programs.Answer{Verdict: programs.Inactive}},
		{account: "robot", answer: programs.Answer{Verdict: programs.Inactive}},
		// First whether it is active, then whether it is frozen.
		{account: "frozen", answer: programs.Answer{Verdict: programs.Inactive}, want: gateway.RefusalInactive},
		{account: "frozen", answer: programs.Answer{Verdict: programs.Active}, want: gateway.RefusalFrozen},
	}
	for _, test := range tests {
		m, set := loginMonitor(signer, func(context.Context) programs.Answer { return test.answer })
		set.ActivenessDenyOnFailure = !test.open
		c := &conn{m: m, set: set, phase: control.PreAuth, exchange: exchangeHash}
		login, err := c.prove(t.Context(), prove(t, signer, exchangeHash, test.account, ssh.KeyAlgoED25519))
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		var got gateway.Refusal
		if login.Refusal != nil {
			got = login.Refusal.Refusal
		}
		if got != test.want || (c.phase == control.Authenticated) != (test.want == gateway.Refusal{}) {
			t.Errorf("%+v: refused with %+v, in phase %d", test, got, c.phase)
		}
		if diff := cmp.Diff(test.notice, login.Notice); diff != "" {
			t.Errorf("%+v: notice differs (-want +got):\n%s", test, diff)
		}
	}
}

// While the program runs the key may be taken away, the connection may go, and
// the session process may try a second proof.
func TestActivenessTakesItsTime(t *testing.T) {
	signer := ed25519Signer(t)
	proof := prove(t, signer, exchangeHash, "bob", ssh.KeyAlgoED25519)
	var during func()
	m, set := loginMonitor(signer, func(context.Context) programs.Answer {
		during()
		return programs.Answer{Verdict: programs.Active}
	})
	c := &conn{m: m, set: set, phase: control.PreAuth, exchange: exchangeHash}

	during = func() {
		var v *control.ViolationError
		if _, err := c.prove(t.Context(), proof); !errors.As(err, &v) {
			t.Errorf("a second proof meanwhile: %v, want a violation", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	before := during
	during = func() { before(); cancel() }
	if _, err := c.prove(ctx, proof); !errors.Is(err, context.Canceled) || c.phase != control.PreAuth {
		t.Errorf("the connection is gone: %v in phase %d", err, c.phase)
	}
	during = func() {
		m.Policy.Update(func(s *policy.Snapshot) *policy.Snapshot { return s.WithAccount(&gateway.Account{Name: "bob"}) })
	}
	if _, err := c.prove(t.Context(), proof); !errors.Is(err, gateway.ErrDenied) || c.phase != control.PreAuth {
		t.Errorf("the key is gone: %v in phase %d", err, c.phase)
	}
}

func TestDepsActive(t *testing.T) {
	var answer programs.Answer
	m, _ := loginMonitor(ed25519Signer(t), func(context.Context) programs.Answer { return answer })
	for _, test := range []struct {
		account string
		verdict programs.Verdict
		want    admin.Activeness
	}{
		{"bob", programs.Active, admin.Activeness{Active: true, Passes: true}},
		{"bob", programs.Inactive, admin.Activeness{}},
		{"bob", programs.Unknown, admin.Activeness{Unknown: true}},
		{"alice", programs.Unknown, admin.Activeness{Unknown: true, Passes: true}},
		{"robot", programs.Inactive, admin.Activeness{Active: true, Passes: true, Always: "set for the account"}},
		{"listed", programs.Inactive, admin.Activeness{Active: true, Passes: true, Always: "listed in alwaysActiveAccounts"}},
	} {
		answer.Verdict = test.verdict
		if got := m.Deps().Active(t.Context(), m.Policy.Load().Account(test.account)); got != test.want {
			t.Errorf("Active(%s) = %+v while the program says %v, want %+v", test.account, got, test.verdict, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	answer.Verdict = programs.Active
	if got := m.Deps().Active(ctx, m.Policy.Load().Account("bob")); !got.Unknown {
		t.Errorf("Active = %+v when it is too late to ask", got)
	}
}

// Who logs in a hundred times at once leaves the program to others too.
func TestActivenessIsSharedOut(t *testing.T) {
	var asked, release chan struct{} // made in the bubble
	m, set := loginMonitor(ed25519Signer(t), func(context.Context) programs.Answer {
		asked <- struct{}{}
		<-release
		return programs.Answer{Verdict: programs.Active}
	})
	synctest.Test(t, func(t *testing.T) {
		asked, release = make(chan struct{}, 200), make(chan struct{})
		for range 100 {
			go m.active(t.Context(), set, m.Policy.Load().Account("bob"))
		}
		synctest.Wait()
		if len(asked) != askedAtOnce {
			t.Errorf("the program runs %d times for one account", len(asked))
		}
		go m.active(t.Context(), set, m.Policy.Load().Account("alice"))
		synctest.Wait()
		if len(asked) != askedAtOnce+1 {
			t.Error("the program is not asked about another account")
		}
		close(release)
		synctest.Wait()
		if len(asked) != 101 {
			t.Errorf("the program was asked %d times, want 101", len(asked))
		}
	})
}
