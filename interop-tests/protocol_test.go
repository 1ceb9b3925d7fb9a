package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

// dial logs in as alice with a client that does what OpenSSH's would not.
func (w *world) dial(user string) (*ssh.Client, error) {
	w.t.Helper()
	pem, err := os.ReadFile(shared.key)
	w.check(err)
	signer, err := ssh.ParsePrivateKey(pem)
	w.check(err)
	return ssh.Dial("tcp", w.g.addr, &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, Timeout: patience,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // the gateway is ours
	})
}

// TestOneChannelOneCommand: a channel starts one thing, and nothing that isn't
// known.
func TestOneChannelOneCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, err := w.dial(admin)
	w.check(err)
	defer c.Close()
	ch, requests, err := c.OpenChannel("session", nil)
	w.check(err)
	go ssh.DiscardRequests(requests)
	ask := func(name string, payload any) bool {
		ok, err := ch.SendRequest(name, true, ssh.Marshal(payload))
		w.check(err)
		return ok
	}
	type one struct{ Text string }
	for _, name := range []string{"x11-req", "auth-agent-req@openssh.com", "nobody-knows@this"} {
		if ask(name, one{"x"}) {
			t.Errorf("request %s was accepted", name)
		}
	}
	if ask("subsystem", one{"nobody-knows-this"}) {
		t.Error("an unknown subsystem was accepted")
	}
	type variable struct{ Name, Value string }
	accepted := 0
	for i := range 300 {
		if ask("env", variable{fmt.Sprintf("LC_%d", i), strings.Repeat("x", 100)}) {
			accepted++
		}
	}
	if accepted == 0 || accepted == 300 {
		t.Errorf("%d variables of 300 were accepted, want some", accepted)
	}
	line := one{strings.Join(w.at("read line; echo $line"), " ")}
	if !ask("exec", line) {
		t.Fatal("exec was refused")
	}
	for _, name := range []string{"exec", "shell", "pty-req", "env"} {
		if ask(name, line) {
			t.Errorf("a second start, or what must come before it, was accepted: %s", name)
		}
	}
	// All that has not disturbed the one that runs.
	_, err = fmt.Fprintln(ch, "once")
	w.check(err)
	w.check(ch.CloseWrite())
	b := make([]byte, 5)
	if n, err := ch.Read(b); string(b[:n]) != "once\n" {
		t.Errorf("read %q (%v)", b[:n], err)
	}
}

// TestChannels: nothing but sessions, and not more than a connection may have.
func TestChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sessionsPerConnection=3")
	c, err := w.dial(admin)
	w.check(err)
	defer c.Close()
	for _, kind := range []string{"direct-tcpip", "forwarded-tcpip", "x11", "auth-agent@openssh.com", "tun@openssh.com", "direct-streamlocal@openssh.com"} {
		if ch, _, err := c.OpenChannel(kind, nil); err == nil {
			ch.Close()
			t.Errorf("a channel %s was opened", kind)
		}
	}
	for _, name := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "no-more-sessions@example.com"} {
		if ok, _, err := c.SendRequest(name, true, make([]byte, 8)); ok || err != nil {
			t.Errorf("global request %s: %v, %v", name, ok, err)
		}
	}
	var open []ssh.Channel
	for i := range 4 {
		ch, requests, err := c.OpenChannel("session", nil)
		if (err == nil) != (i < 3) {
			t.Fatalf("session %d: %v", i, err)
		}
		if err == nil {
			go ssh.DiscardRequests(requests)
			open = append(open, ch)
		}
	}
	w.check(open[0].Close())
	w.check(eventually(func() error {
		s, err := c.NewSession()
		if err != nil {
			return err
		}
		defer s.Close()
		return s.Run("-q --osh info")
	}))
}

// TestLoginName: a name that no account can have is answered as an unknown
// one, and is on record harmlessly.
func TestLoginName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"", "al\x1b[2Jice", "alice\x00", "alice\xff", "../alice", strings.Repeat("alice", 10_000)} {
		if c, err := w.dial(name); err == nil {
			c.Close()
			t.Errorf("%.20q could log in", name)
		}
	}
	w.check(w.g.awaitAudit(`"event":"close".*not authenticated`))
	text, err := w.g.audit()
	w.check(err)
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(text) {
		t.Errorf("the audit log is not fit to be shown: %.100q", text[max(0, i-20):])
	}
	if len(text) > 50_000 {
		t.Errorf("the audit log grew to %d bytes", len(text))
	}
	w.want(0, w.ssh(nil, "-q", "--osh", "info"))
}
