package telnet_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"gateway"
)

// shell is what is asked of every target.
var shell = gateway.Action{Kind: "shell"}

// dial connects to a target that serve is, over TCP.
func dial(t testing.TB, serve func(nc net.Conn)) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := l.Accept()
		l.Close()
		if err == nil {
			defer nc.Close()
			serve(nc)
		}
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		nc.Close()
		<-done
	})
	return nc
}

// echo sends back what it reads, with the line ends that a terminal makes of
// Enter undone. It does not answer what is negotiated.
func echo(nc net.Conn) {
	buf := make([]byte, 4<<10)
	for {
		n, err := nc.Read(buf)
		if err != nil {
			return
		}
		out := bytes.ReplaceAll(buf[:n], []byte("\r"), []byte("\n"))
		if _, err := nc.Write(bytes.ReplaceAll(out, []byte{0}, nil)); err != nil {
			return
		}
	}
}

// flood writes without end.
func flood(nc net.Conn) {
	block := make([]byte, 32<<10)
	for {
		if _, err := nc.Write(block); err != nil {
			return
		}
	}
}

// say writes text, and then reads until the end.
func say(text string) func(net.Conn) {
	return func(nc net.Conn) {
		io.WriteString(nc, text)
		io.Copy(io.Discard, nc)
	}
}

// expect reads exactly want.
func expect(t testing.TB, nc net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	nc.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, err := io.ReadFull(nc, got)
	if string(got) != want {
		t.Errorf("the target got %q (%v), want %q", got[:n], err, want)
	}
}
