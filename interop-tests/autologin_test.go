package interop

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// device is an SSH server that takes one password, and tells what it was given.
type device struct {
	l      net.Listener
	config *ssh.ServerConfig

	mu    sync.Mutex // guards what follows
	right string     // empty: none is
	got   []string
	at    []time.Time
}

func newDevice(t *testing.T) *device {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	d := &device{}
	d.config = &ssh.ServerConfig{PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.got, d.at = append(d.got, string(password)), append(d.at, time.Now())
		if d.right == "any" || d.right == string(password) {
			return nil, nil
		}
		return nil, errors.New("wrong password")
	}}
	d.config.AddHostKey(signer)
	if d.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			nc, err := d.l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { d.serve(nc) })
		}
	})
	t.Cleanup(func() {
		d.l.Close()
		serving.Wait()
	})
	return d
}

// serve is one connection: a shell that says what it is, and echoes.
func (d *device) serve(nc net.Conn) {
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(2 * patience))
	conn, channels, requests, err := ssh.NewServerConn(nc, d.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				r.Reply(true, nil)
				if r.Type == "shell" || r.Type == "exec" {
					go func() {
						io.WriteString(ch, "device ready\r\n")
						io.Copy(ch, ch)
						ch.SendRequest("exit-status", false, make([]byte, 4))
						ch.Close()
						conn.Close()
					}()
				}
			}
		}()
	}
}

func (d *device) take(right string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.right, d.got, d.at = right, nil, nil
}

func (d *device) given() ([]string, []time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.got, d.at
}

func (d *device) port() string {
	_, port, _ := net.SplitHostPort(d.l.Addr().String())
	return port
}

// passwordWorld has a device that alice may log in to as admin, by a personal
// access and by one of the group routers. Both have two passwords.
func passwordWorld(t *testing.T) (*world, *device) {
	w, d := newWorld(t), newDevice(t)
	at := []string{"--host", "127.0.0.1", "--port", d.port(), "--user", "admin", "--force"}
	for _, words := range [][]string{
		append([]string{"selfAddPersonalAccess"}, at...),
		{"groupCreate", "--group", "routers", "--owner", admin, "--no-key"},
		append([]string{"groupAddServer", "--group", "routers"}, at...),
		{"selfGeneratePassword", "--do-it"}, {"selfGeneratePassword", "--do-it"},
		{"groupGeneratePassword", "--group", "routers", "--do-it"},
	} {
		_, err := w.g.osh(words...)
		w.check(err)
	}
	return w, d
}

func (w *world) device(d *device, code int, options ...string) string {
	w.t.Helper()
	c := w.ssh(nil, append(options, "admin@127.0.0.1", "-p", d.port(), "--", "show version")...)
	w.want(code, c)
	return c.out.String() + c.err.String()
}

