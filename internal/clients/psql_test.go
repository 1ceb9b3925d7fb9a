package clients

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPsqlWithPipes(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name   string
		args   []string
		script string
		want   result
	}{
		{"command", []string{"-c", "select 1", "--csv"}, "", result{"?column?\n1\n", "", "exit 0\n"}},
		{"script", []string{"-At"}, "select 1;\n\\echo two\nselect 3;\n", result{"1\ntwo\n3\n", "", "exit 0\n"}},
		{"error goes on", []string{"-At"}, "selec;\nselect 1;\n", result{"1\n", "ERROR:  syntax error", "exit 0\n"}},
		{"failing command", []string{"-c", "selec"}, "", result{"", "ERROR:  syntax error", "exit 1\n"}},
		{"stop on error", []string{"-v", "ON_ERROR_STOP=1"}, "selec;\nselect 1;\n", result{"", "ERROR:  syntax error", "exit 3\n"}},
		{"bad option", []string{"--nonsense"}, "", result{"", "unrecognized option", "exit 1\n"}},
		{"no such database", []string{"-d", "nothing"}, "", result{"", `database "nothing" does not exist`, "exit 2\n"}},
		{"unicode", []string{"-At", "-c", "select 'zażółć', upper('é')"}, "", result{"zażółć|É\n", "", "exit 0\n"}},
		{"its own user and host", []string{"-At", "-c", `\echo :USER :HOST :PORT`}, "", result{"postgres /run/gateway 5432\n", "", "exit 0\n"}},
		{"temporary file", []string{"-At"}, "\\o /tmp/x\nselect 5;\n\\o\n\\copy (select 1) to /tmp/y\n\\i /tmp/x\n;\nselect 6;\n",
			result{"COPY 1\n6\n", "syntax error", "exit 0\n"}},
		{"another connection", []string{"-At"}, "\\c\nselect 7;\n", result{`You are now connected to database "app" as user "postgres".` + "\n7\n", "", "exit 0\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := w.run(t, test.script, test.args...)
			if strings.Contains(got.err, test.want.err) && test.want.err != "" {
				got.err = test.want.err // the rest is psql's
			}
			if got != test.want {
				t.Errorf("psql %q = %+v, want %+v", test.args, got, test.want)
			}
		})
	}
}

// typist types on a terminal and waits for what should come of it.
type typist struct {
	t    *testing.T
	r    *Running
	in   *bufio.Reader
	seen strings.Builder
}

func (p *typist) see(text string) {
	p.t.Helper()
	// A terminal's reader would wait for ever.
	if err := p.r.Terminal.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	for from := p.seen.Len(); !strings.Contains(p.seen.String()[from:], text); {
		b, err := p.in.ReadByte()
		if err != nil {
			p.t.Fatalf("no %q on the terminal: %v\n%q", text, err, p.seen.String())
		}
		p.seen.WriteByte(b)
	}
}

func (p *typist) typed(text string) {
	p.t.Helper()
	if _, err := p.r.Terminal.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

func (w *world) terminal(t *testing.T, args ...string) *typist {
	r := w.psql(t, &Size{Columns: 100, Rows: 30}, args...)
	return &typist{t: t, r: r, in: bufio.NewReader(r.Terminal)}
}

// TestPsqlOnTerminal uses what readline does: editing, completion, history,
// interrupts, a password without an echo, another size.
func TestPsqlOnTerminal(t *testing.T) {
	w := newWorld(t)
	p := w.terminal(t)
	p.see("app=# ")
	p.typed("select 'on' || 1;\r")
	p.see("on1")
	p.see("app=# ")
	p.typed("do $$ begin raise notice 'started'; perform pg_sleep(1000); end $$;\r")
	p.see("NOTICE:  started")
	p.typed("\x03")
	p.see("canceling statement")
	p.see("app=# ")
	p.typed("drop materi\t")
	p.see("drop materialized view ")
	p.typed("\x1a")                     // Ctrl-Z, which must not stop it
	p.see("^Z\x1b[?2004l\r\x1b[?2004h") // redrawn
	p.typed("\x15")                     // Ctrl-U
	p.typed("\\password nobody\r")
	p.see("Enter new password")
	p.typed("geheim\r")
	p.see("Enter it again: ")
	p.typed("geheim\r")
	p.see("does not exist")
	p.see("app=# ")
	if strings.Contains(p.seen.String(), "geheim") {
		t.Error("the password was echoed")
	}
	p.typed("\x1b[A\x1b[A\x1b[A\r") // three lines back
	p.see("on1")
	p.see("app=# ")
	p.typed("\\q\r")
	if err := p.r.Wait(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(p.r.Status).ReadString('\n')
	if line != "exit 0\n" {
		t.Errorf("ended with %q (%v)", line, err)
	}

	t.Run("history", func(t *testing.T) {
		p := w.terminal(t)
		p.see("app=# ")
		p.typed("\x1b[A\x1b[A\r") // \q is the last one
		p.see("on1")
		p.typed("\\q\r")
		p.r.Wait()
		kept, err := os.ReadFile(filepath.Join(w.home, psqlHistory))
		if err != nil || strings.Count(string(kept), "select 'on' || 1;") != 3 {
			t.Errorf("history %q, %v", kept, err)
		}
	})
}

func TestPsqlRC(t *testing.T) {
	w := newWorld(t)
	p := w.terminal(t, "-q")
	p.see("app=# ")
	p.typed("\\o ~/.psqlrc\r\\qecho '\\\\set PROMPT1 mine%R'\r\\o\r\\q\r")
	p.r.Wait()
	p = w.terminal(t)
	p.see("mine=")
	p.typed("\x04")
	p.r.Wait()
}

// TestEndsWithTheStarter kills the process that started a client.
func TestEndsWithTheStarter(t *testing.T) {
	if os.Getenv(orphanEnv) != "" {
		p := newWorld(t).terminal(t)
		p.see("app=# ")
		os.Stdout.WriteString("ready\n")
		select {}
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestEndsWithTheStarter$")
	cmd.Env = append(os.Environ(), orphanEnv+"=1", helperEnv+"="+helper)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		t.Skipf("not started: %q, %v", line, err)
	}
	children := clientsOf(t, cmd.Process.Pid)
	if len(children) == 0 {
		t.Fatal("no client is running")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for _, fd := range children {
		if err := waitForEnd(fd); err != nil {
			t.Error(err)
		}
	}
}

const orphanEnv = "CLIENTS_TEST_ORPHAN"

// clientsOf opens the clients that a process started.
func clientsOf(t *testing.T, pid int) []int {
	t.Helper()
	out, err := exec.Command("pgrep", "-P", itoa(pid), "-f", "^/usr/bin/psql").Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var fds []int
	for _, line := range strings.Fields(string(out)) {
		fd, err := unix.PidfdOpen(atoi(t, line), 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		fds = append(fds, fd)
	}
	return fds
}

// waitForEnd waits until a process has ended.
func waitForEnd(pidfd int) error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 10_000)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return errors.New("the client lives on")
		default:
			return nil
		}
	}
}
