package osh

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// EchoTarget is what the monitor answers to alive, mtr and ping, with a
// connected socket beside it.
type EchoTarget struct {
	Host string
	Addr netip.Addr
}

// echo sends ICMP echo requests (RFC 792, RFC 4443 section 4) over a connected
// socket: one of the kind that the kernel offers to everybody, or a raw one,
// which shows the IP header of what it receives. What routers say of a request
// waits in the socket's error queue.
type echo struct {
	socket *os.File
	conn   syscall.RawConn
	target EchoTarget
	raw    bool
	packet []byte
	buf    []byte
	oob    []byte
}

const echoHeader = 8

// reply is what came of a request.
type reply struct {
	seq     uint16
	from    netip.Addr // the router that gave up on it; invalid: the host answered
	expired bool       // because its TTL was used up, not for good
}

func newEcho(r Result, size int) (*echo, error) {
	e := &echo{packet: make([]byte, echoHeader+size), oob: make([]byte, 512)}
	if err := json.Unmarshal(r.Value, &e.target); err != nil || len(r.Files) != 1 {
		return nil, fmt.Errorf("ping: no socket came with the answer")
	}
	e.buf = make([]byte, len(e.packet)+60)
	e.socket = r.Files[0]
	var err error
	if e.conn, err = e.socket.SyscallConn(); err != nil {
		return nil, fmt.Errorf("ping: %w", err)
	}
	if err := e.control(func(fd int) error {
		kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		e.raw = kind == unix.SOCK_RAW
		return err
	}); err != nil {
		return nil, fmt.Errorf("ping: %w", err)
	}
	e.packet[0] = 8
	if e.v6() {
		e.packet[0] = 128
	}
	rand.Read(e.packet[4:6]) // identifier; the kernel may put its own
	rand.Read(e.packet[echoHeader:])
	return e, nil
}

func (e *echo) v6() bool { return e.target.Addr.Is6() }

func (e *echo) control(f func(fd int) error) error {
	var err error
	return errors.Join(e.conn.Control(func(fd uintptr) { err = f(int(fd)) }), err)
}

// setTTL bounds how many routers the next requests may pass.
func (e *echo) setTTL(ttl int) error {
	return e.control(func(fd int) error {
		if e.v6() {
			return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, ttl)
		}
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, ttl)
	})
}

// send sends the request seq.
func (e *echo) send(seq uint16) error {
	binary.BigEndian.PutUint16(e.packet[6:], seq)
	binary.BigEndian.PutUint16(e.packet[2:], 0)
	binary.BigEndian.PutUint16(e.packet[2:], checksum(e.packet)) // of IPv6: the kernel does
	if err := e.socket.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err := e.socket.Write(e.packet)
	if err != nil && !os.IsTimeout(err) {
		// The error may be that of an earlier request, told once.
		_, err = e.socket.Write(e.packet)
	}
	return err
}

// listen lets the receives that follow wait for up to d in all, or until ctx
// ends.
func (e *echo) listen(ctx context.Context, d time.Duration) (stop func(), err error) {
	if err := e.socket.SetReadDeadline(time.Now().Add(d)); err != nil {
		return nil, err
	}
	off := context.AfterFunc(ctx, func() { e.socket.SetReadDeadline(time.Unix(1, 0)) })
	return func() { off() }, nil
}

// receive returns the next reply to a request of this echo.
func (e *echo) receive() (reply, error) {
	for {
		var r reply
		var ours bool
		var failed error
		err := e.conn.Read(func(fd uintptr) bool {
			r, ours, failed = e.take(int(fd))
			return failed != unix.EAGAIN
		})
		if err == nil {
			err = failed
		}
		if err != nil || ours {
			return r, err
		}
	}
}

// take reads one packet or one error and says whether it is a reply to us. A
// read of the error queue clears the error of the socket, so it comes first.
func (e *echo) take(fd int) (reply, bool, error) {
	n, oobn, flags, _, err := unix.Recvmsg(fd, e.buf, e.oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		n, oobn, flags, _, err = unix.Recvmsg(fd, e.buf, nil, unix.MSG_DONTWAIT)
	}
	if err != nil {
		if err == unix.EINTR || isUnreachable(err) { // the queue says more
			return reply{}, false, nil
		}
		return reply{}, false, err
	}
	if flags&unix.MSG_ERRQUEUE == 0 {
		seq, ok := e.answers(e.buf[:n])
		return reply{seq: seq}, ok, nil
	}
	from, expired, ok := parseExtendedError(e.oob[:oobn])
	if !ok || !e.quotes(e.buf[:n]) {
		return reply{}, false, nil
	}
	return reply{seq: binary.BigEndian.Uint16(e.buf[6:]), from: from, expired: expired}, true, nil
}

// isUnreachable reports whether err is one that routers cause; reading it
// removes it from the socket.
func isUnreachable(err error) bool {
	switch err {
	case unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ECONNREFUSED, unix.EACCES, unix.EPROTO, unix.EMSGSIZE,
		unix.EHOSTDOWN, unix.ENONET, unix.ENOPROTOOPT, unix.EOPNOTSUPP:
		return true
	}
	return false
}

// answers reports whether b answers a request, and which. The identifier
// proves nothing, since the kernel may change it; the random body does.
func (e *echo) answers(b []byte) (uint16, bool) {
	if !e.v6() && len(b) >= 20 && b[0]>>4 == 4 {
		b = b[min(len(b), int(b[0]&15)*4):]
	}
	kind := byte(0)
	if e.v6() {
		kind = 129
	}
	if len(b) != len(e.packet) || b[0] != kind || string(b[echoHeader:]) != string(e.packet[echoHeader:]) {
		return 0, false
	}
	return binary.BigEndian.Uint16(b[6:]), true
}

// quotes reports whether b, which a router sent back, is the start of a
// request of ours. A router need not quote more than the header (RFC 792); all
// raw sockets see all errors, and there the identifier is our own.
func (e *echo) quotes(b []byte) bool {
	if len(b) < echoHeader || b[0] != e.packet[0] || e.raw && string(b[4:6]) != string(e.packet[4:6]) {
		return false
	}
	n := min(len(b), len(e.packet))
	return string(b[echoHeader:n]) == string(e.packet[echoHeader:n])
}

// parseExtendedError reads struct sock_extended_err, which the address of who
// sent the error follows (ip(7), IP_RECVERR). It knows "time exceeded" and
// "destination unreachable"; of a packet that was too big the next one, which
// the kernel makes fit, is worth more.
func parseExtendedError(oob []byte) (from netip.Addr, expired, ok bool) {
	const size, origin, kind, code, v4Addr, v6Addr = 16, 4, 5, 6, 4, 8
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return from, false, false
	}
	for _, m := range msgs {
		b := m.Data
		v4 := m.Header.Level == unix.SOL_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.SOL_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		switch {
		case v4 && len(b) >= size+unix.SizeofSockaddrInet4 && b[origin] == unix.SO_EE_ORIGIN_ICMP: // RFC 792
			return netip.AddrFrom4([4]byte(b[size+v4Addr:][:4])), b[kind] == 11, b[kind] == 11 || b[kind] == 3 && b[code] != 4
		case v6 && len(b) >= size+unix.SizeofSockaddrInet6 && b[origin] == unix.SO_EE_ORIGIN_ICMP6: // RFC 4443
			return netip.AddrFrom16([16]byte(b[size+v6Addr:][:16])), b[kind] == 3, b[kind] == 3 || b[kind] == 1
		}
	}
	return from, false, false
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum + sum>>16)
}
