package telnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gateway"
	"gateway/internal/dialogue"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/protocols/telnet"
	"gateway/recorder"
)

const telnetdPath = "/usr/sbin/telnetd"

// telnetd connects to Debian's server, which runs script instead of login(1).
// Each connection has a process of its own, in inetd mode.
func telnetd(t testing.TB, script string) net.Conn {
	t.Helper()
	if _, err := os.Stat(telnetdPath); err != nil {
		t.Skipf("no telnet server: %v", err)
	}
	login := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(login, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	nc := dial(t, func(nc net.Conn) {
		f, err := nc.(*net.TCPConn).File()
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		cmd := exec.Command(telnetdPath, "-h", "--accept-env=USER", "-E", login+" %U")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, f
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return
		}
		nc.Close()
		f.Close()
		cmd.Wait() // it ends with the connection, and not always with 0
	})
	// As the monitor has it.
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

// person is a terminal that a test types at.
type person struct {
	t   testing.TB
	c   *protocoltest.Terminal
	out *io.PipeReader
}

func newPerson(t testing.TB) *person {
	out, shown := io.Pipe()
	c := protocoltest.NewTerminal()
	c.Out = shown
	t.Cleanup(func() { out.Close() })
	return &person{t, c, out}
}

// see reads until text has come, and returns what came before it.
func (p *person) see(text string) string {
	p.t.Helper()
	var got strings.Builder
	late := time.AfterFunc(20*time.Second, func() { p.out.CloseWithError(errors.New("nothing more came")) })
	defer late.Stop()
	b := make([]byte, 1)
	for !strings.HasSuffix(got.String(), text) {
		if _, err := p.out.Read(b); err != nil {
			p.t.Fatalf("waiting for %q: %v after %q", text, err, got.String())
		}
		got.Write(b)
	}
	return strings.TrimSuffix(got.String(), text)
}

// discard throws away what comes from now on.
func (p *person) discard() { go io.Copy(io.Discard, p.out) }

func (p *person) enter(text string) { io.WriteString(p.c.Input, text) }

// TestTelnetd: terminal, sizes, bytes, Enter, interrupts and breaks with a real server.
func TestTelnetd(t *testing.T) {
	dir := t.TempDir()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	file := filepath.Join(dir, "all")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	nc := telnetd(t, `
echo "TERM=$TERM user=$1"
stty size
echo ready; read line; echo "<$line>"
stty size
trap 'stop=1' INT
echo sleeping; while [ -z "$stop" ]; do sleep 0.05; done; echo interrupted
stty raw -echo
echo raw
head -c 256 >`+dir+`/got
echo got it
cat `+file+`
echo break
head -c 1 | od -An -tx1
sleep 0.5 # telnetd forgets what it has when it sees the end
`)
	b := telnet.Backend{}
	conn, err := b.Login(context.Background(), nc, gateway.Request{Protocol: gateway.Telnet, Target: gateway.Target{User: "alice"}, Action: shell}, protocols.Lease{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	session, p := &protocoltest.Session{}, newPerson(t)
	defer p.c.Close()
	type result struct {
		exit gateway.Exit
		err  error
	}
	ended := make(chan result, 1)
	go func() {
		exit, err := conn.Relay(context.Background(), p.c, session)
		ended <- result{exit, err}
	}()
	if got := p.see("ready\r\n"); !strings.HasSuffix(got, "TERM=xterm user=alice\r\n24 80\r\n") {
		t.Errorf("the server says %q", got)
	}
	p.c.Resize(recorder.Resize{Cols: 255, Rows: 511})
	p.enter("grüß\xff\xe4\r")
	if got := p.see("sleeping\r\n"); !strings.HasSuffix(got, "<grüß\xff\xe4>\r\n511 255\r\n") {
		t.Errorf("the server says %q", got)
	}
	p.enter("\x03") // has telnetd flush its output, and say so by an urgent byte
	if got := p.see("raw\n"); got != "^Cinterrupted\r\n" {
		t.Errorf("the server says %q", got)
	}
	p.enter(string(all))
	p.see("got it\n")
	if got, err := os.ReadFile(filepath.Join(dir, "got")); string(got) != string(all) {
		t.Errorf("the server got %q, %v", got, err)
	}
	if got := p.see("break\n"); got != string(all) {
		t.Errorf("the server sent %q", got)
	}
	p.c.Signal(protocols.Signal{BreakMS: 500})
	if got := p.see("\n"); got != " 1c" { // telnetd makes it the key for SIGQUIT
		t.Errorf("the server takes a break for %q", got)
	}
	p.discard()
	if r := <-ended; r.exit != (gateway.Exit{}) || r.err != nil {
		t.Errorf("Relay = %+v, %v, want exit 0", r.exit, r.err)
	}
}

// login asks as login(1) does, and lets in who knows the password.
const login = `
trap '' INT
for try in 1 2 3; do
	printf 'host login: '; read user
	stty -echo; printf 'Password: '; read password; stty echo; echo
	if [ "$user:$password" = "admin:%s" ]; then
		printf 'host$ '; read cmd; echo "running $cmd on $TERM."; sleep 0.5; exit 0
	fi
	sleep 0.1
	echo; echo 'Login incorrect'
done
`

// TestTelnetdPassword logs in to a real server by a profile like the generic one.
func TestTelnetdPassword(t *testing.T) {
	profiles, err := dialogue.Encode([]dialogue.Profile{{
		Name: "unix", Fallback: true, Login: []string{`(?:\S+ )?login:`}, Password: []string{`Password:`},
		Shell: []string{`\w+\$`}, Failed: []string{`Login incorrect`}, Timeouts: dialogue.Timeouts{Quiet: 100 * time.Millisecond},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, accepted := range []int{0, 1, 2} {
		t.Run(fmt.Sprint(accepted), func(t *testing.T) {
			t.Parallel()
			script := fmt.Sprintf(login, append(passwords, "neither")[accepted])
			l := protocols.Lease{
				Passwords: len(passwords), Profiles: profiles, Term: "vt100",
				Password: func(_ context.Context, n int) (gateway.Secret, error) {
					return gateway.NewSecret([]byte(passwords[n])), nil
				},
				Redial:        func(context.Context) (net.Conn, error) { return telnetd(t, script), nil },
				FallbackDelay: 50 * time.Millisecond,
			}
			worked := -1
			l.PasswordWorked = func(n int) { worked = n }
			r := gateway.Request{Protocol: gateway.Telnet, Target: gateway.Target{User: "admin"}, Action: shell}
			conn, err := telnet.Backend{}.Login(context.Background(), telnetd(t, script), r, l)
			if accepted == len(passwords) {
				if login, ok := errors.AsType[*protocols.LoginError](err); !ok || login.Kind != protocols.PasswordRefused {
					t.Errorf("Login = %v, want authentication_failed", err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v", err)
			}
			defer conn.Close()
			if worked != accepted {
				t.Errorf("password %d worked, want %d", worked, accepted)
			}
			session, c := &protocoltest.Session{}, protocoltest.NewClient()
			go func() {
				io.WriteString(c.Input, "uptime\n")
				c.Input.Close()
			}()
			exit, err := conn.Relay(context.Background(), c, session)
			if exit != (gateway.Exit{}) || err != nil || !strings.HasSuffix(c.Output(), "running uptime on vt100.\r\n") {
				t.Errorf("Relay = %+v, %v: %q", exit, err, c.Output())
			}
			for _, p := range passwords {
				if strings.Contains(session.Data(recorder.Out), p) {
					t.Errorf("the password was recorded: %q", session.Data(recorder.Out))
				}
			}
		})
	}
}
