package interop

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// telnetDevice is a device that serve plays. It keeps the lines that were typed.
type telnetDevice struct {
	port string

	mu    sync.Mutex // guards typed
	typed []string
}

// newTelnetDevice starts one; read is the next line that is typed.
func newTelnetDevice(t *testing.T, serve func(w io.Writer, read func() string)) *telnetDevice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &telnetDevice{}
	_, d.port, _ = net.SplitHostPort(l.Addr().String())
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer nc.Close()
				in := bufio.NewReader(nc)
				io.WriteString(nc, "\xff\xfb\x01\xff\xfb\x03\r\nUsername: ") // WILL ECHO, WILL SGA
				serve(nc, func() string { return d.read(in) })
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wait.Wait()
	})
	return d
}

func (d *telnetDevice) read(in *bufio.Reader) string {
	var line []byte
	for {
		switch b, err := in.ReadByte(); {
		case err != nil:
			return ""
		case b == 0xff: // an answer of three bytes
			in.Discard(2)
		case b == '\r':
			d.mu.Lock()
			defer d.mu.Unlock()
			d.typed = append(d.typed, string(line))
			return string(line)
		case b >= ' ':
			line = append(line, b)
		}
	}
}

func (d *telnetDevice) got() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.typed...)
}

// TestTelnetEcho logs in to devices that show the password in all manners.
func TestTelnetEcho(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "telnetAllowed=true")
	_, err := w.g.osh("selfGeneratePassword", "--do-it")
	w.check(err)
	between := func(sign string) func(string) string {
		return func(p string) string { return strings.Join(strings.Split(p, ""), sign) }
	}
	password := ""
	for n, show := range []func(password string) string{
		between(""), between("\x00"), between("*\b \b"), between("\x1b[0;32m"), between("\xff\xf1"), between("\r\n"),
		func(p string) string { return p[:9] + " \r" + p[9:] },
		func(p string) string { return "\x1b]0;" + p + "\a" + p },
		func(p string) string { return p + "\r\n% Login invalid: " + p },
	} {
		d := newTelnetDevice(t, func(w io.Writer, read func() string) {
			fmt.Fprintf(w, "%s\r\nPassword: ", read())
			fmt.Fprintf(w, "%s\r\nrouter> ", show(read()))
			for line := read(); line != "" && line != "exit"; line = read() {
				fmt.Fprintf(w, "%s\r\nrouter> ", line)
			}
		})
		_, err := w.g.osh("selfAddPersonalAccess", "--host", "127.0.0.1", "--port", d.port, "--user", "admin", "--force")
		w.check(err)
		c := w.ssh(nil, "-q", "-e", "-P", "admin@127.0.0.1", "-p", d.port)
		c.Stdin = strings.NewReader("exit\n")
		w.want(0, c)
		records, err := w.g.run("recording", "export", "--format", "jsonl", w.sessionID("admin@127.0.0.1:"+d.port))
		w.check(err)
		audit, err := w.g.audit()
		w.check(err)
		typed := d.got()
		if len(typed) < 2 || len(typed[1]) < 8 {
			t.Fatalf("device %d got %q", n, typed)
		}
		for from := range len(typed[1]) - 4 {
			if part := typed[1][from : from+5]; strings.Contains(c.out.String()+c.err.String()+records+audit+w.g.text(), part) {
				t.Fatalf("device %d: %q of the password %q was shown or recorded: %q", n, part, typed[1], c.out.String())
			}
		}
		if out := c.out.String(); !strings.Contains(out, "[...]") || strings.Contains(out, typed[1][:1]+"*\b") || strings.Contains(out, typed[1][:1]+"\x1b") {
			t.Errorf("device %d: %q was shown", n, out)
		}
		password = typed[1]
	}
	w.check(filepath.WalkDir(w.g.data, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		if strings.Contains(string(text), password) {
			t.Errorf("%s has the password", name)
		}
		return err
	}))
}

// TestTelnetWithdrawn takes an access away while its login is under way.
func TestTelnetWithdrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "telnetAllowed=true")
	asked, goOn := make(chan bool), make(chan bool)
	d := newTelnetDevice(t, func(w io.Writer, read func() string) {
		name := read()
		asked <- true
		<-goOn
		fmt.Fprintf(w, "%s\r\nPassword: ", name)
		read()
	})
	server := []string{"--group", "routers", "--host", "127.0.0.1", "--port", d.port, "--user", "admin"}
	for _, command := range [][]string{
		{"groupCreate", "--group", "routers", "--owner", "alice", "--algo", "ed25519"},
		{"groupGeneratePassword", "--group", "routers", "--do-it"},
		append([]string{"groupAddServer", "--force"}, server...),
	} {
		_, err := w.g.osh(command...)
		w.check(err)
	}
	c := w.ssh(nil, "-q", "-e", "--password", "routers", "admin@127.0.0.1", "-p", d.port)
	w.start(c)
	<-asked
	_, err := w.g.osh(append([]string{"groupDelServer"}, server...)...)
	w.check(err)
	close(goOn)
	if code, err := c.code(); code != 107 {
		t.Errorf("exit status %d (%v), want 107: %s", code, err, c.err.String())
	}
	if got := d.got(); len(got) != 1 || got[0] != "admin" {
		t.Errorf("the device got %q, want the login name only", got)
	}
}