// TestPasswordLogin logs in with passwords by all ways to ask for it.
func TestPasswordLogin(t *testing.T) {
	t.Parallel()
	w, d := passwordWorld(t)
	d.take("any")
	var said strings.Builder
	groups := map[string]string{} // password by how it was asked for
	for _, words := range [][]string{
		{"-P", "admin@127.0.0.1"}, {"--self-password", "admin@127.0.0.1"}, {"--password", "routers", "admin@127.0.0.1"},
		{"ssh-passwd-admin-routers@127.0.0.1"}, {"ssh-password-admin-routers@127.0.0.1"},
	} {
		d.take("any")
		c := w.ssh(nil, append(words, "-p", d.port(), "--", "show version")...)
		w.want(0, c)
		said.WriteString(c.out.String() + c.err.String())
		got, _ := d.given()
		if len(got) != 1 || !strings.Contains(c.out.String(), "device ready") {
			t.Fatalf("%q: %d passwords given; %s", words, len(got), c.out.String())
		}
		groups[strings.Join(words, " ")] = got[0]
	}
	own, group := groups["-P admin@127.0.0.1"], groups["--password routers admin@127.0.0.1"]
	if own == group || groups["--self-password admin@127.0.0.1"] != own || groups["ssh-passwd-admin-routers@127.0.0.1"] != group ||
		groups["ssh-password-admin-routers@127.0.0.1"] != group {
		t.Error("not the passwords that were asked for")
	}

	// Wrong, then right, with a pause.
	d.take("none")
	said.WriteString(w.device(d, 100, "-P", "--fallback-password-delay", "1"))
	got, at := d.given()
	if len(got) != 2 || got[0] != own || at[1].Sub(at[0]) < time.Second {
		t.Fatalf("%d passwords given at %v", len(got), at)
	}
	fallback := got[1]
	d.take(fallback)
	said.WriteString(w.device(d, 0, "-P", "--fallback-password-delay", "1"))
	if _, err := w.g.osh("groupCreate", "--group", "empty", "--owner", admin, "--no-key"); err != nil {
		t.Fatal(err)
	}
	said.WriteString(w.device(d, 108, "--password", "empty"))
	for _, text := range []string{
		">>> BASTION SAYS: admin@127.0.0.1:" + d.port() + ": it refused the login name or the password; 2 passwords were tried",
	} {
		if !strings.Contains(said.String(), text) {
			t.Errorf("not said: %s\n%s", text, said.String())
		}
	}
	audit, err := w.g.audit()
	w.check(err)
	if n := strings.Count(audit, `"event":"password"`); n != 5+2+2 {
		t.Errorf("%d audit records of passwords, want 9", n)
	}
	list, err := w.g.run("recording", "list", "--limit", "0")
	w.check(err)
	everything := said.String() + w.g.text() + audit + list
	for line := range strings.Lines(list) {
		export, err := w.g.run("recording", "export", "--format", "jsonl", strings.Fields(line)[0])
		if err == nil {
			everything += export
		}
	}
	for _, secret := range []string{own, fallback, group} {
		if len(secret) < 8 || strings.Contains(everything, secret) {
			t.Errorf("password %q is in what was said, logged or recorded", secret)
		}
	}
}

// TestPasswordLeavesNoTrace looks into the session process after a login.
func TestPasswordLeavesNoTrace(t *testing.T) {
	t.Parallel()
	needs(t, "root")
	w, d := passwordWorld(t)
	for _, keyboard := range []bool{false, true} {
		if keyboard {
			take := d.config.PasswordCallback
			d.config.PasswordCallback = nil
			d.config.KeyboardInteractiveCallback = func(c ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				answers, err := ask("", "", []string{"Password: "}, []bool{false})
				if err != nil {
					return nil, err
				}
				return take(c, []byte(answers[0]))
			}
		}
		d.take("any")
		c := w.ssh(nil, "-P", "admin@127.0.0.1", "-p", d.port(), "--", "show version")
		in := w.start(c)
		w.await(&c.out, "device ready")
		got, _ := d.given()
		pid, err := w.g.session()
		w.check(err)
		memory, err := memory(pid)
		w.check(err)
		if !bytes.Contains(memory, []byte("device ready")) {
			t.Error("the memory was not read") // it is there: it was relayed
		}
		for _, form := range []string{got[0], base64.StdEncoding.EncodeToString([]byte(got[0]))} {
			if at := bytes.Index(memory, []byte(form)); at >= 0 {
				t.Errorf("keyboard-interactive %v: %q in the memory of the session process: %q", keyboard, form, memory[max(0, at-80):at+80])
			}
		}
		for _, file := range []string{"environ", "cmdline"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil || bytes.Contains(b, []byte(got[0])) {
				t.Errorf("%s has the password, or: %v", file, err)
			}
		}
		in.Close()
		if code, err := c.code(); code != 0 {
			t.Errorf("exit status %d (%v)", code, err)
		}
	}
}

// memory is all that a process may write to.
func memory(pid int) ([]byte, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	var all []byte
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		part := make([]byte, to-from)
		n, _ := mem.ReadAt(part, from) // some of it can't be read
		all = append(all, part[:n]...)
	}
	return all, nil
}

// hashes are those of the passwords that a command lists.
func (w *world) hashes(words ...string) []map[string]string {
	w.t.Helper()
	list, err := w.g.osh(append(words, "--json")...)
	w.check(err)
	_, value, _ := strings.Cut(list, "JSON_START\n")
	value, _, _ = strings.Cut(value, "\nJSON_END")
	var answer struct {
		Value []struct {
			Hashes map[string]string `json:"hashes"`
		} `json:"value"`
	}
	w.check(json.Unmarshal([]byte(value), &answer))
	var all []map[string]string
	for _, v := range answer.Value {
		all = append(all, v.Hashes)
	}
	return all
}
