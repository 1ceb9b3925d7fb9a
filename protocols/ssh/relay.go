package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
	"gateway/recorder"
)

// broken is the exit of a session whose end the target did not tell, as
// OpenSSH's client has it.
var broken = gateway.Exit{Code: gateway.ExitLoginFailed}

// answerWithin bounds the wait for a sign of life at the end of a session.
const answerWithin = 2 * time.Second

// relay is one session on a target.
//
// It takes a goroutine for each stream, one for resizes and signals and one
// for what the target says of the session's end. Relay returns when the target
// is done and all its output was written, or when something failed. At that
// moment goroutines may still sit in a Read or Write of the client: they end
// when the client is closed, and neither record nor forward anything more.
type relay struct {
	conn    *conn
	client  protocols.Client
	session protocols.Session
	channel ssh.Channel
	fail    context.CancelCauseFunc

	// mu makes recording one event after the other, and guards over.
	mu   sync.Mutex
	over bool
}

// errOver stops a stream when the session has ended.
var errOver = errors.New("session is over")

// Relay implements protocols.Conn. When ctx ends it hangs up and returns the
// cause. If the client can close its output alone (protocols.CloseWriter) that
// happens when the target's output ends.
func (c *conn) Relay(ctx context.Context, client protocols.Client, s protocols.Session) (gateway.Exit, error) {
	if err := s.Allow(ctx, c.action); err != nil {
		return broken, fmt.Errorf("start %s: %w", c.action.Kind, err)
	}
	first, ok := start(c.action)
	if !ok {
		return broken, fmt.Errorf("start %q over ssh: %w", c.action.Kind, gateway.ErrInvalid)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stop := context.AfterFunc(ctx, c.cut)
	defer stop()

	channel, requests, err := c.ssh.OpenChannel("session", nil)
	if err != nil {
		return broken, c.cause(ctx, "open session", err)
	}
	r := &relay{conn: c, client: client, session: s, channel: channel, fail: fail}
	defer r.end()
	exited := make(chan *gateway.Exit, 1)
	go func() { exited <- await(requests) }()
	notice, err := r.begin(first)
	if err != nil {
		c.cut()
		return broken, c.cause(ctx, "start "+c.action.Kind, err)
	}
	c.wire.Done()
	if c.outer != nil {
		c.outer.wire.Done()
	}
	return r.run(ctx, notice, exited)
}

// cause prefers the reason why ctx ended to err, what came of it.
func (c *conn) cause(ctx context.Context, doing string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) {
		return fmt.Errorf("%s: the target refused: %s", doing, line(refused.Message))
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the target closed the connection", doing)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// run moves bytes until both streams of the target's output have ended and it
// closed the channel. The person is shown notice first.
func (r *relay) run(ctx context.Context, notice string, exited <-chan *gateway.Exit) (gateway.Exit, error) {
	go r.events(ctx)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		var streams sync.WaitGroup
		streams.Go(func() {
			from := io.MultiReader(strings.NewReader(notice), r.channel.Stderr())
			r.output(recorder.Err, from, r.client.Stderr())
		})
		if out, err := r.prologue(ctx); err != nil {
			r.fail(err)
		} else {
			go r.input()
			r.output(recorder.Out, out, r.client)
		}
		streams.Wait()
		if c, ok := r.client.(protocols.CloseWriter); ok {
			c.CloseWrite()
		}
	}()
	select {
	case <-drained:
	case <-ctx.Done():
		return broken, context.Cause(ctx)
	}
	select {
	case exit := <-exited:
		return r.finish(ctx, exit)
	case <-ctx.Done():
		return broken, context.Cause(ctx)
	}
}

// finish judges the end that the target told, if it did.
func (r *relay) finish(ctx context.Context, exit *gateway.Exit) (gateway.Exit, error) {
	switch {
	case context.Cause(ctx) != nil: // a stream failed, and that ended it all
		return broken, context.Cause(ctx)
	case exit != nil:
		return *exit, nil
	}
	// Much gear closes the session without a word; that is no error. It is one
	// if the connection is gone, which only an answer can tell; some gear gives
	// none.
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- r.conn.keepalive() }()
	select {
	case err := <-answer:
		if err != nil {
			return broken, errors.New("the connection to the target broke")
		}
	case <-ctx.Done():
	}
	return broken, nil
}

