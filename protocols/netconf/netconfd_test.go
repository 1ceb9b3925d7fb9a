package netconf

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gateway/protocols/protocoltest"
)

// netconfd is a real device: Debian's, without the SSH server in front of it.
type netconfd struct{ socket string }

func startNetconfd(t *testing.T) netconfd {
	t.Helper()
	if _, err := exec.LookPath("netconfd"); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "nc") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := netconfd{filepath.Join(dir, "x")}
	cmd := exec.Command("netconfd", "--port=8300", "--access-control=off", "--no-startup", "--ncxserver-sockname="+d.socket)
	cmd.Dir = dir // it writes files where it is
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for end := time.Now().Add(20 * time.Second); ; {
		if _, err := os.Stat(d.socket); err == nil {
			return d
		}
		if time.Now().After(end) {
			t.Fatal("netconfd does not start")
		}
		time.Sleep(10 * time.Millisecond) // it tells nobody when it listens
	}
}

// session puts a client's stream through a gate to the device, and gives what
// the client got.
func (d netconfd) session(t *testing.T, lists, stream string) string {
	t.Helper()
	sub := exec.Command("/usr/sbin/netconf-subsystem", "--ncxserver-sockname=8300@"+d.socket)
	sub.Env = append(os.Environ(), "SSH_CONNECTION=127.0.0.1 1234 127.0.0.1 8300", "USER=root")
	sub.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := sub.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := sub.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	defer sub.Wait()
	defer sub.Process.Kill()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { sub.Process.Kill() })
	defer stop()
	client := protocoltest.NewClient()
	g := newGate(ctx, client, &rights{lists: lists})
	go func() {
		defer client.Close()
		var sent strings.Builder
		io.Copy(io.MultiWriter(&sent, in), readOnly{g})
		if !strings.Contains(sent.String(), "<close-session/>") {
			in.Close() // the end of the input would end it before it has answered
		}
	}()
	go func() {
		hello, rest, _ := strings.Cut(stream, endOfMessage)
		io.WriteString(client.Input, hello+endOfMessage)
		time.Sleep(20 * time.Millisecond) // netconfd loses what comes together with a hello, and does not say when it has read that
		io.WriteString(client.Input, rest)
		client.Input.Close()
	}()
	io.Copy(writeOnly{g}, out)
	if ctx.Err() != nil {
		t.Errorf("the session does not end; the client got ...%q", tail(client.Output()))
	}
	return client.Output()
}

// tail leaves the device's hello out.
func tail(out string) string {
	_, after, _ := strings.Cut(out, endOfMessage)
	return after
}

// No ReadFrom, no WriteTo.
type (
	readOnly  struct{ io.Reader }
	writeOnly struct{ io.Writer }
)

// config is what nobody may change.
func (d netconfd) config(t *testing.T) string {
	t.Helper()
	out := d.session(t, "", hello10+endOfMessage+rpc("9", `<get-config><source><running/></source><filter type="subtree"><nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"/></filter></get-config>`)+endOfMessage+rpc("10", "<close-session/>")+endOfMessage)
	_, config, ok := strings.Cut(out, `message-id="9"`)
	if config, _, _ = strings.Cut(config, endOfMessage); !ok || strings.Contains(config, "rpc-error") {
		t.Fatalf("the device said %q", tail(out))
	}
	return config
}

// Every try, with a device that would do as it is told. Where the framing is
// chunks there, the session is closed by the end of the input.
func TestNoEscapeOnNetconfd(t *testing.T) {
	d := startNetconfd(t)
	closing := rpc("99", "<close-session/>")
	before := d.config(t)
	for _, try := range tries() {
		t.Run(try.name, func(t *testing.T) {
			stream := hello10 + endOfMessage + try.stream + closing + endOfMessage
			if try.chunked {
				stream = hello11 + endOfMessage + try.stream + chunks(closing)
			}
			out := d.session(t, "get,get-config", stream)
			if now := d.config(t); now != before {
				t.Errorf("the configuration was %q and is %q; the client got %q", before, now, tail(out))
			}
		})
	}
	// The test itself can tell: with the right to, the configuration changes.
	out := d.session(t, "*", hello10+endOfMessage+strings.ReplaceAll(rpc("1", evil), "running", "candidate")+endOfMessage+rpc("2", "<commit/>")+endOfMessage+rpc("3", "<close-session/>")+endOfMessage)
	if d.config(t) == before {
		t.Errorf("edit-config has no effect: %s", out)
	}
}
