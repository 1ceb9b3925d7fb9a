package storetest

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"gateway"
	"gateway/internal/store"
)

func testAccounts(t *testing.T, f *fixture) {
	days := 30
	full := gateway.Account{
		Name: "alice", UID: 4000, Created: now, CreatedBy: "root", Comment: "it's \"quoted\"; -- é\n",
		Freeze:  &gateway.Freeze{By: "bob", Reason: "left", At: now.Add(time.Hour)},
		Expires: now.Add(time.Minute), MaxInactiveDays: &days, LastLogin: now.Add(-time.Hour),
		AlwaysActive: true, OSHOnly: true, HostKeyPolicy: gateway.HostKeyAsk,
		Multiplexing: "no", ImmutableKeys: true, IdleIgnore: true, MFAPassword: gateway.FactorRequired, MFATOTP: gateway.FactorBypass,
		PersonalMFA: gateway.MFATOTP, PAMAuthBypass: true, PubkeyAuthOptional: true, CreatedWith: "1.2.3",
	}
	f.update(func(x store.Tx) error {
		a := full
		if err := x.CreateAccount(&a, 2000, 9999); err != nil {
			return err
		}
		got, err := x.Account("alice")
		f.same("inside the transaction", &full, got)
		return err
	})
	accounts, _ := f.state()
	f.same("loaded", map[string]*gateway.Account{"alice": &full}, accounts)

	// Zero values stay apart from set ones.
	zero := 0
	next := gateway.Account{Name: "alice", UID: 4001, MaxInactiveDays: &zero}
	f.update(func(x store.Tx) error { return x.UpdateAccount(&next) })
	accounts, _ = f.state()
	f.same("updated", &next, accounts["alice"])
	if got := accounts["alice"]; got.Freeze != nil || !got.Expires.IsZero() || got.MaxInactiveDays == nil {
		t.Errorf("zero values came back as %+v", got)
	}
	// A freeze without words is still a freeze.
	next.Freeze = &gateway.Freeze{}
	f.update(func(x store.Tx) error { return x.UpdateAccount(&next) })
	if accounts, _ = f.state(); accounts["alice"].Freeze == nil {
		t.Error("an empty freeze thawed")
	}
}

func testUIDs(t *testing.T, f *fixture) {
	uid := func(name string, fixed, lo, hi int) int {
		a := &gateway.Account{Name: name, UID: fixed}
		f.update(func(x store.Tx) error { return x.CreateAccount(a, lo, hi) })
		return a.UID
	}
	for _, test := range []struct {
		name          string
		fixed, lo, hi int
		want          int
	}{
		{"a", 0, 2000, 2009, 2000},
		{"b", 0, 2000, 2009, 2001},
		{"c", 2003, 2000, 2009, 2003},
		{"d", 0, 2000, 2009, 2002},
		{"e", 0, 2000, 2009, 2004},
		{"f", 0, 3000, 3000, 3000},
		{"g", 1999, 2000, 2009, 1999},
		{"h", 0, 1999, 2009, 2005},
	} {
		if got := uid(test.name, test.fixed, test.lo, test.hi); got != test.want {
			t.Errorf("%s: uid %d, want %d", test.name, got, test.want)
		}
	}
	f.update(func(x store.Tx) error { return x.DeleteAccount("b") })
	if got := uid("i", 0, 2000, 2009); got != 2001 {
		t.Errorf("the uid of a deleted account: %d, want 2001", got)
	}
	f.fails(errTest, func(x store.Tx) error { return errors.Join(account(x, "gone"), errTest) })
	if got := uid("j", 0, 2000, 2009); got != 2006 {
		t.Errorf("the uid of a transaction that failed: %d, want 2006", got)
	}
	f.fails(gateway.ErrConflict, func(x store.Tx) error {
		return x.CreateAccount(&gateway.Account{Name: "k"}, 3000, 3000)
	})
	f.fails(gateway.ErrConflict, func(x store.Tx) error {
		return x.CreateAccount(&gateway.Account{Name: "k", UID: 3000}, 0, 0)
	})
}

var errTest = errors.New("the caller's own error")

func testGrants(t *testing.T, f *fixture) {
	f.seed()
	f.update(func(x store.Tx) error {
		for _, step := range []struct {
			do      func(account, command string) (bool, error)
			command string
			want    bool
		}{
			{x.Grant, "realmCreate", true}, {x.Grant, "auditor", true}, {x.Grant, "auditor", false},
			{x.Grant, "groupCreate", true}, {x.Revoke, "groupCreate", true}, {x.Revoke, "groupCreate", false},
		} {
			if got, err := step.do("alice", step.command); got != step.want || err != nil {
				t.Errorf("%s: changed = %v, %v, want %v", step.command, got, err, step.want)
			}
		}
		return nil
	})
	accounts, _ := f.state()
	f.same("grants", []string{"auditor", "realmCreate"}, accounts["alice"].Grants)
	f.same("grants of another", []string(nil), accounts["bob"].Grants)
}

