package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// telnetLogin asks as login(1) does, and lets in who has the password whose hash
// is in the file hash; what it got is in the file got.
const telnetLogin = `#!/bin/sh
trap '' INT QUIT
cd %s
for try in 1 2 3; do
	printf 'switch login: '; read user
	stty -echo; printf 'Password: '; read password; stty echo; echo
	echo "$user:$password" >>got
	if perl -e 'exit(crypt($ARGV[0], $ARGV[1]) ne $ARGV[1])' "$password" "$(cat hash)"; then
		echo; echo 'This is a switch.'
		export PS1='switch# '; unset ENV
		if test -s profile; then export ENV=./profile; fi
		exec sh -i
	fi
	echo; echo 'Login incorrect'
done
`

// telnetTarget is Debian's telnet server, one for each connection.
type telnetTarget struct {
	t    *testing.T
	dir  string
	l    net.Listener
	wait sync.WaitGroup
}

func newTelnetTarget(t *testing.T) *telnetTarget {
	t.Helper()
	server, err := exec.LookPath("telnetd")
	if err != nil {
		server = "/usr/sbin/telnetd"
	}
	if _, err := os.Stat(server); err != nil {
		needs(t, "telnetd")
	}
	g := &telnetTarget{t: t, dir: t.TempDir()}
	login := filepath.Join(g.dir, "login")
	if err := os.WriteFile(login, []byte(fmt.Sprintf(telnetLogin, g.dir)), 0o755); err != nil {
		t.Fatal(err)
	}
	if g.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	g.wait.Go(func() { g.serve(server, login) })
	t.Cleanup(func() {
		g.l.Close()
		g.wait.Wait()
	})
	return g
}

func (g *telnetTarget) serve(server, login string) {
	for {
		nc, err := g.l.Accept()
		if err != nil {
			return
		}
		f, err := nc.(*net.TCPConn).File()
		nc.Close()
		if err != nil {
			g.t.Error(err)
			return
		}
		cmd := exec.Command(server, "-h", "-E", login)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, f
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		err = cmd.Start()
		f.Close()
		if err != nil {
			g.t.Error(err)
			return
		}
		g.wait.Go(func() { cmd.Wait() })
	}
}

// accept makes it take the password with that hash.
func (g *telnetTarget) accept(hash string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, "hash"), []byte(hash), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// got is what was typed at its prompts so far: user:password in each line.
func (g *telnetTarget) got() []string {
	b, err := os.ReadFile(filepath.Join(g.dir, "got"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		g.t.Error(err)
	}
	return strings.Fields(string(b))
}

// telnetWorld has such a target, that alice may log in to as admin.
func telnetWorld(t *testing.T) (*world, *telnetTarget, []string) {
	w, g := newWorld(t, "telnetAllowed=true"), newTelnetTarget(t)
	_, port, err := net.SplitHostPort(g.l.Addr().String())
	w.check(err)
	_, err = w.g.osh("selfAddPersonalAccess", "--host", "127.0.0.1", "--port", port, "--user", "admin", "--force")
	w.check(err)
	return w, g, []string{"-e", "admin@127.0.0.1", "-p", port}
}

// TestTelnet logs in by hand.
func TestTelnet(t *testing.T) {
	t.Parallel()
	w, g, at := telnetWorld(t)
	out, err := exec.Command("perl", "-e", `print crypt("by hand", '$1$abcdefgh$')`).Output()
	w.check(err)
	g.accept(string(out))
	c, term := w.terminal(at...)
	for _, step := range [][2]string{
		{"", "not encrypted"},
		{"", "switch login: "},
		{"admin\r", "Password: "},
		{"by hand\r", "This is a switch."},
		{"stty size; echo at $((40 + 2))\r", "30 100\r\nat 42"},
		{"\x03", "^C"}, // has telnetd flush its output, and say so by an urgent byte
		{"\recho on $((40 + 3))\r", "on 43"},
		{"stty raw -echo; echo now; head -c 1 | od -An -tx1; stty sane\r", "now"},
		{"~B", " 1c"},
		{"exit\r", "closed."},
	} {
		_, err := io.WriteString(term, step[0])
		w.check(err)
		w.await(&c.out, step[1])
	}
	if code, err := c.code(); code != 0 {
		t.Errorf("exit status %d (%v), want 0\n%s", code, err, c.out.String())
	}
	if strings.Contains(c.out.String(), "\xf2") {
		t.Errorf("half a command of telnet's was shown: %q", c.out.String())
	}
	if text := w.recorded("admin@127.0.0.1:"); !strings.Contains(text, "at 42") || strings.Contains(text, "by hand") {
		t.Errorf("recorded %q", text)
	}
	w.want(115, w.ssh(nil, append(at, "--", "reboot")...))
	w.check(w.g.set("telnetAllowed=false"))
	w.check(eventually(func() error {
		c := w.ssh(nil, append([]string{"-q"}, at...)...)
		if code, err := exitCode(c.Run()); code != 107 {
			return fmt.Errorf("exit status %d (%v): %s", code, err, c.err.String())
		}
		return nil
	}))
}

// TestTelnetPassword has the gateway log in.
func TestTelnetPassword(t *testing.T) {
	t.Parallel()
	w, g, at := telnetWorld(t)
	at = append([]string{"-q", "-P", "--fallback-password-delay", "1"}, at...)
	generate := func() {
		_, err := w.g.osh("selfGeneratePassword", "--do-it")
		w.check(err)
	}
	generate()
	generate()
	var answer struct {
		Value []struct {
			Hashes map[string]string `json:"hashes"`
		} `json:"value"`
	}
	list, err := w.g.osh("selfListPasswords", "--json")
	w.check(err)
	_, value, _ := strings.Cut(list, "JSON_START\n")
	value, _, _ = strings.Cut(value, "\nJSON_END")
	w.check(json.Unmarshal([]byte(value), &answer))
	var said strings.Builder
	run := func(code int) string {
		c := w.ssh(nil, at...)
		c.Stdin = strings.NewReader("echo at $((40 + 2)); sleep 0.5\nexit\n")
		w.want(code, c)
		said.WriteString(c.out.String() + c.err.String())
		return c.out.String() + c.err.String()
	}
	for n, hashes := range answer.Value {
		g.accept(hashes.Hashes["sha512crypt"])
		before := len(g.got())
		if out := run(0); !strings.Contains(out, "This is a switch.") || !strings.Contains(out, "at 42") {
			t.Errorf("password %d: %q", n, out)
		}
		if tried := len(g.got()) - before; tried != n+1 {
			t.Errorf("password %d: %d passwords tried", n, tried)
		}
	}
	g.accept("$6$none")
	if out := run(100); !strings.Contains(out, "2 passwords were tried") {
		t.Errorf("no password: %q", out)
	}
	records, err := w.g.run("recording", "export", "--format", "jsonl", w.sessionID("admin@127.0.0.1:"))
	w.check(err)
	everything := said.String() + w.g.text() + records
	for _, line := range g.got() {
		user, password, _ := strings.Cut(line, ":")
		if user != "admin" || len(password) < 8 || strings.Contains(everything, password) {
			t.Errorf("%q was typed, or is in what was said and recorded", line)
		}
	}
	if len(g.got()) != 1+2+2 {
		t.Errorf("passwords were typed %d times, want 5", len(g.got()))
	}
}
