package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
)

// jump logs in at the jump host at the other end of nc, and has it connect to
// the target. Its errors name the jump host.
func (b *Backend) jump(ctx context.Context, nc net.Conn, r gateway.Request, l *protocols.Lease) (*conn, net.Conn, error) {
	if l == nil {
		nc.Close()
		return nil, nil, fmt.Errorf("log in at the jump host: nothing is leased for it: %w", gateway.ErrInvalid)
	}
	c, err := b.loginWithKeys(ctx, nc, "the jump host", gateway.Request{Target: r.Jump}, *l)
	if err != nil {
		return nil, nil, atJumpHost(r.Jump, err)
	}
	stop := context.AfterFunc(ctx, c.cut)
	inner, err := c.tunnel(r.Target)
	if !stop() {
		c.Close()
		late := attempt{peer: "the jump host"}
		return nil, nil, atJumpHost(r.Jump, late.interrupted(ctx, ""))
	}
	if err != nil {
		c.Close()
		return nil, nil, atJumpHost(r.Jump, err)
	}
	return c, inner, nil
}

// tunnel opens a connection from the other end of c to t, RFC 4254 section 7.2.
func (c *conn) tunnel(t gateway.Target) (net.Conn, error) {
	channel, requests, err := c.ssh.OpenChannel("direct-tcpip", ssh.Marshal(struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}{t.Addr.String(), uint32(t.Port), "127.0.0.1", 65535})) // as OpenSSH says; who is behind is not the jump host's business
	if err != nil {
		return nil, &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: noTunnel(t, err)}
	}
	go ssh.DiscardRequests(requests)
	return &tunnel{channel, c}, nil
}

func noTunnel(t gateway.Target, err error) error {
	to := gateway.Target{Addr: t.Addr, Port: t.Port}
	var refused *ssh.OpenChannelError
	switch {
	case !errors.As(err, &refused):
		return fmt.Errorf("it closed the connection instead of going on to %s", to)
	case refused.Reason == ssh.Prohibited:
		return fmt.Errorf("it does not let us go on to %s: %s", to, line(refused.Message))
	}
	return fmt.Errorf("it can't connect to %s: %s", to, line(refused.Message))
}

// atJumpHost says that a login failed at the jump host.
func atJumpHost(t gateway.Target, err error) error {
	if login, ok := errors.AsType[*protocols.LoginError](err); ok {
		return &protocols.LoginError{Kind: login.Kind, Err: fmt.Errorf("jump host %s: %w", t, login.Err)}
	}
	return fmt.Errorf("jump host %s: %w", t, err)
}

// tunnel is a connection through a jump host. It has no deadlines; to close it
// cuts the connection with the jump host, which has no other purpose.
type tunnel struct {
	ssh.Channel
	outer *conn
}

// Close implements net.Conn. It waits for nobody.
func (t *tunnel) Close() error {
	t.outer.cut()
	return nil
}

// LocalAddr implements net.Conn.
func (t *tunnel) LocalAddr() net.Addr { return t.outer.wire.LocalAddr() }

// RemoteAddr implements net.Conn.
func (t *tunnel) RemoteAddr() net.Addr { return t.outer.wire.RemoteAddr() }

// SetDeadline implements net.Conn.
func (t *tunnel) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline implements net.Conn.
func (t *tunnel) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline implements net.Conn.
func (t *tunnel) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