func testIngressKeys(t *testing.T, f *fixture) {
	f.seed()
	k := gateway.IngressKey{Type: "ssh-ed25519", Blob: []byte{0, 1, 0xff}, Comment: "laptop", AddedBy: "alice", AddedAt: now, UniqID: "x",
		From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}}
	other := gateway.IngressKey{Type: "ssh-rsa", Blob: []byte{2}}
	f.update(func(x store.Tx) (err error) {
		if k.ID, err = x.AddIngressKey("alice", k); err != nil {
			return err
		}
		if other.ID, err = x.AddIngressKey("alice", other); err != nil {
			return err
		}
		_, err = x.AddIngressKey("bob", k) // shared keys are for others to judge
		return err
	})
	accounts, _ := f.state()
	f.same("keys", []gateway.IngressKey{k, other}, accounts["alice"].IngressKeys)
	f.fails(gateway.ErrConflict, func(x store.Tx) error {
		_, err := x.AddIngressKey("alice", k)
		return err
	})
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { return x.DelIngressKey("carol", k.ID) })
	f.update(func(x store.Tx) error { return x.DelIngressKey("alice", k.ID) })
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { return x.DelIngressKey("alice", k.ID) })
	accounts, _ = f.state()
	f.same("keys after deletion", []gateway.IngressKey{other}, accounts["alice"].IngressKeys)
	if len(accounts["bob"].IngressKeys) != 1 {
		t.Error("bob's key went with alice's")
	}
}

func testEgressKeys(t *testing.T, f *fixture) {
	f.seed()
	k := gateway.EgressKey{Type: "ssh-ed25519", Blob: []byte{0, 1}, Size: 256, Fingerprint: "SHA256:x", Comment: "c", Created: now}
	own, of := k, k
	f.update(func(x store.Tx) (err error) {
		if own.ID, err = x.AddEgressKey(store.Owner{Account: "alice"}, k, []byte("sealed 1")); err != nil {
			return err
		}
		of.ID, err = x.AddEgressKey(store.Owner{Group: "web"}, k, []byte("sealed 2"))
		return err
	})
	accounts, groups := f.state()
	f.same("of the account", []gateway.EgressKey{own}, accounts["alice"].EgressKeys)
	f.same("of the group", []gateway.EgressKey{of}, groups["web"].Keys)
	for id, want := range map[int64]string{own.ID: "sealed 1", of.ID: "sealed 2"} {
		if got, err := f.SealedKey(f.ctx, id); string(got) != want || err != nil {
			t.Errorf("SealedKey(%d) = %q, %v, want %q", id, got, err, want)
		}
	}
	f.changes = nil
	f.update(func(x store.Tx) error { return x.DelEgressKey(of.ID) })
	if len(f.changes) != 1 || len(f.changes[0]) != 1 || f.changes[0][0].Group == nil {
		t.Errorf("deleting a group's key told %v", f.changes)
	}
	if _, err := f.SealedKey(f.ctx, of.ID); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("the sealed key outlived the key: %v", err)
	}
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { return x.DelEgressKey(of.ID) })
	f.fails(gateway.ErrInvalid, func(x store.Tx) error {
		_, err := x.AddEgressKey(store.Owner{Group: "web", Guest: "bob"}, k, nil)
		return errors.Join(err)
	})
	// An id never names two keys: signers and audit records go by it.
	f.update(func(x store.Tx) error {
		id, err := x.AddEgressKey(store.Owner{Group: "web"}, k, []byte("s"))
		if id == of.ID || id == own.ID {
			t.Errorf("id %d was given twice", id)
		}
		return err
	})
}

func testTouchLogin(t *testing.T, f *fixture) {
	f.seed()
	for _, step := range []struct {
		at, want time.Duration // after now
		told     int
	}{{0, 0, 1}, {30 * time.Second, 30 * time.Second, 1}, {10 * time.Second, 30 * time.Second, 1}, {5 * time.Minute, 5 * time.Minute, 2}, {-time.Hour, 5 * time.Minute, 2}} {
		if err := f.TouchLogin(f.ctx, "alice", now.Add(step.at)); err != nil {
			t.Fatal(err)
		}
		accounts, _ := f.state()
		if got := accounts["alice"].LastLogin.Sub(now); got != step.want || len(f.changes) != step.told {
			t.Errorf("login at %v: last %v, %d changes told, want %v and %d", step.at, got, len(f.changes), step.want, step.told)
		}
	}
	if err := f.TouchLogin(f.ctx, "nobody", now); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("TouchLogin(nobody) = %v", err)
	}
}
