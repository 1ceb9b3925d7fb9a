package clients

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// call is an attempt that is one system call.
type call struct {
	name string
	nr   uint64
	args []any
	want string // errors of which it is one, or the signal that ended the program
}

// sockaddr is an address of a local socket; "@" at its start is for abstract ones.
func sockaddr(path string) []byte {
	b := binary.LittleEndian.AppendUint16(nil, unix.AF_UNIX)
	b = append(b, path...)
	if path[0] == '@' {
		b[2] = 0
		return b
	}
	return append(b, 0)
}

const (
	cwd    = -100 // AT_FDCWD
	code   = unix.PROT_READ | unix.PROT_EXEC
	rwx    = code | unix.PROT_WRITE
	anon   = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	create = unix.O_CREAT | unix.O_WRONLY
)

// escapes are what somebody might try who took over psql.
var escapes = []call{
	{"read a host's file", unix.SYS_OPENAT, []any{cwd, "/etc/passwd", 0}, "ENOENT"},
	{"by way of the parent", unix.SYS_OPENAT, []any{cwd, "/../../etc/passwd", 0}, "ENOENT"},
	{"list the root", unix.SYS_OPENAT, []any{cwd, "/", unix.O_DIRECTORY}, "EACCES"},
	{"own environment", unix.SYS_OPENAT, []any{cwd, "/proc/self/environ", 0}, "ENOENT"},
	{"own memory as a file", unix.SYS_OPENAT, []any{cwd, "/proc/self/mem", 2}, "ENOENT"},
	{"environment of init", unix.SYS_OPENAT, []any{cwd, "/proc/1/environ", 0}, "ENOENT"},
	{"kernel's settings", unix.SYS_OPENAT, []any{cwd, "/proc/sys/kernel/core_pattern", 1}, "ENOENT"},
	{"system folder", unix.SYS_OPENAT, []any{cwd, "/sys/kernel", 0}, "ENOENT"},
	{"new terminal", unix.SYS_OPENAT, []any{cwd, "/dev/ptmx", 2}, "ENOENT"},
	{"shared memory folder", unix.SYS_OPENAT, []any{cwd, "/dev/shm/x", create, 0o600}, "ENOENT"},
	{"terminal that is not there", unix.SYS_OPENAT, []any{cwd, "/dev/tty", 2}, "ENOENT"},
	{"disk", unix.SYS_OPENAT, []any{cwd, "/dev/vda", 0}, "ENOENT"},
	{"file in the root", unix.SYS_OPENAT, []any{cwd, "/x", create, 0o600}, "EROFS"},
	{"file beside the program", unix.SYS_OPENAT, []any{cwd, "/usr/bin/x", create, 0o755}, "EROFS"},
	{"write the program", unix.SYS_OPENAT, []any{cwd, "/usr/bin/caller", 1}, "EACCES ETXTBSY"},
	{"unnamed file", unix.SYS_OPENAT, []any{cwd, "/usr", unix.O_TMPFILE | unix.O_RDWR, 0o600}, "EROFS"},
	{"openat2", unix.SYS_OPENAT2, []any{cwd, "/etc/passwd", make([]byte, 24), 24}, "EPERM"},
	{"open by handle", unix.SYS_OPEN_BY_HANDLE_AT, []any{0, 0, 0}, "SIGSYS"},
	{"remove the socket", unix.SYS_UNLINKAT, []any{cwd, "/run/gateway/.s.PGSQL.5432", 0}, "EROFS"},
	{"replace the socket", unix.SYS_RENAMEAT, []any{cwd, "/tmp/x", cwd, "/run/gateway/.s.PGSQL.5432"}, "EXDEV"},
	{"make a device", unix.SYS_MKNODAT, []any{cwd, "/tmp/d", unix.S_IFCHR | 0o600, 0x101}, "EPERM"},
	{"make a pipe", unix.SYS_MKNODAT, []any{cwd, "/tmp/p", unix.S_IFIFO | 0o600, 0}, "EPERM"},
	{"make a folder", unix.SYS_MKDIRAT, []any{cwd, "/tmp/d", 0o700}, "EPERM"},
	{"make a link", unix.SYS_SYMLINKAT, []any{"/etc", cwd, "/tmp/l"}, "EPERM"},
	{"link a file", unix.SYS_LINKAT, []any{cwd, "/usr/bin/caller", cwd, "/tmp/c", 0}, "EPERM"},
	{"make executable", unix.SYS_FCHMODAT, []any{cwd, "/tmp", 0o777}, "EPERM"},
	{"set the owner", unix.SYS_FCHOWNAT, []any{cwd, "/tmp", 0, 0, 0}, "EPERM"},
	{"set an attribute", unix.SYS_SETXATTR, []any{"/tmp", "user.x", "x", 1, 0}, "EPERM"},
	{"watch files", unix.SYS_INOTIFY_INIT1, []any{0}, "EPERM"},
	{"watch all files", unix.SYS_FANOTIFY_INIT, []any{0, 0}, "SIGSYS"},

	{"run a shell", unix.SYS_EXECVE, []any{"/bin/sh", 0, 0}, "EPERM"},
	{"run itself", unix.SYS_EXECVE, []any{"/usr/bin/caller", 0, 0}, "EPERM"},
	{"run by the old descriptor", unix.SYS_EXECVEAT, []any{200, "", 0, 0, unix.AT_EMPTY_PATH}, "EBADF"},
	{"run by another descriptor", unix.SYS_EXECVEAT, []any{0, "", 0, 0, unix.AT_EMPTY_PATH}, "EPERM"},
	{"run by path", unix.SYS_EXECVEAT, []any{cwd, "/usr/bin/caller", 0, 0, 0}, "EPERM"},
	{"reach the old descriptor", unix.SYS_DUP3, []any{0, 200, 0}, "EBADF"},
	{"reach it by fcntl", unix.SYS_FCNTL, []any{0, unix.F_DUPFD, 200}, "EINVAL"},
	{"raise the limit of descriptors", unix.SYS_PRLIMIT64, []any{0, unix.RLIMIT_NOFILE, make([]byte, 16), 0}, "EPERM"},
	{"limits of another process", unix.SYS_PRLIMIT64, []any{2, unix.RLIMIT_NOFILE, 0, 0}, "EPERM"},
	{"program in memory", unix.SYS_MEMFD_CREATE, []any{"x", 0}, "SIGSYS"},
	{"secret memory", unix.SYS_MEMFD_SECRET, []any{0}, "SIGSYS"},
	{"fork", unix.SYS_CLONE, []any{int(unix.SIGCHLD), 0, 0, 0, 0}, "EPERM"},
	{"thread", unix.SYS_CLONE, []any{unix.CLONE_VM | unix.CLONE_SIGHAND | unix.CLONE_THREAD, 0, 0, 0, 0}, "EPERM"},
	{"user namespace", unix.SYS_CLONE, []any{unix.CLONE_NEWUSER | int(unix.SIGCHLD), 0, 0, 0, 0}, "EPERM"},
	{"clone3", unix.SYS_CLONE3, []any{make([]byte, 64), 64}, "ENOSYS"},

	{"writable code", unix.SYS_MMAP, []any{0, 4096, rwx, anon, -1, 0}, "EPERM"},
	{"code of nowhere", unix.SYS_MMAP, []any{0, 4096, code, anon, -1, 0}, "EPERM"},
	{"make code of data", unix.SYS_MPROTECT, []any{callerMemory, 4096, code}, "EPERM"},
	{"make code writable", unix.SYS_MPROTECT, []any{0x400000, 4096, rwx}, "EPERM"},
	{"protection key", unix.SYS_PKEY_MPROTECT, []any{callerMemory, 4096, code, -1}, "EPERM"},
	{"attach code", unix.SYS_SHMAT, []any{0, 0, 0}, "EPERM"},
	{"all data is code", unix.SYS_PERSONALITY, []any{0x0400000}, "SIGSYS"},
	{"a gigabyte", unix.SYS_MMAP, []any{0, 1 << 30, unix.PROT_READ | unix.PROT_WRITE, anon, -1, 0}, "ENOMEM"},
	{"a shared gigabyte", unix.SYS_MMAP, []any{0, 1 << 30, 3, unix.MAP_SHARED | unix.MAP_ANONYMOUS, -1, 0}, "ENOMEM"},

	{"kill everybody", unix.SYS_KILL, []any{-1, int(unix.SIGKILL)}, "EPERM"},
	{"kill the group", unix.SYS_KILL, []any{0, int(unix.SIGKILL)}, "EPERM"},
	{"kill another", unix.SYS_KILL, []any{2, 0}, "EPERM"},
	{"kill a thread", unix.SYS_TGKILL, []any{2, 2, int(unix.SIGKILL)}, "EPERM"},
	{"kill any thread", unix.SYS_TKILL, []any{2, int(unix.SIGKILL)}, "SIGSYS"},
	{"queue a signal", unix.SYS_RT_SIGQUEUEINFO, []any{2, 9, make([]byte, 128)}, "SIGSYS"},
	{"trace", unix.SYS_PTRACE, []any{unix.PTRACE_ATTACH, 2, 0, 0}, "SIGSYS"},
	{"be traced", unix.SYS_PTRACE, []any{unix.PTRACE_TRACEME, 0, 0, 0}, "SIGSYS"},
	{"read another's memory", unix.SYS_PROCESS_VM_READV, []any{2, 0, 0, 0, 0, 0}, "SIGSYS"},
	{"write another's memory", unix.SYS_PROCESS_VM_WRITEV, []any{2, 0, 0, 0, 0, 0}, "SIGSYS"},
	{"descriptor of a process", unix.SYS_PIDFD_OPEN, []any{1, 0}, "SIGSYS"},
	{"steal a descriptor", unix.SYS_PIDFD_GETFD, []any{0, 0, 0}, "SIGSYS"},
	{"compare processes", unix.SYS_KCMP, []any{1, 1, 0, 0, 0}, "SIGSYS"},
	{"be more important", unix.SYS_SETPRIORITY, []any{0, 0, -5}, "EPERM"},
	{"real time", unix.SYS_SCHED_SETSCHEDULER, []any{0, 1, make([]byte, 4)}, "EPERM"},
	{"outlive the monitor", unix.SYS_PRCTL, []any{unix.PR_SET_PDEATHSIG, 0}, "EPERM"},
	{"be dumpable", unix.SYS_PRCTL, []any{unix.PR_SET_DUMPABLE, 1}, "EPERM"},
	{"leave the session", unix.SYS_SETSID, nil, "EPERM"},
	{"leave the group", unix.SYS_SETPGID, []any{0, 0}, "EPERM"},
	{"become root", unix.SYS_SETUID, []any{0}, "EPERM"},
	{"become another", unix.SYS_SETRESUID, []any{0, 0, 0}, "SIGSYS"},
	{"take groups", unix.SYS_SETGROUPS, []any{0, 0}, "SIGSYS"},
	{"take capabilities", unix.SYS_CAPSET, []any{0, 0}, "SIGSYS"},
	{"another filter", unix.SYS_SECCOMP, []any{0, 0, 0}, "EPERM"},

	{"internet socket", unix.SYS_SOCKET, []any{unix.AF_INET, unix.SOCK_STREAM, 0}, "EPERM"},
	{"internet datagrams", unix.SYS_SOCKET, []any{unix.AF_INET, unix.SOCK_DGRAM, 0}, "EPERM"},
	{"raw socket", unix.SYS_SOCKET, []any{unix.AF_INET, unix.SOCK_RAW, 1}, "EPERM"},
	{"IPv6 socket", unix.SYS_SOCKET, []any{unix.AF_INET6, unix.SOCK_STREAM, 0}, "EPERM"},
	{"packets", unix.SYS_SOCKET, []any{unix.AF_PACKET, unix.SOCK_RAW, 0}, "EPERM"},
	{"netlink", unix.SYS_SOCKET, []any{unix.AF_NETLINK, unix.SOCK_RAW, 0}, "EPERM"},
	{"virtual machine's host", unix.SYS_SOCKET, []any{unix.AF_VSOCK, unix.SOCK_STREAM, 0}, "EPERM"},
	{"kernel's ciphers", unix.SYS_SOCKET, []any{unix.AF_ALG, unix.SOCK_SEQPACKET, 0}, "EPERM"},
	{"local datagrams", unix.SYS_SOCKET, []any{unix.AF_UNIX, unix.SOCK_DGRAM, 0}, "EPERM"},
	{"pair of sockets", unix.SYS_SOCKETPAIR, []any{unix.AF_UNIX, unix.SOCK_STREAM, 0, make([]byte, 8)}, "EPERM"},
	{"bind", unix.SYS_BIND, []any{0, sockaddr("/tmp/s"), 9}, "EPERM"},
	{"listen", unix.SYS_LISTEN, []any{0, 1}, "EPERM"},
	{"accept", unix.SYS_ACCEPT4, []any{0, 0, 0, 0}, "EPERM"},
	{"pass a descriptor", unix.SYS_SENDMSG, []any{0, make([]byte, 56), 0}, "EPERM"},
	{"send to an address", unix.SYS_SENDTO, []any{0, "x", 1, 0, sockaddr("/tmp/s"), 9}, "EPERM"},
	{"socket option", unix.SYS_SETSOCKOPT, []any{0, 1, 26, make([]byte, 16), 16}, "EPERM"},
	{"move bytes in the kernel", unix.SYS_SPLICE, []any{0, 0, 1, 0, 1, 0}, "EPERM"},

	{"mount", unix.SYS_MOUNT, []any{"x", "/tmp", "tmpfs", 0, 0}, "SIGSYS"},
	{"unmount", unix.SYS_UMOUNT2, []any{"/tmp", 0}, "SIGSYS"},
	{"another root", unix.SYS_CHROOT, []any{"/tmp"}, "SIGSYS"},
	{"go back to a folder", unix.SYS_FCHDIR, []any{0}, "EPERM"},
	{"swap roots", unix.SYS_PIVOT_ROOT, []any{"/tmp", "/tmp"}, "SIGSYS"},
	{"new namespaces", unix.SYS_UNSHARE, []any{unix.CLONE_NEWUSER}, "SIGSYS"},
	{"another's namespaces", unix.SYS_SETNS, []any{0, 0}, "SIGSYS"},
	{"clone a mount", unix.SYS_OPEN_TREE, []any{cwd, "/", 1}, "SIGSYS"},
	{"host's name", unix.SYS_SETHOSTNAME, []any{"x", 1}, "SIGSYS"},

	{"keys of the kernel", unix.SYS_KEYCTL, []any{0, -3, 1}, "SIGSYS"},
	{"add a key", unix.SYS_ADD_KEY, []any{"user", "x", "x", 1, -3}, "SIGSYS"},
	{"programs in the kernel", unix.SYS_BPF, []any{0, 0, 0}, "SIGSYS"},
	{"io_uring", unix.SYS_IO_URING_SETUP, []any{1, make([]byte, 128)}, "SIGSYS"},
	{"page faults", unix.SYS_USERFAULTFD, []any{1}, "SIGSYS"},
	{"performance counters", unix.SYS_PERF_EVENT_OPEN, []any{0, 0, 0, 0, 0}, "SIGSYS"},
	{"kernel module", unix.SYS_FINIT_MODULE, []any{0, "", 0}, "SIGSYS"},
	{"kernel's log", unix.SYS_SYSLOG, []any{3, 0, 0}, "SIGSYS"},
	{"set the clock", unix.SYS_CLOCK_SETTIME, []any{0, make([]byte, 16)}, "SIGSYS"},
	{"message queue", unix.SYS_MQ_OPEN, []any{"x", create, 0o600, 0}, "EPERM"},
	{"shared memory", unix.SYS_SHMGET, []any{0, 4096, unix.IPC_CREAT | 0o600}, "EPERM"},
	{"semaphores", unix.SYS_SEMGET, []any{0, 1, unix.IPC_CREAT | 0o600}, "EPERM"},

	{"type for the person", unix.SYS_IOCTL, []any{0, unix.TIOCSTI, "x"}, "EPERM"},
	{"console's selection", unix.SYS_IOCTL, []any{0, unix.TIOCLINUX, "\x02"}, "EPERM"},
	{"another terminal", unix.SYS_IOCTL, []any{0, unix.TIOCSCTTY, 1}, "EPERM"},
	{"signals from a descriptor", unix.SYS_IOCTL, []any{0, 0x8901, make([]byte, 4)}, "EPERM"},
	{"signals by fcntl", unix.SYS_FCNTL, []any{0, unix.F_SETOWN, 2}, "EPERM"},
	{"x32 call", 0x40000000 + 39, nil, "SIGSYS"},
	{"fork(2)", 57, nil, "EPERM"},
	{"vfork(2)", 58, nil, "EPERM"},
	{"local descriptor table", 154, []any{0, 0, 0}, "SIGSYS"},
	{"ports", 172, []any{3}, "SIGSYS"},
}

