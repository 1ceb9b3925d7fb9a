package netconf

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"gateway"
	"gateway/protocols"
	"gateway/recorder"
)

// maxRequest bounds a request, which is held whole.
const maxRequest = 16 << 20

// gate stands between a client and the relay to the device, as the relay's
// client: what the relay reads is what is allowed, and what it writes is
// looked at in passing.
//
// Two goroutines use it: one calls Read, the other Write.
type gate struct {
	protocols.Client
	ctx     context.Context // of the relay
	session protocols.Session

	// Of the one that calls Read.
	in      framer
	agreed  bool     // on the framing
	buf     []byte   // read from the client last
	rest    []byte   // of buf, not looked at yet
	request []byte   // the message so far
	tooBig  bool     // of which the rest is dropped
	out     [][]byte // to be given to the relay
	err     error    // how it ends

	hellos

	mu   sync.Mutex // makes recording one event after the other, and guards over
	over bool

	calls
	answers
}

// hellos is what both sides say first. Each offer is there when its channel
// is closed.
type hellos struct {
	client, device         versions
	clientSaid, deviceSaid chan struct{}
}

func newGate(ctx context.Context, c protocols.Client, s protocols.Session) *gate {
	return &gate{
		Client: c, ctx: ctx, session: s,
		hellos:  hellos{clientSaid: make(chan struct{}), deviceSaid: make(chan struct{})},
		calls:   calls{now: time.Now, settled: make(chan struct{}, 1)},
		answers: answers{slots: make(chan struct{}, maxWaiting)},
	}
}

var errOver = errors.New("session is over")

// end sees to it that nothing is recorded or forwarded from now on.
func (g *gate) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
}

// record records events, whole and together.
func (g *gate) record(events ...recorder.Event) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range events {
		if g.over {
			return errOver
		}
		if err := g.session.Record(e); err != nil {
			g.over = true
			return err
		}
	}
	return nil
}

// CloseWrite implements protocols.CloseWriter.
func (g *gate) CloseWrite() error {
	if c, ok := g.Client.(protocols.CloseWriter); ok {
		return c.CloseWrite()
	}
	return nil
}

// Read gives what may go to the device. It is called by one goroutine.
func (g *gate) Read(p []byte) (int, error) {
	for {
		if len(g.out) > 0 {
			n := copy(p, g.out[0])
			if g.out[0] = g.out[0][n:]; len(g.out[0]) == 0 {
				g.out = g.out[1:]
			}
			return n, nil
		}
		if len(g.rest) == 0 && g.err != nil {
			if g.err == io.EOF {
				g.awaitReplies(g.ctx)
			}
			return 0, g.err
		}
		if len(g.rest) == 0 {
			g.fill()
			continue
		}
		if err := g.take(); err != nil {
			g.rest, g.err = nil, err
		}
	}
}

// fill reads from the client.
func (g *gate) fill() {
	if g.buf == nil {
		g.buf = make([]byte, 32<<10)
	}
	n, err := g.Client.Read(g.buf)
	g.rest, g.err = g.buf[:n], err
	if n > 0 {
		if err := g.record(recorder.Data{Stream: recorder.In, Bytes: g.buf[:n]}); err != nil {
			g.rest, g.err = nil, err
		}
	}
}

// take looks at what was read, up to the end of a message.
func (g *gate) take() error {
	if err := g.agree(); err != nil {
		return err
	}
	n, end, err := g.in.feed(g.rest, func(b []byte) {
		if g.tooBig = g.tooBig || len(g.request)+len(b) > maxRequest; !g.tooBig {
			g.request = append(g.request, b...)
		}
	})
	g.rest = g.rest[n:]
	if err != nil {
		return g.broken(err)
	}
	if !end {
		return nil
	}
	request, tooBig := g.request, g.tooBig
	g.request, g.tooBig = nil, false
	m, err := parse(request)
	if tooBig {
		m.ask, err = nil, refuse("rpc", "too-big", "a request is at most 16 MiB")
	}
	select {
	case <-g.clientSaid:
		if m.hello && err == nil {
			err = notWellFormed(malformed("it is a second hello"))
		}
		return g.rpc(m, err, request)
	default:
		return g.hello(m, err, request)
	}
}

// agree finds out how messages are framed after the client's hello: in chunks
// if both sides can, RFC 6242 section 4.1. It waits for the device's hello in
// any case: much gear loses what comes before.
func (g *gate) agree() error {
	select {
	case <-g.clientSaid:
	default:
		return nil
	}
	if !g.agreed {
		select {
		case <-g.deviceSaid:
		case <-g.ctx.Done():
			return context.Cause(g.ctx)
		}
		g.in.chunked, g.agreed = g.client.v11 && g.device.v11, true
	}
	return nil
}

// broken ends a session whose client's messages can't be told apart any more;
// RFC 6242 section 4.2 wants that.
func (g *gate) broken(err error) error {
	m := &message{}
	if refused := g.refuse(m, notWellFormed(malformed("%s", err)).(*refusal), 0); refused != nil {
		return refused
	}
	return err
}

// hello takes the client's first message, and finds out how the next are framed.
func (g *gate) hello(m *message, err error, raw []byte) error {
	if err == nil && !m.hello {
		err = refuse("protocol", "operation-failed", "there must be a hello first")
	}
	if err == nil && !m.versions.v10 && !m.versions.v11 {
		err = refuse("protocol", "operation-failed", "the hello offers neither base:1.0 nor base:1.1")
	}
	if recorded := g.record(m.call(len(raw))); recorded != nil {
		return recorded
	}
	if refused, ok := err.(*refusal); ok {
		if err := g.refuse(m, refused, 0); err != nil {
			return err
		}
		return errors.New("the client did not begin with a hello that can be taken")
	}
	g.client = m.versions
	g.out = frame(false, raw)
	close(g.clientSaid)
	return nil
}

// rpc asks about one request and sends it on, or answers it.
func (g *gate) rpc(m *message, err error, raw []byte) error {
	if err == nil && g.confirms(m) {
		m.store = gateway.CommitConfirming
		m.ask = []gateway.RPC{{Name: "commit", Datastore: m.store}}
	}
	if recorded := g.record(m.call(len(raw))); recorded != nil {
		return recorded
	}
	if err == nil {
		if err = g.allow(m); err != nil && !errors.As(err, new(*refusal)) {
			return err // nobody knows whether it is allowed
		}
	}
	if refused, ok := err.(*refusal); ok {
		return g.refuse(m, refused, len(raw))
	}
	g.sent(m)
	g.out = frame(g.in.chunked, raw)
	return nil
}

// allow asks for every right that a request needs.
func (g *gate) allow(m *message) error {
	for _, r := range m.ask {
		err := g.session.Allow(g.ctx, gateway.Action{Kind: "rpc", Text: r.String()})
		if errors.Is(err, gateway.ErrDenied) {
			return denied(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
