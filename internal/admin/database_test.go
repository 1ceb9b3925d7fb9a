package admin_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func orders() osh.DBAdd {
	return osh.DBAdd{DatabaseName: osh.DatabaseName{GroupOption: web, Name: "orders"},
		DatabaseSettings: osh.DatabaseSettings{Host: "192.0.2.5", Database: "app", Login: "web"}}
}

func withPassword(password string) osh.DBAdd {
	r := orders()
	r.DatabaseInput = osh.DatabaseInput{PasswordStdin: true, Input: password}
	return r
}

func modify(change func(*osh.DBModify)) osh.DBModify {
	r := osh.DBModify{DatabaseName: osh.DatabaseName{GroupOption: web, Name: "orders"}}
	change(&r)
	return r
}

func (w *world) database() gateway.Database {
	w.t.Helper()
	list := w.live.Load().Group("web").Databases
	if len(list) != 1 {
		w.t.Fatalf("databases %v, want one", list)
	}
	return list[0]
}

func (w *world) sealed(kind store.SecretKind) string {
	w.t.Helper()
	b, err := w.store.SealedDatabase(w.t.Context(), w.database().ID, kind)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// A password is sealed for its database, and is in no record, whatever becomes
// of the command.
func TestDatabasePassword(t *testing.T) {
	w := newWorld(t)
	w.want("OK", "aclkeeper", "dbAdd", withPassword("hunter2\n"))
	if got := w.sealed(store.DatabasePassword); got != "sealed for database-password:orders: 68756e74657232" {
		t.Errorf("sealed is %q", got)
	}
	w.want("OK", "aclkeeper", "dbModify", modify(func(r *osh.DBModify) {
		r.DatabaseInput = osh.DatabaseInput{PasswordStdin: true, Input: "hunter2 again\r\n"}
	}))
	if got := w.sealed(store.DatabasePassword); got != "sealed for database-password:orders: 68756e7465723220616761696e" {
		t.Errorf("sealed is %q", got)
	}
	w.want("KO_ALREADY_EXISTING", "aclkeeper", "dbAdd", withPassword("hunter2"))
	w.want("ERR_NOT_GROUP_ACLKEEPER", "zoe", "dbAdd", withPassword("hunter2"))
	w.want("ERR_INVALID_PARAMETER", "aclkeeper", "dbAdd", withPassword("hunter2\nhunter2"))
	w.want("ERR_INVALID_PARAMETER", "aclkeeper", "dbAdd", withPassword("hunter2\x00"))
	w.want("ERR_INVALID_PARAMETER", "aclkeeper", "dbAdd", withPassword(strings.Repeat("hunter2", 200)))
	w.want("ERR_INVALID_PARAMETER", "aclkeeper", "dbAdd", withPassword(strings.Repeat("hunter2\n", 10_000)))
	w.want("ERR_INVALID_PARAMETER", "aclkeeper", "dbAdd", withPassword(""))
	unasked := orders()
	unasked.Input = "hunter2"
	w.want("ERR_INVALID_PARAMETER", "aclkeeper", "dbAdd", unasked)
	// Not even of a request that can't be understood.
	r := w.exec.Run(t.Context(), admin.Actor{Account: "aclkeeper"}, "dbAdd", json.RawMessage(`{"PasswordStdin":true,"Input":"hunter2","Nonsense":1}`))
	if r.Code != "KO_OPTIONS_ERROR" {
		t.Errorf("nonsense is answered with %s", r.Code)
	}
	if len(w.records) < 11 {
		t.Fatalf("%d records", len(w.records))
	}
	for _, rec := range w.records {
		all, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(all), "hunter2") {
			t.Errorf("on record: %s", all)
		}
	}
}

// What changes or removes the credential, or ends the database, has live
// sessions decided again.
func TestDatabaseRechecks(t *testing.T) {
	w := newWorld(t)
	step := func(command, by string, req any) {
		t.Helper()
		before := w.deps.rechecks
		w.want("OK", by, command, req)
		if w.deps.rechecks != before+1 {
			t.Errorf("%s: %d rechecks", command, w.deps.rechecks-before)
		}
	}
	step("dbAdd", "owner", withPassword("hunter2"))
	step("dbModify", "owner", modify(func(r *osh.DBModify) { r.Allow = "read" }))
	guest := osh.GroupAddGuestAccess{GroupOption: web, AccountOption: osh.AccountOption{Account: "zoe"}, DB: "orders"}
	step("groupAddGuestAccess", "gatekeeper", guest)
	if d, _, ok := w.live.Load().Database("zoe", "orders", 0, "", w.now); !ok || d.Allow != gateway.DatabaseRead {
		t.Errorf("zoe may use %+v, %v", d, ok)
	}
	step("groupDelGuestAccess", "gatekeeper", osh.GroupDelGuestAccess{GroupOption: web, AccountOption: osh.AccountOption{Account: "zoe"}, DB: "orders"})
	step("dbModify", "owner", modify(func(r *osh.DBModify) { r.NoPassword = true }))
	if w.database().Password {
		t.Error("the password is still there")
	}
	step("dbDel", "owner", osh.DBDel{DatabaseName: osh.DatabaseName{GroupOption: web, Name: "orders"}})
	if list := w.live.Load().Group("web").Databases; len(list) != 0 {
		t.Errorf("left: %v", list)
	}
}

// A database that is offered for a time is there for its keepers afterwards.
func TestDatabaseTTL(t *testing.T) {
	w := newWorld(t)
	r := orders()
	r.TTL = "1h"
	w.want("OK", "aclkeeper", "dbAdd", r)
	w.want("OK", "member", "dbList", osh.DBList{})
	w.now = w.now.Add(time.Hour)
	w.want("OK_EMPTY", "member", "dbList", osh.DBList{})
	w.want("OK", "aclkeeper", "dbList", osh.DBList{Group: "web"})
	w.want("OK", "aclkeeper", "dbModify", modify(func(r *osh.DBModify) { r.TTL = "1h" }))
	w.want("OK", "member", "dbList", osh.DBList{})
	if names := w.exec.Complete(admin.Actor{Account: "member"}, "database", "or"); len(names) != 1 || names[0] != "orders" {
		t.Errorf("completed to %v", names)
	}
	if names := w.exec.Complete(admin.Actor{Account: "zoe"}, "database", ""); len(names) != 0 {
		t.Errorf("zoe completes to %v", names)
	}
}
