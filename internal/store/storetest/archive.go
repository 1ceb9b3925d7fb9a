package storetest

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"gateway"
	"gateway/internal/store"
)

// rich gives alice something of everything.
func (f *fixture) rich() {
	f.Helper()
	f.update(func(x store.Tx) error {
		a, err := x.Account("alice")
		if err != nil {
			return err
		}
		days := 7
		a.Created, a.Comment, a.MaxInactiveDays, a.Freeze = now, "é\"", &days, &gateway.Freeze{By: "bob", Reason: "gone", At: now}
		_, e1 := x.AddEgressKey(store.Owner{Account: "alice"}, gateway.EgressKey{Type: "ssh-rsa", Blob: []byte{1}, Fingerprint: "f1", Created: now}, []byte("one"))
		_, e2 := x.AddEgressKey(store.Owner{Account: "alice"}, gateway.EgressKey{Type: "ssh-rsa", Blob: []byte{2}, Fingerprint: "f2", Created: now}, []byte("two"))
		_, e7 := x.AddEgressPassword(store.Owner{Account: "alice"}, gateway.EgressPassword{Hashes: hashes("1"), Created: now, CreatedBy: "bob"}, []byte("p1"))
		_, e8 := x.AddEgressPassword(store.Owner{Account: "alice"}, gateway.EgressPassword{Hashes: hashes("2"), Created: now}, []byte("p2"))
		_, e3 := x.AddIngressKey("alice", gateway.IngressKey{Type: "ssh-rsa", Blob: []byte{3}, From: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}, AddedAt: now})
		_, e4 := x.Grant("alice", "auditor")
		_, e5 := x.AddRole("db", gateway.Member, "alice", now.Add(time.Hour), now)
		_, e6 := x.AddRole("db", gateway.Owner, "alice", time.Time{}, now)
		return errors.Join(x.UpdateAccount(a), e1, e2, e3, e4, e5, e6, e7, e8,
			add(x, store.Owner{Account: "alice"}, access("root@10.0.0.1:22")),
			add(x, store.Owner{Group: "web", Guest: "alice"}, through(access("root@10.0.0.2:22"), "jump", 22)))
	})
	if err := f.AddHostKey(f.ctx, "alice", hostKey); err != nil {
		f.Fatal(err)
	}
	f.changes = nil
}

var hostKey = store.HostKey{Addr: netip.MustParseAddr("10.0.0.1"), Port: 22, Type: "ssh-rsa", Blob: []byte{1}, Added: now}

// reseal marks what it was given, keys and passwords in their own way; none
// fails.
func reseal(kind store.SecretKind, sealed []byte) ([]byte, error) {
	mark := map[store.SecretKind]string{store.EgressKey: "new ", store.EgressPassword: "again "}[kind]
	return append([]byte(mark), sealed...), nil
}

func none(store.SecretKind, []byte) ([]byte, error) { return nil, errTest }

func testArchive(t *testing.T, f *fixture) {
	f.seed()
	f.rich()
	accounts, groups := f.state()
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { _, err := x.ArchiveAccount("nobody", "bob", now, reseal); return err })
	f.fails(errTest, func(x store.Tx) error { _, err := x.ArchiveAccount("alice", "bob", now, none); return err })
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { _, err := x.Archive(1); return err })
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { return x.DeleteArchive(1) })
	same, _ := f.state()
	f.same("after failures", accounts, same)

	var ids [2]int64
	f.update(func(x store.Tx) (err error) { ids[0], err = x.ArchiveAccount("alice", "bob", now, reseal); return err })
	if after, _ := f.state(); after["alice"] != nil {
		t.Error("an archived account is still there")
	}
	want := store.Archive{
		ID: ids[0], By: "bob", At: now, Account: accounts["alice"], Sealed: [][]byte{[]byte("new one"), []byte("new two")},
		SealedPasswords: [][]byte{[]byte("again p2"), []byte("again p1")},
		Roles: []store.ArchivedRole{
			{ArchivedGroup: store.ArchivedGroup{Name: "db", Created: groups["db"].Created}, Role: gateway.Member, Ends: now.Add(time.Hour)},
			{ArchivedGroup: store.ArchivedGroup{Name: "db", Created: groups["db"].Created}, Role: gateway.Owner},
		},
		Guest: []store.ArchivedGuest{{ArchivedGroup: store.ArchivedGroup{Name: "web", Created: groups["web"].Created}, Access: groups["web"].Guests["alice"][0]}},
	}
	f.update(func(x store.Tx) error {
		got, err := x.Archive(ids[0])
		f.same("archived", want, got)
		return err
	})
	// The next one of the name is archived beside it.
	f.update(func(x store.Tx) error { return account(x, "alice") })
	f.update(func(x store.Tx) (err error) {
		ids[1], err = x.ArchiveAccount("alice", "carol", now, reseal)
		return err
	})
	list, err := f.Archives(f.ctx)
	if err != nil || len(list) != 2 || list[0].ID != ids[1] || list[0].By != "carol" || list[1].Account.Comment != "é\"" {
		t.Errorf("Archives = %+v, %v", list, err)
	}
	for _, a := range list {
		if a.Sealed != nil || a.SealedPasswords != nil {
			t.Error("a listing has private halves of keys, or passwords")
		}
	}
	f.update(func(x store.Tx) error { return x.DeleteArchive(ids[0]) })
	if list, err = f.Archives(f.ctx); err != nil || len(list) != 1 {
		t.Errorf("Archives = %+v, %v", list, err)
	}
}

