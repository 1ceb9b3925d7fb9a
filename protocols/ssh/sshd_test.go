package ssh_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	xssh "golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/protocols/ssh"
	"gateway/recorder"
)

const sshdPath = "/usr/sbin/sshd"

// sshd returns a suite for OpenSSH's server. Each connection is served by a
// process of its own, in inetd mode, so that no port is needed.
func sshd(t testing.TB) protocoltest.Suite {
	t.Helper()
	if _, err := os.Stat(sshdPath); err != nil {
		t.Skipf("no OpenSSH server: %v", err)
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // it insists
			t.Fatal(err)
		}
	}
	dir, key := t.TempDir(), newSigner(t)
	hostKey := filepath.Join(dir, "host")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", hostKey).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keys := write("keys", string(xssh.MarshalAuthorizedKey(key.PublicKey())))
	config := write("config", fmt.Sprintf("HostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"+
		"PasswordAuthentication no\nPidFile none\nPrintMotd no\nAcceptEnv LANG\nSubsystem sftp internal-sftp\n", hostKey, keys))
	return protocoltest.Suite{
		Backend: &ssh.Backend{}, User: me.Username, Lease: lease(key),
		Dial:  func(t testing.TB) net.Conn { return dialSSHD(t, config) },
		Echo:  run("cat"),
		Flood: run("cat /dev/zero"),
		Fail:  run("printf err >&2; printf out; exit 7"), FailExit: gateway.Exit{Code: 7},
	}
}

// dialSSHD starts a server for one connection and returns that.
func dialSSHD(t testing.TB, config string) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	f, err := theirs.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(sshdPath, "-i", "-e", "-f", config)
	cmd.Stdin, cmd.Stdout = f, f
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ours.Close()
		cmd.Wait()
	})
	return ours
}

func TestOpenSSH(t *testing.T) {
	t.Parallel()
	s := sshd(t)
	protocoltest.Run(t, s)
	for _, test := range []struct {
		name, command string
		want          gateway.Exit
	}{
		{"killed", "kill -9 $$", gateway.Exit{Code: 255, Signal: "KILL"}},
		{"status", "exit 42", gateway.Exit{Code: 42}},
	} {
		t.Run(test.name, func(t *testing.T) {
			exit, err := s.Start(context.Background(), t, run(test.command), protocoltest.NewClient(), &protocoltest.Session{})()
			if err != nil {
				t.Errorf("Relay: %v", err)
			}
			if diff := cmp.Diff(test.want, exit); diff != "" {
				t.Errorf("exit differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOpenSSHNoOutputLost runs what is over as soon as it began; most runs of
// that are TestNoOutputLost's, for this server takes its time.
func TestOpenSSHNoOutputLost(t *testing.T) {
	t.Parallel()
	noOutputLost(t, sshd(t), run("echo hello"), 10)
}

// TestOpenSSHBulk sends 100 MB to cat and takes them back.
func TestOpenSSHBulk(t *testing.T) {
	const size = 100 << 20
	t.Parallel()
	s := sshd(t)
	session, c, back := &protocoltest.Session{}, protocoltest.NewClient(), sha256.New()
	c.Out = back
	wait := s.Start(context.Background(), t, run("cat"), c, session)
	sent := sha256.New()
	source := io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
	if _, err := io.Copy(io.MultiWriter(c.Input, sent), source); err != nil {
		t.Fatal(err)
	}
	c.Input.Close()
	if exit, err := wait(); exit != (gateway.Exit{}) || err != nil {
		t.Errorf("Relay = %+v, %v", exit, err)
	}
	want := [sha256.Size]byte(sent.Sum(nil))
	if [sha256.Size]byte(back.Sum(nil)) != want {
		t.Error("other bytes came back")
	}
	if session.Size(recorder.In) != size || session.Sum(recorder.In) != want || session.Sum(recorder.Out) != want {
		t.Error("other bytes were recorded")
	}
}

func TestOpenSSHTerminal(t *testing.T) {
	t.Parallel()
	s := sshd(t)
	session, c := &protocoltest.Session{}, protocoltest.NewTerminal()
	c.Vars, c.Modes = []string{"LANG=xx_YY"}, "\x35\x00\x00\x00\x00\x00" // ECHO off
	out := newWatched()
	c.Out = out
	// The shell takes signals at once while it waits, not while it reads.
	line := `sleep 30 & trap 'stty size; echo resized; kill $!' WINCH; stty size; echo $TERM $LANG; wait; exit 0`
	wait := s.Start(context.Background(), t, run(line), c, session)
	out.await(t, "24 80\r\nxterm xx_YY\r\n")
	c.Resize(recorder.Resize{Cols: 132, Rows: 50})
	out.await(t, "50 132\r\nresized\r\n")
	if exit, err := wait(); exit.Code != 0 || err != nil {
		t.Errorf("Relay = %+v, %v", exit, err)
	}
}

func TestOpenSSHSignal(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("OpenSSH delivers no signals to sessions of root")
	}
	t.Parallel()
	s := sshd(t)
	c, out := protocoltest.NewClient(), newWatched()
	c.Out = out
	wait := s.Start(context.Background(), t, run(`trap 'echo caught; exit 3' TERM; echo ready; while read x; do :; done`), c, &protocoltest.Session{})
	out.await(t, "ready\n")
	c.Signal(protocols.Signal{Name: "TERM"})
	io.WriteString(c.Input, "x\n")
	if exit, err := wait(); exit.Code != 3 || err != nil {
		t.Errorf("Relay = %+v, %v, want 3", exit, err)
	}
}

func TestOpenSSHSubsystem(t *testing.T) {
	t.Parallel()
	s := sshd(t)
	c, out := protocoltest.NewClient(), newWatched()
	c.Out = out
	wait := s.Start(context.Background(), t, gateway.Action{Kind: "subsystem", Text: "sftp"}, c, &protocoltest.Session{})
	io.WriteString(c.Input, "\x00\x00\x00\x05\x01\x00\x00\x00\x03") // SSH_FXP_INIT, version 3
	out.await(t, "\x02\x00\x00\x00\x03")
	c.Input.Close()
	if exit, err := wait(); exit != (gateway.Exit{}) || err != nil {
		t.Errorf("Relay = %+v, %v", exit, err)
	}
	_, err := s.Start(context.Background(), t, gateway.Action{Kind: "subsystem", Text: "none"}, protocoltest.NewClient(), &protocoltest.Session{})()
	if err == nil || !strings.Contains(err.Error(), "the target refused the request") {
		t.Errorf("Relay = %v, want a refusal", err)
	}
}

func TestOpenSSHDenies(t *testing.T) {
	t.Parallel()
	s := sshd(t)
	err := new(ssh.Backend).Probe(context.Background(), s.Dial(t), gateway.Request{Target: gateway.Target{User: s.User}}, lease(newSigner(t)))
	var login *protocols.LoginError
	if !errors.As(err, &login) || login.Kind != protocols.AuthFailed {
		t.Errorf("Probe with a stranger's key = %v", err)
	}
}

// watched is output that can be waited for.
type watched struct {
	writes chan string
	all    string
}

func newWatched() *watched { return &watched{writes: make(chan string, 1000)} }

func (w *watched) Write(p []byte) (int, error) {
	w.writes <- string(p)
	return len(p), nil
}

// await waits until text was written, after what was awaited before.
func (w *watched) await(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(w.all, text) {
		select {
		case s := <-w.writes:
			w.all += s
		case <-time.After(30 * time.Second):
			t.Fatalf("no %q in the output", text)
		}
	}
	_, w.all, _ = strings.Cut(w.all, text)
}
