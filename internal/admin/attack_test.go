package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// session puts one session of the account into the index.
func (w *world) session(n int, account string, started time.Time, params string) gateway.SessionID {
	w.t.Helper()
	s := store.Session{
		ID: gateway.SessionID(fmt.Sprintf("%024d", n)), Account: account, Type: "osh", Allowed: true, Recording: true,
		From: netip.MustParseAddrPort("198.51.100.9:4000"), Started: started, Params: params,
	}
	if err := w.store.BeginSession(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
	return s.ID
}

// Whoever may delete, create, rename and restore accounts, or gets a name that
// was somebody else's, must not see what was done under it before.
func TestNextAccountOfANameInheritsNoSession(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountCreate", "accountDelete", "accountRename", "accountRestore")
	id := w.session(1, "carol", w.now, "selfGeneratePassword")
	see := func(code string, id gateway.SessionID, sessions int) {
		t.Helper()
		w.want(code, "carol", "selfPlaySession", &osh.SelfPlaySession{ID: string(id)})
		var v []osh.ListedSession
		if err := json.Unmarshal(w.want("OK", "carol", "selfListSessions", &osh.SelfListSessions{}).Value, &v); err != nil || len(v) != sessions {
			t.Errorf("%d sessions, %v, want %d", len(v), err, sessions)
		}
	}
	see("OK", id, 1)
	w.now = w.now.Add(time.Minute)
	w.want("OK", "zoe", "accountDelete", deletion("carol"))
	w.want("OK", "zoe", "accountCreate", map[string]any{"Account": "carol", "UID": 11111, "NoKey": true})
	see("ERR_NOT_FOUND", id, 0)
	second := w.session(2, "carol", w.now, "info")
	see("OK", second, 1)
	w.want("OK", "zoe", "accountDelete", deletion("carol"))

	w.session(3, "carol", w.now, "left of somebody") // begun while she was deleted
	w.want("OK", "zoe", "accountRename", osh.AccountRename{AccountOption: osh.AccountOption{Account: "guest"}, To: "carol"})
	see("ERR_NOT_FOUND", id, 0)
	see("ERR_NOT_FOUND", second, 0)
	w.want("OK", "zoe", "accountDelete", deletion("carol"))

	// Who comes back has what was theirs.
	w.want("OK", "zoe", "accountRestore", restore("carol", 1))
	see("OK", id, 1)
	see("ERR_NOT_FOUND", second, 1)
}

// What the configuration says of adminSudo holds for what it runs, also when a
// session process leaves the first question out.
func TestSudoFollowsTheSettingsOfAdminSudo(t *testing.T) {
	w := newWorld(t)
	for code, set := range map[string]admin.CommandSettings{
		"KO_RESTRICTED_COMMAND":     {Disabled: true},
		"KO_MFA_ANY_SETUP_REQUIRED": {MFARequired: gateway.MFAAny},
	} {
		w.set.Commands = map[string]admin.CommandSettings{"adminSudo": set}
		if r := w.run("boss", "adminSudo", &osh.AdminSudo{SudoAs: "zoe", SudoCmd: "info"}); r.Code != code {
			t.Errorf("adminSudo with %+v = %s", set, r.Code)
		}
		if r := w.runAs(as("boss", "zoe"), "info", &osh.Info{}); r.Code != code {
			t.Errorf("info by adminSudo with %+v = %s", set, r.Code)
		}
	}
}

// A session process that was taken over writes the request; the record is of
// what was done, not of what it would like to be read.
func TestRecordIsOfWhatWasDone(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "selfAddPersonalAccess")
	run := func(raw string) admin.Record {
		t.Helper()
		r := w.exec.Run(t.Context(), actor("zoe"), "selfAddPersonalAccess", json.RawMessage(raw))
		if r.Code != "OK" {
			t.Fatalf("%.200s: %s %s", raw, r.Code, r.Message)
		}
		return w.last()
	}
	rec := run(`{"User":"harmless","Host":"192.0.2.1","Port":"22","Force":true,"User":"root"}`)
	if strings.Contains(rec.Request, "harmless") || !strings.Contains(rec.Request, "root") {
		t.Errorf("recorded %s", rec.Request)
	}
	rec = run(`{"Comment":"` + strings.Repeat("x", 5000) + `","host":"192.0.2.2","Port":"22","Force":true,"User":"root"}`)
	for _, part := range []string{"192.0.2.2", "root", `"Port":"22"`} {
		if !strings.Contains(rec.Request, part) {
			t.Errorf("%s is missing in the record of %d bytes: %.300s", part, len(rec.Request), rec.Request)
		}
	}
	rec = run(strings.Repeat(" ", 5000) + `{"Host":"192.0.2.3","Port":"22","Force":true,"User":"root"}`)
	if !strings.Contains(rec.Request, "192.0.2.3") {
		t.Errorf("recorded %q", rec.Request)
	}
}

// One answer must not take what the monitor has for everybody, and must fit
// into a control message.
func TestListOfLongSessionsIsBounded(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("<", 4096)
	for i := range 300 {
		w.session(i, "zoe", w.now.Add(time.Duration(i)*time.Second), long)
	}
	r := w.want("OK", "zoe", "selfListSessions", &osh.SelfListSessions{Limit: 10_000})
	var v []osh.ListedSession
	if err := json.Unmarshal(r.Value, &v); err != nil || len(v) != 256 || !strings.Contains(r.Message, "--before") {
		t.Errorf("%d sessions, %v, %s", len(v), err, r.Message)
	}
}

