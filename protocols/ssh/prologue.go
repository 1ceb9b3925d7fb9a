package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gateway"
	"gateway/internal/dialogue"
	"gateway/protocols"
	"gateway/recorder"
)

// detectWithin is how long a shell is watched for a device that a profile knows,
// when none was named.
const detectWithin = 3 * time.Second

// prologue is the dialogue with a device's shell before the person has it: its
// menus, the second password if that was asked for and, without a screen, what
// turns paging off, by the profile. What the device says is recorded and shown as
// it comes, without the password; what the person types meanwhile waits.
//
// The login is over at this point, so a profile that was only detected, or is
// not, keeps nobody out; one that was named must be right, and so must one that
// the second password is left to.
type prologue struct {
	relay  *relay
	engine *dialogue.Engine
	from   *patient
	must   bool
	secret gateway.Secret // the second password, once it was asked for
	scrub  *dialogue.Scrubber
	step   int
	since  time.Time // began step
}

// expect prepares for the dialogue with the shell of a device.
func (c *conn) expect(l protocols.Lease) error {
	if l.Passwords == 0 && l.Second == nil {
		return nil
	}
	profiles, err := dialogue.Decode(l.Profiles)
	if err != nil {
		return &protocols.LoginError{Kind: protocols.NotSupported, Err: err}
	}
	c.profiles, c.timeout, c.second = profiles, l.Timeout, l.Second
	return nil
}

// prologue runs the dialogue, if there is one for the session, and returns what
// the output goes on with.
func (r *relay) prologue(ctx context.Context) (io.Reader, error) {
	profiles, second := r.conn.profiles, r.conn.second != nil
	_, screen := r.client.(protocols.Terminal)
	options := dialogue.Options{Start: dialogue.AtShell, Second: second, Commands: !screen, Timeout: r.conn.timeout}
	if profiles == nil || r.conn.action.Kind != "shell" || !second && !profiles.Types(options.Commands) {
		return r.channel, nil
	}
	must := second || profiles.Named()
	if !must {
		options.Timeout = detectWithin
	}
	engine, err := dialogue.New(profiles, "", options)
	if err != nil {
		return nil, err
	}
	p := &prologue{relay: r, engine: engine, from: &patient{r: r.channel}, must: must, scrub: dialogue.NewScrubber(), step: -1}
	defer p.wipe()
	for {
		actions, err := p.hear(ctx)
		if err != nil {
			return nil, err
		}
		for _, action := range actions {
			over, err := p.act(ctx, action)
			if over && err == nil {
				err = p.show(p.scrub.Release())
			}
			if over || err != nil {
				return p.from, err
			}
		}
	}
}

// wipe forgets the password, and what the device said, in which it may be.
func (p *prologue) wipe() {
	p.secret.Wipe()
	p.scrub.Wipe()
	p.engine.Wipe()
}

// hear waits for what the device says, or for its silence.
func (p *prologue) hear(ctx context.Context) ([]dialogue.Action, error) {
	now := time.Now()
	if step := p.engine.Step(); step != p.step {
		p.step, p.since = step, now
	}
	if now.After(p.since.Add(p.engine.Timeout())) {
		return p.engine.Expired(), nil
	}
	return p.wait(ctx, p.engine.QuietTime())
}

// wait gives the dialogue what the device says within d, or its silence.
func (p *prologue) wait(ctx context.Context, d time.Duration) ([]dialogue.Action, error) {
	said, err := p.from.wait(ctx, d)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return p.engine.Closed(), nil
	case len(said) == 0:
		return p.engine.Quiet(), nil
	}
	actions := p.engine.Received(said)
	err = p.show(p.scrub.Scrub(said))
	clear(said)
	return actions, err
}

// show records and shows what the device said.
func (p *prologue) show(said []byte) error {
	if len(said) == 0 {
		return nil
	}
	if err := p.relay.record(recorder.Data{Stream: recorder.Out, Bytes: said}); err != nil {
		return err
	}
	if _, err := p.relay.client.Write(said); err != nil {
		return fmt.Errorf("write to client: %w", err)
	}
	return nil
}

