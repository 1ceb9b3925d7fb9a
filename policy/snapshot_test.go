package policy_test

import (
	"slices"
	"sync"
	"testing"

	"gateway"
	"gateway/policy"

	"github.com/google/go-cmp/cmp"
)

func TestSnapshotOrder(t *testing.T) {
	accounts, groups := world(t)
	s := policy.New(accounts, groups, open)
	var names []string
	for a := range s.Accounts() {
		names = append(names, a.Name)
	}
	if !slices.IsSorted(names) || len(names) != len(accounts) {
		t.Errorf("Accounts() = %v, want all %d sorted", names, len(accounts))
	}
	names = nil
	for g := range s.Groups() {
		names = append(names, g.Name)
	}
	if diff := cmp.Diff([]string{"bare", "db", "web"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"db[guest]", "web[member]"}, view(s, "alice")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"web[owner guest]"}, view(s, "carol")); diff != "" {
		t.Error(diff)
	}
	if got := s.GroupsOf("nobody", now); len(got) != 0 {
		t.Errorf("GroupsOf(nobody, now) = %v", got)
	}
}

// TestSnapshotIsImmutable: what a session decides on stays as it was while
// others change it.
func TestSnapshotIsImmutable(t *testing.T) {
	accounts, groups := world(t)
	before := policy.New(accounts, groups, open)
	r := request(t, "bob", "root@10.0.0.1:22", "")
	allowed := render(before.Decide(r, now))

	after := before.WithGroup(&gateway.Group{Name: "web"})
	if got := after.Decide(r, now); got.Allowed() {
		t.Errorf("after the change: %s", render(got))
	}
	for name, s := range map[string]*policy.Snapshot{
		"WithoutGroup":   before.WithoutGroup("web"),
		"WithoutAccount": before.WithoutAccount("bob"),
		"WithAccount":    before.WithAccount(&gateway.Account{Name: "bob", OSHOnly: true}),
		"WithRules":      before.WithRules(policy.Rules{}),
	} {
		if got := s.Decide(r, now); got.Allowed() {
			t.Errorf("%s: %s", name, render(got))
		}
		if got := render(before.Decide(r, now)); got != allowed {
			t.Errorf("%s changed the snapshot before it: %s, want %s", name, got, allowed)
		}
	}
	if before.WithoutAccount("nobody").NumAccounts() != before.NumAccounts() {
		t.Error("dropping nobody changed the number of accounts")
	}
}

// TestLive: no update is lost, and readers see whole ones.
func TestLive(t *testing.T) {
	live := policy.NewLive(policy.New(nil, nil, open))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				name := string(rune('a'+i)) + string(rune('a'+j))
				live.Update(func(s *policy.Snapshot) *policy.Snapshot {
					return s.WithAccount(&gateway.Account{Name: name}).
						WithGroup(&gateway.Group{Name: name, Members: []string{name}})
				})
				if s := live.Load(); s.NumAccounts() != s.NumGroups() {
					t.Errorf("half an update: %d accounts, %d groups", s.NumAccounts(), s.NumGroups())
				}
			}
		})
	}
	wg.Wait()
	if got := live.Load().NumAccounts(); got != 400 {
		t.Errorf("%d accounts, want 400", got)
	}
}
