package admin_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
	"gateway/internal/store"
	"gateway/policy"
)

// world is a fixture with somebody for every right.
type world struct {
	*fixture
	network *fakeNetwork
	vault   *forgettingVault
}

// newWorld has, besides the accounts of every fixture, the administrator boss,
// the superowner super and the auditor eve, and the group web, with one key
// and one server, whose roles are held by owner, gatekeeper, aclkeeper, member
// and guest. The account zoe has no right at all; frozen is frozen.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	f := newFixtureFrom(t, &worldState, fillWorld)
	w := &world{f, &fakeNetwork{fakeDeps: f.deps}, new(forgettingVault)}
	f.exec.Deps, f.exec.Vault = w.network, w.vault
	f.set.Admins = append(f.set.Admins, "boss")
	f.live.Update(func(s *policy.Snapshot) *policy.Snapshot {
		return s.WithRules(policy.Rules{IPv4: true, IPv6: true, MaxInactiveDays: 90})
	})
	return w
}

func fillWorld(f *fixture) {
	for _, name := range []string{
		"alice", "bob", "carol", "aclkeeper", "boss", "eve", "frozen", "gatekeeper", "guest", "member", "zoe", "owner", "super",
	} {
		f.account(name)
	}
	w := &world{fixture: f}
	f.group("web", map[gateway.Role]string{
		gateway.Owner: "owner", gateway.Gatekeeper: "gatekeeper", gateway.Aclkeeper: "aclkeeper", gateway.Member: "member",
	})
	f.grant("eve", "auditor")
	w.add(store.Owner{Group: "web"}, "root@192.0.2.1:22")
	w.add(store.Owner{Group: "web", Guest: "guest"}, "root@192.0.2.1:22")
	f.change(func(tx store.Tx) error {
		a, err := tx.Account("frozen")
		if err != nil {
			return err
		}
		a.Freeze = &gateway.Freeze{By: "boss", Reason: "test", At: f.now}
		return tx.UpdateAccount(a)
	})
}

// add adds an access, as gateway.ParseAccess reads it.
func (w *world) add(o store.Owner, text string) {
	w.t.Helper()
	a, err := gateway.ParseAccess(text)
	if err != nil {
		w.t.Fatal(err)
	}
	a.AddedBy, a.AddedAt = "boss", w.now
	w.change(func(tx store.Tx) error { _, err := tx.AddAccess(o, a, w.now); return err })
}

// local executes a command as the owner of the node.
func (w *world) local(code, command string, req any) osh.Result {
	w.t.Helper()
	r := w.runAs(admin.Actor{Local: true}, command, req)
	if r.Code != code {
		w.t.Fatalf("%s on the node = %s (%s), want %s", command, r.Code, r.Message, code)
	}
	return r
}

// forgettingVault knows what it was told to forget.
type forgettingVault struct {
	fakeVault
	forgotten []string
}

func (v *forgettingVault) Forget(context string) { v.forgotten = append(v.forgotten, context) }

// fakeNetwork has hosts to be tried.
type fakeNetwork struct {
	*fakeDeps
	targets  []string
	probeErr error
	probing  func() // called by each Probe
}

func (n *fakeNetwork) Resolve(_ context.Context, host string) (netip.Addr, error) {
	switch host {
	case "web1":
		return netip.MustParseAddr("192.0.2.1"), nil
	case "six":
		return netip.MustParseAddr("2001:db8::6"), nil
	case "forbidden":
		return netip.Addr{}, gateway.ErrDenied
	}
	return netip.Addr{}, gateway.ErrNotFound
}

func (n *fakeNetwork) Probe(_ context.Context, _ admin.Actor, p admin.Probe) error {
	route := p.Target.String()
	if p.Jump != (gateway.Target{}) {
		route += " via " + p.Jump.String()
	}
	n.targets = append(n.targets, route)
	if n.probing != nil {
		n.probing()
	}
	return n.probeErr
}

// printable fails when an answer could drive a terminal, or is long.
func printable(t *testing.T, r osh.Result) {
	t.Helper()
	for line := range strings.Lines(r.Message) {
		if line = strings.TrimSuffix(line, "\n"); gateway.Printable(line) != line {
			t.Errorf("message %q is not printable", line)
		}
	}
	if len(r.Message) > 400 {
		t.Errorf("a message of %d bytes", len(r.Message))
	}
}

const day = 24 * time.Hour
