// Package session is the pipeline in the session process: ask the monitor for
// a session, record, log in to the target, relay, end. It has no authority;
// whatever it skips, the monitor notices or the kernel refuses.
package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/ring"
	"gateway/protocols"
	"gateway/protocols/postgres"
	"gateway/recorder"
)

// Monitor is the session process's end of the control socket.
type Monitor interface {
	Call(ctx context.Context, op control.Op, req, reply any, files ...*os.File) ([]*os.File, error)
	Notify(op control.Op, body any, files ...*os.File) error
}

// Pipeline opens sessions for one connection. Fill the exported fields.
type Pipeline struct {
	Monitor  Monitor
	Backends map[gateway.Protocol]protocols.Backend
	// Databases speaks with clients of databases.
	Databases *postgres.Front
	Name      string // of the gateway
	Account   string // as the monitor said after the login

	mu   sync.Mutex // guards open
	open map[gateway.SessionID]*opened
}

// opened is what can be done to an open session from outside of it.
type opened struct {
	cancel context.CancelCauseFunc
	watch  *watch // nil: there is none, or not yet
	locked bool   // before there is
}

// TerminatedError is the monitor's word that a session must end.
type TerminatedError struct {
	Text string
	Code int // exit status
}

func (e *TerminatedError) Error() string { return e.Text }

// RefusedError: the monitor did not open the session.
type RefusedError struct{ control.Refusal }

func (e *RefusedError) Error() string { return e.Text }

// Unwrap makes it a gateway.ErrDenied.
func (e *RefusedError) Unwrap() error { return gateway.ErrDenied }

// Terminate ends session id, or all of them when it is empty.
func (p *Pipeline) Terminate(t control.Terminate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, o := range p.open {
		if t.Session == "" || t.Session == id {
			o.cancel(&TerminatedError{Text: t.Text, Code: t.Code})
		}
	}
}

// Session is one open session: what it may ask, and its recording.
type Session struct {
	control.OpenReply
	p       *Pipeline
	ring    *ring.Producer
	target  *os.File   // nil for commands
	client  []*os.File // of a client program that was asked for; see program
	in, out atomic.Int64
	hidden  atomic.Bool // Reader and Writer record nothing
	cancel  context.CancelCauseFunc
}

var _ protocols.Session = (*Session)(nil)

// Open asks the monitor for a session. The context it returns ends when the
// monitor ends the session; its cause is then a *TerminatedError. A refusal is
// a *RefusedError.
func (p *Pipeline) Open(ctx context.Context, r control.Open) (*Session, context.Context, error) {
	s := &Session{p: p}
	files, err := p.Monitor.Call(ctx, control.OpOpen, r, &s.OpenReply)
	if err != nil {
		return nil, nil, fmt.Errorf("open session: %w", err)
	}
	if s.Refusal != nil {
		return nil, nil, &RefusedError{*s.Refusal}
	}
	if r.Protocol != gateway.OSH && len(files) > 0 {
		s.target, files = files[0], files[1:]
	}
	if r.Client != nil && len(files) > 3 {
		files, s.client = files[:3], files[3:]
	}
	if len(files) != 3 {
		return nil, nil, fmt.Errorf("open session: %d descriptors: %w", len(files), gateway.ErrUnavailable)
	}
	s.ring, err = ring.NewProducer(ring.Files{Mem: files[0], Wake: files[1], Space: files[2]}, s.Started)
	if err != nil {
		return nil, nil, fmt.Errorf("open session: %w", err)
	}
	ctx, s.cancel = context.WithCancelCause(ctx)
	// A Record that waits for a recorder which will never take more must end too.
	s.ring.CloseOnDone(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = make(map[gateway.SessionID]*opened)
	}
	p.open[s.Session] = &opened{cancel: s.cancel, locked: s.Locked}
	return s, ctx, nil
}

// End tells the monitor how the session ended. Nothing can be recorded after.
func (s *Session) End(exit gateway.Exit, comment string) error {
	s.p.mu.Lock()
	delete(s.p.open, s.Session)
	s.p.mu.Unlock()
	err := s.ring.Close()
	s.cancel(nil)
	if s.target != nil {
		s.target.Close()
	}
	_, callErr := s.p.Monitor.Call(context.Background(), control.OpEnd, control.End{
		Session: s.Session, Exit: exit, Comment: comment, In: s.in.Load(), Out: s.out.Load(),
	}, nil)
	return errors.Join(err, callErr)
}

// Allow implements protocols.Session.
func (s *Session) Allow(ctx context.Context, a gateway.Action) error {
	_, err := s.p.Monitor.Call(ctx, control.OpAllow, control.Allow{Session: s.Session, Action: a}, nil)
	return err
}

// Record implements protocols.Session.
func (s *Session) Record(e recorder.Event) error {
	d, ok := e.(recorder.Data)
	if !ok {
		return s.ring.Put(e)
	}
	if err := s.ring.PutData(d.Stream, d.Bytes); err != nil {
		return err
	}
	if d.Stream == recorder.In {
		s.in.Add(int64(len(d.Bytes)))
	} else {
		s.out.Add(int64(len(d.Bytes)))
	}
	return nil
}
