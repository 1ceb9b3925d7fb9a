package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func TestAdminSudo(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		code, who string
		req       osh.AdminSudo
	}{
		{"OK", "boss", osh.AdminSudo{SudoAs: "zoe", SudoCmd: "info"}},
		{"OK", "boss", osh.AdminSudo{SudoAs: "frozen", SudoCmd: "selfAddKey"}}, // an older name
		{"ERR_MISSING_PARAMETER", "boss", osh.AdminSudo{SudoCmd: "info"}},
		{"ERR_MISSING_PARAMETER", "boss", osh.AdminSudo{SudoAs: "zoe"}},
		{"ERR_INVALID_PARAMETER", "boss", osh.AdminSudo{SudoAs: "zoe", SudoCmd: "nonsense"}},
		{"ERR_INVALID_PARAMETER", "boss", osh.AdminSudo{SudoAs: "zoe", SudoCmd: "adminSudo"}},
		{"ERR_INVALID_PARAMETER", "boss", osh.AdminSudo{SudoAs: "z o e", SudoCmd: "info"}},
		{"KO_NOT_FOUND", "boss", osh.AdminSudo{SudoAs: "nobody1", SudoCmd: "info"}},
		{"KO_RESTRICTED_COMMAND", "super", osh.AdminSudo{SudoAs: "zoe", SudoCmd: "info"}},
		{"KO_RESTRICTED_COMMAND", "zoe", osh.AdminSudo{SudoAs: "zoe", SudoCmd: "info"}},
	} {
		w.want(test.code, test.who, "adminSudo", test.req)
	}
}

// as is an administrator who acts as another account.
func as(by, account string) admin.Actor { return actor(by).Sudo(account) }

func TestSudoHasTheRightsOfTheOther(t *testing.T) {
	w := newWorld(t)
	w.group("ops", map[gateway.Role]string{gateway.Gatekeeper: "zoe"})
	for _, test := range []struct {
		code    string
		actor   admin.Actor
		command string
		req     any
	}{
		{"OK", as("boss", "zoe"), "groupAddMember", map[string]any{"Group": "ops", "Account": "eve"}},
		{"ERR_NOT_GROUP_GATEKEEPER", as("boss", "zoe"), "groupAddMember", map[string]any{"Group": "web", "Account": "eve"}},
		{"KO_RESTRICTED_COMMAND", as("boss", "zoe"), "accountList", map[string]any{}},
		{"KO_RESTRICTED_COMMAND", as("zoe", "boss"), "info", map[string]any{}},
		{"KO_RESTRICTED_COMMAND", as("super", "zoe"), "info", map[string]any{}},
		{"KO_ACCOUNT_INVALID", as("nobody1", "zoe"), "info", map[string]any{}},
		{"KO_NOT_FOUND", as("boss", "nobody1"), "info", map[string]any{}},
		{"OK", as("boss", "frozen"), "info", map[string]any{}},
		{"ERR_INVALID_PARAMETER", as("boss", "alice"), "adminSudo", map[string]any{"SudoAs": "zoe", "SudoCmd": "info"}},
		{"OK", admin.Actor{Local: true}.Sudo("zoe"), "info", map[string]any{}},
		{"KO_RESTRICTED_COMMAND", admin.Actor{Local: true}.Sudo("zoe"), "accountList", map[string]any{}},
	} {
		w.mu.Lock()
		w.records = nil
		w.mu.Unlock()
		r := w.runAs(test.actor, test.command, test.req)
		if r.Code != test.code {
			t.Errorf("%s of %+v = %s (%s), want %s", test.command, test.actor, r.Code, r.Message, test.code)
		}
		// Whatever came of it, first of all it is a security event, and both
		// names are in every record.
		if first := w.records[0]; first.Security != "admin-sudo" || first.Command != test.command || len(w.records) < 2 {
			t.Errorf("%s of %+v: recorded as %+v", test.command, test.actor, w.records)
		}
		for _, rec := range w.records {
			if rec.Actor.By != test.actor.By || rec.Actor.Account != test.actor.Account {
				t.Errorf("%s: recorded for %+v, want %+v", test.command, rec.Actor, test.actor)
			}
		}
	}
}

func TestSudoNotRecordedIsNotDone(t *testing.T) {
	w := newWorld(t)
	w.noAudit = true
	if r := w.runAs(as("boss", "zoe"), "info", map[string]any{}); r.Code != "KO_OUT_OF_SPACE" || strings.Contains(string(r.Value), "zoe") {
		t.Errorf("info = %s %s", r.Code, r.Value)
	}
}

// An administrator who is none any more when the change is made makes none.
func TestSudoIsCheckedInTheTransaction(t *testing.T) {
	for name, fall := range map[string]func(w *world){
		"frozen": func(w *world) {
			w.change(func(tx store.Tx) error {
				a, err := tx.Account("boss")
				if err != nil {
					return err
				}
				a.Freeze = &gateway.Freeze{By: "alice", At: w.now}
				return tx.UpdateAccount(a)
			})
		},
		"dismissed": func(w *world) { w.set.Admins = []string{"alice"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.grant("zoe", "selfAddPersonalAccess")
			// The target is tried after the first check and before the change.
			w.network.probing = func() { fall(w) }
			req := map[string]any{"Host": "192.0.2.9", "User": "root", "Port": "22"}
			if r := w.runAs(as("boss", "zoe"), "selfAddPersonalAccess", req); r.Exit == 0 {
				t.Errorf("selfAddPersonalAccess = %s %s", r.Code, r.Message)
			}
			if len(w.network.targets) != 1 {
				t.Errorf("%v were tried", w.network.targets)
			}
			if a := w.live.Load().Account("zoe").Personal; len(a) > 0 {
				t.Errorf("zoe has %v", a)
			}
		})
	}
}

func TestClush(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		code string
		req  osh.Clush
		want string
	}{
		{"OK", osh.Clush{List: "web1, 192.0.2.1,,web1,2001:db8::6", Command: "id"}, `{"Hosts":["web1","192.0.2.1","2001:db8::6"],"Port":22}`},
		{"OK", osh.Clush{List: "web1", Command: "id", Port: "2022", User: "root"}, `{"Hosts":["web1"],"Port":2022}`},
		{"ERR_MISSING_PARAMETER", osh.Clush{Command: "id"}, ""},
		{"ERR_MISSING_PARAMETER", osh.Clush{List: "web1"}, ""},
		{"ERR_INVALID_PARAMETER", osh.Clush{List: ", ,", Command: "id"}, ""},
		{"ERR_INVALID_PARAMETER", osh.Clush{List: "web1,-x", Command: "id"}, ""},
		{"ERR_INVALID_PARAMETER", osh.Clush{List: "web1", Command: "i\x00d"}, ""},
		{"ERR_INVALID_PARAMETER", osh.Clush{List: "web1", Command: "id", Port: "0"}, ""},
		{"ERR_INVALID_PARAMETER", osh.Clush{List: "web1", Command: "id", User: "a b"}, ""},
		{"ERR_INVALID_PARAMETER", osh.Clush{List: manyHosts(1001), Command: "id"}, ""},
	} {
		r := w.want(test.code, "zoe", "clush", test.req)
		if test.want != "" && string(r.Value) != test.want {
			t.Errorf("clush with %+v = %s, want %s", test.req, r.Value, test.want)
		}
		printable(t, r)
	}
}

func manyHosts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",h%d", i)
	}
	return b.String()
}
