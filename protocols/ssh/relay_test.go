package ssh_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	xssh "golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/protocols/ssh"
	"gateway/recorder"
)

// suite is for an in-process target.
func suite(t testing.TB) (protocoltest.Suite, *target) {
	key := newSigner(t)
	g := newTarget(t, key)
	return protocoltest.Suite{
		Backend: &ssh.Backend{}, Dial: g.dial, User: "root", Lease: lease(key),
		Echo: run("echo"), Flood: run("flood"), Fail: run("fail"), FailExit: gateway.Exit{Code: 7},
	}, g
}

func TestConformance(t *testing.T) {
	s, _ := suite(t)
	protocoltest.Run(t, s)
}

// TestNoOutputLost has the target answer, write, exit and close in one go.
func TestNoOutputLost(t *testing.T) {
	s, g := suite(t)
	g.handle = func(session *serverSession) {
		io.WriteString(session, "hello\n")
		session.exit(0)
	}
	noOutputLost(t, s, run("echo hello"), 200)
}

func noOutputLost(t *testing.T, s protocoltest.Suite, a gateway.Action, runs int) {
	for i := range runs {
		session, c := &protocoltest.Session{}, protocoltest.NewClient()
		wait := s.Start(context.Background(), t, a, c, session)
		if i%2 == 0 {
			c.Input.Close()
		}
		if exit, err := wait(); exit != (gateway.Exit{}) || err != nil {
			t.Fatalf("run %d: Relay = %+v, %v", i, exit, err)
		}
		if c.Output() != "hello\n" || session.Data(recorder.Out) != "hello\n" {
			t.Fatalf("run %d: got %q, recorded %q", i, c.Output(), session.Data(recorder.Out))
		}
	}
}

func TestRequests(t *testing.T) {
	s, g := suite(t)
	s.Lease.Env = []string{"BASTION=1", "malformed"}
	changed := make(chan struct{})
	g.handle = func(session *serverSession) {
		for range 3 {
			q := <-session.requests
			g.mu.Lock()
			g.requests = append(g.requests, seen{q.Type, string(q.Payload)})
			g.mu.Unlock()
		}
		close(changed)
		io.Copy(io.Discard, session)
		session.exit(0)
	}
	session, c := &protocoltest.Session{}, protocoltest.NewTerminal()
	c.Vars, c.Modes = []string{"LANG=C"}, "\x03\x00\x00\x00\x7f\x00"
	wait := s.Start(context.Background(), t, gateway.Action{Kind: "shell"}, c, session)
	c.Resize(recorder.Resize{Cols: 132, Rows: 50, Width: 1, Height: 2})
	c.Signal(protocols.Signal{Name: "INT"})
	c.Signal(protocols.Signal{BreakMS: 500})
	<-changed
	c.Input.Close()
	if exit, err := wait(); exit != (gateway.Exit{}) || err != nil {
		t.Errorf("Relay = %+v, %v, want exit 0", exit, err)
	}
	want := []seen{
		{"env", "\x00\x00\x00\x07BASTION\x00\x00\x00\x011"},
		{"env", "\x00\x00\x00\x04LANG\x00\x00\x00\x01C"},
		{"pty-req", "\x00\x00\x00\x05xterm\x00\x00\x00\x50\x00\x00\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06\x03\x00\x00\x00\x7f\x00"},
		{"shell", ""},
		{"window-change", "\x00\x00\x00\x84\x00\x00\x00\x32\x00\x00\x00\x01\x00\x00\x00\x02"},
		{"signal", "\x00\x00\x00\x03INT"},
		{"break", "\x00\x00\x01\xf4"},
	}
	if diff := cmp.Diff(want, g.seen()); diff != "" {
		t.Errorf("the target got other requests (-want +got):\n%s", diff)
	}
	wantEvents := []recorder.Event{
		recorder.Request{Name: "shell"},
		recorder.Resize{Cols: 80, Rows: 24},
		recorder.Resize{Cols: 132, Rows: 50, Width: 1, Height: 2},
		recorder.Request{Name: "signal", Text: "INT"},
		recorder.Request{Name: "break"},
	}
	if diff := cmp.Diff(wantEvents, session.Events()); diff != "" {
		t.Errorf("recorded events differ (-want +got):\n%s", diff)
	}
}

