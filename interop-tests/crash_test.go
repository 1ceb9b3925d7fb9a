package interop

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// waits is a session that prints up, then repeats a line that it is given.
func (w *world) waits(name string) (*client, io.WriteCloser) {
	w.t.Helper()
	c := w.ssh(nil, w.at("echo up "+name+"; read line; echo $line; exit 3")...)
	in := w.start(c)
	w.await(&c.out, "up "+name+"\n")
	return c, in
}

// goesOn checks that a session of waits lives and ends well.
func (w *world) goesOn(c *client, in io.Writer) {
	w.t.Helper()
	fmt.Fprintln(in, "still here")
	if code, err := c.code(); code != 3 || !strings.HasSuffix(c.out.String(), "still here\n") {
		w.t.Errorf("exit status %d (%v), want 3; output %q, errors %q", code, err, c.out.String(), c.err.String())
	}
}

// verify checks that all recordings are sealed and unaltered.
func (w *world) verify() {
	w.t.Helper()
	w.check(eventually(func() error {
		_, err := w.g.run("recording", "verify", "--all")
		return err
	}))
}

// TestKilledSession: the crash of one session process is nobody else's.
func TestKilledSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim, _ := w.waits("victim")
	pid, err := w.g.session()
	w.check(err)
	other, in := w.waits("other")

	w.check(syscall.Kill(pid, syscall.SIGKILL))
	if code, err := victim.code(); code != 255 {
		t.Errorf("exit status %d (%v), want 255", code, err)
	}
	w.check(w.g.awaitAudit(`"event":"close".*"reason":"the session process died: killed by signal SIGKILL"`))
	w.goesOn(other, in)
	w.verify()
	if text := w.recorded("up victim"); !strings.Contains(text, "up victim\n") {
		t.Errorf("recording of the session that was killed: %q", text)
	}
	if text := w.recorded("up other"); !strings.Contains(text, "still here\n") {
		t.Errorf("recording of the session that went on: %q", text)
	}
}

// TestKilledRecorder: without a recorder nothing passes, and what has passed
// is on record.
func TestKilledRecorder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pid, err := w.g.recorder()
	w.check(err)
	idle, _ := w.waits("idle")
	busy := w.ssh(nil, w.at("i=0; while :; do i=$((i+1)); echo busy line $i; done")...)
	w.start(busy)
	w.await(&busy.out, "busy line 20000\n")

	w.check(syscall.Kill(pid, syscall.SIGKILL))
	for _, c := range []*client{idle, busy} {
		if code, err := c.code(); code != 126 || !strings.Contains(c.err.String(), "nothing may pass unrecorded") {
			t.Errorf("exit status %d (%v), want 126; standard error %q", code, err, c.err.String())
		}
	}
	w.want(0, w.ssh(nil, w.at("true")...))
	w.verify()
	w.holds(w.recorded("busy line"), busy)
	w.holds(w.recorded("up idle"), idle)
}

// holds checks that the text of a recording has all that a client printed.
func (w *world) holds(recording string, c *client) {
	w.t.Helper()
	seen := c.out.String()
	seen = seen[:strings.LastIndexByte(seen, '\n')+1]
	if seen == "" || !strings.Contains(recording, seen) {
		w.t.Errorf("the client printed %d bytes, which the recording of %d bytes doesn't have", len(seen), len(recording))
	}
}

