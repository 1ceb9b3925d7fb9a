package admin_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/crypt"
	"gateway/internal/osh"
	"gateway/internal/store"
	"gateway/internal/vault"
)

// sized asks for a password of that length; 0: of none in particular.
func sized(n int) osh.PasswordOptions {
	if n == 0 {
		return osh.PasswordOptions{DoIt: true}
	}
	return osh.PasswordOptions{Size: &n, DoIt: true}
}

// listed is what a listing shows.
func (w *world) listed(account, command string, req any) []osh.ListedPassword {
	w.t.Helper()
	var list []osh.ListedPassword
	if err := json.Unmarshal(w.want("OK", account, command, req).Value, &list); err != nil {
		w.t.Fatal(err)
	}
	return list
}

func TestGeneratePassword(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountGeneratePassword", "accountListPasswords")
	member := osh.AccountOption{Account: "member"}
	w.golden("selfGeneratePassword", w.want("OK", "zoe", "selfGeneratePassword", osh.SelfGeneratePassword{PasswordOptions: sized(0)}))
	w.golden("accountGeneratePassword", w.want("OK", "zoe", "accountGeneratePassword",
		osh.AccountGeneratePassword{AccountOption: member, PasswordOptions: sized(8)}))
	w.want("OK", "owner", "groupGeneratePassword", osh.GroupGeneratePassword{GroupOption: web, PasswordOptions: sized(0)})
	w.now = w.now.Add(time.Hour)
	w.golden("groupGeneratePassword", w.want("OK", "owner", "groupGeneratePassword", osh.GroupGeneratePassword{GroupOption: web, PasswordOptions: sized(128)}))
	if r := w.last(); !strings.Contains(r.Request, "128") || strings.Contains(r.Request, "$") || w.deps.rechecks != 4 {
		t.Errorf("%d rechecks, recorded %+v", w.deps.rechecks, r)
	}
	w.golden("selfListPasswords", w.want("OK", "zoe", "selfListPasswords", osh.SelfListPasswords{}))
	w.golden("groupListPasswords", w.want("OK", "member", "groupListPasswords", osh.GroupListPasswords{GroupOption: web}))
	w.golden("accountListPasswords", w.want("OK", "zoe", "accountListPasswords", osh.AccountListPasswords{AccountOption: member}))
	w.golden("selfListPasswords-none", w.want("OK", "bob", "selfListPasswords", osh.SelfListPasswords{}))

	// 100 are kept, and pages go through them.
	for range 100 {
		w.want("OK", "owner", "groupGeneratePassword", osh.GroupGeneratePassword{GroupOption: web, PasswordOptions: sized(9)})
	}
	page := osh.GroupListPasswords{GroupOption: web, FilterOptions: osh.FilterOptions{Include: []string{"Fallback*"}, Limit: 2, Offset: 97}}
	var last []string
	for _, p := range w.listed("member", "groupListPasswords", page) {
		last = append(last, p.Description+p.Hashes.MD5Crypt)
	}
	of9 := "$1$egress.password.group.web$9"
	if diff := cmp.Diff([]string{"Fallback password #98" + of9, "Fallback password #99" + of9}, last); diff != "" {
		t.Errorf("the last page (-want +got):\n%s", diff)
	}
	r := w.want("OK", "super", "groupGeneratePassword", osh.GroupGeneratePassword{GroupOption: web, PasswordOptions: sized(0)})
	if !strings.Contains(r.Message, "oldest of them is gone") || !strings.Contains(r.Message, "OVERRIDE") {
		t.Errorf("%s", r.Message)
	}
}

