package interop

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// TestResize: the target sees the size of the person's window, and each
// change of it.
func TestResize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, term := w.terminal(w.at()...)
	say := func(text string) {
		_, err := io.WriteString(term, text)
		w.check(err)
	}
	say("stty size\r")
	w.await(&c.out, "30 100")
	// What is typed to interrupt reaches the command, not the client.
	say("echo begins $((1 + 1)); sleep 300; echo came $((1 + 1)) early\r")
	w.await(&c.out, "begins 2")
	say("\x03")
	say("echo went $((1 + 1)) on\r")
	w.await(&c.out, "went 2 on")
	if strings.Contains(c.out.String(), "came 2 early") {
		t.Error("the command was not interrupted")
	}
	for _, size := range []pty.Winsize{{Rows: 45, Cols: 132}, {Rows: 7, Cols: 20}} {
		w.check(pty.Setsize(term, &size))
		// The shell there learns of it soon, at a moment that nobody can tell.
		say(fmt.Sprintf("until test \"$(stty size)\" = '%d %d'; do sleep 0.02; done; echo now $(stty size).\r", size.Rows, size.Cols))
		w.await(&c.out, fmt.Sprintf("now %d %d.", size.Rows, size.Cols))
	}
	say("exit 4\r")
	if code, err := c.code(); code != 4 {
		t.Errorf("exit status %d (%v), want 4\n%s", code, err, c.out.String())
	}
}

// TestPrompt: the gateway's own prompt runs commands and opens sessions until
// it is left, or nobody types any more.
func TestPrompt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "interactiveModeTimeout=20")
	c, term := w.terminal("-i")
	for _, step := range [][2]string{
		{"", "alice@gw(master)>"},
		{"info\r", "You are alice on gw"},
		{"noSuchCommand\r", "unknown command"},
		{"ssh " + strings.Join(w.at("echo this is $((40 + 2))"), " ") + "\r", "this is 42"},
		{"selfListAcc\t\r", w.target.port()},
		{"exit\r", ""},
	} {
		_, err := io.WriteString(term, step[0])
		w.check(err)
		w.await(&c.out, step[1])
	}
	if code, err := c.code(); code != 0 {
		t.Errorf("exit status %d (%v)\n%s", code, err, c.out.String())
	}
	w.check(w.g.awaitAudit(`"event":"command".*"principal":"alice".*"action":"info"`))
	w.check(w.g.awaitAudit(`"event":"close".*"target":"[^"]*@127.0.0.1:.*"exit":0`))

	w.check(w.g.set("interactiveModeTimeout=1"))
	w.check(eventually(func() error {
		c, _ := w.terminal("-i")
		if code, err := c.code(); code != 0 || !strings.Contains(c.out.String(), "Idle for too long") {
			return fmt.Errorf("exit status %d (%v), %q", code, err, c.out.String())
		}
		return nil
	}))
}

// bulk is enough to fill every window and buffer many times.
const bulk = 100 << 20

