package storetest

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"gateway"
	"gateway/internal/store"
)

func testGroups(t *testing.T, f *fixture) {
	f.seed()
	f.update(func(x store.Tx) error {
		add := func(group string, r gateway.Role, account string) (bool, error) {
			return x.AddRole(group, r, account, time.Time{}, now)
		}
		for _, step := range []struct {
			do      func(string, gateway.Role, string) (bool, error)
			role    gateway.Role
			account string
			want    bool
		}{
			{add, gateway.Owner, "bob", true}, {add, gateway.Owner, "alice", true}, {add, gateway.Owner, "bob", false},
			{add, gateway.Gatekeeper, "alice", true}, {add, gateway.Aclkeeper, "carol", true},
			{add, gateway.Member, "bob", true}, {add, gateway.Member, "alice", true},
			{x.DelRole, gateway.Member, "bob", true}, {x.DelRole, gateway.Member, "bob", false},
		} {
			if got, err := step.do("web", step.role, step.account); got != step.want || err != nil {
				t.Errorf("%s %s: changed = %v, %v, want %v", step.role, step.account, got, err, step.want)
			}
		}
		return nil
	})
	want := &gateway.Group{Name: "web", Created: now, CreatedBy: "root", Owners: []string{"alice", "bob"},
		Gatekeepers: []string{"alice"}, Aclkeepers: []string{"carol"}, Members: []string{"alice"}}
	_, groups := f.state()
	f.same("group", want, groups["web"])
	if !groups["web"].Has(gateway.Owner, "bob", now) || groups["web"].Has(gateway.Member, "bob", now) {
		t.Error("Has does not agree with the lists")
	}
	for _, r := range []gateway.Role{gateway.Guest, "king", ""} {
		f.fails(gateway.ErrInvalid, func(x store.Tx) error {
			_, err := x.AddRole("web", r, "bob", time.Time{}, now)
			return err
		})
	}
}

func testRoleEnds(t *testing.T, f *fixture) {
	f.seed()
	end := now.Add(time.Hour)
	give := func(ends, at time.Time, want bool) {
		f.update(func(x store.Tx) error {
			changed, err := x.AddRole("web", gateway.Member, "bob", ends, at)
			if changed != want {
				t.Errorf("giving the role until %v at %v: changed = %v, want %v", ends, at, changed, want)
			}
			return err
		})
	}
	give(end, now, true)
	give(time.Time{}, end.Add(-time.Second), false)
	_, groups := f.state()
	f.same("ends", map[gateway.Holder]time.Time{{Role: gateway.Member, Account: "bob"}: end}, groups["web"].Ends)
	if g := groups["web"]; !g.Has(gateway.Member, "bob", now) || g.Has(gateway.Member, "bob", end) {
		t.Error("Has does not agree with the end")
	}
	// What is over is given anew, for good this time.
	give(time.Time{}, end, true)
	_, groups = f.state()
	f.same("for good", map[gateway.Holder]time.Time(nil), groups["web"].Ends)
}

func testGroupScalars(t *testing.T, f *fixture) {
	f.seed()
	zero, lock := time.Duration(0), 90*time.Second
	full := gateway.Group{Name: "full", Created: now, CreatedBy: "bob", MFARequired: gateway.MFAAny, GuestTTLLimit: 36 * time.Hour,
		IdleLock: &lock, IdleKill: &zero}
	f.update(func(x store.Tx) error { return x.CreateGroup(&full) })
	_, groups := f.state()
	f.same("created", &full, groups["full"])
	next := gateway.Group{Name: "full", Created: now, IdleKill: &lock}
	f.update(func(x store.Tx) error { return x.UpdateGroup(&next) })
	_, groups = f.state()
	f.same("updated", &next, groups["full"])
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { return x.UpdateGroup(&gateway.Group{Name: "none"}) })
}

