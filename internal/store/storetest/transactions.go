package storetest

import (
	"errors"
	"testing"
	"time"

	"gateway"
	"gateway/internal/store"
)

func testErrors(t *testing.T, f *fixture) {
	f.seed()
	a := access("10.0.0.1:22")
	for name, test := range map[string]struct {
		want error
		do   func(x store.Tx) error
	}{
		"account twice":       {gateway.ErrConflict, func(x store.Tx) error { return account(x, "alice") }},
		"group twice":         {gateway.ErrConflict, func(x store.Tx) error { return group(x, "web") }},
		"account with uid":    {gateway.ErrConflict, func(x store.Tx) error { return x.CreateAccount(&gateway.Account{Name: "d", UID: 2000}, 0, 0) }},
		"nameless account":    {gateway.ErrInvalid, func(x store.Tx) error { return account(x, "") }},
		"nameless group":      {gateway.ErrInvalid, func(x store.Tx) error { return group(x, "") }},
		"read account":        {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.Account("x"); return err }},
		"read no account":     {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.Account(""); return err }},
		"read group":          {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.Group("x"); return err }},
		"read no group":       {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.Group(""); return err }},
		"update account":      {gateway.ErrNotFound, func(x store.Tx) error { return x.UpdateAccount(&gateway.Account{Name: "x"}) }},
		"delete account":      {gateway.ErrNotFound, func(x store.Tx) error { return x.DeleteAccount("x") }},
		"delete group":        {gateway.ErrNotFound, func(x store.Tx) error { return x.DeleteGroup("x") }},
		"grant":               {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.Grant("x", "c"); return err }},
		"revoke":              {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.Revoke("x", "c"); return err }},
		"role in no group":    {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.AddRole("x", gateway.Owner, "bob", time.Time{}, now); return err }},
		"role of nobody":      {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.AddRole("web", gateway.Owner, "x", time.Time{}, now); return err }},
		"drop role of nobody": {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.DelRole("web", gateway.Owner, "x"); return err }},
		"ingress key":         {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.AddIngressKey("x", gateway.IngressKey{}); return err }},
		"egress key":          {gateway.ErrNotFound, func(x store.Tx) error { return x.DelEgressKey(99) }},
		"key of nobody": {gateway.ErrNotFound, func(x store.Tx) error {
			_, err := x.AddEgressKey(store.Owner{Account: "x"}, gateway.EgressKey{}, nil)
			return err
		}},
		"access of nobody": {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.AddAccess(store.Owner{Account: "x"}, a, now); return err }},
		"access of no guest": {gateway.ErrNotFound, func(x store.Tx) error {
			_, err := x.AddAccess(store.Owner{Group: "web", Guest: "x"}, a, now)
			return err
		}},
		"access of no group": {gateway.ErrNotFound, func(x store.Tx) error { _, err := x.DelAccess(store.Owner{Group: "x"}, a); return err }},
		"access of no owner": {gateway.ErrInvalid, func(x store.Tx) error { _, err := x.AddAccess(store.Owner{}, a, now); return err }},
		"access of two": {gateway.ErrInvalid, func(x store.Tx) error {
			_, err := x.AddAccess(store.Owner{Account: "alice", Group: "web"}, a, now)
			return err
		}},
		"guest without group": {gateway.ErrInvalid, func(x store.Tx) error { _, err := x.AddAccess(store.Owner{Guest: "alice"}, a, now); return err }},
		"access without net": {gateway.ErrInvalid, func(x store.Tx) error {
			_, err := x.AddAccess(store.Owner{Account: "alice"}, gateway.Access{}, now)
			return err
		}},
	} {
		if err := f.Update(f.ctx, test.do); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if len(f.changes) != 0 {
		t.Errorf("failures told of changes: %v", f.changes)
	}
}

func testRollback(t *testing.T, f *fixture) {
	f.seed()
	everything := func(x store.Tx) error {
		a := access("10.0.0.1:22")
		_, e1 := x.Grant("alice", "auditor")
		_, e2 := x.AddRole("web", gateway.Owner, "alice", time.Time{}, now)
		_, e3 := x.AddEgressKey(store.Owner{Group: "web"}, gateway.EgressKey{Blob: []byte{1}, Fingerprint: "f"}, []byte("s"))
		_, e4 := x.AddIngressKey("alice", gateway.IngressKey{Blob: []byte{1}})
		return errors.Join(e1, e2, e3, e4, account(x, "dave"), group(x, "new"),
			add(x, store.Owner{Account: "alice"}, a), add(x, store.Owner{Group: "web"}, a),
			x.UpdateAccount(&gateway.Account{Name: "bob", UID: 7777}), x.DeleteAccount("carol"), x.DeleteGroup("db"))
	}
	accounts, groups := f.state()
	f.fails(errTest, func(x store.Tx) error { return errors.Join(everything(x), errTest) })
	after, groupsAfter := f.state()
	f.same("accounts", accounts, after)
	f.same("groups", groups, groupsAfter)
	if len(f.changes) != 0 {
		t.Errorf("told of %v", f.changes)
	}
	f.update(everything) // the same, not rolled back, is possible
}

func testOnCommit(t *testing.T, f *fixture) {
	f.seed()
	a := access("10.0.0.1:22")
	f.update(func(x store.Tx) error {
		_, e1 := x.Grant("alice", "auditor")
		_, e2 := x.Grant("alice", "realmCreate")
		_, e3 := x.AddRole("web", gateway.Member, "alice", time.Time{}, now)
		return errors.Join(e1, e2, e3, add(x, store.Owner{Account: "alice"}, a), add(x, store.Owner{Group: "web"}, a),
			x.DeleteAccount("bob"), account(x, "dave"), x.DeleteAccount("dave"), x.DeleteGroup("db"), group(x, "db"))
	})
	if len(f.changes) != 1 {
		t.Fatalf("told %d times, want once", len(f.changes))
	}
	accounts, groups := f.state()
	told := map[string]int{}
	for _, c := range f.changes[0] {
		switch {
		case c.Account != nil:
			told[c.Account.Name]++
			f.same("what is told and what is stored", accounts[c.Account.Name], c.Account)
		case c.Group != nil:
			told[c.Group.Name]++
			f.same("what is told and what is stored", groups[c.Group.Name], c.Group)
		default:
			told["-"+c.DeletedAccount+c.DeletedGroup]++
		}
	}
	f.same("told", map[string]int{"alice": 1, "-bob": 1, "-dave": 1, "web": 1, "db": 1}, told)

	f.changes = nil
	f.update(func(x store.Tx) error {
		_, e1 := x.Grant("alice", "auditor")
		_, e2 := x.AddRole("web", gateway.Member, "alice", time.Time{}, now)
		_, e3 := x.DelAccess(store.Owner{Group: "web"}, access("10.9.9.9"))
		_, e4 := x.Account("alice")
		return errors.Join(e1, e2, e3, e4)
	})
	if len(f.changes) != 0 {
		t.Errorf("nothing changed, and was told: %v", f.changes)
	}
}