func TestEnds(t *testing.T) {
	tests := []struct {
		name    string
		handle  func(*serverSession)
		want    gateway.Exit
		wantErr string
	}{
		{"status", func(s *serverSession) { s.exit(3) }, gateway.Exit{Code: 3}, ""},
		{"first status counts", func(s *serverSession) {
			s.SendRequest("exit-status", false, []byte{0, 0, 0, 1})
			s.exit(2)
		}, gateway.Exit{Code: 1}, ""},
		{"signal", func(s *serverSession) {
			s.SendRequest("exit-signal", false, xssh.Marshal(struct {
				Name string
				Core bool
				Text string
				Lang string
			}{"SEGV", true, "bad\x1b", ""}))
			s.Close()
		}, gateway.Exit{Code: 255, Signal: "SEGV", Core: true, Text: `bad\x1b`}, ""},
		{"malformed status", func(s *serverSession) {
			s.SendRequest("exit-status", false, []byte{1})
			s.Close()
		}, gateway.Exit{Code: 255}, ""},
		{"silent close", func(s *serverSession) { s.Close() }, gateway.Exit{Code: 255}, ""},
		{"unknown request", func(s *serverSession) {
			if ok, err := s.SendRequest("upgrade@example.com", true, nil); ok || err != nil {
				s.exit(99)
			}
			s.exit(0)
		}, gateway.Exit{}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, g := suite(t)
			g.handle = test.handle
			exit, err := s.Start(context.Background(), t, run("x"), protocoltest.NewClient(), &protocoltest.Session{})()
			if err != nil {
				t.Errorf("Relay: %v", err)
			}
			if diff := cmp.Diff(test.want, exit); diff != "" {
				t.Errorf("exit differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBrokenConnection(t *testing.T) {
	s, g := suite(t)
	var broken net.Conn
	s.Dial = func(t testing.TB) net.Conn { broken = g.dial(t); return broken }
	g.handle = func(session *serverSession) {
		io.WriteString(session, "x")
	}
	c, blocked := protocoltest.NewClient(), make(chan struct{})
	c.Out = tell(blocked)
	wait := s.Start(context.Background(), t, run("x"), c, &protocoltest.Session{})
	<-blocked
	broken.(*net.TCPConn).CloseRead()
	exit, err := wait()
	if exit.Code != 255 || err == nil || !strings.Contains(err.Error(), "broke") {
		t.Errorf("Relay = %+v, %v, want 255 and that the connection broke", exit, err)
	}
}

// tell is a writer that closes itself at the first write.
type tell chan struct{}

func (c tell) Write(p []byte) (int, error) {
	close(c)
	return len(p), nil
}

func TestTargetMayAskForNothing(t *testing.T) {
	s, g := suite(t)
	asked := make(chan error, 1)
	g.serving = func(conn *xssh.ServerConn) {
		for _, kind := range []string{"forwarded-tcpip", "auth-agent@openssh.com", "x11", "session"} {
			_, _, err := conn.OpenChannel(kind, nil)
			var refused *xssh.OpenChannelError
			if !errors.As(err, &refused) {
				asked <- errors.New(kind + " was opened")
				return
			}
		}
		if ok, _, err := conn.SendRequest("tcpip-forward", true, nil); ok || err != nil {
			asked <- errors.New("a global request was granted")
		}
		asked <- nil
	}
	s.Login(t, s.Echo)
	if err := <-asked; err != nil {
		t.Error(err)
	}
}

func TestRefusedByTarget(t *testing.T) {
	s, g := suite(t)
	g.forced = func(n xssh.NewChannel) { n.Reject(xssh.Prohibited, "no\x1b[2J") }
	_, err := s.Start(context.Background(), t, s.Echo, protocoltest.NewClient(), &protocoltest.Session{})()
	if err == nil || err.Error() != `open session: the target refused: no\x1b[2J` {
		t.Errorf("Relay = %v, want the target's reason, escaped", err)
	}
}

func TestUnknownAction(t *testing.T) {
	s, g := suite(t)
	_, err := s.Start(context.Background(), t, gateway.Action{Kind: "sftp"}, protocoltest.NewClient(), &protocoltest.Session{})()
	if !errors.Is(err, gateway.ErrInvalid) || len(g.seen()) != 0 {
		t.Errorf("Relay = %v with requests %v, want ErrInvalid and none", err, g.seen())
	}
}

func TestNotices(t *testing.T) {
	s, g := suite(t)
	g.config.ServerVersion = "SSH-2.0-noterminal"
	g.config.BannerCallback = func(xssh.ConnMetadata) string { return "Welcome\x1b[2J\nto gear\n" }
	g.handle = func(session *serverSession) {
		io.WriteString(session.Stderr(), "after")
		session.exit(0)
	}
	session, c := &protocoltest.Session{}, protocoltest.NewTerminal()
	if _, err := s.Start(context.Background(), t, run("x"), c, session)(); err != nil {
		t.Fatal(err)
	}
	want := "Welcome\\x1b[2J\r\nto gear\r\nPTY allocation request failed\r\nafter"
	if c.Errors() != want || session.Data(recorder.Err) != want {
		t.Errorf("shown %q and recorded %q, want %q", c.Errors(), session.Data(recorder.Err), want)
	}
}

// TestKeepalive lets a target fall silent for ever.
func TestKeepalive(t *testing.T) {
	key := newSigner(t)
	g := newTarget(t, key)
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		silent := newMute(theirs)
		g.handle = func(s *serverSession) { silent.mute() }
		go g.serve(silent)
		conn, err := new(ssh.Backend).Login(context.Background(), ours, gateway.Request{Action: run("x")}, lease(key))
		if err != nil {
			t.Fatal(err)
		}
		c, began := protocoltest.NewClient(), time.Now()
		exit, err := conn.Relay(context.Background(), c, &protocoltest.Session{})
		if exit.Code != 255 || err == nil {
			t.Errorf("Relay = %+v, %v, want 255 and an error", exit, err)
		}
		if took := time.Since(began); took < 5*57*time.Second || took > 7*57*time.Second {
			t.Errorf("given up after %v", took)
		}
		c.Close()
		conn.Close()
		silent.Close()
		close(silent.queue)
	})
}

// mute is a connection that buffers what is sent, for both ends of a pipe would
// wait for each other, and from some time on sends nothing any more.
type mute struct {
	net.Conn
	queue chan []byte

	mu    sync.Mutex // guards muted
	muted bool
}

func newMute(nc net.Conn) *mute {
	m := &mute{Conn: nc, queue: make(chan []byte, 1000)}
	go func() {
		for p := range m.queue {
			nc.Write(p)
		}
	}()
	return m
}

func (m *mute) mute() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.muted = true
}

func (m *mute) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.muted {
		m.queue <- bytes.Clone(p)
	}
	return len(p), nil
}
