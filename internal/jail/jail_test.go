package jail_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"gateway/internal/jail"
)

// refused are the acts of a session process and how each must end: the call
// fails, or the process is killed by SIGSYS.
var refused = map[string][]string{
	"EPERM": {
		"read a file", "list the root", "hold a path", "make a file", "unnamed file", "own memory file",
		"own environment", "parent's environment", "parent's memory file", "parent's descriptor", "openat2",
		"stat", "read a link", "chmod", "chown", "unlink", "rename", "symlink", "mkdir", "mknod", "truncate",
		"watch files", "tcp socket", "udp socket", "unix socket", "netlink socket", "packet socket",
		"kernel crypto socket", "socketpair", "dial", "connect a descriptor", "bind a descriptor",
		"listen on a descriptor", "send to an address", "message to an address", "linger when closing", "send with fast open",
		"message with fast open", "attach a socket filter", "layer on a socket", "repair a socket", "ioctl",
		"write IP headers", "route packets", "any source address", "errors of a socket", "IPv6 headers", "errors of an IPv6 socket",
		"terminal input", "signals from a socket", "parent's limits", "own limits", "look at own limits",
		"priority", "executable memory", "make executable", "protection key", "shared memory", "be dumpable",
		"keep capabilities", "let others trace", "another filter",
	},
	// Allowed; this is what the kernel says of a Unix socket.
	"ENOTSUP": {"set a TTL", "set a hop limit"},
	"EINVAL":  {"accept on a descriptor"}, // it does not listen
	"ENOTTY":  {"size of a terminal"},
	"EBADF":   {"use a stray descriptor", "use standard input"},
	"ENOSYS":  {"clone3", "priority inheritance"},
	"empty":   {"read the environment"},
	"SIGSYS": {
		"execute", "execute a descriptor", "fork", "vfork", "thread in a namespace",
		"anonymous program", "kill the parent", "probe the parent", "kill everybody", "tgkill the parent",
		"tkill the parent", "queue a signal", "descriptor of the parent", "signal by descriptor",
		"trace the parent", "read the parent", "write the parent", "become somebody", "become a group",
		"set groups", "capabilities", "personality", "mount", "chroot", "new namespace", "open by handle",
		"io_uring", "bpf", "userfaultfd", "performance counters", "keyring", "kernel module",
	},
}

// recorderRefused are acts of a recorder, which may use one folder. Landlock
// refuses what its filter has to let through.
var recorderRefused = map[string][]string{
	"EACCES": {
		"read a file", "list the root", "make a file", "own memory file", "own environment",
		"parent's environment", "parent's memory file", "outside the folder",
	},
	"EPERM":  {"symlink", "chmod", "tcp socket", "executable memory", "link out of the folder", "openat2"},
	"SIGSYS": {"execute", "program in the folder", "fork", "kill the parent", "trace the parent", "io_uring"},
	"done":   {"write inside the folder"},
}

// requireKernel skips on a kernel that can't do what is tested.
func requireKernel(t *testing.T) {
	t.Helper()
	var r jail.Report
	if err := json.Unmarshal([]byte(run(t, order{Do: "report"}, nil, nil)), &r); err != nil {
		t.Fatal(err)
	}
	if m := r.Missing(); len(m) > 0 {
		t.Skipf("this kernel lacks %v", m)
	}
}

func TestRefusals(t *testing.T) {
	requireKernel(t)
	table := map[string][]string{"SIGSYS": {"x32 call", "fork(2)"}}
	if runtime.GOARCH != "amd64" {
		table = nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, cred := range uids(t) {
		t.Run(name, func(t *testing.T) {
			for _, tab := range []map[string][]string{refused, table} {
				attempt(t, tab, order{Listen: listener.Addr().String()}, cred)
			}
		})
	}
}

func TestRecorderRefusals(t *testing.T) {
	requireKernel(t)
	for name, cred := range uids(t) {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("/tmp", "jail-test-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			if cred != nil {
				if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
					t.Fatal(err)
				}
			}
			attempt(t, recorderRefused, order{Dir: dir}, cred)
		})
	}
}

// attempt has a process of its own do each act of table.
func attempt(t *testing.T, table map[string][]string, o order, cred *syscall.Credential) {
	t.Helper()
	memory := new(uint64)
	o.Addr = uintptr(unsafe.Pointer(memory))
	for want, names := range table {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if acts[name] == nil {
					t.Fatal("no such act")
				}
				_, theirs := socketpair(t)
				o := o
				o.Do = name
				if got := run(t, o, cred, theirs); got != want {
					t.Errorf("ended with %s, want %s", got, want)
				}
			})
		}
	}
}

// TestActsWork shows that the acts do something when nothing forbids them, so
// that their failing means something.
func TestActsWork(t *testing.T) {
	for _, name := range []string{"read a file", "tcp socket", "executable memory", "make executable", "own memory file"} {
		if err := acts[name](order{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMissing(t *testing.T) {
	tests := []struct {
		name   string
		report jail.Report
		want   []string
	}{
		{"nothing", jail.Report{}, []string{"no_new_privs", "seccomp", "landlock"}},
		{"files only", jail.Report{NoNewPrivs: true, Seccomp: true, LandlockABI: 3}, []string{"landlock network rules", "landlock scopes"}},
		{"no scopes", jail.Report{NoNewPrivs: true, Seccomp: true, LandlockABI: 5}, []string{"landlock scopes"}},
		{"complete", jail.Report{NoNewPrivs: true, Seccomp: true, LandlockABI: 6}, nil},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, test.report.Missing()); diff != "" {
			t.Errorf("%s: Missing() differs (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestEnterRefusesBadDescriptor(t *testing.T) {
	// Nothing was taken away yet when it fails: see the order in Enter.
	if _, err := jail.Enter(jail.Session(1 << 20)); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Enter with a descriptor that can't be = %v, want EBADF", err)
	}
}

func TestAttr(t *testing.T) {
	a, err := jail.Attr(jail.FirstUID + 5)
	if err != nil {
		t.Fatal(err)
	}
	if !a.Setsid {
		t.Error("the child stays in our session")
	}
	if os.Geteuid() != 0 {
		if a.Credential != nil {
			t.Error("asks for an identity that only root can give")
		}
		return
	}
	want := &syscall.Credential{Uid: jail.FirstUID + 5, Gid: jail.FirstUID + 5, Groups: []uint32{}}
	if diff := cmp.Diff(want, a.Credential); diff != "" {
		t.Errorf("credential differs (-want +got):\n%s", diff)
	}
	if slices.ContainsFunc([]uint32{0, 1000, jail.FirstUID - 1, jail.LastUID + 1}, func(uid uint32) bool {
		_, err := jail.Attr(uid)
		return err == nil
	}) {
		t.Error("accepts a uid outside the range")
	}
}
