// Package netconf reaches devices over NETCONF (RFC 6241) inside SSH (RFC
// 6242): it understands what passes, asks about each operation before it is
// sent on, and answers itself for what is not allowed.
//
// A request is held until it has come whole, and parsed strictly: what two
// parsers could read differently is refused. Then exactly the bytes that were
// parsed are sent on, framed anew. Replies pass as they come; only their frames
// and beginnings are looked at.
package netconf

import (
	"context"
	"net"

	"gateway"
	"gateway/protocols"
	"gateway/protocols/ssh"
	"gateway/recorder"
)

// Backend is NETCONF over SSH.
type Backend struct{ SSH *ssh.Backend }

// Protocol is gateway.NETCONF.
func (Backend) Protocol() gateway.Protocol { return gateway.NETCONF }

// Login implements protocols.Backend.
func (b Backend) Login(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease) (protocols.Conn, error) {
	c, err := b.SSH.Login(ctx, nc, r, l)
	if err != nil {
		return nil, err
	}
	return conn{c}, nil
}

// conn is logged in to a device.
type conn struct{ protocols.Conn }

// Relay implements protocols.Conn.
func (c conn) Relay(ctx context.Context, client protocols.Client, s protocols.Session) (gateway.Exit, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := newGate(ctx, client, s)
	defer g.end()
	return c.Conn.Relay(ctx, g, rest{s})
}

// rest is the session for what the gate does not see: the start of the
// subsystem, and what the device says on the side.
type rest struct{ protocols.Session }

// Record implements protocols.Session. The gate has recorded what passed it.
func (r rest) Record(e recorder.Event) error {
	if d, ok := e.(recorder.Data); ok && d.Stream != recorder.Err {
		return nil
	}
	return r.Session.Record(e)
}
