package interop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// world is a gateway, a target that alice may reach through it, and a client's
// configuration.
type world struct {
	t      *testing.T
	g      *gatewayProcess
	target *target
	config string
}

func newWorld(t *testing.T, settings ...string) *world {
	t.Helper()
	needs(t, "sshd")
	w := &world{t: t, config: filepath.Join(t.TempDir(), "ssh_config")}
	var err error
	if w.g, err = newGateway(t.TempDir(), settings...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.g.stop() // tests of its end look at it themselves
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", w.g.text())
		}
	})
	keys, err := w.g.egressKeys("selfListEgressKeys")
	w.check(err)
	w.target, err = newTarget(t.TempDir(), keys)
	w.check(err)
	t.Cleanup(w.target.close)
	w.check(w.g.reach(w.target))
	w.check(writeConfig(w.config, w.g))
	return w
}

// needs skips a test for want of something, by name; where CI is set nothing
// may be missing.
func needs(t *testing.T, name string) {
	t.Helper()
	if err := available(name); err != nil && os.Getenv("CI") != "" {
		t.Fatalf("needs %s: %v", name, err)
	} else if err != nil {
		t.Skipf("needs %s: %v", name, err)
	}
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// at is the words that lead to the target, and what is to be done there.
func (w *world) at(remote ...string) []string {
	words := []string{"-q", w.target.user + "@127.0.0.1", "-p", w.target.port()}
	if len(remote) > 0 {
		words = append(append(words, "--"), remote...)
	}
	return words
}

// ssh is alice's client; options are of ssh.
func (w *world) ssh(options []string, words ...string) *client {
	args := append([]string{"-F", w.config}, options...)
	args = append(append(args, "gw", "--"), words...)
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	w.t.Cleanup(cancel)
	c := &client{Cmd: exec.CommandContext(ctx, "ssh", args...)}
	c.Stdout, c.Stderr = &c.out, &c.err
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// client is a running ssh.
type client struct {
	*exec.Cmd
	out, err transcript
}

// start starts c with an input that stays open until the test closes it.
func (w *world) start(c *client) io.WriteCloser {
	w.t.Helper()
	in, err := c.StdinPipe()
	w.check(err)
	w.check(c.Start())
	w.t.Cleanup(func() {
		in.Close()
		c.Process.Kill() // most have ended
		c.Wait()
	})
	return in
}

// code waits for its end.
func (c *client) code() (int, error) { return exitCode(c.Wait()) }

// want runs c to its end and checks the exit status.
func (w *world) want(code int, c *client) {
	w.t.Helper()
	got, err := exitCode(c.Run())
	if err != nil || got != code {
		w.t.Fatalf("%s: exit status %d (%v), want %d\n%s", strings.Join(c.Args, " "), got, err, code, c.err.String())
	}
}

// transcript is what a program has said so far.
type transcript struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *transcript) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// String is all of it.
func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until s holds text.
func (w *world) await(s *transcript, text string) {
	w.t.Helper()
	w.check(eventually(func() error {
		if got := s.String(); !strings.Contains(got, text) {
			return fmt.Errorf("no %q in %q", text, got[max(0, len(got)-400):])
		}
		return nil
	}))
}

// recorded returns the text of the recording of a session whose command holds
// mark.
func (w *world) recorded(mark string) string {
	w.t.Helper()
	out, err := w.g.run("recording", "export", "--format", "text", w.sessionID(mark))
	w.check(err)
	return out
}

// sessionID finds the recording of the session whose command holds mark.
func (w *world) sessionID(mark string) string {
	w.t.Helper()
	list, err := w.g.run("recording", "list", "--limit", "0")
	w.check(err)
	for line := range strings.Lines(list) {
		if strings.Contains(line, mark) {
			return strings.Fields(line)[0]
		}
	}
	w.t.Fatalf("no recording of %q in\n%s", mark, list)
	return ""
}

// terminal is a client at a terminal of its own, of 30 lines and 100 columns.
func (w *world) terminal(words ...string) (*client, *os.File) {
	w.t.Helper()
	c := w.ssh([]string{"-t"}, words...)
	c.Stdout, c.Stderr = nil, nil
	c.SysProcAttr = nil // pty sets its own
	term, err := pty.StartWithSize(c.Cmd, &pty.Winsize{Rows: 30, Cols: 100})
	w.check(err)
	w.t.Cleanup(func() { term.Close() })
	go io.Copy(&c.out, term)
	return c, term
}
