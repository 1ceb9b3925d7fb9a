package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gateway/internal/dialogue"
	"gateway/protocols"
	"gateway/recorder"
)

// detectWithin is how long a shell is watched for a device that a profile knows,
// when none was named.
const detectWithin = 3 * time.Second

// prologue is the dialogue with a device's shell before the person has it: its
// menus and, without a screen, what turns paging off, by the profile. What the device says is
// recorded and shown as it comes; what the person types meanwhile waits.
//
// The login is over at this point, so a profile that was only detected, or is
// not, keeps nobody out; one that was named must be right.
type prologue struct {
	relay  *relay
	engine *dialogue.Engine
	from   *patient
	step   int
	since  time.Time // began step
}

// prologue runs the dialogue, if there is one for the session, and returns what
// the output goes on with.
func (r *relay) prologue(ctx context.Context) (io.Reader, error) {
	profiles := r.conn.profiles
	_, screen := r.client.(protocols.Terminal)
	options := dialogue.Options{Start: dialogue.AtShell, Commands: !screen, Timeout: r.conn.timeout}
	if profiles == nil || r.conn.action.Kind != "shell" || !profiles.Types(options.Commands) {
		return r.channel, nil
	}
	if !profiles.Named() {
		options.Timeout = detectWithin
	}
	engine, err := dialogue.New(profiles, "", options)
	if err != nil {
		return nil, err
	}
	p := &prologue{relay: r, engine: engine, from: &patient{r: r.channel}, step: -1}
	for {
		actions, err := p.hear(ctx)
		if err != nil {
			return nil, err
		}
		for _, action := range actions {
			over, err := p.act(action, profiles.Named())
			if over || err != nil {
				return p.from, err
			}
		}
	}
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
	said, err := p.from.wait(ctx, p.engine.QuietTime())
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return p.engine.Closed(), nil
	case len(said) == 0:
		return p.engine.Quiet(), nil
	}
	actions := p.engine.Received(said)
	if err := p.relay.record(recorder.Data{Stream: recorder.Out, Bytes: said}); err != nil {
		return nil, err
	}
	if _, err := p.relay.client.Write(said); err != nil {
		return nil, fmt.Errorf("write to client: %w", err)
	}
	return actions, nil
}

// act does what the dialogue wants, and says whether that was the last of it.
func (p *prologue) act(action dialogue.Action, must bool) (over bool, err error) {
	switch action := action.(type) {
	case dialogue.Write:
		// It is no secret, and it is not the person who types it.
		if err := p.relay.record(recorder.Request{Name: "profile", Text: strings.TrimRight(action.Text, "\r")}); err != nil {
			return false, err
		}
		_, err := p.relay.channel.Write([]byte(action.Text))
		return err != nil, nil // why shows when it is read from
	case dialogue.Failed:
		if !must || p.from.ended != nil {
			return true, nil
		}
		text := action.Kind.String()
		if action.Unrecognised {
			text += "; it waits at something that the device profile " + action.Profile + " does not know"
		}
		return false, &protocols.LoginError{Kind: protocols.NoShellPrompt, Err: errors.New(text), Tail: string(action.Tail)}
	}
	return true, nil // at the prompt
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
