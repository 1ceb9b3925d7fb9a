// Package ssh reaches targets over SSH: it logs in with leased keys, starts a
// shell, a command or a subsystem, and relays it.
package ssh

import (
	"context"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/tcp"
	"gateway/protocols"
	"gateway/recorder"
)

// Backend is the SSH protocol. Its zero value is ready for use.
type Backend struct{ buffers sync.Pool }

// buffer is what one read of a stream fills: as much as one event holds.
type buffer [recorder.MaxBody]byte

func (b *Backend) buffer() *buffer {
	if p, ok := b.buffers.Get().(*buffer); ok {
		return p
	}
	return new(buffer)
}

// Protocol is gateway.SSH.
func (*Backend) Protocol() gateway.Protocol { return gateway.SSH }

// Login implements protocols.Backend. The end of ctx ends the handshake.
func (b *Backend) Login(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease) (protocols.Conn, error) {
	c, err := b.login(ctx, nc, r, l)
	if err != nil {
		return nil, err
	}
	if err := c.expect(l); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Probe logs in and hangs up, to find out whether an access works. Its errors
// are Login's.
func (b *Backend) Probe(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease) error {
	c, err := b.login(ctx, nc, r, l)
	if err != nil {
		return err
	}
	return c.Close()
}

// login logs in to the target, over nc or, if there is a jump host, inside of a
// login there over nc.
func (b *Backend) login(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease) (*conn, error) {
	if l.Passwords > 0 {
		return b.loginWithPasswords(ctx, nc, r, l)
	}
	if r.Jump == (gateway.Target{}) {
		return b.loginWithKeys(ctx, nc, "the target", r, l)
	}
	outer, inner, err := b.jump(ctx, nc, r, l.Jump)
	if err != nil {
		return nil, err
	}
	c, err := b.loginWithKeys(ctx, inner, "the target", r, l)
	if err != nil {
		outer.Close()
		return nil, err
	}
	c.outer, c.banner = outer, outer.banner+c.banner
	return c, nil
}

// loginWithKeys logs in to peer, the other end of nc, as the user of r.Target.
// What keys alone do not open, the person may.
func (b *Backend) loginWithKeys(ctx context.Context, nc net.Conn, peer string, r gateway.Request, l protocols.Lease) (*conn, error) {
	a, err := newAttempt(peer, r.Target.User, l)
	if err != nil {
		nc.Close()
		return nil, err
	}
	if l.Ask != nil {
		a.person = &person{login: r.Target.String(), ask: func(q string, echo bool) (gateway.Secret, error) { return l.Ask(ctx, q, echo) }}
		defer a.person.wipe()
	}
	c, err := b.handshake(ctx, nc, a, r.Action)
	if err != nil {
		return nil, err
	}
	if key, ok := a.worked(); ok && l.Worked != nil {
		l.Worked(key)
	}
	return c, nil
}

// handshake makes one attempt over nc, which it closes if that fails.
func (b *Backend) handshake(ctx context.Context, nc net.Conn, a *attempt, action gateway.Action) (*conn, error) {
	wire := tcp.Wrap(nc)
	peer := &opening{Conn: wire}
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	sc, channels, requests, err := ssh.NewClientConn(peer, "", a.config())
	if !stop() {
		nc.Close()
		return nil, a.interrupted(ctx, peer.hint())
	}
	if err != nil {
		return nil, a.failed(err)
	}
	c := &conn{
		backend: b, ssh: sc, wire: wire, action: action, env: a.lease.Env,
		banner: a.seen(), served: make(chan struct{}),
	}
	go c.serve(channels, requests)
	return c, nil
}
