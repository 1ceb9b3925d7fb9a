package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// filled is a request of cmd in which every required option has some value.
func filled(cmd *osh.Command, group string) any {
	req := cmd.New()
	v := reflect.ValueOf(req).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Type.Kind() != reflect.String || f.Tag.Get("required") != "true" {
			continue
		}
		value := "bob"
		if f.Name == "Group" {
			value = group
		}
		v.FieldByIndex(f.Index).SetString(value)
	}
	return req
}

func TestAccountState(t *testing.T) {
	f := newFixture(t)
	f.change(func(tx store.Tx) error {
		bob, err := tx.Account("bob")
		if err != nil {
			return err
		}
		carol, err := tx.Account("carol")
		if err != nil {
			return err
		}
		bob.Freeze = &gateway.Freeze{By: "alice", At: f.now}
		carol.Expires = f.now.Add(time.Minute)
		return errors.Join(tx.UpdateAccount(bob), tx.UpdateAccount(carol))
	})
	f.want("KO_ACCOUNT_FROZEN", "bob", "info", osh.Info{})
	f.want("OK", "carol", "info", osh.Info{})
	f.now = f.now.Add(time.Hour)
	f.want("KO_TTL_EXPIRED", "carol", "info", osh.Info{})
	f.want("KO_ACCOUNT_INVALID", "nobody", "info", osh.Info{})
}

// The owner of the data folder may do all of it, without an account too.
func TestLocalActor(t *testing.T) {
	f := newFixture(t)
	local := admin.Actor{Local: true, Session: "0123456789abcdef01234567"}
	as := local
	as.Account = "nosuch"
	if r := f.runAs(as, "info", osh.Info{}); r.Code != "KO_ACCOUNT_INVALID" || !strings.Contains(r.Message, "nosuch") {
		t.Errorf("as an account that does not exist: %s (%s)", r.Code, r.Message)
	}
	req := osh.GroupCreate{Group: "web", Owner: "bob", NoKey: true}
	if r := f.runAs(local, "groupCreate", req); r.Code != "OK" || !f.last().Actor.Local {
		t.Errorf("groupCreate = %s %s, recorded for %+v", r.Code, r.Message, f.last().Actor)
	}
	if r := f.runAs(local, "selfAddIngressKey", osh.SelfAddIngressKey{PublicKey: key1}); r.Code != "KO_NOT_FOUND" {
		t.Errorf("selfAddIngressKey without an account = %s", r.Code)
	}
	local.Account = "bob"
	if r := f.runAs(local, "selfAddIngressKey", osh.SelfAddIngressKey{PublicKey: key1}); r.Code != "OK" {
		t.Errorf("selfAddIngressKey as bob = %s %s", r.Code, r.Message)
	}
}

func TestReadOnlyNode(t *testing.T) {
	f := newFixture(t)
	f.set.ReadOnly = true
	f.grant("bob", "groupCreate")
	f.want("KO_READ_ONLY", "bob", "groupCreate", osh.GroupCreate{Group: "web", Owner: "bob", NoKey: true})
	f.want("KO_RESTRICTED_COMMAND", "carol", "groupCreate", osh.GroupCreate{Group: "web", Owner: "bob", NoKey: true})
	f.want("OK", "bob", "info", osh.Info{})
	f.want("OK_NO_CHANGE", "bob", "selfForgetHostKey", osh.SelfForgetHostKey{Host: "192.0.2.7"})
}

