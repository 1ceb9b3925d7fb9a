package storetest

import (
	"errors"
	"testing"
	"time"

	"gateway"
	"gateway/internal/store"
)

func database(name string) gateway.Database {
	return gateway.Database{Name: name, Host: name + ".example.org", Port: 5432, Database: "app", User: "app", AddedBy: "bob", AddedAt: now}
}

// fullDatabase has something in every field.
func fullDatabase() gateway.Database {
	return gateway.Database{Name: "orders", Host: "2001:db8::1", Port: 65535, Database: "Größe", User: "app \"x\"", Role: "reader",
		TLS: gateway.TLSRequire, CA: "-----BEGIN", Password: true, Hook: "short", Certificate: "-----BEGIN c", ClearPassword: true,
		DatabaseLimits: gateway.DatabaseLimits{Allow: gateway.DatabaseRead, Rows: 1 << 40, StatementTimeout: 1500 * time.Millisecond, IdleInTransaction: time.Hour},
		Parameters:     gateway.ParametersHashed, Results: 7, Expires: now.Add(time.Hour), Comment: "café", AddedBy: "bob", AddedAt: now}
}

// addDatabase adds d to the group web, with the secrets that it says it has.
func (f *fixture) addDatabase(d gateway.Database) gateway.Database {
	f.Helper()
	var s store.DatabaseSecrets
	if d.Password {
		s.Password = []byte("sealed password of " + d.Name)
	}
	if d.Certificate != "" {
		s.Key = []byte("sealed key of " + d.Name)
	}
	f.update(func(x store.Tx) (err error) { d.ID, err = x.AddDatabase("web", d, s); return err })
	return d
}

func (f *fixture) sealedDatabase(id int64, kind store.SecretKind, want string) {
	f.Helper()
	sealed, err := f.SealedDatabase(f.ctx, id, kind)
	if want == "" && !errors.Is(err, gateway.ErrNotFound) || want != "" && (err != nil || string(sealed) != want) {
		f.Errorf("SealedDatabase(%s) = %q, %v, want %q", kind, sealed, err, want)
	}
}

func testDatabases(t *testing.T, f *fixture) {
	f.seed()
	full, plain := f.addDatabase(fullDatabase()), f.addDatabase(database("alpha"))
	_, groups := f.state()
	f.same("databases", []gateway.Database{plain, full}, groups["web"].Databases)
	f.same("told", []gateway.Database{plain, full}, f.changes[1][0].Group.Databases)
	f.sealedDatabase(full.ID, store.DatabasePassword, "sealed password of orders")
	f.sealedDatabase(full.ID, store.DatabaseKey, "sealed key of orders")
	f.sealedDatabase(plain.ID, store.DatabasePassword, "")
	f.sealedDatabase(plain.ID, store.DatabaseKey, "")
	f.sealedDatabase(0, store.DatabaseKey, "")
	if _, err := f.SealedDatabase(f.ctx, full.ID, store.EgressKey); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("an egress key of a database: %v", err)
	}

	// A name is one database's, whatever the group.
	f.fails(gateway.ErrConflict, func(x store.Tx) error {
		_, err := x.AddDatabase("db", database("orders"), store.DatabaseSecrets{})
		return err
	})
	f.fails(gateway.ErrNotFound, func(x store.Tx) error {
		_, err := x.AddDatabase("none", database("x"), store.DatabaseSecrets{})
		return err
	})
	f.fails(gateway.ErrInvalid, func(x store.Tx) error {
		_, err := x.AddDatabase("db", database(""), store.DatabaseSecrets{})
		return err
	})

	f.fails(gateway.ErrNotFound, func(x store.Tx) error { return x.UpdateDatabase(database("none"), store.DatabaseSecrets{}) })
	f.fails(gateway.ErrNotFound, func(x store.Tx) error { return x.DelDatabase("none") })

	// It goes with its secrets, and the next one of the name is another.
	f.changes = nil
	f.update(func(x store.Tx) error { return x.DelDatabase("orders") })
	f.same("told", []gateway.Database{plain}, f.changes[0][0].Group.Databases)
	f.sealedDatabase(full.ID, store.DatabasePassword, "")
	if again := f.addDatabase(database("orders")); again.ID == full.ID {
		t.Error("an id is used twice")
	}
	f.update(func(x store.Tx) error { return x.DeleteGroup("web") })
	f.sealedDatabase(plain.ID, store.DatabasePassword, "")
	f.update(func(x store.Tx) error { // the name is free
		_, err := x.AddDatabase("db", database("alpha"), store.DatabaseSecrets{})
		return err
	})
}

