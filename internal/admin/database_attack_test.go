package admin_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"unicode"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// Who manages a database can't have its password sent to somebody else, nor in
// another way, in whatever steps.
func TestDatabasePasswordStaysWhereItBelongs(t *testing.T) {
	w := newWorld(t)
	w.want("OK", "owner", "dbAdd", withPassword("hunter2"))
	before, sealed := w.database(), w.sealed(store.DatabasePassword)
	for name, change := range map[string]func(*osh.DBModify){
		"host":           func(r *osh.DBModify) { r.Host = "192.0.2.66" },
		"port":           func(r *osh.DBModify) { r.Port = "1" },
		"login":          func(r *osh.DBModify) { r.Login = "mallory" },
		"TLS require":    func(r *osh.DBModify) { r.TLS = "require" },
		"TLS disable":    func(r *osh.DBModify) { r.TLS = "disable" },
		"CA":             func(r *osh.DBModify) { r.DatabaseInput = osh.DatabaseInput{CAStdin: true, Input: testCA(t)} },
		"clear password": func(r *osh.DBModify) { r.ClearPassword = true },
		"host and more":  func(r *osh.DBModify) { r.Host, r.Comment, r.Role = "192.0.2.66", "x", "y" },
	} {
		for _, by := range []string{"owner", "aclkeeper"} {
			if r := w.want("ERR_MISSING_PARAMETER", by, "dbModify", modify(change)); !strings.Contains(r.Message, "--password-stdin") {
				t.Errorf("%s: %s", name, r.Message)
			}
		}
	}
	w.want("ERR_INCOMPATIBLE_PARAMETERS", "owner", "dbModify", modify(func(r *osh.DBModify) { r.ClearPassword, r.TLS = true, "require" }))
	if after := w.database(); after.Host != before.Host || after.TLS != before.TLS || after.ClearPassword || w.sealed(store.DatabasePassword) != sealed {
		t.Errorf("%+v, want %+v", after, before)
	}
	// What is taken away is gone, also for a database of the same name.
	gone := func() {
		t.Helper()
		if b, err := w.store.SealedDatabase(w.t.Context(), w.database().ID, store.DatabasePassword); err == nil || w.database().Password {
			t.Errorf("the password is there: %q", b)
		}
	}
	w.want("OK", "owner", "dbModify", modify(func(r *osh.DBModify) { r.NoPassword, r.Host = true, "192.0.2.66" }))
	gone()
	w.want("OK", "owner", "dbModify", modify(func(r *osh.DBModify) { r.DatabaseInput = osh.DatabaseInput{PasswordStdin: true, Input: "hunter2"} }))
	w.want("OK", "owner", "dbDel", osh.DBDel{DatabaseName: osh.DatabaseName{GroupOption: web, Name: "orders"}})
	w.want("OK", "owner", "dbAdd", orders())
	gone()
}

// A group's keepers have no say in the databases of others, and learn nothing of them.
func TestDatabaseOfAnotherGroup(t *testing.T) {
	w := newWorld(t)
	w.want("OK", "owner", "dbAdd", withPassword("hunter2"))
	w.grant("super", "groupCreate")
	w.want("OK", "super", "groupCreate", osh.GroupCreate{Group: "rogue", Owner: "zoe", NoKey: true})
	rogue := osh.GroupOption{Group: "rogue"}
	w.want("KO_DB_NOT_FOUND", "zoe", "dbModify", osh.DBModify{DatabaseName: osh.DatabaseName{GroupOption: rogue, Name: "orders"}, DatabaseSettings: osh.DatabaseSettings{Comment: "x"}})
	w.want("KO_DB_NOT_FOUND", "zoe", "dbDel", osh.DBDel{DatabaseName: osh.DatabaseName{GroupOption: rogue, Name: "orders"}})
	w.want("KO_DB_NOT_FOUND", "zoe", "groupAddGuestAccess", osh.GroupAddGuestAccess{GroupOption: rogue, AccountOption: osh.AccountOption{Account: "member"}, DB: "orders"})
	w.want("KO_DB_NOT_FOUND", "zoe", "dbInfo", osh.DBInfo{Name: "orders"})
	if there, not := w.run("zoe", "dbInfo", osh.DBInfo{Name: "orders"}), w.run("zoe", "dbInfo", osh.DBInfo{Name: "nosuch"}); strings.ReplaceAll(there.Message, "orders", "nosuch") != not.Message {
		t.Errorf("of one that there is: %q, of none: %q", there.Message, not.Message)
	}
	for _, by := range []string{"member", "gatekeeper", "zoe"} {
		w.want("ERR_NOT_GROUP_ACLKEEPER", by, "dbModify", modify(func(r *osh.DBModify) { r.Comment = "x" }))
		w.want("ERR_NOT_GROUP_ACLKEEPER", by, "dbDel", osh.DBDel{DatabaseName: osh.DatabaseName{GroupOption: web, Name: "orders"}})
	}
	for _, by := range []string{"member", "zoe", "aclkeeper"} {
		if r := w.run(by, "groupAddGuestAccess", osh.GroupAddGuestAccess{GroupOption: web, AccountOption: osh.AccountOption{Account: "zoe"}, DB: "orders"}); r.Exit == 0 {
			t.Errorf("%s made a guest", by)
		}
	}
	if d := w.database(); d.Comment != "" || d.Name != "orders" {
		t.Errorf("%+v", d)
	}
}

// No text of a database drives a terminal or turns a line around, wherever it is shown.
func TestDatabaseTexts(t *testing.T) {
	w := newWorld(t)
	for _, evil := range []string{"a\x00b", "a\x1b[2Jb", "a\nb", "a\rb", "a\u202eb", "a\u200bb", "a\u0085b", " a", "a\u00a0", strings.Repeat("a", 5000)} {
		for name, set := range map[string]func(*osh.DBAdd){
			"name": func(r *osh.DBAdd) { r.Name = evil }, "host": func(r *osh.DBAdd) { r.Host = evil }, "port": func(r *osh.DBAdd) { r.Port = evil },
			"database": func(r *osh.DBAdd) { r.Database = evil }, "login": func(r *osh.DBAdd) { r.Login = evil }, "role": func(r *osh.DBAdd) { r.Role = evil },
			"hook": func(r *osh.DBAdd) { r.Hook = evil }, "TLS": func(r *osh.DBAdd) { r.TLS = evil }, "rights": func(r *osh.DBAdd) { r.Allow = evil },
			"time": func(r *osh.DBAdd) { r.StatementTimeout = evil }, "comment": func(r *osh.DBAdd) { r.Comment = evil },
			"CA": func(r *osh.DBAdd) { r.DatabaseInput = osh.DatabaseInput{CAStdin: true, Input: evil} },
		} {
			r := orders()
			set(&r)
			got := w.run("owner", "dbAdd", r)
			if got.Exit == 0 && name != "comment" {
				t.Errorf("%s %q is accepted", name, evil)
			}
			if got.Exit == 0 {
				w.want("OK", "owner", "dbDel", osh.DBDel{DatabaseName: osh.DatabaseName{GroupOption: web, Name: "orders"}})
			}
			value, err := json.Marshal(got.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{got.Message, string(value)} {
				lines := strings.ReplaceAll(text, "\n", "")
				if gateway.Printable(lines) != lines || strings.ContainsFunc(lines, unicode.IsControl) || len(text) > 4096+len(value) {
					t.Errorf("%s %.20q: %.200q", name, evil, text)
				}
			}
		}
	}
}

func testCA(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
