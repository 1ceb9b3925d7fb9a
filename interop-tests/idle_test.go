package interop

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// TestIdleLock locks a session whose person types nothing, and unlocks it from
// another connection only.
func TestIdleLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "idleLockTimeout=3", "warnBeforeLockSeconds=1")
	socket := filepath.Join(t.TempDir(), "mux")
	c := w.ssh([]string{"-t", "-M", "-S", socket}, w.at("echo up; read a; echo at $((40 + 1)) $a; read b; echo at $((40 + 2)) $b")...)
	c.Stdout, c.Stderr = nil, nil
	c.SysProcAttr = nil // pty sets its own
	term, err := pty.Start(c.Cmd)
	w.check(err)
	defer term.Close()
	go io.Copy(&c.out, term)
	other := func(code int, words ...string) {
		o := exec.Command("ssh", append([]string{"-F", w.config}, words...)...)
		o.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := o.CombinedOutput()
		if got, _ := exitCode(err); got != code {
			t.Fatalf("%q: exit status %d, want %d: %s", words, got, code, out)
		}
	}
	for _, step := range []struct {
		types, sees string
		command     []string // of another client, before
		code        int
	}{
		{"", "up", nil, 0},
		{"", "nothing was typed for 2s: this session will be locked in 1s", nil, 0},
		{"", "This session is locked: nothing was typed for 3s.", nil, 0},
		{"s3cret\r", "", nil, 0},
		{"", "", []string{"-S", socket, "gw", "--", "--osh", "unlock"}, 100},
		{"", "This session is unlocked.", []string{"gw", "--", "--osh", "unlock"}, 0},
		{"one\r", "at 41 one", nil, 0},
		{"", "This session is locked: you asked for it.", []string{"-S", socket, "gw", "--", "--osh", "lock"}, 0},
	} {
		if step.command != nil {
			other(step.code, step.command...)
		}
		_, err := io.WriteString(term, step.types)
		w.check(err)
		w.await(&c.out, step.sees)
	}
	other(0, "gw", "--", "--osh", "unlock")
	w.check(eventually(func() error { // what comes before it is unlocked is refused
		_, err := io.WriteString(term, "two\r")
		if err == nil && !strings.Contains(c.out.String(), "at 42 two") {
			err = fmt.Errorf("not unlocked: %q", c.out.String())
		}
		return err
	}))
	if code, err := c.code(); code != 0 {
		t.Errorf("exit status %d (%v)", code, err)
	}
	recorded := w.recorded("echo up")
	for _, want := range []string{"locked: nothing was typed for 3s", "unlocked", "locked: you asked for it", "at 41 one"} {
		if !strings.Contains(recorded, want) {
			t.Errorf("no %q in the recording: %q", want, recorded)
		}
	}
	if strings.Contains(recorded+c.out.String(), "s3cret") {
		t.Errorf("what was typed at the locked screen is there: %q", recorded)
	}
}

// TestIdleKill ends sessions with a terminal, over SSH and telnet, and no others.
func TestIdleKill(t *testing.T) {
	t.Parallel()
	w, _, telnet := telnetWorld(t)
	w.check(w.g.set("idleKillTimeout=3"))
	w.check(w.g.set("warnBeforeKillSeconds=1"))
	plain := w.ssh(nil, w.at("sleep 5; echo over")...)
	w.start(plain)
	overSSH, _ := w.terminal(w.at("echo up; cat")...)
	overTelnet, _ := w.terminal(telnet...)
	for _, c := range []*client{overSSH, overTelnet} {
		w.await(&c.out, "nothing was typed for 2s: this session will be ended in 1s")
		if code, err := c.code(); code != 117 {
			t.Errorf("exit status %d (%v), want 117", code, err)
		}
		w.await(&c.out, "ended by the gateway: nothing was typed for 3s")
	}
	w.await(&plain.out, "over")

	// In interactive mode the prompt comes back.
	c, term := w.terminal("-i")
	w.await(&c.out, "(master)> ")
	_, err := io.WriteString(term, "ssh "+strings.Join(w.at(), " ")+" -- cat\r")
	w.check(err)
	w.await(&c.out, "ended by the gateway: nothing was typed for 3s")
	w.check(eventually(func() error {
		if out := c.out.String(); !strings.Contains(out[strings.LastIndex(out, "nothing was typed"):], "(master)> ") {
			return errors.New("no prompt after it")
		}
		return nil
	}))
	_, err = io.WriteString(term, "exit\r")
	w.check(err)
	if code, err := c.code(); code != 0 {
		t.Errorf("interactive mode: exit status %d (%v)", code, err)
	}
	audit, err := w.g.audit()
	w.check(err)
	if n := strings.Count(audit, `"reason":"ended by the gateway: nothing was typed for 3s"`); n != 3 {
		t.Errorf("%d such ends in the audit log, want 3", n)
	}
}