func testRenameAccount(t *testing.T, f *fixture) {
	f.seed()
	f.rich()
	left := hostKey
	left.Blob = []byte{9} // of somebody who had the new name
	session := store.Session{ID: gateway.NewSessionID(), Account: "alice", Started: now}
	realm := store.Session{ID: gateway.NewSessionID(), Account: "alice", Realm: "acme", Started: now}
	if err := errors.Join(f.AddHostKey(f.ctx, "zoe", left), f.BeginSession(f.ctx, session), f.BeginSession(f.ctx, realm)); err != nil {
		t.Fatal(err)
	}
	accounts, groups := f.state()
	want := *accounts["alice"]
	want.Name = "zoe"
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { return x.RenameAccount("x", "y", reseal) })
	f.fails(gateway.ErrConflict, func(x store.Tx) error { return x.RenameAccount("alice", "bob", reseal) })
	f.fails(gateway.ErrInvalid, func(x store.Tx) error { return x.RenameAccount("alice", "", reseal) })
	f.fails(errTest, func(x store.Tx) error { return x.RenameAccount("alice", "zoe", none) })
	same, _ := f.state()
	f.same("after failures", accounts, same)

	f.update(func(x store.Tx) error { return x.RenameAccount("alice", "zoe", reseal) })
	if len(f.changes) != 1 || len(f.changes[0]) != 4 { // both names, both groups
		t.Errorf("told %+v", f.changes)
	}
	accounts, after := f.state()
	f.same("renamed", &want, accounts["zoe"])
	if accounts["alice"] != nil {
		t.Error("the old name is still there")
	}
	f.same("guest", groups["web"].Guests["alice"], after["web"].Guests["zoe"])
	if g := after["db"]; !g.Has(gateway.Owner, "zoe", now) || !g.Ends[gateway.Holder{Role: gateway.Member, Account: "zoe"}].Equal(now.Add(time.Hour)) {
		t.Errorf("roles are now %+v", g)
	}
	for i, name := range []string{"one", "two"} {
		if sealed, err := f.SealedKey(f.ctx, want.EgressKeys[i].ID); err != nil || string(sealed) != "new "+name {
			t.Errorf("sealed key is %q, %v", sealed, err)
		}
		if sealed, err := f.SealedPassword(f.ctx, want.Passwords[1-i].ID); err != nil || string(sealed) != fmt.Sprintf("again p%d", i+1) {
			t.Errorf("sealed password is %q, %v", sealed, err)
		}
	}
	known, err := f.HostKeys(f.ctx, "zoe", netip.AddrPortFrom(hostKey.Addr, hostKey.Port), netip.AddrPort{})
	f.same("host keys", []store.HostKey{hostKey}, known)
	sessions, e := f.Sessions(f.ctx, store.SessionFilter{Account: "zoe"})
	if err != nil || e != nil || len(sessions) != 1 || sessions[0].ID != session.ID {
		t.Errorf("sessions %+v, %v, %v", sessions, e, err)
	}
}