// TestKilledGateway: nothing outlives the gateway, and nothing is lost.
func TestKilledGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, _ := w.waits("first")
	second, _ := w.waits("second")
	children, err := w.g.children()
	w.check(err)
	if len(children) < 3 {
		t.Fatalf("children of the gateway: %v", children)
	}
	// Not even a process that does nothing any more may outlive it.
	for _, c := range children {
		if strings.Contains(c.cmd, "gateway-session") {
			w.check(syscall.Kill(c.pid, syscall.SIGSTOP))
		}
	}
	_, err = w.g.end(syscall.SIGKILL)
	w.check(err)
	for _, c := range []*client{first, second} {
		if code, err := c.code(); code != 255 && code != 126 {
			t.Errorf("exit status %d (%v), want 255", code, err)
		}
	}
	for _, c := range children {
		w.check(eventually(func() error {
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.pid)); err == nil && strings.HasPrefix(strings.ReplaceAll(string(line), "\x00", " "), c.cmd) {
				return fmt.Errorf("process %d (%s) is still there", c.pid, c.cmd)
			}
			return nil
		}))
	}
	for _, name := range []string{"up first", "up second"} {
		if text := w.recorded(name); !strings.Contains(text, name+"\n") {
			t.Errorf("recording of %q: %q", name, text)
		}
	}

	w.check(w.g.start())
	w.want(0, w.ssh(nil, w.at("true")...))
	if text := w.recorded("up first"); !strings.Contains(text, "up first\n") {
		t.Errorf("recording after the restart: %q", text)
	}
}

// diskSize is that of the disk for recordings in TestFullDisk.
const diskSize = "4m"

// TestFullDisk: when no more can be recorded the session ends and says so;
// with room again all is well.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	needs(t, "root")
	w := newWorld(t)
	disk := w.g.data + "/recordings"
	w.mount(disk)

	c := w.ssh(nil, w.at("head -c 60000000 /dev/urandom | base64")...)
	code, err := exitCode(c.Run())
	if text := c.err.String(); code != 109 || !strings.Contains(text, "full") {
		t.Errorf("exit status %d (%v), want 109; standard error %q", code, err, text)
	}
	w.check(w.g.awaitAudit(`"event":"recorder".*"allowed":false`))
	w.holds(w.recorded("urandom"), c)
	// The gateway itself is well: it says what is the matter.
	code, err = exitCode(w.ssh(nil, w.at("echo must not run")...).Run())
	if code != 0 && code != 109 && code != 126 {
		t.Errorf("exit status %d (%v) on a full disk", code, err)
	}
	_, err = w.g.osh("info")
	w.check(err)

	w.check(syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=64m,mode=700"))
	w.want(0, w.ssh(nil, w.at("true")...))
}

// mount restarts the gateway with a small disk at a folder of it.
func (w *world) mount(folder string) {
	w.t.Helper()
	needs(w.t, "root")
	_, err := w.g.stop()
	w.check(err)
	w.check(os.MkdirAll(folder, 0o700))
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size="+diskSize+",mode=700"); err != nil {
		if os.Getenv("CI") != "" {
			w.t.Fatalf("needs to mount a tmpfs: %v", err)
		}
		w.t.Skipf("needs to mount a tmpfs: %v", err)
	}
	w.t.Cleanup(func() {
		w.g.stop() // it holds files there
		syscall.Unmount(folder, syscall.MNT_DETACH)
	})
	w.check(w.g.start())
}

// TestFullAuditLog: what can't be written down isn't done.
func TestFullAuditLog(t *testing.T) {
	t.Parallel()
	needs(t, "root")
	w := newWorld(t)
	folder := w.g.data + "/log"
	w.check(w.g.set("auditFile=log/audit.jsonl"))
	w.mount(folder)
	w.want(0, w.ssh(nil, w.at("true")...))
	live, in := w.waits("live")

	ballast, err := os.Create(folder + "/ballast")
	w.check(err)
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	w.check(ballast.Close())
	w.check(eventually(func() error { // the file's last page has room for some lines
		c := w.ssh(nil, w.at("echo must not run")...)
		code, err := exitCode(c.Run())
		if err == nil && code == 0 {
			err = errors.New("a session was opened without a record of it")
		}
		return err
	}))
	if _, err := w.g.osh("selfAddPersonalAccess", "--host", "192.0.2.7", "--user", "root", "--port", "22", "--force"); err == nil {
		t.Error("a right was given without a record of it")
	}

	w.check(os.Remove(ballast.Name()))
	list, err := w.g.osh("selfListAccesses")
	w.check(err)
	if strings.Contains(list, "192.0.2.7") {
		t.Errorf("a right was given without a record of it:\n%s", list)
	}
	w.want(0, w.ssh(nil, w.at("true")...))
	w.goesOn(live, in)
}
