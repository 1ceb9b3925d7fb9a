// Package tcp tunes the connections of a session process, which moves bytes
// between two of them: handshakes without delayed acknowledgements, and input
// and output by the shortest way into the kernel.
package tcp

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Conn is a TCP connection that acknowledges at once what it reads, until
// Done: a peer that gathers small writes (Nagle) waits for it, 40 ms at a
// time. It needs no system call but read(2), write(2) and setsockopt(2) on its
// own descriptor.
//
// Reads and writes are raw system calls. The descriptor never blocks, so the
// scheduler need not be told of them; it would watch each one, every 20 µs,
// for being worth a thread of its own. That is a fifth of a session's CPU in
// bulk transfers.
type Conn struct {
	net.Conn
	raw  syscall.RawConn // nil: not TCP
	done atomic.Bool

	reading, writing sync.Mutex // guard in and out
	in, out          transfer
}

// transfer is one system call on its way. It is part of Conn, and step a
// method value made once, so that nothing is allocated for it.
type transfer struct {
	nr   uintptr
	buf  []byte
	n    int
	err  error
	step func(fd uintptr) bool
}

func (t *transfer) init(nr uintptr) {
	t.nr = nr
	t.step = t.try
}

// try makes the system call; false means that it must be tried again when the
// descriptor is ready.
func (t *transfer) try(fd uintptr) bool {
	for {
		n, _, errno := unix.RawSyscall(t.nr, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.buf))), uintptr(len(t.buf)))
		switch errno {
		case 0:
			t.n, t.err = int(n), nil
			return true
		case unix.EAGAIN:
			return false
		case unix.EINTR:
		default:
			t.n, t.err = 0, errno
			return true
		}
	}
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
	c.in.init(unix.SYS_READ)
	c.out.init(unix.SYS_WRITE)
	tcp.SetNoDelay(true) // only speed is lost if this fails
	c.arm()
	return c
}

// Read reads, and acknowledges unless p was filled: in bulk the kernel's own
// ways are better.
func (c *Conn) Read(p []byte) (int, error) {
	if c.raw == nil || len(p) == 0 {
		return c.Conn.Read(p)
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	c.in.buf = p
	err := c.raw.Read(c.in.step)
	c.in.buf = nil
	switch {
	case err != nil:
		return 0, err
	case c.in.err != nil:
		return 0, os.NewSyscallError("read", c.in.err)
	case c.in.n == 0:
		return 0, io.EOF
	}
	if c.in.n < len(p) && !c.done.Load() {
		c.arm()
	}
	return c.in.n, nil
}

// Write writes all of p.
func (c *Conn) Write(p []byte) (int, error) {
	if c.raw == nil {
		return c.Conn.Write(p)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	written := 0
	for written < len(p) {
		c.out.buf = p[written:]
		err := c.raw.Write(c.out.step)
		c.out.buf = nil
		if err == nil && c.out.err != nil {
			err = os.NewSyscallError("write", c.out.err)
		}
		if err != nil {
			return written, err
		}
		written += c.out.n
	}
	return written, nil
}

// Done leaves acknowledgements to the kernel from now on: the session runs.
func (c *Conn) Done() { c.done.Store(true) }

// arm sets the option, which the kernel forgets by itself after a while.
func (c *Conn) arm() {
	c.raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
}