// end sees to it that nothing is recorded or forwarded from now on.
func (r *relay) end() {
	r.channel.Close()
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
}

// begin prepares the session and starts the action. It returns what the person
// should be told before anything else.
func (r *relay) begin(first request) (notice string, err error) {
	for _, e := range recorder.Split(recorder.Request{Name: r.conn.action.Kind, Text: r.conn.action.Text}) {
		if err := r.record(e); err != nil {
			return "", err
		}
	}
	notice = r.conn.banner
	for _, variable := range slices.Concat(r.conn.env, r.client.Env()) {
		// Most targets refuse most variables; there is no use in asking.
		if env, ok := setEnv(variable); ok {
			if err := r.send(env); err != nil {
				return "", err
			}
		}
	}
	if t, ok := r.client.(protocols.Terminal); ok {
		name, size, modes := t.Term()
		if err := r.record(size); err != nil {
			return "", err
		}
		pty := ptyReq(name, size, modes)
		ok, err := r.channel.SendRequest(pty.name, true, pty.payload)
		if err != nil {
			return "", err
		}
		if !ok { // as OpenSSH does: go on without
			notice += "PTY allocation request failed\r\n"
		}
	}
	ok, err := r.channel.SendRequest(first.name, true, first.payload)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", errors.New("the target refused the request")
	}
	return notice, nil
}

// send sends a request that needs no answer.
func (r *relay) send(q request) error {
	_, err := r.channel.SendRequest(q.name, false, q.payload)
	return err
}

// record records e, whole, or ends the session.
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
	buf := r.conn.backend.buffer()
	defer r.conn.backend.buffers.Put(buf)
	for {
		n, err := r.client.Read(buf[:])
		if n > 0 {
			if r.record(recorder.Data{Stream: recorder.In, Bytes: buf[:n]}) != nil {
				return
			}
			if _, err := r.channel.Write(buf[:n]); err != nil {
				return // the target's end of it is awaited elsewhere
			}
		}
		if err == io.EOF {
			r.channel.CloseWrite()
			return
		}
		if err != nil {
			r.fail(fmt.Errorf("read from client: %w", err))
			return
		}
	}
}

// output forwards one stream of the target until its end. When the person is
// not there to read any more the session ends.
func (r *relay) output(stream recorder.Stream, from io.Reader, to io.Writer) {
	buf := r.conn.backend.buffer()
	defer r.conn.backend.buffers.Put(buf)
	for {
		n, err := from.Read(buf[:])
		if n > 0 {
			if r.record(recorder.Data{Stream: stream, Bytes: buf[:n]}) != nil {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				r.fail(fmt.Errorf("write to client: %w", err))
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// events forwards new sizes, signals and breaks until ctx ends.
func (r *relay) events(ctx context.Context) {
	var resizes <-chan recorder.Resize
	if t, ok := r.client.(protocols.Terminal); ok {
		resizes = t.Resizes()
	}
	signals := r.client.Signals()
	for {
		var event recorder.Event
		var out request
		select {
		case <-ctx.Done():
			return
		case size, ok := <-resizes:
			if !ok {
				resizes = nil
				continue
			}
			event, out = size, windowChange(size)
		case s, ok := <-signals:
			if !ok {
				signals = nil
				continue
			}
			out = signal(s)
			event = recorder.Request{Name: out.name, Text: s.Name}
		}
		if r.record(event) != nil || r.send(out) != nil {
			return
		}
	}
}

// await reads what the target says of the session until it closes the channel,
// and returns how it ended, nil if that was not told. Anything it asks for is
// refused.
func await(requests <-chan *ssh.Request) *gateway.Exit {
	var exit *gateway.Exit
	for q := range requests {
		if e, ok := parseExit(q.Type, q.Payload); ok && exit == nil {
			exit = &e
		}
		if q.WantReply {
			q.Reply(false, nil)
		}
	}
	return exit
}
