package netconf

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxOpen bounds the rpcs that wait for their reply; the oldest of more are
// forgotten.
const maxOpen = 1024

// calls are the rpcs that the device was sent, to know what its replies are
// for, and what a commit commits.
type calls struct {
	now     func() time.Time
	settled chan struct{} // a reply has come since somebody looked

	callsMu sync.Mutex // guards what follows
	open    []sent
	// confirm is until when a plain commit does nothing but to make the last
	// confirmed one lasting; zero: it commits something.
	confirm time.Time
}

// sent is an rpc that the device has to answer.
type sent struct {
	id, operation string
	at            time.Time
	confirm       time.Duration // of a confirmed commit
}

// changes reports whether an operation may change what a commit commits.
func changes(operation string) bool {
	return !slices.Contains([]string{
		"get", "get-config", "get-schema", "get-data", "lock", "unlock", "validate", "create-subscription", "close-session",
	}, operation)
}

// confirms reports whether m is a commit that only makes a confirmed one
// lasting: one in time, by this session, after which nothing was changed. If
// the device's clock began later than ours, it still waits.
func (c *calls) confirms(m *message) bool {
	c.callsMu.Lock()
	defer c.callsMu.Unlock()
	return m.operation == "commit" && m.store == "" && c.now().Before(c.confirm)
}

// sent notes that the device will have to answer m.
func (c *calls) sent(m *message) {
	c.callsMu.Lock()
	defer c.callsMu.Unlock()
	if changes(m.operation) {
		c.confirm = time.Time{}
	}
	if len(c.open) == maxOpen {
		c.open = slices.Delete(c.open, 0, 1)
	}
	c.open = append(c.open, sent{id: m.id, operation: m.operation, at: c.now(), confirm: m.confirm})
}

// settle finds what an answer is for.
func (c *calls) settle(a answer) sent {
	c.callsMu.Lock()
	defer c.callsMu.Unlock()
	i := slices.IndexFunc(c.open, func(s sent) bool { return s.id == a.id })
	if a.id == "" && len(c.open) > 0 { // replies come in order, RFC 6241 section 4.5
		i = 0
	}
	if i < 0 || a.root != answerName {
		return sent{}
	}
	defer func() {
		select {
		case c.settled <- struct{}{}:
		default:
		}
	}()
	s := c.open[i]
	c.open = slices.Delete(c.open, i, i+1)
	later := slices.ContainsFunc(c.open[i:], func(s sent) bool { return changes(s.operation) })
	if s.confirm > 0 && a.ok && !later {
		c.confirm = s.at.Add(s.confirm)
	}
	return s
}

// awaitReplies waits until the device has answered all it was sent: much gear
// ends the session, unanswered requests or not, when its input ends.
func (c *calls) awaitReplies(ctx context.Context) {
	for {
		c.callsMu.Lock()
		open := len(c.open)
		c.callsMu.Unlock()
		if open == 0 {
			return
		}
		select {
		case <-c.settled:
		case <-ctx.Done():
			return
		}
	}
}