// Patterns of a listing are work for the monitor: these took it six seconds on
// a group of 10,000 servers.
func TestPatternsAreBounded(t *testing.T) {
	w := newWorld(t)
	var wild, plain []string
	for i := range 32 {
		wild = append(wild, "*"+strings.Repeat("a", 120)+fmt.Sprint("b", i))
		plain = append(plain, strings.Repeat("a", 120)+fmt.Sprint("b", i))
	}
	list := func(patterns []string) *osh.GroupListServers {
		return &osh.GroupListServers{GroupOption: osh.GroupOption{Group: "web"}, FilterOptions: osh.FilterOptions{Exclude: patterns}}
	}
	w.want("ERR_INVALID_PARAMETER", "member", "groupListServers", list(wild))
	w.want("OK", "member", "groupListServers", list(wild[:4]))
	w.want("OK", "member", "groupListServers", list(plain))
}

// Completion answers what a command would tell: to nobody else.
func TestCompletionFollowsRights(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountList")
	w.grant("frozen", "accountList")
	if len(w.exec.Complete(actor("zoe"), "account", "")) == 0 {
		t.Fatal("zoe may list accounts")
	}
	if got := w.exec.Complete(actor("frozen"), "account", ""); len(got) > 0 {
		t.Errorf("a frozen account is told %v", got)
	}
	w.set.Commands = map[string]admin.CommandSettings{"accountList": {Disabled: true}}
	if got := w.exec.Complete(actor("zoe"), "account", ""); len(got) > 0 {
		t.Errorf("with accountList disabled: %v", got)
	}
	w.set.Commands = map[string]admin.CommandSettings{"accountList": {MFARequired: gateway.MFAAny}}
	if got := w.exec.Complete(actor("zoe"), "account", ""); len(got) > 0 {
		t.Errorf("with a factor required: %v", got)
	}
	w.set.Commands = nil
	w.change(func(tx store.Tx) error {
		a, err := tx.Account("zoe")
		if err != nil {
			return err
		}
		a.MFATOTP = gateway.FactorRequired
		return tx.UpdateAccount(a)
	})
	if got := w.exec.Complete(actor("zoe"), "account", ""); len(got) > 0 {
		t.Errorf("without the factor that zoe must have: %v", got)
	}
}

// A guest knows what a guest may reach, and nothing else of the group.
func TestWhyAccessTellsGuestsNothingOfTheGroup(t *testing.T) {
	w := newWorld(t)
	w.change(func(tx store.Tx) error {
		o := store.Owner{Group: "web"}
		if _, err := tx.DelAccess(o, gateway.Access{User: "root", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Port: 22}); err != nil {
			return err
		}
		for user, hash := range map[string]string{"secretuser": "", "oracle": "$6$salt$thehash"} {
			a := gateway.Access{User: user, Prefix: netip.MustParsePrefix("192.0.2.1/32"), Port: 22, ForcePassword: hash, Comment: "for " + user, AddedAt: w.now}
			if _, err := tx.AddAccess(o, a, w.now); err != nil {
				return err
			}
		}
		a := gateway.Access{User: "oracle", Prefix: netip.MustParsePrefix("192.0.2.1/32"), Port: 22, AddedAt: w.now}
		_, err := tx.AddAccess(store.Owner{Group: "web", Guest: "guest"}, a, w.now)
		return err
	})
	for _, host := range []string{"root@192.0.2.1", "oracle@192.0.2.1"} {
		r := w.want("OK", "guest", "whyAccess", &osh.WhyAccess{Host: host})
		for _, secret := range []string{"secretuser", "thehash"} {
			if strings.Contains(string(r.Value), secret) {
				t.Errorf("whyAccess %s tells a guest %s: %s", host, secret, r.Value)
			}
		}
	}
	r := w.want("OK", "eve", "whyAccess", &osh.WhyAccess{Host: "root@192.0.2.1", Account: "guest"})
	if !strings.Contains(string(r.Value), "secretuser") {
		t.Errorf("an auditor is told too little: %s", r.Value)
	}
}

// waitingStore has each change wait until it may go on.
type waitingStore struct {
	store.Store
	begun, proceed chan struct{}
}

func (s waitingStore) Update(ctx context.Context, f func(store.Tx) error) error {
	s.begun <- struct{}{}
	<-s.proceed
	return s.Store.Update(ctx, f)
}

// Transactions come one after the other, and sessions begin in one: who sends
// many changes at once must not have all others wait for all of them.
func TestOneAccountDoesNotTakeTheStore(t *testing.T) {
	w := newWorld(t)
	waiting := waitingStore{w.store, make(chan struct{}, 100), make(chan struct{})}
	w.exec.Store = waiting
	add := func(who string, i int) {
		w.runAs(admin.Actor{Account: who, From: netip.MustParseAddrPort("198.51.100.9:4")}, "groupAddServer", &osh.GroupAddServer{
			GroupOption: osh.GroupOption{Group: "web"}, AccessOptions: osh.AccessOptions{Host: fmt.Sprintf("10.0.0.%d", i), User: "root", Port: "22"},
			NewAccessOptions: osh.NewAccessOptions{Force: true},
		})
	}
	var running sync.WaitGroup
	for i := range 20 {
		running.Go(func() { add("aclkeeper", i) })
	}
	<-waiting.begun
	running.Go(func() { add("super", 100) })
	<-waiting.begun // somebody else's
	if n := len(waiting.begun); n > 0 {
		t.Errorf("%d more changes of one account wait for the store", n)
	}
	for range 20 {
		waiting.proceed <- struct{}{}
	}
	waiting.proceed <- struct{}{}
	running.Wait()
	if n := len(w.live.Load().Group("web").Accesses); n != 22 {
		t.Errorf("%d accesses, want 22", n)
	}
}
