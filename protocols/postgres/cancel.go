package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// cancelTime is how long the server may take to obey.
const cancelTime = 10 * time.Second

// cancels sees to it that one cancellation of a connection is under way at a
// time, and one more waits at most: those that come meanwhile are that one. None
// is under way while a statement of the gateway's own is, which must not be hit.
type cancels struct {
	mu      sync.Mutex    // guards what follows; taken before that of the queue
	busy    chan struct{} // closed when the one that is under way is over; nil: there is none
	waiting chan struct{} // likewise of the one that waits
}

// push notes messages, some of the gateway's own, when no cancellation is under way.
func (c *cancels) push(r *relay, items []pending) error {
	// Else what is under way would wait for itself.
	if err := r.up.flush(); err != nil {
		return err
	}
	for {
		c.mu.Lock()
		busy := c.busy
		if busy == nil {
			defer c.mu.Unlock()
			for _, i := range items {
				if err := r.queue.push(i); err != nil {
					return err
				}
			}
			return nil
		}
		c.mu.Unlock()
		<-busy
	}
}

// obey cancels what the server does for r, and returns when that was done.
func (c *cancels) obey(ctx context.Context, r *relay) {
	c.mu.Lock()
	if c.waiting != nil {
		waiting := c.waiting
		c.mu.Unlock()
		<-waiting
		return
	}
	mine := make(chan struct{})
	defer close(mine)
	for c.busy != nil {
		busy := c.busy
		c.waiting = mine
		c.mu.Unlock()
		<-busy
		c.mu.Lock()
		c.waiting = nil
	}
	idle := r.queue.unowned()
	if idle {
		c.mu.Unlock()
		return
	}
	c.busy = mine
	c.mu.Unlock()
	r.cancelNow(ctx)
	c.mu.Lock()
	c.busy = nil
	c.mu.Unlock()
}

// cancelNow is obey, without a look at others.
func (r *relay) cancelNow(ctx context.Context) {
	w := writer{record: r.session.Record, number: r.client.number}
	w.begin(r.queue.running())
	if w.request("cancel") != nil {
		return // what can't be recorded is not done; the relay finds out too
	}
	// A client that has gone meanwhile must not leave it half done.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer stop()
	defer context.AfterFunc(r.ctx, stop)()
	if sent, err := r.conn.cancelAt(ctx); err != nil && sent && r.guard != nil {
		// It may hit what limits the session.
		r.conn.nc.SetDeadline(time.Unix(1, 0))
	}
}

// cancelAt asks the server, on a connection of its own, to cancel what it does,
// and returns when that was done. sent: it may have been, in spite of an error.
func (c *conn) cancelAt(ctx context.Context) (sent bool, err error) {
	raw, err := c.db.Dial(ctx)
	if err != nil {
		return false, fmt.Errorf("dial to cancel: %w", err)
	}
	other := &conn{raw: raw}
	defer other.Close()
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	nc, err := encrypt(ctx, raw, &c.db)
	if err != nil {
		return false, fmt.Errorf("cancel: %w", err)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(c.key)))
	b = binary.BigEndian.AppendUint32(b, codeCancel)
	if _, err := nc.Write(append(b, c.key...)); err != nil {
		return true, fmt.Errorf("cancel: %w", err)
	}
	// The server closes when the signal was sent: nothing is hit that begins later.
	_, err = nc.Read(make([]byte, 1))
	if slow := net.Error(nil); err == nil || errors.As(err, &slow) && slow.Timeout() {
		return true, errors.New("cancel: the server does not close the connection")
	}
	return true, nil
}
