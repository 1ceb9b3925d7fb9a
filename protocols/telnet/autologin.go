package telnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"gateway"
	"gateway/internal/dialogue"
	"gateway/protocols"
)

// maxGreeting is how much of what the target said during the login is shown:
// the end of it.
const maxGreeting = 64 << 10

// autologin logs in with the lease's passwords, each over a connection of its
// own, until one is accepted.
func autologin(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease) (*conn, error) {
	profiles, err := dialogue.Decode(l.Profiles)
	if err != nil {
		nc.Close()
		return nil, &protocols.LoginError{Kind: protocols.NotSupported, Err: err}
	}
	for n := 0; ; n++ {
		c, err := tryPassword(ctx, nc, profiles, r, l, n)
		login, ok := errors.AsType[*protocols.LoginError](err)
		switch {
		case err == nil:
			return c, nil
		case !ok || login.Kind != protocols.PasswordRefused:
			return nil, err
		case n+1 == l.Passwords:
			if n > 0 {
				login.Err = fmt.Errorf("%w; %d passwords were tried", login.Err, n+1)
			}
			return nil, err
		}
		if nc, err = again(ctx, l); err != nil {
			return nil, err
		}
	}
}

// again connects for the next password.
func again(ctx context.Context, l protocols.Lease) (net.Conn, error) {
	pause := time.NewTimer(l.FallbackDelay)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
		return nil, fmt.Errorf("log in: %w", context.Cause(ctx))
	}
	nc, err := l.Redial(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, fmt.Errorf("log in: %w", cause)
	}
	if err != nil {
		return nil, &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: fmt.Errorf("connect again for the next password: %w", err)}
	}
	return nc, nil
}

// attempt is one login with one password.
type attempt struct {
	conn   *conn
	engine *dialogue.Engine
	scrub  *dialogue.Scrubber
	user   string
	lease  protocols.Lease
	n      int  // of the password
	worked bool // it was told that the password did
	buf    [1024]byte
	step   int
	since  time.Time // began step
}

