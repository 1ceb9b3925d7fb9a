// Package storetest is what every engine of the store must pass.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"gateway"
	"gateway/internal/store"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Now is a time that every engine can keep exactly.
var now = time.Date(2026, 6, 1, 12, 0, 0, 123456000, time.UTC)

// Run runs the suite. open gives an empty store, which the test closes.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, *fixture){
		"Accounts":       testAccounts,
		"Archive":        testArchive,
		"RenameAccount":  testRenameAccount,
		"UIDs":           testUIDs,
		"Grants":         testGrants,
		"IngressKeys":    testIngressKeys,
		"EgressKeys":     testEgressKeys,
		"Groups":         testGroups,
		"Passwords":      testPasswords,
		"Rename":         testRename,
		"RoleEnds":       testRoleEnds,
		"GroupScalars":   testGroupScalars,
		"Maintenance":    testMaintenance,
		"Accesses":       testAccesses,
		"Guests":         testGuests,
		"Databases":      testDatabases,
		"UpdateDatabase": testUpdateDatabase,
		"DatabaseGuests": testDatabaseGuests,
		"Deletion":       testDeletion,
		"Errors":         testErrors,
		"Rollback":       testRollback,
		"OnCommit":       testOnCommit,
		"Writers":        testWriters,
		"HostKeys":       testHostKeys,
		"Sessions":       testSessions,
		"Filter":         testFilter,
		"TouchLogin":     testTouchLogin,
		"Cancellation":   testCancellation,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error("close:", err)
				}
			})
			f := &fixture{T: t, Store: s, ctx: t.Context()}
			s.OnCommit(func(c []store.Change) { f.changes = append(f.changes, c) })
			test(t, f)
		})
	}
}

// fixture is a store under test and what it told of its commits.
type fixture struct {
	*testing.T
	store.Store
	ctx     context.Context
	changes [][]store.Change // one per call of OnCommit
}

// update runs f in a transaction that must succeed.
func (f *fixture) update(do func(x store.Tx) error) {
	f.Helper()
	if err := f.Update(f.ctx, do); err != nil {
		f.Fatal("Update:", err)
	}
}

// fails runs f in a transaction that must fail so.
func (f *fixture) fails(want error, do func(x store.Tx) error) {
	f.Helper()
	if err := f.Update(f.ctx, do); !errors.Is(err, want) {
		f.Errorf("Update: %v, want %v", err, want)
	}
}

// state loads everything, by name.
func (f *fixture) state() (map[string]*gateway.Account, map[string]*gateway.Group) {
	f.Helper()
	as, gs, err := f.Load(f.ctx)
	if err != nil {
		f.Fatal("Load:", err)
	}
	accounts, groups := map[string]*gateway.Account{}, map[string]*gateway.Group{}
	for _, a := range as {
		accounts[a.Name] = a
	}
	for _, g := range gs {
		groups[g.Name] = g
	}
	return accounts, groups
}

// same compares nouns; no list and an empty one are the same.
func (f *fixture) same(what string, want, got any) {
	f.Helper()
	equalNet := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	equalAddr := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	equalPort := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), equalNet, equalAddr, equalPort); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func account(x store.Tx, names ...string) error {
	for _, name := range names {
		if err := x.CreateAccount(&gateway.Account{Name: name}, 2000, 9999); err != nil {
			return err
		}
	}
	return nil
}

func group(x store.Tx, names ...string) error {
	for _, name := range names {
		if err := x.CreateGroup(&gateway.Group{Name: name, Created: now, CreatedBy: "root"}); err != nil {
			return err
		}
	}
	return nil
}

// seed makes the accounts alice, bob and carol and the groups web and db.
func (f *fixture) seed() {
	f.Helper()
	f.update(func(x store.Tx) error {
		return errors.Join(account(x, "alice", "bob", "carol"), group(x, "web", "db"))
	})
	f.changes = nil
}

func access(text string) gateway.Access {
	a, err := gateway.ParseAccess(text)
	if err != nil {
		panic(err) // a mistake in a test
	}
	a.AddedBy, a.AddedAt = "bob", now
	return a
}

// through gives a with a jump host.
func through(a gateway.Access, user string, port uint16) gateway.Access {
	a.Proxy = gateway.Hop{Addr: netip.MustParseAddr("192.0.2.9"), Port: port, User: user}
	return a
}

func add(x store.Tx, o store.Owner, list ...gateway.Access) error {
	for _, a := range list {
		if changed, err := x.AddAccess(o, a, now); err != nil || !changed {
			return fmt.Errorf("AddAccess(%v, %v) = %v, %w", o, a, changed, err)
		}
	}
	return nil
}

// testWriters: 32 at once lose nothing, and readers see whole transactions.
func testWriters(t *testing.T, f *fixture) {
	const writers, rounds = 32, 5
	f.update(func(x store.Tx) error { return group(x, "all") })
	f.changes = nil
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				name := fmt.Sprintf("a%02d-%d", w, i)
				err := f.Update(f.ctx, func(x store.Tx) error {
					if err := account(x, name); err != nil {
						return err
					}
					if _, err := x.AddRole("all", gateway.Member, name, time.Time{}, now); err != nil {
						return err
					}
					return add(x, store.Owner{Account: name}, access("10.0.0.1:22"))
				})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if err := f.BeginSession(f.ctx, store.Session{ID: gateway.NewSessionID(), Account: name, Started: now}); err != nil {
					t.Errorf("session of %s: %v", name, err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			as, gs, err := f.Load(f.ctx)
			if err != nil || len(gs) != 1 || len(gs[0].Members) != len(as) {
				t.Errorf("Load saw half a transaction: %d accounts, %v", len(as), err)
				return
			}
		}
	})
	wg.Wait()
	accounts, groups := f.state()
	sessions, err := f.Sessions(f.ctx, store.SessionFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if n := writers * rounds; len(accounts) != n || len(groups["all"].Members) != n || len(sessions) != n || len(f.changes) != n {
		t.Errorf("%d accounts, %d members, %d sessions, %d commits told; want %d of each",
			len(accounts), len(groups["all"].Members), len(sessions), len(f.changes), n)
	}
	uids := map[int]bool{}
	for name, a := range accounts {
		if len(a.Personal) != 1 {
			t.Errorf("%s has %d accesses, want 1", name, len(a.Personal))
		}
		uids[a.UID] = true
	}
	if len(uids) != len(accounts) {
		t.Errorf("%d accounts share %d uids", len(accounts), len(uids))
	}
}

// testCancellation: what is cancelled changes nothing and harms nobody after.
func testCancellation(t *testing.T, f *fixture) {
	f.seed()
	ctx, cancel := context.WithCancel(f.ctx)
	err := f.Update(ctx, func(x store.Tx) error {
		if err := account(x, "dave"); err != nil {
			return err
		}
		cancel()
		_, err := x.Grant("dave", "auditor")
		return err
	})
	if err == nil {
		t.Error("a cancelled transaction was committed")
	}
	func() {
		defer func() { _ = recover() }()
		_ = f.Update(f.ctx, func(x store.Tx) error {
			_ = account(x, "erin")
			panic("a bug of the caller")
		})
	}()
	var kept store.Tx
	f.update(func(x store.Tx) error { kept = x; return account(x, "frank") })
	if err := account(kept, "grace"); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("a transaction was used after its end: %v", err)
	}
	accounts, _ := f.state()
	if accounts["dave"] != nil || accounts["erin"] != nil || accounts["grace"] != nil || accounts["frank"] == nil || len(f.changes) != 1 {
		t.Errorf("accounts %v, commits %v", accounts, f.changes)
	}
}
