package interop

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// silent connects as a client does and says text, and nothing more.
func (w *world) silent(text string) net.Conn {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.g.addr)
	w.check(err)
	w.t.Cleanup(func() { nc.Close() })
	w.check(nc.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(nc, text)
	w.check(err)
	return nc
}

// TestLoginGrace: a client that doesn't log in is dropped, whatever it said,
// and keeps nobody else out.
func TestLoginGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "loginGraceTime=1")
	for _, text := range []string{"", "SSH-2.0-nobody\r\n", "GET / HTTP/1.1\r\n\r\n"} {
		nc := w.silent(text)
		w.want(0, w.ssh(nil, "-q", "--osh", "info"))
		if _, err := io.Copy(io.Discard, nc); isTimeout(err) {
			t.Errorf("a client that said %q is still connected", text)
		}
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// TestConnectionsPerSource: connections that don't log in have a limit for
// each source. Whoever is logged in goes on, and so does everybody elsewhere.
func TestConnectionsPerSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "maxConnectionsPerSource=3")
	live := w.ssh(nil, w.at("echo up; read line; echo $line")...)
	in := w.start(live)
	w.await(&live.out, "up\n")

	var held []net.Conn
	for range 3 {
		nc := w.silent("")
		// It is counted once the gateway has sent its greeting.
		_, err := io.ReadFull(nc, make([]byte, len("SSH-2.0-")))
		w.check(err)
		held = append(held, nc)
	}
	w.want(255, w.ssh(nil, "-q", "--osh", "info"))
	w.check(w.g.awaitAudit(`"event":"connect".*"allowed":false.*too many unauthenticated connections`))
	w.want(0, w.ssh([]string{"-b", "127.0.0.2"}, "-q", "--osh", "info"))
	fmt.Fprintln(in, "still here")
	w.await(&live.out, "still here\n")

	for _, nc := range held {
		nc.Close()
	}
	w.check(eventually(func() error {
		code, err := exitCode(w.ssh(nil, "-q", "--osh", "info").Run())
		if err == nil && code != 0 {
			err = fmt.Errorf("exit status %d", code)
		}
		return err
	}))
}

// TestLongCommand: what is too long is refused in few words, and keeps nobody
// else from anything.
func TestLongCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	word := strings.Repeat("x", 100_000)
	many := func(n int) []string {
		return append([]string{"--osh", "info"}, slices.Repeat([]string{word}, n)...)
	}
	for _, test := range []struct {
		name  string
		words []string
		want  []int
	}{
		{"a word too many", many(1), []int{100}},
		{"two words", many(2), []int{100, 111}},
		{"more than a packet of SSH", many(12), []int{255}},
	} {
		c := w.ssh(nil, test.words...)
		code, err := exitCode(c.Run())
		if !slices.Contains(test.want, code) || len(c.err.String()) > 400 {
			t.Errorf("%s: exit status %d (%v), want %v; standard error of %d bytes %.400q",
				test.name, code, err, test.want, len(c.err.String()), c.err.String())
		}
	}
	w.want(0, w.ssh(nil, "-q", "--osh", "info"))
}

// TestAuditRotation: after SIGHUP the audit log goes on in a new file, and
// not a line is lost.
func TestAuditRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(0, w.ssh(nil, w.at("echo before")...))
	log := w.g.data + "/audit.jsonl"
	w.check(w.g.awaitAudit(`"event":"close".*"target"`))
	w.check(os.Rename(log, log+".1"))
	w.check(w.g.cmd.Process.Signal(syscall.SIGHUP))
	w.check(eventually(func() error { _, err := os.Stat(log); return err }))
	w.want(0, w.ssh(nil, w.at("echo after")...))
	w.check(w.g.awaitAudit(`"event":"open".*"command":"echo after"`))
	old, err := os.ReadFile(log + ".1")
	w.check(err)
	if !strings.Contains(string(old), `"command":"echo before"`) || strings.Contains(string(old), "echo after") {
		t.Errorf("the old audit log:\n%s", old)
	}
}