// TestBulk moves much in both directions, once with a new key each megabyte.
func TestBulk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := t.TempDir() + "/random"
	f, err := os.Create(name)
	w.check(err)
	_, err = io.CopyN(f, rand.Reader, bulk)
	w.check(err)
	w.check(f.Close())
	for _, test := range []struct {
		name    string
		options []string
		bytes   int64
	}{
		{"plain", nil, bulk},
		{"rekeying", []string{"-o", "RekeyLimit=1M"}, bulk / 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			part := sha256.New()
			f, err := os.Open(name)
			w.check(err)
			defer f.Close()
			if _, err := io.CopyN(part, f, test.bytes); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("%x", part.Sum(nil))

			up := w.ssh(test.options, w.at("sha256sum")...)
			in, err := os.Open(name)
			w.check(err)
			defer in.Close()
			up.Stdin = io.LimitReader(in, test.bytes)
			w.want(0, up)
			if got, _, _ := strings.Cut(up.out.String(), " "); got != want {
				t.Errorf("to the target: %s, want %s", got, want)
			}

			down := w.ssh(test.options, w.at(fmt.Sprintf("head -c %d %s", test.bytes, name))...)
			back := sha256.New()
			down.Stdout = back
			w.want(0, down)
			if got := fmt.Sprintf("%x", back.Sum(nil)); got != want {
				t.Errorf("from the target: %s, want %s", got, want)
			}
		})
	}
	if out, err := w.g.run("recording", "verify", "--all"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestManyAtOnce: 50 sessions live at the same time, and each gets its own.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "maxConnectionsPerSource=100")
	const n = 50
	var ins []io.WriteCloser
	var clients []*client
	for i := range n {
		c := w.ssh(nil, w.at(fmt.Sprintf("echo up; read line; echo $line for %d; exit %d", i, i))...)
		ins = append(ins, w.start(c))
		clients = append(clients, c)
	}
	for _, c := range clients {
		w.await(&c.out, "up\n")
	}
	for i, in := range ins {
		fmt.Fprintf(in, "answer %d\n", i)
	}
	for i, c := range clients {
		code, err := c.code()
		if want := fmt.Sprintf("up\nanswer %d for %d\n", i, i); code != i || c.out.String() != want {
			t.Errorf("session %d: exit status %d (%v), output %q, want %q\n%s", i, code, err, c.out.String(), want, c.err.String())
		}
	}
}

// TestShortSessions: what a session says last is never lost, however short it
// is and however its input ends.
func TestShortSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const rounds, lines = 30, 2000
	var want strings.Builder
	for i := range lines {
		fmt.Fprintln(&want, i+1)
	}
	var wait sync.WaitGroup
	for worker := range 3 {
		wait.Go(func() {
			for i := range rounds {
				c := w.ssh(nil, w.at(fmt.Sprintf("seq %d; echo last >&2; exit %d", lines, i%5))...)
				if worker == 0 {
					c.Stdin = strings.NewReader("nobody reads this\n")
				}
				code, err := exitCode(c.Run())
				if code != i%5 || err != nil || c.out.String() != want.String() || c.err.String() != "last\n" {
					t.Errorf("round %d: exit status %d (%v), %d bytes of output, want %d; standard error %q",
						i, code, err, len(c.out.String()), want.Len(), c.err.String())
					return
				}
			}
		})
	}
	wait.Wait()
}

// TestVanishedClient: when the person is gone so is what they ran, and the
// recording is sealed.
func TestVanishedClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, _ := w.waits("vanishes")
	w.check(c.Process.Kill())
	w.check(w.g.awaitAudit(`"event":"close".*"target":`))
	w.check(eventually(func() error {
		if n := w.target.connections(); n != 0 {
			return fmt.Errorf("%d connections at the target", n)
		}
		return nil
	}))
	w.verify()
}

// TestStoppedClient: a client that reads no more holds up nobody else, and
// goes on where it was.
func TestStoppedClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const size = 20 << 20
	c := w.ssh(nil, w.at(fmt.Sprintf("echo up; head -c %d /dev/zero", size))...)
	w.start(c)
	w.await(&c.out, "up\n")
	w.check(c.Process.Signal(syscall.SIGSTOP))
	for range 3 {
		w.want(0, w.ssh(nil, w.at("true")...))
	}
	w.check(c.Process.Signal(syscall.SIGCONT))
	if code, err := c.code(); code != 0 || len(c.out.String()) != size+len("up\n") {
		t.Errorf("exit status %d (%v), %d bytes, want %d", code, err, len(c.out.String()), size+3)
	}
}

// TestTargetDies: the person is told that it was not the gateway.
func TestTargetDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, _ := w.waits("dies")
	w.target.kill()
	if code, err := c.code(); code != 255 || strings.Count(c.err.String(), "BASTION SAYS") != 1 {
		t.Errorf("exit status %d (%v), want 255; standard error %q", code, err, c.err.String())
	}
	w.verify()
}