// tryPassword logs in with password n over nc, and closes nc if that fails.
func tryPassword(ctx context.Context, nc net.Conn, profiles *dialogue.Profiles, r gateway.Request, l protocols.Lease, n int) (*conn, error) {
	engine, err := dialogue.New(profiles, r.Target.User, dialogue.Options{
		Telnet: true, Second: l.Second != nil, Commands: !l.Terminal, Timeout: l.Timeout,
	})
	if err != nil {
		nc.Close()
		return nil, &protocols.LoginError{Kind: protocols.NotSupported, Err: err}
	}
	// The login name is for the prompt alone: a target that knows it already
	// would not ask.
	a := &attempt{
		conn: newConn(nc, r.Action, newNegotiation(l.Term, ""), 0), engine: engine, scrub: dialogue.NewScrubber(),
		user: r.Target.User, lease: l, n: n, step: -1,
	}
	defer a.wipe()
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	err = a.run(ctx)
	if !stop() {
		err = a.interrupted(ctx, err)
	}
	if err == nil {
		err = nc.SetReadDeadline(time.Time{})
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return a.conn, nil
}

// wipe forgets the password, and what the target said, in which it may be.
func (a *attempt) wipe() {
	a.conn.wire.wipe()
	a.scrub.Wipe()
	a.engine.Wipe()
	clear(a.buf[:])
}

// interrupted is the error of a login that ctx ended, and err what came of it.
// Where the time was up the step that took it says more than that.
func (a *attempt) interrupted(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if !errors.Is(cause, context.DeadlineExceeded) || err == nil {
		return fmt.Errorf("log in: %w", cause)
	}
	for _, action := range a.engine.Expired() {
		if f, ok := action.(dialogue.Failed); ok {
			return a.failed(f)
		}
	}
	return err // the engine took the end of the connection for the target's
}

// errDone ends run when the target is at its prompt.
var errDone = errors.New("logged in")

// run leads the dialogue until its end.
func (a *attempt) run(ctx context.Context) error {
	for {
		actions, err := a.hear()
		if err != nil {
			return err
		}
		for _, action := range actions {
			err := a.act(ctx, action)
			if err == errDone {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
}

// hear waits for what the target says, or for its silence.
func (a *attempt) hear() ([]dialogue.Action, error) {
	now := time.Now()
	if step := a.engine.Step(); step != a.step {
		a.step, a.since = step, now
	}
	end := a.since.Add(a.engine.Timeout())
	if now.After(end) {
		return a.engine.Expired(), nil
	}
	if err := a.conn.wire.SetReadDeadline(now.Add(a.engine.QuietTime())); err != nil {
		return a.engine.Closed(), nil
	}
	n, err := a.conn.Read(a.buf[:])
	a.engine.Echo(a.conn.wire.echoes())
	if n > 0 {
		actions := a.engine.Received(a.buf[:n])
		a.greet(a.scrub.Scrub(a.buf[:n]))
		if len(actions) > 0 {
			return actions, nil
		}
	}
	switch timeout, ok := errors.AsType[net.Error](err); {
	case err == nil:
		return nil, nil
	case ok && timeout.Timeout():
		return a.engine.Quiet(), nil
	case err == io.EOF, err == errBroken:
		return a.engine.Closed(), nil
	}
	return nil, &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: err}
}

// greet keeps what the person and the record get to see.
func (a *attempt) greet(seen []byte) {
	g := append(a.conn.greeting, seen...)
	if len(g) > maxGreeting {
		g = append(g[:0], g[len(g)-maxGreeting:]...)
	}
	a.conn.greeting = g
}

// act does what the dialogue wants.
func (a *attempt) act(ctx context.Context, action dialogue.Action) error {
	var err error
	switch action := action.(type) {
	case dialogue.Write:
		_, err = a.conn.wire.Write([]byte(action.Text))
	case dialogue.WriteUser:
		_, err = a.conn.wire.Write([]byte(a.user + "\r"))
	case dialogue.WritePassword:
		return a.password(ctx, action.Second)
	case dialogue.Done:
		a.accepted()
		a.greet(a.scrub.Release())
		return errDone
	case dialogue.Failed:
		return a.failed(action)
	}
	if err != nil {
		return &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: errBroken}
	}
	return nil
}

// accepted tells once that the target took the password.
func (a *attempt) accepted() {
	if a.lease.PasswordWorked != nil && !a.worked {
		a.lease.PasswordWorked(a.n)
	}
	a.worked = true
}

// password writes the password, or the second one. It is asked for here: a
// target that does not come so far gets none out of the vault.
func (a *attempt) password(ctx context.Context, second bool) error {
	get, what := func(ctx context.Context) (gateway.Secret, error) { return a.lease.Password(ctx, a.n) }, "egress"
	if second {
		a.accepted()
		get, what = a.lease.Second, "second"
	}
	secret, err := get(ctx)
	if err != nil {
		return &protocols.LoginError{Kind: protocols.PasswordMissing, Err: fmt.Errorf("get the %s password: %w", what, err)}
	}
	defer secret.Wipe()
	text := secret.Reveal()
	if len(text) == 0 || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return &protocols.LoginError{Kind: protocols.PasswordMissing, Err: fmt.Errorf("the %s password can't be typed", what)}
	}
	if err := a.stillAsking(); err != nil {
		return err
	}
	a.scrub.Add(text)
	keys := append(append(make([]byte, 0, len(text)+1), text...), '\r')
	defer clear(keys)
	if _, err := a.conn.wire.Write(keys); err != nil {
		return &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: errBroken}
	}
	return nil
}

// atHand bounds the look for what came while the password was fetched.
const atHand = 2 * time.Millisecond

// stillAsking fails when the target went on talking while the password was
// fetched: then it was at no prompt.
func (a *attempt) stillAsking() error {
	if err := a.conn.wire.SetReadDeadline(time.Now().Add(atHand)); err != nil {
		return &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: errBroken}
	}
	var actions []dialogue.Action
	if n, _ := a.conn.Read(a.buf[:]); n > 0 { // an error shows when it is read on
		actions = a.engine.Received(a.buf[:n])
		a.greet(a.scrub.Scrub(a.buf[:n]))
	}
	a.engine.Echo(a.conn.wire.echoes())
	for _, action := range append(actions, a.engine.Interrupted()...) {
		if f, ok := action.(dialogue.Failed); ok {
			return a.failed(f)
		}
	}
	return nil
}

// kind is the kind of a failed dialogue as one of a login.
func kind(k dialogue.Kind) protocols.LoginErrorKind {
	switch k {
	case dialogue.NoLoginPrompt:
		return protocols.NoLoginPrompt
	case dialogue.NoPasswordPrompt:
		return protocols.NoPasswordPrompt
	case dialogue.AuthenticationFailed:
		return protocols.PasswordRefused
	case dialogue.LockedOut:
		return protocols.LockedOut
	}
	return protocols.NoShellPrompt
}

func (a *attempt) failed(f dialogue.Failed) error {
	text := f.Kind.String()
	if f.Unrecognised {
		text += "; it waits at something that the device profile " + f.Profile + " does not know"
	}
	return &protocols.LoginError{Kind: kind(f.Kind), Err: errors.New(text), Tail: string(a.scrub.Text(f.Tail))}
}
