package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
	"gateway/internal/profiles"
	"gateway/internal/store"
	"gateway/internal/store/sqlite"
	"gateway/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// fixture is an executor over a real store, with the rest faked.
type fixture struct {
	t        *testing.T
	exec     *admin.Executor
	store    store.Store
	live     *policy.Live
	now      time.Time
	set      admin.Settings
	deps     *fakeDeps
	mu       sync.Mutex
	records  []admin.Record // guarded by mu
	noAudit  bool
	profiles fstest.MapFS // files of the node
}

// newFixture has the accounts alice (admin), bob and carol.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureFrom(t, &fixtureState, func(f *fixture) {
		for _, name := range []string{"alice", "bob", "carol"} {
			f.account(name)
		}
	})
}

// state is a store as a test finds it: made once, then copied, as each change
// waits for the disk.
type state struct {
	once sync.Once
	file []byte
}

var fixtureState, worldState state

// newFixtureFrom starts with a copy of s, which the first one fills.
func newFixtureFrom(t *testing.T, s *state, fill func(*fixture)) *fixture {
	t.Helper()
	s.once.Do(func() {
		path := filepath.Join(t.TempDir(), "first.db")
		f := openFixture(t, path)
		fill(f)
		if err := f.store.Close(); err != nil {
			t.Fatal(err)
		}
		var err error
		if s.file, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	})
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, s.file, 0o600); err != nil {
		t.Fatal(err)
	}
	f := openFixture(t, path)
	accounts, groups, err := f.store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.live.Update(func(s *policy.Snapshot) *policy.Snapshot {
		for _, a := range accounts {
			s = s.WithAccount(a)
		}
		for _, g := range groups {
			s = s.WithGroup(g)
		}
		return s
	})
	return f
}

func openFixture(t *testing.T, path string) *fixture {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f := &fixture{
		t: t, store: s, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), deps: &fakeDeps{}, profiles: fstest.MapFS{},
		live: policy.NewLive(policy.New(nil, nil, policy.Rules{
			IPv4: true, IPv6: true, Forbidden: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		})),
		set: admin.Settings{
			Name: "gw", Hostname: "gw.example", AliasCommand: "ssh USER@gw.example -t -- ", Admins: []string{"alice"}, SuperOwners: []string{"super"},
			IngressAlgorithms: []string{"rsa", "ecdsa", "ed25519"}, EgressAlgorithms: []string{"rsa", "ecdsa", "ed25519"},
			IngressRSAMin: 2048, IngressRSAMax: 8192, EgressRSAMin: 2048, EgressRSAMax: 8192,
			DefaultAlgorithm: "ed25519", DefaultSize: 256, UIDMin: 10000, UIDMax: 19999, InteractiveAllowed: true, Version: "1.0.0",
		},
	}
	s.OnCommit(f.onCommit)
	f.exec = &admin.Executor{
		Store: s, Policy: f.live, Vault: fakeVault{}, Deps: f.deps,
		Config:   func() admin.Settings { return f.set },
		Now:      func() time.Time { return f.now },
		Audit:    f.audit,
		Profiles: profiles.NewLive(f.profiles).Set,
	}
	return f
}

func (f *fixture) onCommit(changes []store.Change) {
	f.live.Update(func(s *policy.Snapshot) *policy.Snapshot {
		for _, c := range changes {
			switch {
			case c.Account != nil:
				s = s.WithAccount(c.Account)
			case c.Group != nil:
				s = s.WithGroup(c.Group)
			case c.DeletedAccount != "":
				s = s.WithoutAccount(c.DeletedAccount)
			case c.DeletedGroup != "":
				s = s.WithoutGroup(c.DeletedGroup)
			case c.MaintenanceSet:
				s = s.WithMaintenance(c.Maintenance)
			}
		}
		return s
	})
}

func (f *fixture) audit(_ context.Context, r admin.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.noAudit {
		return gateway.ErrUnavailable
	}
	f.records = append(f.records, r)
	return nil
}

// change prepares the state behind the executor's back.
func (f *fixture) change(g func(tx store.Tx) error) {
	f.t.Helper()
	if err := f.store.Update(f.t.Context(), g); err != nil {
		f.t.Fatal(err)
	}
}

// account makes an account with one egress key.
func (f *fixture) account(name string) {
	f.t.Helper()
	f.change(func(tx store.Tx) error {
		a := &gateway.Account{Name: name, Created: f.now, CreatedBy: "init"}
		if err := tx.CreateAccount(a, f.set.UIDMin, f.set.UIDMax); err != nil {
			return err
		}
		key, sealed, err := fakeVault{}.GenerateKey("ed25519", 256, name)
		if err != nil {
			return err
		}
		key.Comment, key.Created = name+"@gw", f.now
		_, err = tx.AddEgressKey(store.Owner{Account: name}, key, sealed)
		return err
	})
}

func (f *fixture) grant(account string, commands ...string) {
	f.t.Helper()
	f.change(func(tx store.Tx) error {
		for _, c := range commands {
			if _, err := tx.Grant(account, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// group makes a group with holders of roles.
func (f *fixture) group(name string, holders map[gateway.Role]string) {
	f.t.Helper()
	f.change(func(tx store.Tx) error {
		if err := tx.CreateGroup(&gateway.Group{Name: name, Created: f.now, CreatedBy: "init"}); err != nil {
			return err
		}
		for role, account := range holders {
			if _, err := tx.AddRole(name, role, account, time.Time{}, f.now); err != nil {
				return err
			}
		}
		key, sealed, err := fakeVault{}.GenerateKey("ed25519", 256, "group "+name)
		if err != nil {
			return err
		}
		key.Comment, key.Created = name+"@gw", f.now
		_, err = tx.AddEgressKey(store.Owner{Group: name}, key, sealed)
		return err
	})
}

// run executes a line's command as account.
func (f *fixture) run(account, command string, req any) osh.Result {
	f.t.Helper()
	return f.runAs(admin.Actor{
		Account: account, Session: "0123456789abcdef01234567", From: netip.MustParseAddrPort("198.51.100.9:40000"),
	}, command, req)
}

func (f *fixture) runAs(a admin.Actor, command string, req any) osh.Result {
	f.t.Helper()
	raw, err := json.Marshal(req)
	if err != nil {
		f.t.Fatal(err)
	}
	r := f.exec.Run(f.t.Context(), a, command, raw)
	f.t.Cleanup(r.Close)
	return r
}

// want runs a command and checks its code.
func (f *fixture) want(code, account, command string, req any) osh.Result {
	f.t.Helper()
	r := f.run(account, command, req)
	if r.Code != code {
		f.t.Errorf("%s of %s with %+v = %s (%s), want %s", command, account, req, r.Code, r.Message, code)
	}
	if ok := r.Code[:2] == "OK"; ok != (r.Exit == 0) {
		f.t.Errorf("%s of %s: exit %d with %s", command, account, r.Exit, r.Code)
	}
	return r
}

// golden compares a result with testdata/NAME.json.
func (f *fixture) golden(name string, r osh.Result) {
	f.t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		f.t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, raw, "", "  "); err != nil {
		f.t.Fatal(err)
	}
	got.WriteByte('\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		f.t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// last returns the newest audit record.
func (f *fixture) last() admin.Record {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.records) == 0 {
		f.t.Fatal("nothing was recorded")
	}
	return f.records[len(f.records)-1]
}

// names are the accounts, as policy has them.
func (f *fixture) names() []string {
	var names []string
	for a := range f.live.Load().Accounts() {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}