func testRename(t *testing.T, f *fixture) {
	f.seed()
	a := access("root@10.0.0.1:22")
	var keys [2]int64
	f.update(func(x store.Tx) error {
		_, e1 := x.AddRole("web", gateway.Member, "alice", now.Add(time.Hour), now)
		err := errors.Join(e1, add(x, store.Owner{Group: "web"}, a), add(x, store.Owner{Group: "web", Guest: "bob"}, a))
		for i := range keys {
			id, e := x.AddEgressKey(store.Owner{Group: "web"}, gateway.EgressKey{Blob: []byte{byte(i)}, Fingerprint: "f"}, []byte{'w', byte(i)})
			keys[i], err = id, errors.Join(err, e)
		}
		_, e2 := x.AddEgressKey(store.Owner{Group: "db"}, gateway.EgressKey{Blob: []byte{9}, Fingerprint: "db"}, []byte("d"))
		_, e3 := x.AddEgressPassword(store.Owner{Group: "web"}, gateway.EgressPassword{Hashes: hashes("w"), Created: now}, []byte("p"))
		return errors.Join(err, e2, e3)
	})
	_, groups := f.state()
	want := *groups["web"]
	want.Name = "front"

	// What fails leaves no trace.
	f.changes = nil
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { return x.RenameGroup("x", "y", reseal) })
	f.fails(gateway.ErrConflict, func(x store.Tx) error { return x.RenameGroup("web", "db", reseal) })
	f.fails(gateway.ErrInvalid, func(x store.Tx) error { return x.RenameGroup("web", "", reseal) })
	f.fails(errTest, func(x store.Tx) error { return x.RenameGroup("web", "front", none) })
	_, same := f.state()
	f.same("after failures", groups, same)
	if len(f.changes) != 0 {
		t.Errorf("failures told of %v", f.changes)
	}

	f.update(func(x store.Tx) error { return x.RenameGroup("web", "front", reseal) })
	f.same("told", [][]store.Change{{{Group: &want}, {DeletedGroup: "web"}}}, f.changes)
	_, groups = f.state()
	f.same("renamed", &want, groups["front"])
	if _, ok := groups["web"]; ok {
		t.Error("the old name is still there")
	}
	for i, id := range keys {
		sealed, err := f.SealedKey(f.ctx, id)
		if want := append([]byte("new w"), byte(i)); err != nil || !bytes.Equal(sealed, want) {
			t.Errorf("sealed key %d is %q, %v, want %q", id, sealed, err, want)
		}
	}
	if sealed, err := f.SealedPassword(f.ctx, want.Passwords[0].ID); err != nil || string(sealed) != "again p" {
		t.Errorf("sealed password is %q, %v", sealed, err)
	}
	f.update(func(x store.Tx) error { return group(x, "web") }) // the name is free
}

