// Package quickack keeps TCP's delayed acknowledgements out of a handshake: a
// peer that gathers small writes (Nagle) waits for ours, 40 ms at a time.
package quickack

import (
	"net"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Conn acknowledges at once what it reads, until Done. It needs no system call
// but setsockopt(2) on its own descriptor.
type Conn struct {
	net.Conn
	raw  syscall.RawConn // nil: not TCP
	done atomic.Bool
}

// Wrap returns nc with quick acknowledgements and, for TCP, TCP_NODELAY. Any
// other connection is passed through.
func Wrap(nc net.Conn) *Conn {
	c := &Conn{Conn: nc}
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil { // closed: the first Read says so
		return c
	}
	c.raw = raw
	tcp.SetNoDelay(true) // only speed is lost if this fails
	c.arm()
	return c
}

// Read reads, and acknowledges unless p was filled: in bulk the kernel's own
// ways are better.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.raw != nil && n < len(p) && err == nil && !c.done.Load() {
		c.arm()
	}
	return n, err
}

// Done leaves acknowledgements to the kernel from now on: the session runs.
func (c *Conn) Done() { c.done.Store(true) }

// arm sets the option, which the kernel forgets by itself after a while.
func (c *Conn) arm() {
	c.raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
}
