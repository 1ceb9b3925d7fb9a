package interop

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// target is an SSH server that a session leads to: sshd, one for each
// connection, as inetd would start it. It is known by where it listens.
type target struct {
	dir  string
	user string // who logs in there
	l    net.Listener

	mu      sync.Mutex // guards what follows
	running map[*exec.Cmd]bool
	closed  bool
	wait    sync.WaitGroup
}

// errNoSSHD is why a test is skipped.
var errNoSSHD = errors.New("sshd is not installed")

// newTarget starts a target whose files are in dir and which lets the keys in.
func newTarget(dir, keys string) (*target, error) {
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd"
		if _, err := os.Stat(sshd); err != nil {
			return nil, errNoSSHD
		}
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	t := &target{dir: dir, user: me.Username, running: make(map[*exec.Cmd]bool)}
	err = errors.Join(os.MkdirAll(dir, 0o755), t.allow(keys), t.identity("old"))
	if err != nil {
		return nil, err
	}
	// The home is an empty one: what a person's shell says at its start is not ours.
	config := fmt.Sprintf(`
HostKey %[1]s/host_key
AuthorizedKeysFile %[1]s/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
MaxSessions 100
AcceptEnv *
Subsystem sftp internal-sftp
Subsystem netconf /bin/sh %[1]s/netconf
SetEnv HOME=%[1]s SHLVL=2
PidFile none
`, dir)
	if err := os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	if t.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	t.wait.Go(func() { t.serve(sshd) })
	return t, nil
}

// allow lets the keys of an authorized_keys file in, and no others.
func (t *target) allow(keys string) error {
	return os.WriteFile(filepath.Join(t.dir, "authorized_keys"), []byte(keys), 0o644)
}

// identity makes it show the host key "old" or "new" from now on.
func (t *target) identity(which string) error {
	key, err := os.ReadFile(shared.hosts + "." + which)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(t.dir, "host_key"), key, 0o600)
}

func (t *target) port() string {
	_, port, _ := net.SplitHostPort(t.l.Addr().String())
	return port
}

func (t *target) serve(sshd string) {
	for {
		nc, err := t.l.Accept()
		if err != nil {
			return
		}
		f, err := nc.(*net.TCPConn).File()
		nc.Close()
		if err == nil {
			t.start(sshd, f)
			f.Close()
		}
	}
}

func (t *target) start(sshd string, f *os.File) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	cmd := exec.Command(sshd, "-i", "-f", filepath.Join(t.dir, "sshd_config"), "-E", filepath.Join(t.dir, "log"))
	cmd.Stdin, cmd.Stdout = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if cmd.Start() != nil {
		return
	}
	t.running[cmd] = true
	t.wait.Go(func() {
		cmd.Wait()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.running, cmd)
	})
}

// close ends it and all its connections.
func (t *target) close() {
	t.l.Close()
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.kill()
	t.wait.Wait()
}

// kill ends all its connections, as a power cut would.
func (t *target) kill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for cmd := range t.running {
		cmd.Process.Kill()
	}
}

// log returns what sshd wrote, for tests that fail.
func (t *target) log() string {
	b, err := os.ReadFile(filepath.Join(t.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b))
}

// connections counts the sessions that it has.
func (t *target) connections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.running)
}