// testUpdateDatabase: what is changed is written, and only the secrets that it
// still has are kept.
func testUpdateDatabase(t *testing.T, f *fixture) {
	f.seed()
	full, other := f.addDatabase(fullDatabase()), f.addDatabase(database("other"))
	for _, step := range []struct {
		change        func(d *gateway.Database)
		secrets       store.DatabaseSecrets
		password, key string
	}{
		{func(d *gateway.Database) { d.Comment, d.Rows, d.Port = "", 0, 1 }, store.DatabaseSecrets{}, "sealed password of orders", "sealed key of orders"},
		{func(d *gateway.Database) { d.Host = "b" }, store.DatabaseSecrets{Password: []byte("p2")}, "p2", "sealed key of orders"},
		{func(d *gateway.Database) { d.Certificate = "second" }, store.DatabaseSecrets{Key: []byte("k2")}, "p2", "k2"},
		{func(d *gateway.Database) { d.Password = false }, store.DatabaseSecrets{}, "", "k2"},
		{func(d *gateway.Database) { d.Password = true }, store.DatabaseSecrets{Password: []byte("p3")}, "p3", "k2"},
		{func(d *gateway.Database) { d.Certificate = "" }, store.DatabaseSecrets{}, "p3", ""},
	} {
		step.change(&full)
		f.changes = nil
		f.update(func(x store.Tx) error { return x.UpdateDatabase(full, step.secrets) })
		_, groups := f.state()
		f.same("updated", []gateway.Database{full, other}, groups["web"].Databases)
		f.same("told", groups["web"].Databases, f.changes[0][0].Group.Databases)
		f.sealedDatabase(full.ID, store.DatabasePassword, step.password)
		f.sealedDatabase(full.ID, store.DatabaseKey, step.key)
	}
	f.update(func(x store.Tx) error { return x.RenameGroup("web", "front", none) }) // nothing to seal again
	f.sealedDatabase(full.ID, store.DatabasePassword, "p3")
	_, groups := f.state()
	f.same("renamed", []gateway.Database{full, other}, groups["front"].Databases)
}

func testDatabaseGuests(t *testing.T, f *fixture) {
	f.seed()
	f.addDatabase(database("orders"))
	f.addDatabase(database("alpha"))
	orders := gateway.DatabaseGuest{Database: "orders", Allow: gateway.DatabaseRead, Expires: now.Add(time.Hour), Comment: "é", AddedBy: "bob", AddedAt: now}
	alpha := gateway.DatabaseGuest{Database: "alpha", AddedBy: "bob", AddedAt: now}
	again := gateway.DatabaseGuest{Database: "orders", Comment: "second", AddedBy: "carol", AddedAt: now.Add(time.Minute)}
	for _, step := range []struct {
		account string
		guest   gateway.DatabaseGuest
		at      time.Time
		want    bool
	}{
		{"alice", orders, now, true}, {"alice", alpha, now, true}, {"bob", alpha, now, true},
		{"alice", again, now, false}, {"alice", again, now.Add(time.Hour - time.Second), false}, {"alice", again, now.Add(time.Hour), true},
		{"alice", orders, now, false},
	} {
		f.update(func(x store.Tx) error {
			changed, err := x.AddDatabaseGuest(step.account, step.guest, step.at)
			if changed != step.want {
				t.Errorf("AddDatabaseGuest(%s, %+v) at %v: changed = %v", step.account, step.guest, step.at, changed)
			}
			return err
		})
	}
	guests := func() map[string][]gateway.DatabaseGuest {
		_, groups := f.state()
		return groups["web"].DatabaseGuests
	}
	f.same("guests", map[string][]gateway.DatabaseGuest{"alice": {alpha, again}, "bob": {alpha}}, guests())
	if _, groups := f.state(); !groups["web"].Has(gateway.Guest, "bob", now) || groups["web"].Has(gateway.Guest, "carol", now) {
		t.Error("a guest of a database is none of the group")
	}
	add := func(account, database string) func(store.Tx) error {
		return func(x store.Tx) error {
			_, err := x.AddDatabaseGuest(account, gateway.DatabaseGuest{Database: database}, now)
			return err
		}
	}
	f.fails(gateway.ErrNotFound, add("nobody", "alpha"))
	f.fails(gateway.ErrNotFound, add("bob", "none"))
	f.update(func(x store.Tx) error { return x.RenameAccount("alice", "zoe", reseal) })
	f.update(func(x store.Tx) error {
		for _, want := range []bool{true, false} {
			if changed, err := x.DelDatabaseGuest("bob", "alpha"); changed != want || err != nil {
				t.Errorf("DelDatabaseGuest = %v, %v, want %v", changed, err, want)
			}
		}
		return nil
	})
	f.same("renamed and withdrawn", map[string][]gateway.DatabaseGuest{"zoe": {alpha, again}}, guests())

	// Of a deleted account nothing is left but its archive.
	f.changes = nil
	var id int64
	f.update(func(x store.Tx) (err error) { id, err = x.ArchiveAccount("zoe", "bob", now, reseal); return err })
	f.same("told", []gateway.DatabaseGuest(nil), f.changes[0][1].Group.DatabaseGuests["zoe"])
	f.same("archived", map[string][]gateway.DatabaseGuest(nil), guests())
	f.update(func(x store.Tx) error {
		a, err := x.Archive(id)
		web := store.ArchivedGroup{Name: "web", Created: now}
		f.same("archive", []store.ArchivedDatabaseGuest{{ArchivedGroup: web, AddedAt: now, Guest: alpha}, {ArchivedGroup: web, AddedAt: now, Guest: again}}, a.DatabaseGuest)
		return err
	})
	f.update(add("bob", "orders"))
	f.update(func(x store.Tx) error { return x.DelDatabase("orders") })
	f.same("without the database", map[string][]gateway.DatabaseGuest(nil), guests())
}
