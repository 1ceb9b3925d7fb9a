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
	if r.Jump == (gateway.Target{}) {
		return b.handshake(ctx, nc, "the target", r, l)
	}
	outer, inner, err := b.jump(ctx, nc, r, l.Jump)
	if err != nil {
		return nil, err
	}
	c, err := b.handshake(ctx, inner, "the target", r, l)
	if err != nil {
		outer.Close()
		return nil, err
	}
	c.outer, c.banner = outer, outer.banner+c.banner
	return c, nil
}

// handshake logs in to peer, the other end of nc, as the user of r.Target.
func (b *Backend) handshake(ctx context.Context, nc net.Conn, peer string, r gateway.Request, l protocols.Lease) (*conn, error) {
	a, err := newAttempt(peer, r.Target.User, l)
	if err != nil {
		nc.Close()
		return nil, err
	}
	wire := tcp.Wrap(nc)
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	sc, channels, requests, err := ssh.NewClientConn(wire, "", a.config())
	if !stop() {
		nc.Close()
		return nil, a.interrupted(ctx)
	}
	if err != nil {
		return nil, a.failed(err)
	}
	if key, ok := a.worked(); ok && l.Worked != nil {
		l.Worked(key)
	}
	c := &conn{
		backend: b, ssh: sc, wire: wire, action: r.Action, env: l.Env,
		banner: a.banner.String(), served: make(chan struct{}),
	}
	go c.serve(channels, requests)
	return c, nil
}
