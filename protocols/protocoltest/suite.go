package protocoltest

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/protocols"
	"gateway/recorder"
)

// Suite is a backend and a target for it. A check whose action has no Kind is
// left out.
type Suite struct {
	Backend protocols.Backend
	// Dial connects to the target.
	Dial  func(t testing.TB) net.Conn
	User  string
	Lease protocols.Lease

	Echo  gateway.Action // writes what it reads until the end of it, then exits with 0
	Flood gateway.Action // writes without end
	// Fail writes "out" and, apart from it, "err", and ends with FailExit.
	Fail     gateway.Action
	FailExit gateway.Exit
}

// patience is how long a check waits for what must happen; nothing that works
// takes it.
const patience = 30 * time.Second

// Run checks s.
func Run(t *testing.T, s Suite) {
	if s.Echo.Kind != "" {
		t.Run("echo", s.echo)
		t.Run("denial", s.denial)
		t.Run("recorder fails on input", func(t *testing.T) { s.recorderFails(t, recorder.In) })
		t.Run("recorder fails on output", func(t *testing.T) { s.recorderFails(t, recorder.Out) })
		t.Run("recorder fails at once", s.recorderFailsAtOnce)
		t.Run("expiry while idle", s.expiryIdle)
		t.Run("end before login", s.endBeforeLogin)
	}
	if s.Flood.Kind != "" {
		t.Run("expiry while blocked", s.expiryBlocked)
		t.Run("slow reader", s.slowReader)
		t.Run("client vanishes", s.vanish)
	}
	if s.Fail.Kind != "" {
		t.Run("exit status and stderr", s.fail)
	}
}

// Login logs in for an action.
func (s Suite) Login(t testing.TB, a gateway.Action) protocols.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := s.Backend.Login(ctx, s.Dial(t), s.request(a), s.Lease)
	if err != nil {
		t.Fatalf("Login: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (s Suite) request(a gateway.Action) gateway.Request {
	return gateway.Request{Protocol: s.Backend.Protocol(), Target: gateway.Target{User: s.User}, Action: a}
}

// result is what Relay returned.
type result struct {
	exit gateway.Exit
	err  error
}

// Start logs in, relays action a in the background, and returns a function
// that waits for the end.
func (s Suite) Start(ctx context.Context, t testing.TB, a gateway.Action, c protocols.Client, session protocols.Session) (wait func() (gateway.Exit, error)) {
	t.Helper()
	conn := s.Login(t, a)
	t.Cleanup(func() { c.Close() })
	done := make(chan result, 1)
	go func() {
		exit, err := conn.Relay(ctx, c, session)
		done <- result{exit, err}
	}()
	return func() (gateway.Exit, error) {
		t.Helper()
		select {
		case r := <-done:
			return r.exit, r.err
		case <-time.After(patience):
			t.Fatal("the relay does not end")
			return gateway.Exit{}, nil
		}
	}
}

// ordered checks, at each write to the client, that exactly what is written
// was recorded before: not less, and nothing read ahead.
type ordered struct {
	t       *testing.T
	session *Session
	stream  recorder.Stream
	echo    bool // input was recorded as well
	to      io.Writer
	written int64
}

func (o *ordered) Write(p []byte) (int, error) {
	o.written += int64(len(p))
	if got := o.session.Size(o.stream); got != o.written {
		o.t.Errorf("%d bytes of %v recorded when byte %d is forwarded", got, o.stream, o.written)
	}
	if in := o.session.Size(recorder.In); o.echo && in < o.written {
		o.t.Errorf("%d bytes of input recorded when byte %d of it comes back", in, o.written)
	}
	return o.to.Write(p)
}

// echo covers the order of recording and forwarding, and half-close: output
// comes after the input's end.
func (s Suite) echo(t *testing.T) {
	text := strings.Repeat("all work and no play makes jack a dull boy\n", 40_000)
	session, c := &Session{}, NewClient()
	var out buffer
	c.Out = &ordered{t: t, session: session, stream: recorder.Out, echo: true, to: &out}
	wait := s.Start(context.Background(), t, s.Echo, c, session)
	if _, err := io.WriteString(c.Input, text); err != nil {
		t.Fatal(err)
	}
	c.Input.Close()
	exit, err := wait()
	if exit != (gateway.Exit{}) || err != nil {
		t.Errorf("Relay = %+v, %v, want exit 0", exit, err)
	}
	if out.String() != text {
		t.Errorf("got %d bytes back of %d, or others", len(out.String()), len(text))
	}
	if session.Size(recorder.In) != int64(len(text)) || session.Sum(recorder.In) != session.Sum(recorder.Out) {
		t.Error("what was recorded is not what passed")
	}
	if !c.OutputClosed() {
		t.Error("the end of the output was not passed on")
	}
	if diff := cmp.Diff([]gateway.Action{s.Echo}, session.Actions()); diff != "" {
		t.Errorf("Allow was asked something else (-want +got):\n%s", diff)
	}
}

func (s Suite) denial(t *testing.T) {
	session, c := &Session{Deny: gateway.ErrDenied}, NewClient()
	wait := s.Start(context.Background(), t, s.Echo, c, session)
	if _, err := wait(); !errors.Is(err, gateway.ErrDenied) {
		t.Errorf("Relay = %v, want ErrDenied", err)
	}
	if len(session.Events()) != 0 || session.Size(recorder.In) != 0 || c.Output() != "" {
		t.Error("something passed in spite of the denial")
	}
}

func (s Suite) recorderFails(t *testing.T, on recorder.Stream) {
	session, c := &Session{}, NewClient()
	session.Refuse = func(e recorder.Event) error {
		if d, ok := e.(recorder.Data); ok && d.Stream == on {
			return gateway.ErrNoRecord
		}
		return nil
	}
	wait := s.Start(context.Background(), t, s.Echo, c, session)
	if _, err := io.WriteString(c.Input, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := wait(); !errors.Is(err, gateway.ErrNoRecord) {
		t.Errorf("Relay = %v, want ErrNoRecord", err)
	}
	if c.Output() != "" || c.Errors() != "" {
		t.Errorf("forwarded %q and %q without a record", c.Output(), c.Errors())
	}
}

func (s Suite) recorderFailsAtOnce(t *testing.T) {
	session, c := &Session{Refuse: func(recorder.Event) error { return gateway.ErrNoRecord }}, NewTerminal()
	wait := s.Start(context.Background(), t, s.Echo, c, session)
	go io.WriteString(c.Input, "hello\n") // it may be read or not
	if _, err := wait(); !errors.Is(err, gateway.ErrNoRecord) {
		t.Errorf("Relay = %v, want ErrNoRecord", err)
	}
	if c.Output() != "" {
		t.Errorf("forwarded %q without a record", c.Output())
	}
}

var errExpired = errors.New("the grant has expired")

func (s Suite) expiryIdle(t *testing.T) {
	ctx, expire := context.WithCancelCause(context.Background())
	session, c := &Session{}, NewClient()
	came := make(chan struct{}, 100)
	c.Out = writer(func(p []byte) (int, error) { came <- struct{}{}; return len(p), nil })
	wait := s.Start(ctx, t, s.Echo, c, session)
	if _, err := io.WriteString(c.Input, "hello\n"); err != nil {
		t.Fatal(err)
	}
	<-came
	expire(errExpired)
	if _, err := wait(); !errors.Is(err, errExpired) {
		t.Errorf("Relay = %v, want the cause of the context's end", err)
	}
	s.checkSilence(t, session, c)
}

// checkSilence checks that an ended relay takes nothing any more.
func (s Suite) checkSilence(t *testing.T, session *Session, c *Client) {
	t.Helper()
	before := session.Size(recorder.In)
	done := make(chan struct{})
	go func() {
		io.WriteString(c.Input, "too late\n")
		close(done)
	}()
	c.Close()
	<-done
	if session.Size(recorder.In) != before {
		t.Error("input was recorded after the end")
	}
}

func (s Suite) endBeforeLogin(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errExpired)
	conn, err := s.Backend.Login(ctx, s.Dial(t), s.request(s.Echo), s.Lease)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, errExpired) {
		t.Errorf("Login = %v, want the cause of the context's end", err)
	}
}

