package monitor

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestHeldSleeps: Go's scheduler does not watch what the monitor holds, so that
// the packets of a session do not wake it, and the connection can still be cut.
func TestHeldSleeps(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	target, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	f, err := target.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	h, err := hold(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	target.Close()
	infos, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range infos {
		b, _ := os.ReadFile(name) // one that is closed meanwhile is no poller
		for line := range strings.Lines(string(b)) {
			if w := strings.Fields(line); len(w) > 1 && w[0] == "tfd:" && w[1] == strconv.Itoa(h.fd) {
				t.Errorf("the scheduler watches descriptor %d", h.fd)
			}
		}
	}
	if h.over() {
		t.Error("a connection that is open is over")
	}
	h.cut()
	if n, err := nc.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the other side of a cut connection reads %d, %v", n, err)
	}
}