// act does what the dialogue wants, and says whether that was the last of it.
func (p *prologue) act(ctx context.Context, action dialogue.Action) (over bool, err error) {
	switch action := action.(type) {
	case dialogue.Write:
		// It is no secret, and it is not the person who types it.
		return p.write(strings.TrimRight(action.Text, "\r"), []byte(action.Text))
	case dialogue.WritePassword:
		return p.password(ctx)
	case dialogue.Failed:
		return p.failed(action)
	}
	return true, nil // at the prompt
}

// write types keys, which are recorded as what.
func (p *prologue) write(what string, keys []byte) (over bool, err error) {
	if err := p.relay.record(recorder.Request{Name: "profile", Text: what}); err != nil {
		return false, err
	}
	_, err = p.relay.channel.Write(keys)
	return err != nil, nil // why shows when it is read from
}

// failed judges a dialogue that did not reach its end.
func (p *prologue) failed(f dialogue.Failed) (over bool, err error) {
	if !p.must || p.from.ended != nil {
		return true, nil
	}
	text := f.Kind.String()
	if f.Unrecognised {
		text += "; it waits at something that the device profile " + f.Profile + " does not know"
	}
	return false, &protocols.LoginError{Kind: protocols.NoShellPrompt, Err: errors.New(text), Tail: string(p.scrub.Text(f.Tail))}
}

// atHand bounds the look for what came while the password was fetched.
const atHand = 2 * time.Millisecond

// password types the second password. It is asked for here: a device that does
// not come so far gets none out of the vault, nor does one that goes on talking
// meanwhile, which was at no prompt.
func (p *prologue) password(ctx context.Context) (over bool, err error) {
	p.secret, err = p.relay.conn.second(ctx)
	text := p.secret.Reveal()
	switch {
	case err != nil:
		err = fmt.Errorf("get the second password: %w", err)
	case len(text) == 0 || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		err = errors.New("the second password can't be typed")
	}
	if err != nil {
		return false, &protocols.LoginError{Kind: protocols.PasswordMissing, Err: err}
	}
	p.scrub.Add(text)
	actions, err := p.wait(ctx, atHand)
	if err != nil {
		return false, err
	}
	for _, action := range append(actions, p.engine.Interrupted()...) {
		return p.act(ctx, action) // it is over
	}
	keys := append(append(make([]byte, 0, len(text)+1), text...), '\r')
	defer clear(keys)
	return p.write("second password", keys)
}

// patient reads from r, also for a while only: a read that takes longer goes on,
// and the next one gets what comes of it.
type patient struct {
	r       io.Reader
	pending chan struct{} // closed when n and err are those of a read; nil: there is none
	buf     [4096]byte
	left    []byte
	ended   error
}

// wait returns what is there, or nothing if nothing comes within d.
func (p *patient) wait(ctx context.Context, d time.Duration) ([]byte, error) {
	if p.pending == nil {
		done := make(chan struct{})
		p.pending = done
		go func() {
			defer close(done)
			n, err := p.r.Read(p.buf[:])
			p.left, p.ended = p.buf[:n], err
		}()
	}
	quiet := time.NewTimer(d)
	defer quiet.Stop()
	select {
	case <-p.pending:
	case <-quiet.C:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.pending = nil
	said := p.left
	p.left = nil
	if len(said) > 0 {
		return said, nil
	}
	return nil, p.ended
}

// Read implements io.Reader, for what comes after the last wait.
func (p *patient) Read(b []byte) (int, error) {
	if p.pending != nil {
		<-p.pending
		p.pending = nil
	}
	if len(p.left) > 0 {
		n := copy(b, p.left)
		p.left = p.left[n:]
		return n, nil
	}
	if p.ended != nil {
		return 0, p.ended
	}
	return p.r.Read(b)
}
