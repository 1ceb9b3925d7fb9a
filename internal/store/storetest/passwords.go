package storetest

import (
	"errors"
	"fmt"
	"testing"

	"gateway"
	"gateway/internal/store"
)

// hashes are no real ones, but all different.
func hashes(of string) gateway.PasswordHashes {
	return gateway.PasswordHashes{MD5Crypt: "$1$" + of, SHA256Crypt: "$5$" + of, SHA512Crypt: "$6$" + of, Type8: "$8$" + of, Type9: "$9$" + of}
}

func testPasswords(t *testing.T, f *fixture) {
	f.seed()
	p := func(name string) gateway.EgressPassword {
		return gateway.EgressPassword{Hashes: hashes(name), Created: now, CreatedBy: "bob", CreatedWith: "1.0.0"}
	}
	owners := []store.Owner{{Account: "alice"}, {Account: "bob"}, {Group: "web"}, {Group: "db"}}
	want := map[store.Owner][]gateway.EgressPassword{}
	give := func(o store.Owner, name string) {
		f.update(func(x store.Tx) error {
			added := p(name)
			id, err := x.AddEgressPassword(o, added, []byte("sealed "+name))
			added.ID = id
			want[o] = append([]gateway.EgressPassword{added}, want[o]...)
			return err
		})
	}
	for _, name := range []string{"first", "second", "third"} {
		for _, o := range owners {
			give(o, name+o.Account+o.Group)
		}
	}
	check := func() {
		t.Helper()
		accounts, groups := f.state()
		for _, o := range owners {
			got := []gateway.EgressPassword(nil)
			if o.Account != "" {
				got = accounts[o.Account].Passwords
			} else {
				got = groups[o.Group].Passwords
			}
			f.same(fmt.Sprint(o), want[o], got)
		}
	}
	check()
	if last := f.changes[len(f.changes)-1]; len(last) != 1 || last[0].Group == nil || len(last[0].Group.Passwords) != 3 {
		t.Errorf("told %+v", last)
	}
	for o, list := range want {
		for i, name := range []string{"third", "second", "first"} {
			sealed, err := f.SealedPassword(f.ctx, list[i].ID)
			if want := "sealed " + name + o.Account + o.Group; err != nil || string(sealed) != want {
				t.Errorf("SealedPassword(%d) = %q, %v, want %q", list[i].ID, sealed, err, want)
			}
		}
	}

	// The oldest makes room, and only that of the same owner.
	web := store.Owner{Group: "web"}
	oldest := want[web][2].ID
	for i := range gateway.MaxEgressPasswords - 2 {
		give(web, fmt.Sprint(i))
	}
	want[web] = want[web][:gateway.MaxEgressPasswords]
	check()
	if _, err := f.SealedPassword(f.ctx, oldest); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("the sealed password outlived the password: %v", err)
	}

	for name, o := range map[string]store.Owner{"a guest": {Group: "web", Guest: "bob"}, "nobody": {}, "both": {Account: "alice", Group: "web"}} {
		err := f.Update(f.ctx, func(x store.Tx) error { _, err := x.AddEgressPassword(o, p("x"), nil); return err })
		if !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("of %s: %v", name, err)
		}
	}
	for _, o := range []store.Owner{{Account: "none"}, {Group: "none"}} {
		f.fails(gateway.ErrNotFound, func(x store.Tx) error { _, err := x.AddEgressPassword(o, p("x"), nil); return err })
	}
	if _, err := f.SealedPassword(f.ctx, 0); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("SealedPassword(0) = %v", err)
	}
	check()
}
