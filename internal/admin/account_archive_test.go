package admin_test

import (
	"errors"
	"testing"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// furnish gives the account member something of everything, and the archive
// commands to zoe.
func (w *world) furnish() {
	w.t.Helper()
	w.grant("zoe", "accountDelete", "accountRestore", "accountListArchives", "accountRename")
	w.grant("member", "accountGrantCommand", "accountList", "auditor")
	w.want("OK", "member", "selfAddIngressKey", osh.SelfAddIngressKey{PublicKey: key1})
	w.add(store.Owner{Account: "member"}, "root@192.0.2.2:22")
	w.add(store.Owner{Group: "web"}, "root@192.0.2.3:22")
	w.add(store.Owner{Group: "web"}, "root@192.0.2.4:22")
	for _, name := range []string{"db", "old", "again"} {
		w.group(name, nil)
		w.add(store.Owner{Group: name}, "root@192.0.2.5:22")
		w.add(store.Owner{Group: name, Guest: "member"}, "root@192.0.2.5:22")
	}
	w.change(func(tx store.Tx) error {
		_, e1 := tx.AddRole("web", gateway.Owner, "member", w.now.Add(day), w.now)
		_, e2 := tx.AddRole("old", gateway.Owner, "member", time.Time{}, w.now)
		_, e3 := tx.AddRole("again", gateway.Gatekeeper, "member", time.Time{}, w.now)
		_, e4 := tx.AddRole("db", gateway.Owner, "member", w.now.Add(time.Hour), w.now)
		return errors.Join(e1, e2, e3, e4)
	})
}

func deletion(name string) osh.AccountDelete {
	return osh.AccountDelete{AccountOption: osh.AccountOption{Account: name}, ConfirmOption: osh.ConfirmOption{NoConfirm: true}}
}

func restore(name string, archive int) osh.AccountRestore {
	return osh.AccountRestore{AccountOption: osh.AccountOption{Account: name}, Archive: archive}
}

func TestAccountRestore(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	before := w.live.Load().Account("member")
	for name, want := range map[string]string{
		"": "ERR_MISSING_PARAMETER", "ghost": "KO_NOT_FOUND", "key": "KO_FORBIDDEN_PREFIX", "a\x1b": "ERR_INVALID_PARAMETER",
		"boss": "ERR_SECURITY_VIOLATION", "member": "KO_NOT_FOUND",
	} {
		printable(t, w.want(want, "zoe", "accountRestore", restore(name, 0)))
	}
	w.want("OK", "zoe", "accountDelete", deletion("member"))
	w.golden("accountListArchives", w.want("OK", "zoe", "accountListArchives", osh.AccountListArchives{}))
	w.want("KO_NOT_FOUND", "zoe", "accountRestore", restore("member", 2))
	w.want("KO_NOT_FOUND", "zoe", "accountRestore", restore("bob", 1))

	// Meanwhile groups go, or take accesses back; one comes again that is another.
	w.now = w.now.Add(2 * time.Hour)
	w.change(func(tx store.Tx) error {
		access, err := gateway.ParseAccess("root@192.0.2.5:22")
		if err != nil {
			return err
		}
		_, err = tx.DelAccess(store.Owner{Group: "db"}, access)
		return errors.Join(err, tx.DeleteGroup("old"), tx.DeleteGroup("again"))
	})
	w.group("again", nil)
	w.add(store.Owner{Group: "again"}, "root@192.0.2.5:22")

	// The name, then the number, is somebody else's.
	w.account("member")
	w.want("KO_ALREADY_EXISTING", "zoe", "accountRestore", restore("member", 0))
	w.change(func(tx store.Tx) error {
		return errors.Join(tx.DeleteAccount("member"), tx.CreateAccount(&gateway.Account{Name: "other", UID: before.UID}, 1, 99999))
	})
	w.want("ERR_UID_COLLISION", "zoe", "accountRestore", restore("member", 1))
	if w.live.Load().Account("member") != nil {
		t.Error("a refused restoration made an account")
	}
	w.change(func(tx store.Tx) error { return tx.DeleteAccount("other") })

	w.golden("accountRestore", w.want("OK", "zoe", "accountRestore", restore("member", 0)))
	after := w.live.Load().Account("member")
	want := *before
	want.Grants = []string{"accountList", "auditor"} // zoe can't give the other
	opts := cmp.Options{cmpopts.IgnoreFields(gateway.IngressKey{}, "ID"), cmpopts.IgnoreFields(gateway.EgressKey{}, "ID"),
		cmpopts.EquateComparable(gateway.Access{}), cmpopts.EquateEmpty()}
	if d := cmp.Diff(&want, after, opts); d != "" {
		t.Errorf("restored (-want +got):\n%s", d)
	}
	sealed, err := w.store.SealedKey(t.Context(), after.EgressKeys[0].ID)
	if err != nil || string(sealed) != "sealed for egress-key:account:member" {
		t.Errorf("the private half is %q, %v", sealed, err)
	}
	s := w.live.Load()
	if g := s.Group("web"); !g.Has(gateway.Member, "member", w.now) || !g.Has(gateway.Owner, "member", w.now) || g.Has(gateway.Owner, "member", w.now.Add(day)) {
		t.Errorf("roles in web: %+v", g)
	}
	for _, name := range []string{"db", "again"} {
		if g := s.Group(name); g.Has(gateway.Guest, "member", w.now) || g.Has(gateway.Owner, "member", w.now) || g.Has(gateway.Gatekeeper, "member", w.now) {
			t.Errorf("%s knows the account again: %+v", name, g)
		}
	}
	w.want("KO_NOT_FOUND", "zoe", "accountRestore", restore("member", 1)) // it is gone
}

// An administrator gives back what only administrators give.
func TestAccountRestoreByAdmin(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	w.want("OK", "zoe", "accountDelete", deletion("member"))
	w.local("OK", "accountRestore", restore("member", 0))
	if !w.live.Load().Account("member").Granted("accountGrantCommand") || !w.live.Load().Group("old").Has(gateway.Guest, "member", w.now) {
		t.Error("something was left behind")
	}
}

func TestAccountPurgeArchive(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	w.want("OK", "zoe", "accountDelete", deletion("member"))
	purge := func(id int, typed string) osh.AccountPurgeArchive {
		return osh.AccountPurgeArchive{Archive: id, ConfirmOption: osh.ConfirmOption{Confirm: typed}}
	}
	const sentence = "Yes, purge the archive 1"
	w.want("KO_RESTRICTED_COMMAND", "zoe", "accountPurgeArchive", purge(1, sentence))
	w.want("ERR_MISSING_PARAMETER", "boss", "accountPurgeArchive", purge(0, sentence))
	w.want("ERR_OPERATOR_IS_DRUNK", "boss", "accountPurgeArchive", purge(1, "yes"))
	w.want("KO_NOT_FOUND", "boss", "accountPurgeArchive", purge(2, "Yes, purge the archive 2"))
	w.golden("accountPurgeArchive", w.want("OK", "boss", "accountPurgeArchive", purge(1, sentence)))
	w.want("KO_NOT_FOUND", "zoe", "accountRestore", restore("member", 0))
	w.golden("accountListArchives-none", w.want("OK", "zoe", "accountListArchives", osh.AccountListArchives{}))
}

func TestAccountRename(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	rename := func(from, to string) osh.AccountRename {
		return osh.AccountRename{AccountOption: osh.AccountOption{Account: from}, To: to}
	}
	for _, tt := range []struct{ from, to, want string }{
		{"", "new", "ERR_MISSING_PARAMETER"}, {"member", "", "ERR_MISSING_PARAMETER"},
		{"ghost", "new", "KO_NOT_FOUND"}, {"realm_x", "new", "KO_FORBIDDEN_PREFIX"}, {"member", "keyx", "KO_FORBIDDEN_PREFIX"},
		{"member", "root", "KO_FORBIDDEN_NAME"}, {"member", "a\x1b", "ERR_INVALID_PARAMETER"}, {"member", "bob", "KO_ALREADY_EXISTING"},
		{"member", "member", "OK_NO_CHANGE"}, {"zoe", "new", "ERR_INVALID_PARAMETER"},
		{"boss", "new", "ERR_SECURITY_VIOLATION"}, {"member", "alice", "ERR_SECURITY_VIOLATION"}, {"super", "new", "ERR_SECURITY_VIOLATION"},
	} {
		printable(t, w.want(tt.want, "zoe", "accountRename", rename(tt.from, tt.to)))
	}
	w.local("ERR_SECURITY_VIOLATION", "accountRename", rename("boss", "new"))
	before := w.live.Load().Account("member")
	w.golden("accountRename", w.want("OK", "zoe", "accountRename", rename("member", "new")))
	want := *before
	want.Name = "new"
	s := w.live.Load()
	if d := cmp.Diff(&want, s.Account("new"), cmpopts.EquateComparable(gateway.Access{})); d != "" || s.Account("member") != nil {
		t.Errorf("renamed (-want +got):\n%s", d)
	}
	if g := s.Group("web"); !g.Has(gateway.Member, "new", w.now) || g.Has(gateway.Member, "member", w.now) {
		t.Errorf("roles in web: %+v", g)
	}
	if w.deps.ended[0] != "member" || w.deps.reasons[0] != "account renamed to new" {
		t.Errorf("ended %v for %q", w.deps.ended, w.deps.reasons)
	}
	if len(w.vault.forgotten) != 1 || w.vault.forgotten[0] != "egress-key:account:member" {
		t.Errorf("the vault forgot %v", w.vault.forgotten)
	}
}
