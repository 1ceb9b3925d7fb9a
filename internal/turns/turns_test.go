package turns

import (
	"context"
	"errors"
	"testing"
)

func TestByAccount(t *testing.T) {
	var turns ByAccount
	take := func(ctx context.Context, account string) func() {
		t.Helper()
		release, err := turns.Take(ctx, account, 2)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	first, second := take(t.Context(), "alice"), take(t.Context(), "alice")
	defer take(t.Context(), "bob")()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Take(gone, "alice", 2); !errors.Is(err, context.Canceled) {
		t.Errorf("a third turn: %v", err)
	}
	waiting := make(chan func(), 1)
	go func() { waiting <- take(t.Context(), "alice") }()
	first()
	third := <-waiting
	second()
	third()
	if len(turns.slots) != 1 {
		t.Errorf("%d accounts are kept, want bob", len(turns.slots))
	}
}
