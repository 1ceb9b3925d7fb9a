package postgres

import (
	"errors"
	"sync"
	"time"
)

// maxPending is how many answers may be awaited before the client has to wait.
const maxPending = 100_000

// pending is a message that the server has been sent and will answer. Its kind
// is that of the message; 'd' and 'c' mark where data of a COPY and its end were
// sent, which have no answer of their own.
type pending struct {
	kind    byte
	own     bool   // a statement of the gateway's: the client sees none of it
	simple  bool   // a part of what the client sent as a Query, which has fewer answers
	instead *fatal // what the client is told in the place of the server's error
	refused byte   // the kind of the message that was refused; 0: it was not
	n       uint64 // of the recorded Request; 0: there is none
	name    string // of the statement or portal
	of      string // the statement of a Bind
	portal  bool   // name is of a portal
	formats []byte // of the results of a Bind, if they are recorded
	at      time.Time
}

// fragile reports whether the session can't go on if i fails.
func (i *pending) fragile() bool { return i.own && i.instead == nil }

// extended reports whether an error in answer to a message of that kind makes the
// server skip everything up to the next Sync.
func extended(kind byte) bool {
	switch kind {
	case 'P', 'B', 'D', 'E', 'C':
		return true
	}
	return false
}

var errOutOfStep = errors.New("the server's answer does not fit what it was asked")

// queue matches the server's answers to what it was asked. The rules are those
// of sections 55.2.2 to 55.2.7.
type queue struct {
	mu       sync.Mutex // guards what follows
	changed  sync.Cond  // of mu: the queue has become shorter, or closed
	items    []pending  // from first on
	first    int
	skips    bool // the server skips all up to the next Sync
	copying  bool // the server reads the data of a COPY
	ended    bool // and was sent their end: what follows is read as ever
	eaten    int  // Syncs that the server may have read as part of a COPY
	tx       byte // transaction state in the last ReadyForQuery
	owned    int  // own messages among items that must not be cancelled
	failures int  // errors that made the server skip
	closed   bool
}

func newQueue() *queue {
	q := &queue{tx: 'I'}
	q.changed.L = &q.mu
	return q
}

// push notes what is about to be forwarded.
func (q *queue) push(i pending) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.copying && !q.ended {
		switch i.kind {
		case 'c':
			q.ended = true
		case 'd':
		case 'S':
			q.eaten++
			return nil
		default:
			return &fatal{state: "08P01", text: "the data of a COPY has to come before anything else"}
		}
	}
	if q.skips {
		if i.kind != 'S' {
			return nil
		}
		q.skips = false
	}
	if i.kind == 'd' && q.len() > 0 && q.items[len(q.items)-1].kind == 'd' {
		return nil
	}
	if i.fragile() {
		q.owned++
	}
	if q.first > maxPending {
		q.items, q.first = append([]pending(nil), q.items[q.first:]...), 0
	}
	q.items = append(q.items, i)
	return nil
}

// len is how many items there are. mu must be held.
func (q *queue) len() int { return len(q.items) - q.first }

// full reports whether the client has to wait.
func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.len() >= maxPending
}

// wait waits until no more than n answers are awaited, and gives the state of
// the transaction then. What was passed must have been flushed.
func (q *queue) wait(n int) (tx byte, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	// The data of a COPY that has failed is answered by nothing.
	for !q.closed && q.head() != nil && q.len() > n {
		q.changed.Wait()
	}
	if q.closed {
		return 0, errClosed
	}
	return q.tx, nil
}

var errClosed = errors.New("the relay has ended")

// unowned waits until no statement of the gateway's own is under way, and reports
// whether the server has nothing to do then.
func (q *queue) unowned() (idle bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed && q.owned > 0 {
		q.changed.Wait()
	}
	return q.closed || q.head() == nil
}

// running is the number of the Request that the server works on; 0: of none.
func (q *queue) running() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if head := q.head(); head != nil {
		return head.n
	}
	return 0
}

// close ends every wait.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// head gives what the server answers now. mu must be held.
func (q *queue) head() *pending {
	for q.len() > 0 {
		if i := &q.items[q.first]; i.kind != 'c' && i.kind != 'd' {
			return i
		}
		q.pop()
	}
	return nil
}

// pop takes the first item out. mu must be held.
func (q *queue) pop() {
	if q.items[q.first].fragile() {
		q.owned--
	}
	q.items[q.first] = pending{}
	if q.first++; q.first == len(q.items) {
		q.items, q.first = q.items[:0], 0
	}
	q.changed.Broadcast()
}

// failed is told of an error in answer to the head. mu must be held.
func (q *queue) failed() {
	q.copying, q.ended = false, false
	q.failures++
	if q.len() == 0 || !extended(q.items[q.first].kind) {
		return
	}
	for q.len() > 0 {
		if q.items[q.first].kind == 'S' {
			return
		}
		q.pop()
	}
	q.skips = true
}

// ready is told of ReadyForQuery. mu must be held.
func (q *queue) ready(tx byte) error {
	if tx != 'I' && tx != 'T' && tx != 'E' {
		return errOutOfStep
	}
	q.tx, q.copying, q.ended = tx, false, false
	head := q.head()
	if head != nil && !extended(head.kind) {
		q.pop()
		return nil
	}
	if q.eaten == 0 {
		return errOutOfStep
	}
	q.eaten--
	return nil
}

// copyIn is told that the server reads the data of a COPY now. It reads Syncs as
// part of it, and nothing else. mu must be held.
func (q *queue) copyIn() error {
	rest, kept := q.items[q.first+1:], q.items[:q.first+1]
	for n, i := range rest {
		switch i.kind {
		case 'S':
			q.eaten++
			continue
		case 'd':
			kept = append(kept, i)
			continue
		case 'c':
			q.ended = true
		default:
			return &fatal{state: "08P01", text: "the data of a COPY has to come before anything else"}
		}
		kept = append(kept, rest[n:]...)
		break
	}
	q.items, q.copying = kept, true
	return nil
}

// copied is told that the server has read the data of a COPY to its end. mu must
// be held.
func (q *queue) copied() error {
	q.copying, q.ended, q.eaten = false, false, 0
	for n, i := range q.items[q.first:] {
		if i.kind == 'c' {
			q.items = append(q.items[:q.first+1], q.items[q.first+n+1:]...)
			return nil
		}
	}
	return errOutOfStep
}
