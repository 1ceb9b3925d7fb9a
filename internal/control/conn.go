// Package control is the typed protocol between the monitor and its children:
// messages over a SOCK_SEQPACKET socket pair, with descriptors passed along,
// and the table of what may be asked when and how often.
//
// A packet is one byte kind, one byte flags, two bytes operation, four bytes
// call id (big endian), then a piece of the body, which is JSON. A message is
// one or more packets in a row; all but the last carry the flag "more".
// Descriptors come with the first.
package control

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"gateway"
)

const (
	kindRequest byte = 1
	kindReply   byte = 2
	kindError   byte = 3
	kindNotify  byte = 4

	flagMore byte = 1

	headerSize = 8
	maxPacket  = 8 << 10
	maxFiles   = 10
	// maxMessage bounds a reassembled message; a listing of every account fits.
	maxMessage = 64 << 20
	// maxInFlight bounds the requests of one socket that are being served, and
	// with slotSize the bytes of them: 4 MiB.
	maxInFlight = 32
	slotSize    = 128 << 10
)

// ViolationError: the peer broke the protocol. The socket is useless after it.
type ViolationError struct {
	Op   Op
	Name string
	What string
}

func (e *ViolationError) Error() string {
	name := e.Name
	if name == "" {
		name = fmt.Sprintf("operation %d", e.Op)
	}
	return fmt.Sprintf("control protocol: %s: %s", name, e.What)
}

// Handler serves what the peer asks. Admit is called in order of arrival and
// before Handle; its error closes the socket, as does a ViolationError of
// Handle. Handle runs concurrently for operations that may take long, else in
// order. It owns files, and the files that it returns are closed once they are
// sent. For a notification the reply is dropped.
type Handler interface {
	Admit(op Op, size int) error
	Handle(ctx context.Context, op Op, body []byte, files []*os.File) (reply any, out []*os.File, err error)
}

// Conn is one end of a control socket. It is safe for concurrent use.
type Conn struct {
	uc      *net.UnixConn
	in, oob []byte // of the one reader: Receive, then Serve

	writing sync.Mutex // one message at a time

	mu     sync.Mutex // guards the rest
	calls  map[uint32]chan message
	nextID uint32
	err    error // why it is closed
}

// Pair makes a socket pair: the parent's end and the file to hand to the child.
func Pair() (*Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make control socket: %w", err)
	}
	c, err := NewConn(os.NewFile(uintptr(fds[0]), "control"))
	if err != nil {
		unix.Close(fds[1])
		return nil, nil, err
	}
	return c, os.NewFile(uintptr(fds[1]), "control"), nil
}

// NewConn takes over a control socket's descriptor.
func NewConn(f *os.File) (*Conn, error) {
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	uc, ok := nc.(*net.UnixConn)
	if !ok {
		nc.Close()
		return nil, fmt.Errorf("open control socket: %w: not a unix socket", gateway.ErrInvalid)
	}
	return &Conn{uc: uc, calls: make(map[uint32]chan message)}, nil
}

// Close ends the connection; calls in flight fail.
func (c *Conn) Close() error {
	c.fail(net.ErrClosed)
	return c.uc.Close()
}

func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	for id, ch := range c.calls {
		delete(c.calls, id)
		close(ch)
	}
}

// Call asks the peer and waits for its answer, which is decoded into reply
// (nil: ignored). Files in the answer are the caller's to close. Serve must be
// running. Errors of the peer wrap the same sentinel that it returned.
func (c *Conn) Call(ctx context.Context, op Op, req, reply any, files ...*os.File) ([]*os.File, error) {
	ch := make(chan message, 1)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("control call: %w", c.err)
	}
	c.nextID++
	id := c.nextID
	c.calls[id] = ch
	c.mu.Unlock()

	if err := c.send(kindRequest, op, id, req, files); err != nil {
		c.forget(id)
		return nil, err
	}
	select {
	case m, ok := <-ch:
		if !ok {
			return nil, fmt.Errorf("control call: %w", gateway.ErrUnavailable)
		}
		if m.kind == kindError {
			CloseFiles(m.files)
			return nil, decodeError(m.body)
		}
		if password, ok := reply.(*PasswordReply); ok {
			password.Password = m.body
			return m.files, nil
		}
		if reply != nil {
			if err := Decode(m.body, reply); err != nil {
				CloseFiles(m.files)
				return nil, err
			}
		}
		return m.files, nil
	case <-ctx.Done():
		c.forget(id)
		select {
		case m := <-ch: // it came at the same time
			CloseFiles(m.files)
		default:
		}
		return nil, context.Cause(ctx)
	}
}

// forget makes an answer to the call be dropped. One that was delivered is in
// the call's channel.
func (c *Conn) forget(id uint32) {
	c.mu.Lock()
	delete(c.calls, id)
	c.mu.Unlock()
}

// Notify sends a message that has no answer.
func (c *Conn) Notify(op Op, body any, files ...*os.File) error {
	return c.send(kindNotify, op, 0, body, files)
}