func testMaintenance(t *testing.T, f *fixture) {
	get := func() *gateway.Maintenance {
		m, err := f.Maintenance(f.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := get(); m != nil {
		t.Errorf("a new store is in maintenance: %v", m)
	}
	on := &gateway.Maintenance{By: "bob", Message: "moving", At: now}
	for _, m := range []*gateway.Maintenance{on, {By: "alice", At: now}, nil, nil} {
		f.changes = nil
		f.update(func(x store.Tx) error { return x.SetMaintenance(m) })
		f.same("maintenance", m, get())
		f.same("told", [][]store.Change{{{MaintenanceSet: true, Maintenance: m}}}, f.changes)
	}
}

func testAccesses(t *testing.T, f *fixture) {
	f.seed()
	full := gateway.Access{User: "root", Prefix: netip.MustParsePrefix("2001:db8::/32"), Port: 65535, Expires: now.Add(time.Hour),
		ForceKey: "SHA256:x", ForcePassword: "$6$x", Legacy: true, Profile: "ios", NETCONF: "get;get-config", Comment: "café", AddedBy: "bob", AddedAt: now}
	list := []gateway.Access{
		full, access("10.0.0.1:22"), access("root@10.0.0.1:22"), access("root@10.0.0.1"), access("10.0.0.0/8:22"),
		access("0.0.0.0/0"), access("::/0"), access("10.0.0.0/9:22"), through(access("root@10.0.0.1:22"), "jump", 22),
		through(access("root@10.0.0.1:22"), "", 0),
	}
	f.update(func(x store.Tx) error {
		return errors.Join(add(x, store.Owner{Account: "alice"}, list...), add(x, store.Owner{Group: "web"}, list...))
	})
	accounts, groups := f.state()
	f.same("personal", list, accounts["alice"].Personal)
	f.same("of the group", list, groups["web"].Accesses)

	// The same one again, and after its end.
	again := full
	again.Comment, again.Expires = "second", now.Add(2*time.Hour)
	f.changes = nil
	for _, step := range []struct {
		at   time.Time
		want bool
	}{{now, false}, {now.Add(time.Hour - time.Second), false}, {now.Add(time.Hour), true}} {
		f.update(func(x store.Tx) error {
			changed, err := x.AddAccess(store.Owner{Account: "alice"}, again, step.at)
			if changed != step.want {
				t.Errorf("adding again at %v: changed = %v, want %v", step.at, changed, step.want)
			}
			return err
		})
	}
	if len(f.changes) != 1 {
		t.Errorf("%d changes told, want 1", len(f.changes))
	}
	accounts, groups = f.state()
	f.same("replaced", append(list[1:len(list):len(list)], again), accounts["alice"].Personal)
	f.same("the group's own", list, groups["web"].Accesses)

	// Deletion goes by identity, in whatever form it is written.
	for _, a := range []gateway.Access{
		{User: "root", Prefix: netip.MustParsePrefix("2001:db8:1::/32"), Port: 65535},
		{User: "root", Prefix: netip.MustParsePrefix("::ffff:10.0.0.1/128"), Port: 22},
	} {
		f.update(func(x store.Tx) error {
			if changed, err := x.DelAccess(store.Owner{Group: "web"}, a); !changed || err != nil {
				t.Errorf("DelAccess(%v) = %v, %v", a, changed, err)
			}
			if changed, err := x.DelAccess(store.Owner{Group: "web"}, a); changed || err != nil {
				t.Errorf("DelAccess(%v) again = %v, %v", a, changed, err)
			}
			return nil
		})
	}
	_, groups = f.state()
	f.same("after deletion", append([]gateway.Access{list[1]}, list[3:]...), groups["web"].Accesses)
}

func testGuests(t *testing.T, f *fixture) {
	f.seed()
	a, b := access("root@10.0.0.1:22"), access("10.0.0.2:22")
	f.update(func(x store.Tx) error {
		return errors.Join(
			add(x, store.Owner{Group: "web"}, a),
			add(x, store.Owner{Group: "web", Guest: "alice"}, a, b),
			add(x, store.Owner{Group: "web", Guest: "bob"}, a),
			add(x, store.Owner{Account: "alice"}, a))
	})
	for _, c := range f.changes[0] {
		if c.Account != nil && c.Account.Name == "bob" {
			t.Error("a guest access is told as a change of the account")
		}
	}
	_, groups := f.state()
	f.same("guests", map[string][]gateway.Access{"alice": {a, b}, "bob": {a}}, groups["web"].Guests)
	f.same("the group's own", []gateway.Access{a}, groups["web"].Accesses)

	f.update(func(x store.Tx) error {
		_, err := x.DelAccess(store.Owner{Group: "web", Guest: "bob"}, a)
		return err
	})
	accounts, groups := f.state()
	f.same("without bob", map[string][]gateway.Access{"alice": {a, b}}, groups["web"].Guests)
	f.same("personal", []gateway.Access{a}, accounts["alice"].Personal)
}

func testDeletion(t *testing.T, f *fixture) {
	f.seed()
	a := access("root@10.0.0.1:22")
	host := store.HostKey{Addr: netip.MustParseAddr("10.0.0.1"), Port: 22, Type: "ssh-rsa", Blob: []byte{1}, Added: now}
	var key, password int64
	fill := func() {
		f.update(func(x store.Tx) (err error) {
			key, err = x.AddEgressKey(store.Owner{Account: "alice"}, gateway.EgressKey{Blob: []byte{1}, Fingerprint: "f"}, []byte("s"))
			_, e1 := x.AddIngressKey("alice", gateway.IngressKey{Blob: []byte{1}})
			p, e4 := x.AddEgressPassword(store.Owner{Account: "alice"}, gateway.EgressPassword{Created: now}, []byte("s"))
			_, e5 := x.AddEgressPassword(store.Owner{Group: "web"}, gateway.EgressPassword{Created: now}, []byte("s"))
			password = p
			_, e2 := x.Grant("alice", "auditor")
			_, e3 := x.AddRole("db", gateway.Member, "alice", time.Time{}, now)
			return errors.Join(err, e1, e2, e3, e4, e5, add(x, store.Owner{Account: "alice"}, a), add(x, store.Owner{Group: "web", Guest: "alice"}, a))
		})
	}
	fill()
	if err := f.AddHostKey(f.ctx, "alice", host); err != nil {
		t.Fatal(err)
	}
	f.changes = nil
	f.update(func(x store.Tx) error { return x.DeleteAccount("alice") })
	told := map[string]bool{}
	for _, c := range f.changes[0] {
		told[c.DeletedAccount] = true
		if c.Group != nil {
			told[c.Group.Name] = true
			if c.Group.Has(gateway.Member, "alice", now) || c.Group.Has(gateway.Guest, "alice", now) {
				t.Errorf("%s still knows alice", c.Group.Name)
			}
		}
	}
	if !told["alice"] || !told["web"] || !told["db"] || len(f.changes[0]) != 3 {
		t.Errorf("told %v, want alice's deletion and both groups", told)
	}
	if _, err := f.SealedKey(f.ctx, key); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("her sealed key is still there: %v", err)
	}
	if _, err := f.SealedPassword(f.ctx, password); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("her sealed password is still there: %v", err)
	}

	// The next one of the name starts with nothing.
	f.update(func(x store.Tx) error { return account(x, "alice") })
	accounts, _ := f.state()
	f.same("the next alice", &gateway.Account{Name: "alice", UID: 2000}, accounts["alice"])
	if keys, err := f.HostKeys(f.ctx, "alice", netip.AddrPortFrom(host.Addr, 22), netip.AddrPort{}); len(keys) != 0 || err != nil {
		t.Errorf("the next alice trusts %v, %v", keys, err)
	}

	fill()
	f.changes = nil
	f.update(func(x store.Tx) error { return x.DeleteGroup("web") })
	f.same("told", [][]store.Change{{{DeletedGroup: "web"}}}, f.changes)
	f.update(func(x store.Tx) error { return group(x, "web") })
	_, groups := f.state()
	f.same("the next web", &gateway.Group{Name: "web", Created: now, CreatedBy: "root"}, groups["web"])
}