// A hijacked session process can send whatever it likes.
func TestHostileRequests(t *testing.T) {
	f := newFixture(t)
	for _, test := range []struct{ command, request, want string }{
		{"nonsense", `{}`, "KO_UNKNOWN_COMMAND"},
		{"\x1b[2J", `{}`, "KO_UNKNOWN_COMMAND"},
		{"helloWorld", `{}`, "KO_UNKNOWN_COMMAND"}, // an alias is a matter of the line
		{"info", ``, "KO_OPTIONS_ERROR"},
		{"info", `null`, "OK"},
		{"info", `[]`, "KO_OPTIONS_ERROR"},
		{"info", `{} {}`, "KO_OPTIONS_ERROR"},
		{"info", `{"Account":"alice"}`, "KO_OPTIONS_ERROR"},
		{"info", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, "KO_OPTIONS_ERROR"},
		{"nc", `{"Host":7}`, "KO_OPTIONS_ERROR"},
	} {
		r := f.exec.Run(t.Context(), admin.Actor{Account: "bob"}, test.command, json.RawMessage(test.request))
		if r.Code != test.want {
			t.Errorf("Run(%.20q, %.40q) = %s, want %s", test.command, test.request, r.Code, test.want)
		}
		if len(f.last().Request) > 4096 || strings.ContainsRune(r.Message, '\x1b') {
			t.Errorf("Run(%.20q, %.40q): recorded with %d bytes, says %q", test.command, test.request, len(f.last().Request), r.Message)
		}
	}
}

// What can't be recorded is not done, and not shown either.
func TestNoRecordNoChange(t *testing.T) {
	f := newFixture(t)
	f.grant("bob", "groupCreate")
	f.noAudit = true
	f.want("KO_OUT_OF_SPACE", "bob", "groupCreate", osh.GroupCreate{Group: "web", Owner: "bob", NoKey: true})
	if r := f.want("KO_OUT_OF_SPACE", "bob", "info", osh.Info{}); r.Value != nil {
		t.Errorf("info without a record shows %s", r.Value)
	}
	f.want("KO_OUT_OF_SPACE", "bob", "selfForgetHostKey", osh.SelfForgetHostKey{Host: "192.0.2.7"})
	if f.live.Load().Group("web") != nil || f.deps.rechecks != 0 {
		t.Error("the group was created without a record")
	}
}

// revoking takes the right away between the check and the change.
type revoking struct{ store.Store }

// Update is the next change, and one before it.
func (r revoking) Update(ctx context.Context, f func(store.Tx) error) error {
	err := r.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Revoke("bob", "groupCreate")
		return err
	})
	return errors.Join(err, r.Store.Update(ctx, f))
}

func TestRightsAreCheckedInsideTheTransaction(t *testing.T) {
	f := newFixture(t)
	f.grant("bob", "groupCreate")
	f.exec.Store = revoking{f.store}
	f.want("KO_RESTRICTED_COMMAND", "bob", "groupCreate", osh.GroupCreate{Group: "web", Owner: "bob", NoKey: true})
	if f.live.Load().Group("web") != nil {
		t.Error("the group was created without the right to do it")
	}
}

func TestGroupCreate(t *testing.T) {
	f := newFixture(t)
	f.grant("bob", "groupCreate")
	create := func(code string, r osh.GroupCreate) osh.Result {
		t.Helper()
		return f.want(code, "bob", "groupCreate", r)
	}
	create("ERR_MISSING_PARAMETER", osh.GroupCreate{})
	create("ERR_MISSING_PARAMETER", osh.GroupCreate{Group: "web", Owner: "carol"})
	create("ERR_INVALID_PARAMETER", osh.GroupCreate{Group: "we b", Owner: "carol", NoKey: true})
	create("ERR_INVALID_PARAMETER", osh.GroupCreate{Group: strings.Repeat("g", 19), Owner: "carol", NoKey: true})
	create("KO_FORBIDDEN_NAME", osh.GroupCreate{Group: "keyweb", Owner: "carol", NoKey: true})
	create("KO_NOT_FOUND", osh.GroupCreate{Group: "web", Owner: "nobody", NoKey: true})
	create("KO_KEY_SIZE_TOO_SMALL", osh.GroupCreate{Group: "web", Owner: "carol", Algo: "rsa", Size: 1024})
	create("ERR_INVALID_PARAMETER", osh.GroupCreate{Group: "web", Owner: "carol", Algo: "dsa"})
	create("ERR_INVALID_PARAMETER", osh.GroupCreate{Group: "web", Owner: "carol", Algo: "ed25519", Encrypted: true})
	f.golden("groupCreate", create("OK", osh.GroupCreate{Group: "web", Owner: "carol", Algo: "ed25519"}))
	create("KO_ALREADY_EXISTING", osh.GroupCreate{Group: "web", Owner: "carol", NoKey: true})
	if r := f.last(); r.Code != "KO_ALREADY_EXISTING" || r.Change {
		t.Errorf("recorded as %+v", r)
	}
	g := f.live.Load().Group("web")
	for _, role := range []gateway.Role{gateway.Owner, gateway.Gatekeeper, gateway.Aclkeeper, gateway.Member} {
		if !g.Has(role, "carol", f.now) {
			t.Errorf("carol is not %s of the new group", role)
		}
	}
	if len(g.Keys) != 1 || f.deps.rechecks != 1 {
		t.Errorf("keys = %v after %d rechecks", g.Keys, f.deps.rechecks)
	}
}

