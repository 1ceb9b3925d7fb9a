package interop

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"
)

// behindJump is a world whose target is reached through a jump host only.
type behindJump struct {
	*world
	hop  *target
	keys string // that the jump host lets in
}

func newJumpWorld(t *testing.T) *behindJump {
	t.Helper()
	w := &behindJump{world: newWorld(t, "egressProxyJumpAllowed=true")}
	var err error
	w.keys, err = w.g.egressKeys("selfListEgressKeys")
	w.check(err)
	w.hop, err = newTarget(t.TempDir(), w.keys)
	w.check(err)
	t.Cleanup(w.hop.close)
	w.access("selfAddPersonalAccess")
	_, err = w.g.osh("selfDelPersonalAccess", "--host", "127.0.0.1", "--port", w.target.port(), "--user", w.target.user)
	w.check(err)
	return w
}

// access adds or removes the access through the jump host.
func (w *behindJump) access(command string) {
	w.t.Helper()
	_, err := w.g.osh(command, "--host", "127.0.0.1", "--port", w.target.port(), "--user", w.target.user,
		"--proxy-host", "127.0.0.1", "--proxy-port", w.hop.port(), "--proxy-user", w.hop.user)
	w.check(err)
}

// through is at, by way of the jump host.
func (w *behindJump) through(remote ...string) []string {
	return append([]string{"-J", "127.0.0.1:" + w.hop.port()}, w.at(remote...)...)
}

// gone waits until neither has a connection any more.
func (w *behindJump) gone() {
	w.t.Helper()
	w.check(eventually(func() error {
		if h, n := w.hop.connections(), w.target.connections(); h+n != 0 {
			return fmt.Errorf("%d connections at the jump host, %d at the target", h, n)
		}
		return nil
	}))
}

// TestJumpTerminal: a shell behind a jump host is as one that is not.
func TestJumpTerminal(t *testing.T) {
	t.Parallel()
	w := newJumpWorld(t)
	c, term := w.terminal(w.through()...)
	for _, step := range [][2]string{
		{"stty size; echo at $((40 + 2))\r", "30 100"},
		{"", "at 42"},
		{"exit 4\r", ""},
	} {
		_, err := io.WriteString(term, step[0])
		w.check(err)
		w.await(&c.out, step[1])
	}
	if code, err := c.code(); code != 4 {
		t.Errorf("exit status %d (%v), want 4\n%s", code, err, c.out.String())
	}
	w.gone()
	if text := w.recorded(w.target.user + "@127.0.0.1:" + w.target.port() + " via "); !strings.Contains(text, "at 42") {
		t.Errorf("recorded %q", text)
	}
	w.verify()
}

// TestJumpBulk sends megabytes there and back.
func TestJumpBulk(t *testing.T) {
	t.Parallel()
	w := newJumpWorld(t)
	block := make([]byte, 1<<20)
	rand.Read(block)
	data := bytes.Repeat(block, 16)
	c := w.ssh(nil, w.through("cat")...)
	c.Stdin = bytes.NewReader(data)
	w.want(0, c)
	if got := c.out.String(); got != string(data) {
		t.Errorf("%d bytes came back of %d, or others", len(got), len(data))
	}
	w.verify()
}

// TestJumpWithdrawn: without the access the session ends, and the connection
// with the jump host too.
func TestJumpWithdrawn(t *testing.T) {
	t.Parallel()
	w := newJumpWorld(t)
	c := w.ssh(nil, w.through("echo runs; exec sleep 300")...)
	w.start(c)
	w.await(&c.out, "runs")
	w.access("selfDelPersonalAccess")
	if code, err := c.code(); code != 107 || !strings.Contains(c.err.String(), "ended by the gateway") {
		t.Errorf("exit status %d (%v)\n%s", code, err, c.err.String())
	}
	w.gone()
	w.want(107, w.ssh(nil, w.through("true")...))
	w.verify()
}

// TestJumpNotAllowedAnyMore: a setting that is taken back ends the sessions that
// it allowed.
func TestJumpNotAllowedAnyMore(t *testing.T) {
	t.Parallel()
	w := newJumpWorld(t)
	c := w.ssh(nil, w.through("echo runs; exec sleep 300")...)
	w.start(c)
	w.await(&c.out, "runs")
	w.check(w.g.set("egressProxyJumpAllowed=false"))
	if code, err := c.code(); code != 135 || !strings.Contains(c.err.String(), "no egress jump hosts any more") {
		t.Errorf("exit status %d (%v)\n%s", code, err, c.err.String())
	}
	w.gone()
	w.want(135, w.ssh(nil, w.through("true")...))
	w.verify()
}

// TestJumpHostDies: so does the session, in order.
func TestJumpHostDies(t *testing.T) {
	t.Parallel()
	w := newJumpWorld(t)
	c := w.ssh(nil, w.through("echo runs; exec sleep 300")...)
	w.start(c)
	w.await(&c.out, "runs")
	w.hop.kill()
	if code, err := c.code(); code != 255 || !strings.Contains(c.err.String(), "BASTION SAYS") {
		t.Errorf("exit status %d (%v)\n%s", code, err, c.err.String())
	}
	w.gone()
	w.verify()
}

// TestJumpHostRestricts: what docs/administer.md advises for the key on a jump
// host lets sessions through to that target, and nowhere else.
func TestJumpHostRestricts(t *testing.T) {
	t.Parallel()
	w := newJumpWorld(t)
	for port, want := range map[string]int{w.target.port(): 0, "1": 255} {
		w.check(w.hop.allow(fmt.Sprintf(`restrict,port-forwarding,permitopen="127.0.0.1:%s" %s`, port, w.keys)))
		c := w.ssh(nil, w.through("true")...)
		w.want(want, c)
		if refused := strings.Contains(c.err.String(), "it does not let us go on to 127.0.0.1:"+w.target.port()); refused != (want != 0) {
			t.Errorf("permitopen %s: %s", port, c.err.String())
		}
	}
	w.check(w.hop.allow("restrict " + w.keys)) // no forwarding at all
	w.want(255, w.ssh(nil, w.through("true")...))
	w.gone()
}
