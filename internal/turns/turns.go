// Package turns keeps one account from taking what the monitor has for all.
package turns

import (
	"context"
	"sync"
)

// ByAccount lets each account do some costly thing a few times at once only:
// the rest waits for its turn. The zero value is ready.
type ByAccount struct {
	mu    sync.Mutex // guards slots
	slots map[string]*slot
}

// slot is what one account has, as long as it has something running or waiting.
type slot struct {
	taken chan struct{}
	users int
}

// Take waits for one of n turns of the account, and returns what gives it
// back.
func (t *ByAccount) Take(ctx context.Context, account string, n int) (release func(), err error) {
	t.mu.Lock()
	if t.slots == nil {
		t.slots = make(map[string]*slot)
	}
	s := t.slots[account]
	if s == nil {
		s = &slot{taken: make(chan struct{}, n)}
		t.slots[account] = s
	}
	s.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if s.users--; s.users == 0 {
			delete(t.slots, account)
		}
	}
	select {
	case s.taken <- struct{}{}:
		return func() { <-s.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
