package jail_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gateway/internal/jail"
)

// order is what a re-executed test binary is told to do, by its environment.
type order struct {
	Do     string // a key of acts, or echo
	Dir    string // enter as a recorder of this folder; empty: as a session
	Parent int    // pid of the test
	Addr   uintptr
	Listen string // address of a listening TCP socket
}

// Descriptors of a child, beside 0 to 2.
const (
	fdSocket = 3 // kept
	fdStray  = 4 // not kept: must be closed
)

const orderEnv = "JAIL_TEST_ORDER"

func TestMain(m *testing.M) {
	if s := os.Getenv(orderEnv); s != "" {
		var o order
		if err := json.Unmarshal([]byte(s), &o); err != nil {
			panic(err)
		}
		os.Exit(child(o))
	}
	os.Exit(m.Run())
}

// child enters the profile and says on standard output what came of the act.
func child(o order) int {
	profile := jail.Session(1, 2, fdSocket)
	if o.Dir != "" {
		profile = jail.Recorder(o.Dir, 1, 2, fdSocket)
	}
	report, err := jail.Enter(profile)
	if err != nil {
		fmt.Println("enter:", err)
		return 1
	}
	if o.Do == "report" {
		json.NewEncoder(os.Stdout).Encode(report)
		return 0
	}
	if o.Do == "echo" {
		return echo()
	}
	var errno syscall.Errno
	switch err := acts[o.Do](o); {
	case err == nil:
		fmt.Println("done")
	case errors.As(err, &errno):
		fmt.Println(unix.ErrnoName(errno))
	default:
		fmt.Println(err)
	}
	return 0
}

// uids are the identities that the tests run children under.
func uids(t *testing.T) map[string]*syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return map[string]*syscall.Credential{"user": nil}
	}
	return map[string]*syscall.Credential{"root": nil, "user": {Uid: 65534, Gid: 65534, Groups: []uint32{}}}
}

// run starts a child and returns what it said, or the signal that ended it.
func run(t *testing.T, o order, cred *syscall.Credential, socket *os.File) string {
	t.Helper()
	o.Parent = os.Getpid()
	env, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	stray, err := os.Open("/proc/self/environ")
	if err != nil {
		t.Fatal(err)
	}
	defer stray.Close()
	if socket == nil {
		socket = stray
	}
	// The link works for a uid that can't reach the binary by its path.
	cmd := exec.Command("/proc/self/exe")
	// The race detector waits a second at exit unless told.
	cmd.Env = []string{orderEnv + "=" + string(env), "GORACE=atexit_sleep_ms=0"}
	cmd.ExtraFiles = []*os.File{socket, stray}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: cred}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
			return unix.SignalName(ws.Signal())
		}
	}
	if err != nil {
		t.Fatalf("child %s: %v: %s", o.Do, err, out)
	}
	return strings.TrimSpace(string(out))
}

// socketpair returns a connection and the other end of it, to be handed on.
func socketpair(t *testing.T) (net.Conn, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); theirs.Close() })
	return conn, theirs
}

// raw makes one system call and returns its error.
func raw(nr uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	runtime.LockOSThread()
	if _, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return errno
	}
	return nil
}