func TestGeneratePasswordRefused(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountGeneratePassword", "accountListPasswords")
	ghost, bad := osh.AccountOption{Account: "ghost"}, osh.AccountOption{Account: "a\x1b"}
	for _, size := range []int{-1, 7, 129, 1 << 40} {
		printable(t, w.want("ERR_INVALID_PARAMETER", "zoe", "selfGeneratePassword", osh.SelfGeneratePassword{PasswordOptions: sized(size)}))
	}
	zero := 0
	w.want("ERR_INVALID_PARAMETER", "zoe", "selfGeneratePassword", osh.SelfGeneratePassword{PasswordOptions: osh.PasswordOptions{Size: &zero, DoIt: true}})
	w.want("ERR_MISSING_PARAMETER", "zoe", "selfGeneratePassword", osh.SelfGeneratePassword{})
	w.want("ERR_MISSING_PARAMETER", "zoe", "accountGeneratePassword", osh.AccountGeneratePassword{PasswordOptions: sized(0)})
	w.want("ERR_MISSING_PARAMETER", "owner", "groupGeneratePassword", osh.GroupGeneratePassword{GroupOption: web})
	w.want("KO_NOT_FOUND", "zoe", "accountGeneratePassword", osh.AccountGeneratePassword{AccountOption: ghost, PasswordOptions: sized(0)})
	printable(t, w.want("ERR_INVALID_PARAMETER", "zoe", "accountGeneratePassword", osh.AccountGeneratePassword{AccountOption: bad, PasswordOptions: sized(0)}))
	w.want("KO_NOT_FOUND", "zoe", "accountListPasswords", osh.AccountListPasswords{AccountOption: ghost})
	w.want("KO_RESTRICTED_COMMAND", "bob", "accountGeneratePassword", osh.AccountGeneratePassword{AccountOption: ghost, PasswordOptions: sized(0)})
	w.want("KO_RESTRICTED_COMMAND", "bob", "accountListPasswords", osh.AccountListPasswords{AccountOption: ghost})

	of, nosuch := osh.GroupListPasswords{GroupOption: web}, osh.GroupOption{Group: "ghost"}
	for _, account := range []string{"gatekeeper", "aclkeeper", "member", "guest", "zoe"} {
		w.want("ERR_NOT_GROUP_OWNER", account, "groupGeneratePassword", osh.GroupGeneratePassword{GroupOption: web, PasswordOptions: sized(0)})
	}
	for _, account := range []string{"owner", "gatekeeper", "aclkeeper", "guest", "eve", "zoe"} {
		w.want("KO_ACCESS_DENIED", account, "groupListPasswords", of)
	}
	for _, account := range []string{"member", "super", "boss"} {
		w.want("OK", account, "groupListPasswords", of)
	}
	w.want("KO_GROUP_NOT_FOUND", "owner", "groupGeneratePassword", osh.GroupGeneratePassword{GroupOption: nosuch, PasswordOptions: sized(0)})
	w.want("KO_GROUP_NOT_FOUND", "zoe", "groupListPasswords", osh.GroupListPasswords{GroupOption: nosuch})

	w.set.Commands = map[string]admin.CommandSettings{"selfGeneratePassword": {MinPasswordSize: 20}}
	printable(t, w.want("ERR_INVALID_PARAMETER", "zoe", "selfGeneratePassword", osh.SelfGeneratePassword{PasswordOptions: sized(19)}))
	if r := w.want("OK", "zoe", "selfGeneratePassword", osh.SelfGeneratePassword{PasswordOptions: sized(0)}); !strings.Contains(string(r.Value), "zoe$20") {
		t.Errorf("made %s", r.Value)
	}
	w.set.ReadOnly = true
	w.want("KO_READ_ONLY", "zoe", "selfGeneratePassword", osh.SelfGeneratePassword{PasswordOptions: sized(0)})
	w.want("OK", "zoe", "selfListPasswords", osh.SelfListPasswords{})
	if n := len(w.live.Load().Account("zoe").Passwords); n != 1 {
		t.Errorf("zoe has %d passwords", n)
	}
}

// With a real vault: what is stored opens for its owner, whatever it is called,
// and is what the hashes say; nothing that is shown or recorded has it.
func TestPasswordsStaySealed(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	v, err := vault.Create(filepath.Join(dir, "master"), filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	w.exec.Vault = v
	w.grant("zoe", "groupRename", "accountRename", "accountDelete", "accountRestore", "accountGeneratePassword")
	w.change(func(tx store.Tx) error { // its keys are of the fake vault
		return errors.Join(tx.DelEgressKey(w.live.Load().Group("web").Keys[0].ID), tx.DelEgressKey(w.live.Load().Account("member").EgressKeys[0].ID))
	})
	var shown strings.Builder
	for range 3 {
		for _, r := range []osh.Result{
			w.want("OK", "owner", "groupGeneratePassword", osh.GroupGeneratePassword{GroupOption: web, PasswordOptions: sized(0)}),
			w.want("OK", "member", "selfGeneratePassword", osh.SelfGeneratePassword{PasswordOptions: sized(33)}),
		} {
			shown.Write(r.Value)
		}
	}
	group, account := w.live.Load().Group("web").Passwords, w.live.Load().Account("member").Passwords

	w.want("OK", "zoe", "groupRename", renameRequest("web", "front"))
	w.want("OK", "zoe", "accountRename", osh.AccountRename{AccountOption: osh.AccountOption{Account: "member"}, To: "mo"})
	w.want("OK", "zoe", "accountDelete", deletion("mo"))
	w.want("OK", "zoe", "accountRestore", restore("mo", 0))
	front, mo := w.live.Load().Group("front").Passwords, w.live.Load().Account("mo").Passwords
	if diff := cmp.Diff(group, front); diff != "" {
		t.Errorf("renamed (-want +got):\n%s", diff)
	}
	for i := range mo {
		account[i].ID = mo[i].ID // they are new
	}
	if diff := cmp.Diff(account, mo); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	for o, list := range map[store.Owner][]gateway.EgressPassword{{Group: "front"}: front, {Account: "mo"}: mo} {
		for _, p := range list {
			sealed, err := w.store.SealedPassword(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			secret, err := v.Open(sealed, admin.PasswordContext(o))
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`^[A-Za-z0-9+%#]{16,33}$`).Match(secret.Reveal()) || !crypt.Matches(p.Hashes.Type9, secret) || !crypt.Matches(p.Hashes.MD5Crypt, secret) {
				t.Errorf("a password of %d characters does not match its hashes", len(secret.Reveal()))
			}
			for _, r := range w.records {
				shown.WriteString(r.Request)
			}
			if strings.Contains(shown.String(), string(secret.Reveal())) {
				t.Error("a password is shown or recorded")
			}
			if _, err := v.Open(sealed, admin.KeyContext(o)); err == nil {
				t.Error("a password opens as a key")
			}
		}
	}
}
