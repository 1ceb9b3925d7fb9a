package telnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gateway"
	"gateway/protocols"
	"gateway/recorder"
)

// broken is the exit of a session whose target did not hang up by itself.
var broken = gateway.Exit{Code: gateway.ExitLoginFailed}

// relay is one session on a target.
//
// It takes a goroutine for what the target says, one for the person's input and
// one for resizes and signals. Relay returns when the target hung up and all it
// said was written, or when something failed. At that moment goroutines may
// still sit in a Read or Write of the client: they end when the client is
// closed, and neither record nor forward anything more.
type relay struct {
	conn    *conn
	client  protocols.Client
	session protocols.Session
	fail    context.CancelCauseFunc

	// mu makes recording one event after the other, and guards what follows.
	mu      sync.Mutex
	over    bool
	ended   bool        // the input has
	showing bool        // what the target said is on its way to the person
	quiet   *time.Timer // runs while ended and not showing
}

var (
	errOver   = errors.New("session is over")
	errSilent = errors.New("the input has ended and the target is silent")
)

// Relay implements protocols.Conn. When ctx ends it hangs up and returns the
// cause.
//
// The exit is 0 when the target hangs up, or when the person's input has ended
// and the target was silent for a while after: to close our half of the
// connection would have telnet servers throw away what they still have to say.
func (c *conn) Relay(ctx context.Context, client protocols.Client, s protocols.Session) (gateway.Exit, error) {
	if err := s.Allow(ctx, c.action); err != nil {
		return broken, fmt.Errorf("start %s: %w", c.action.Kind, err)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stop := context.AfterFunc(ctx, func() { c.wire.Close() })
	defer stop()
	r := &relay{conn: c, client: client, session: s, fail: fail, showing: true}
	defer r.end()
	if err := r.begin(); err != nil {
		return broken, cause(ctx, err)
	}
	c.wire.Done()
	go r.input()
	go r.events(ctx)
	drained := make(chan error, 1)
	go func() {
		err := r.output()
		if c, ok := client.(protocols.CloseWriter); ok {
			c.CloseWrite()
		}
		drained <- err
	}()
	var err error
	select {
	case err = <-drained:
	case <-ctx.Done():
		if context.Cause(ctx) != errSilent {
			return broken, context.Cause(ctx)
		}
		err = <-drained // its Read ends; the timer does not run while it writes
	}
	switch cause := context.Cause(ctx); {
	case cause == errSilent:
		return gateway.Exit{}, nil
	case cause != nil:
		return broken, cause
	case err != io.EOF:
		return broken, err
	}
	return gateway.Exit{}, nil
}

// cause prefers the reason why ctx ended to err, what came of it.
func cause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// begin records the start, and tells the target of the person's terminal as
// far as it wants to know. Where there is none the input is lines.
func (r *relay) begin() error {
	if err := r.record(recorder.Request{Name: r.conn.action.Kind}); err != nil {
		return err
	}
	t, ok := r.client.(protocols.Terminal)
	if !ok {
		r.conn.wire.begin("", true)
		return nil
	}
	name, size, _ := t.Term()
	if err := r.record(size); err != nil {
		return err
	}
	r.conn.wire.begin(name, false)
	if r.conn.wire.resize(size.Cols, size.Rows) != nil {
		return errBroken
	}
	return nil
}

// end sees to it that nothing is recorded or forwarded from now on.
func (r *relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.quiet != nil {
		r.quiet.Stop()
	}
}

// record records e, or ends the session.
func (r *relay) record(e recorder.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return errOver
	}
	if err := r.session.Record(e); err != nil {
		r.over = true
		err = fmt.Errorf("record session: %w", err)
		r.fail(err)
		return err
	}
	return nil
}

// input forwards what the person types until they close their side.
func (r *relay) input() {
	buf := make([]byte, readSize)
	for {
		n, err := r.client.Read(buf)
		if n > 0 {
			if r.record(recorder.Data{Stream: recorder.In, Bytes: buf[:n]}) != nil {
				return
			}
			if _, err := r.conn.wire.Write(buf[:n]); err != nil {
				return // the target's end is awaited elsewhere
			}
		}
		if err == io.EOF {
			r.inputEnded()
			return
		}
		if err != nil {
			r.fail(fmt.Errorf("read from client: %w", err))
			return
		}
	}
}

// inputEnded has the session end when the target has nothing more to say.
func (r *relay) inputEnded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.wait()
}

// heard says that the target said something; it is false if that comes too late.
func (r *relay) heard() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.showing = true
	return r.quiet == nil || r.quiet.Stop()
}

// listen begins to wait for what the target says next.
func (r *relay) listen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.showing = false
	r.wait()
}

// wait is called with mu held.
func (r *relay) wait() {
	switch {
	case r.over || !r.ended || r.showing:
	case r.quiet == nil:
		r.quiet = time.AfterFunc(r.conn.silence, func() { r.fail(errSilent) })
	default:
		r.quiet.Reset(r.conn.silence)
	}
}

// output forwards what the target says until it ends, and says how it ended;
// io.EOF is as it should be. When the person is not there to read any more the
// session ends.
func (r *relay) output() error {
	if err := r.show(r.conn.greeting); err != nil {
		return err
	}
	r.conn.greeting = nil
	r.listen()
	buf := make([]byte, readSize)
	for {
		n, err := r.conn.Read(buf)
		if n > 0 {
			if !r.heard() {
				return errOver
			}
			if err := r.show(buf[:n]); err != nil {
				return err
			}
			r.listen()
		}
		if err != nil {
			return err
		}
	}
}

// show records what the target said, and then shows it.
func (r *relay) show(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	for len(b) > 0 {
		n := min(len(b), recorder.MaxBody)
		if err := r.record(recorder.Data{Stream: recorder.Out, Bytes: b[:n]}); err != nil {
			return err
		}
		if _, err := r.client.Write(b[:n]); err != nil {
			err = fmt.Errorf("write to client: %w", err)
			r.fail(err)
			return err
		}
		b = b[n:]
	}
	return nil
}

// events forwards new sizes and breaks until ctx ends. Of the signals, telnet
// has the interrupt (RFC 854, IP).
func (r *relay) events(ctx context.Context) {
	var resizes <-chan recorder.Resize
	if t, ok := r.client.(protocols.Terminal); ok {
		resizes = t.Resizes()
	}
	signals := r.client.Signals()
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-resizes:
			if !ok {
				resizes = nil
				continue
			}
			if r.record(size) != nil || r.conn.wire.resize(size.Cols, size.Rows) != nil {
				return
			}
		case s, ok := <-signals:
			if !ok {
				signals = nil
				continue
			}
			if r.signal(s) != nil {
				return
			}
		}
	}
}

// signal forwards a break or an interrupt.
func (r *relay) signal(s protocols.Signal) error {
	name, command := "", byte(0)
	switch s.Name {
	case "":
		name, command = "break", brk
	case "INT":
		name, command = "signal", ip
	default:
		return nil
	}
	if err := r.record(recorder.Request{Name: name, Text: s.Name}); err != nil {
		return err
	}
	return r.conn.wire.command(command)
}