func TestEscapes(t *testing.T) {
	program := needCaller(t)
	s := New(helper)
	var p *caller // until one of the calls ends it
	for _, attempt := range escapes {
		t.Run(attempt.name, func(inner *testing.T) {
			if p == nil {
				p = newCaller(t, s, program, nil)
			}
			got := p.does(attempt.nr, attempt.args...)
			if !slices.Contains(strings.Fields(attempt.want), got) {
				inner.Errorf("ended with %s, want %s", got, attempt.want)
			}
			if strings.HasPrefix(got, "SIG") {
				p = nil
			}
		})
	}
}

// TestSockets tries to reach who listens outside.
func TestSockets(t *testing.T) {
	program := needCaller(t)
	path := filepath.Join(filepath.Dir(program), "s")
	abstract := "@clients-test-" + itoa(os.Getpid())
	for _, address := range []string{path, abstract} {
		l, err := net.Listen("unix", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	p := newCaller(t, New(helper), program, nil)
	connect := func(address string) string {
		fd, err := p.call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		b := sockaddr(address)
		return p.does(unix.SYS_CONNECT, fd, b, len(b))
	}
	tests := map[string]string{
		path: "ENOENT", "/run/dbus/system_bus_socket": "ENOENT", "/var/run/postgresql/.s.PGSQL.5432": "ENOENT",
		"/tmp/none": "ENOENT", "/run/gateway/.s.PGSQL.5432": "done",
	}
	for address, want := range tests {
		if got := connect(address); got != want {
			t.Errorf("connect to %s: %s, want %s", address, got, want)
		}
	}
	if got := connect(abstract); got != "ECONNREFUSED" && got != "EPERM" {
		t.Errorf("connect to %s: %s", abstract, got)
	}
}