func TestHelpAndCompletion(t *testing.T) {
	f := newFixture(t)
	f.group("web", map[gateway.Role]string{gateway.Aclkeeper: "bob"})
	f.group("db", map[gateway.Role]string{gateway.Gatekeeper: "carol"})
	f.grant("bob", "accountCreate")
	f.change(func(tx store.Tx) error {
		var errs []error
		for text, o := range map[string]store.Owner{
			"root@192.0.2.1:22": {Account: "bob"}, "192.0.2.2": {Account: "bob"}, "192.0.2.0/24": {Account: "bob"},
			"!sftp@192.0.2.3": {Account: "bob"}, "www@192.0.2.4": {Group: "web"}, "www@192.0.2.5": {Group: "db"},
			"adm@192.0.2.5": {Group: "db", Guest: "bob"},
		} {
			a, err := gateway.ParseAccess(text)
			if text == "192.0.2.2" {
				a.Comment = "hostname=srv.example"
			}
			_, err2 := tx.AddAccess(o, a, f.now)
			errs = append(errs, err, err2)
		}
		return errors.Join(errs...)
	})
	complete := func(account, kind, prefix string) string {
		return strings.Join(f.exec.Complete(admin.Actor{Account: account}, kind, prefix), " ")
	}
	for _, test := range []struct{ account, kind, prefix, want string }{
		{"bob", "group", "", "db web"},
		{"bob", "group", "w", "web"},
		{"bob", "account", "", ""}, // account names are not for everybody
		{"carol", "account", "", "alice bob carol"},
		{"alice", "account", "c", "carol"},
		{"bob", "command", "accountC", "accountCreate"},
		{"carol", "command", "accountC", ""},
		{"bob", "command", "groupAddS", "groupAddServer"},
		{"carol", "command", "groupAddS", ""},
		{"alice", "command", "groupAddS", "groupAddServer"},
		{"bob", "host", "", "192.0.2.2 adm@192.0.2.5 root@192.0.2.1 srv.example"}, // what bob can reach, and no more
		{"bob", "host", "root@", "root@192.0.2.1"},
		{"carol", "host", "", ""},
		{"bob", "nonsense", "", ""},
	} {
		if got := complete(test.account, test.kind, test.prefix); got != test.want {
			t.Errorf("Complete(%s, %q, %q) = %q, want %q", test.account, test.kind, test.prefix, got, test.want)
		}
	}
	f.want("OK", "bob", "help", osh.Help{})
}

// Who is taken out of adminAccounts while their command is on its way changes
// nothing any more.
func TestRightsAreCheckedOnPresentSettings(t *testing.T) {
	f := newFixture(t)
	reads := 0
	f.exec.Config = func() admin.Settings {
		set := f.set
		if reads++; reads > 1 {
			set.Admins = nil
		}
		return set
	}
	f.want("KO_RESTRICTED_COMMAND", "alice", "adminMaintenance", osh.AdminMaintenance{Lock: true})
	if m := f.live.Load().Maintenance(); m != nil {
		t.Errorf("maintenance is on: %+v", m)
	}
}