func (c *Conn) send(kind byte, op Op, id uint32, body any, files []*os.File) error {
	b, err := encode(body)
	if err != nil {
		return fmt.Errorf("encode control message: %w", err)
	}
	if len(b) > maxMessage {
		return fmt.Errorf("control message of %d bytes: %w", len(b), gateway.ErrInvalid)
	}
	var oob []byte
	if len(files) > 0 {
		fds, err := descriptors(files)
		if err != nil {
			return err
		}
		oob = unix.UnixRights(fds...)
		defer runtime.KeepAlive(files)
	}
	packet := make([]byte, 0, min(headerSize+len(b), maxPacket))
	defer func() { clear(packet) }() // it may be a password
	c.writing.Lock()
	defer c.writing.Unlock()
	for {
		piece := b[:min(len(b), maxPacket-headerSize)]
		b = b[len(piece):]
		var flags byte
		if len(b) > 0 {
			flags = flagMore
		}
		packet = append(packet[:0], kind, flags)
		packet = binary.BigEndian.AppendUint16(packet, uint16(op))
		packet = binary.BigEndian.AppendUint32(packet, id)
		packet = append(packet, piece...)
		// A session may not use sendmsg(2), and has no descriptors to pass.
		if oob == nil {
			_, err = c.uc.Write(packet)
		} else {
			_, _, err = c.uc.WriteMsgUnix(packet, oob, nil)
		}
		if err != nil {
			return fmt.Errorf("send control message: %w", err)
		}
		oob = nil
		if len(b) == 0 {
			return nil
		}
	}
}

// encode gives the body of a message. A password is sent as it is, and wiped
// after that by answer: an encoder would leave copies behind.
func encode(body any) ([]byte, error) {
	if password, ok := body.(PasswordReply); ok {
		return password.Password, nil
	}
	return json.Marshal(body)
}

// descriptors returns the files' numbers without File.Fd, which would make
// them blocking for every process that shares them.
func descriptors(files []*os.File) ([]int, error) {
	fds := make([]int, 0, len(files))
	for _, f := range files {
		rc, err := f.SyscallConn()
		if err == nil {
			err = rc.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
		if err != nil {
			return nil, fmt.Errorf("pass descriptor: %w", err)
		}
	}
	return fds, nil
}

// Receive reads one message before Serve was started: a child's OpBoot.
func (c *Conn) Receive(op Op, into any) ([]*os.File, error) {
	m, err := c.read(nil)
	if err != nil {
		return nil, err
	}
	if m.kind != kindNotify || m.op != op {
		CloseFiles(m.files)
		return nil, &ViolationError{Op: m.op, What: "unexpected first message"}
	}
	if err := Decode(m.body, into); err != nil {
		return nil, m.discard(err)
	}
	return m.files, nil
}

// Serve reads messages until the socket ends and returns why; a clean end of
// the peer gives nil. It waits for the handlers that it started, and closes
// the socket.
func (c *Conn) Serve(ctx context.Context, h Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() {
		c.uc.Close()
		close(closed)
	})
	defer func() { <-closed }()
	var handlers sync.WaitGroup
	defer handlers.Wait()
	defer cancel()
	inFlight := make(chan struct{}, maxInFlight)
	for {
		m, err := c.read(h)
		if err != nil {
			c.fail(gateway.ErrUnavailable)
			return c.ending(err)
		}
		switch m.kind {
		case kindReply, kindError:
			c.deliver(m)
		default:
			if !m.op.slow() {
				c.answer(ctx, h, m)
				continue
			}
			// A large request takes several places: together they stay
			// below maxInFlight times slotSize.
			slots := 1 + len(m.body)/slotSize
			for range slots {
				inFlight <- struct{}{}
			}
			handlers.Go(func() {
				defer func() {
					for range slots {
						<-inFlight
					}
				}()
				c.answer(ctx, h, m)
			})
		}
	}
}

// ending says what Serve returns: a violation that a handler found goes before
// the read error that it led to.
func (c *Conn) ending(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var v *ViolationError
	if errors.As(c.err, &v) {
		return v
	}
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

func (c *Conn) deliver(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.calls[m.id]
	if ch == nil {
		CloseFiles(m.files)
		return
	}
	delete(c.calls, m.id)
	ch <- m // has room for the one answer there is
}

// asked says whether a call with that id was ever made.
func (c *Conn) asked(id uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return id != 0 && id <= c.nextID
}

func (c *Conn) answer(ctx context.Context, h Handler, m message) {
	reply, out, err := h.Handle(ctx, m.op, m.body, m.files)
	defer CloseFiles(out)
	var v *ViolationError
	if errors.As(err, &v) {
		v.Op = m.op
		c.fail(v)
		c.uc.Close()
		return
	}
	if m.kind == kindNotify {
		return
	}
	// A peer that is gone does not read its answer; Serve sees that by itself.
	if err != nil {
		_ = c.send(kindError, m.op, m.id, encodeError(err), nil)
		return
	}
	err = c.send(kindReply, m.op, m.id, reply, out)
	if password, ok := reply.(PasswordReply); ok {
		clear(password.Password)
	}
	if errors.Is(err, gateway.ErrInvalid) {
		// Too large, and not sent: who waits for it must hear so.
		_ = c.send(kindError, m.op, m.id, encodeError(err), nil)
	}
}
