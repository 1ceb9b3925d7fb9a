package tcp_test

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"gateway/internal/tcp"
)

// option reads an integer TCP option of nc.
func option(t *testing.T, nc net.Conn, name int) int {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	value := -1
	raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name) })
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// tcpPair returns both ends of a connection.
func tcpPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestReadRearms(t *testing.T) {
	a, b := tcpPair(t)
	c := tcp.Wrap(a)
	if got := option(t, a, unix.TCP_NODELAY); got == 0 {
		t.Error("TCP_NODELAY is off")
	}
	for _, test := range []struct {
		name string
		done bool
		size int // of the buffer that one byte is read into
		want int
	}{
		{"short read", false, 2, 1},
		{"full read", false, 1, 0},
		{"session runs", true, 2, 0},
	} {
		disarm(t, a)
		if test.done {
			c.Done()
		}
		if _, err := b.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, test.size)); n != 1 || err != nil {
			t.Fatalf("%s: Read = %d, %v", test.name, n, err)
		}
		if got := option(t, a, unix.TCP_QUICKACK); got != test.want {
			t.Errorf("%s: TCP_QUICKACK = %d, want %d", test.name, got, test.want)
		}
	}
}

func disarm(t *testing.T, nc net.Conn) {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestPassesOthersThrough(t *testing.T) {
	a, b := net.Pipe()
	go func() {
		b.Write([]byte("hello"))
		b.Close()
	}()
	if got, err := io.ReadAll(tcp.Wrap(a)); string(got) != "hello" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}
