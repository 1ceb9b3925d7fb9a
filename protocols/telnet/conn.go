package telnet

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/ziutek/telnet"

	"gateway"
)

// conn implements protocols.Conn.
type conn struct {
	wire     *wire
	reader   *telnet.Conn // reads from wire; never written through
	action   gateway.Action
	silence  time.Duration
	greeting []byte // what the target said during the login, fit to be seen
}

func newConn(nc net.Conn, a gateway.Action, n *negotiation, silence time.Duration) *conn {
	w := newWire(nc, n)
	// The library makes no use of errors there, and has none.
	reader, _ := telnet.NewConn(w)
	return &conn{wire: w, reader: reader, action: a, silence: silence}
}

// Close hangs up.
func (c *conn) Close() error { return c.wire.Close() }

// Read reads what the target says. It returns io.EOF when the target hung up,
// and errBroken if it is gone.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	// The library gives 256 bytes at a time.
	for err == nil && n < len(p) && c.wire.ready() {
		var more int
		more, err = c.reader.Read(p[n:])
		n += more
	}
	switch {
	case err == nil, err == io.EOF, errors.Is(err, errFlood), errors.Is(err, errTooBig):
		return n, err
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return n, err
	}
	return n, errBroken
}