// expiryBlocked ends a session whose client does not take what it is sent.
func (s Suite) expiryBlocked(t *testing.T) {
	ctx, expire := context.WithCancelCause(context.Background())
	c := NewClient()
	blocked := make(chan struct{}, 100)
	c.Out = writer(func([]byte) (int, error) {
		blocked <- struct{}{}
		<-c.Closed()
		return 0, io.ErrClosedPipe
	})
	wait := s.Start(ctx, t, s.Flood, c, &Session{})
	<-blocked
	expire(errExpired)
	if _, err := wait(); !errors.Is(err, errExpired) {
		t.Errorf("Relay = %v, want the cause of the context's end", err)
	}
}

// slowReader checks that no more is read from the target than the client takes.
func (s Suite) slowReader(t *testing.T) {
	ctx, end := context.WithCancelCause(context.Background())
	session, c := &Session{}, NewClient()
	takes := 0
	c.Out = &ordered{t: t, session: session, stream: recorder.Out, to: writer(func(p []byte) (int, error) {
		if takes++; takes == 200 {
			end(errExpired)
		}
		return len(p), nil
	})}
	wait := s.Start(ctx, t, s.Flood, c, session)
	if _, err := wait(); !errors.Is(err, errExpired) {
		t.Errorf("Relay = %v, want the cause of the context's end", err)
	}
}

// vanish checks that the session ends when the client takes nothing any more.
func (s Suite) vanish(t *testing.T) {
	c := NewClient()
	c.Out = writer(func([]byte) (int, error) { return 0, io.ErrClosedPipe })
	wait := s.Start(context.Background(), t, s.Flood, c, &Session{})
	if _, err := wait(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Relay = %v, want the client's error", err)
	}
}

func (s Suite) fail(t *testing.T) {
	session, c := &Session{}, NewClient()
	wait := s.Start(context.Background(), t, s.Fail, c, session)
	exit, err := wait()
	if exit != s.FailExit || err != nil {
		t.Errorf("Relay = %+v, %v, want %+v", exit, err, s.FailExit)
	}
	if c.Output() != "out" || c.Errors() != "err" {
		t.Errorf("got %q and %q, want out and err", c.Output(), c.Errors())
	}
	if session.Data(recorder.Out) != "out" || session.Data(recorder.Err) != "err" {
		t.Errorf("recorded %q and %q, want out and err", session.Data(recorder.Out), session.Data(recorder.Err))
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
