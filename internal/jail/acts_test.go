package jail_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// open tries to open a path and reports how that failed.
func open(path string, flags int) error {
	fd, err := unix.Open(path, flags, 0o600)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func ptr[T any](v *T) uintptr { return uintptr(unsafe.Pointer(v)) }

// acts are what a hijacked process might try.
var acts = map[string]func(o order) error{
	"read a file":            func(order) error { return open("/etc/passwd", unix.O_RDONLY) },
	"list the root":          func(order) error { return open("/", unix.O_RDONLY|unix.O_DIRECTORY) },
	"hold a path":            func(order) error { return open("/", unix.O_PATH) },
	"make a file":            func(order) error { return open("/tmp/jail-test", unix.O_CREAT|unix.O_WRONLY) },
	"unnamed file":           func(order) error { return open("/tmp", unix.O_TMPFILE|unix.O_WRONLY) },
	"own memory file":        func(order) error { return open("/proc/self/mem", unix.O_RDWR) },
	"own environment":        func(order) error { return open("/proc/self/environ", unix.O_RDONLY) },
	"parent's environment":   func(o order) error { return open(fmt.Sprintf("/proc/%d/environ", o.Parent), unix.O_RDONLY) },
	"parent's memory file":   func(o order) error { return open(fmt.Sprintf("/proc/%d/mem", o.Parent), unix.O_RDWR) },
	"parent's descriptor":    func(o order) error { return open(fmt.Sprintf("/proc/%d/fd/0", o.Parent), unix.O_RDONLY) },
	"openat2":                func(order) error { _, err := unix.Openat2(-1, "/etc/passwd", &unix.OpenHow{}); return err },
	"stat":                   func(order) error { return unix.Stat("/etc/passwd", &unix.Stat_t{}) },
	"read a link":            func(order) error { _, err := unix.Readlink("/proc/self/exe", make([]byte, 64)); return err },
	"chmod":                  func(order) error { return unix.Chmod("/tmp", 0o777) },
	"chown":                  func(order) error { return unix.Chown("/tmp", 0, 0) },
	"unlink":                 func(order) error { return unix.Unlink("/tmp/jail-test") },
	"rename":                 func(order) error { return unix.Rename("/tmp/jail-test", "/tmp/jail-test2") },
	"symlink":                func(order) error { return unix.Symlink("/", "/tmp/jail-test") },
	"mkdir":                  func(order) error { return unix.Mkdir("/tmp/jail-test-dir", 0o700) },
	"mknod":                  func(order) error { return unix.Mknod("/tmp/jail-test", unix.S_IFCHR|0o600, 0x103) },
	"truncate":               func(order) error { return unix.Truncate("/etc/passwd", 0) },
	"watch files":            func(order) error { _, err := unix.InotifyInit1(0); return err },
	"tcp socket":             func(order) error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); return err },
	"udp socket":             func(order) error { _, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0); return err },
	"unix socket":            func(order) error { _, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err },
	"netlink socket":         func(order) error { _, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0); return err },
	"packet socket":          func(order) error { _, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0); return err },
	"kernel crypto socket":   func(order) error { _, err := unix.Socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0); return err },
	"socketpair":             func(order) error { _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0); return err },
	"dial":                   dial,
	"connect a descriptor":   func(order) error { return unix.Connect(fdSocket, loopback) },
	"bind a descriptor":      func(order) error { return unix.Bind(fdSocket, loopback) },
	"listen on a descriptor": func(order) error { return unix.Listen(fdSocket, 1) },
	"accept on a descriptor": func(order) error { _, _, err := unix.Accept4(fdSocket, 0); return err },
	"send to an address":     func(order) error { return unix.Sendto(fdSocket, []byte("x"), 0, loopback) },
	"message to an address":  func(order) error { return unix.Sendmsg(fdSocket, []byte("x"), nil, loopback, 0) },
	"linger when closing": func(order) error {
		return unix.SetsockoptLinger(fdSocket, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 60})
	},
	"send with fast open":    func(order) error { return unix.Send(fdSocket, []byte("x"), unix.MSG_FASTOPEN) },
	"message with fast open": func(order) error { return unix.Sendmsg(fdSocket, []byte("x"), nil, loopback, unix.MSG_FASTOPEN) },
	"attach a socket filter": func(order) error { return unix.SetsockoptInt(fdSocket, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, 0) },
	"layer on a socket":      func(order) error { return unix.SetsockoptString(fdSocket, unix.IPPROTO_TCP, unix.TCP_ULP, "tls") },
	"repair a socket":        func(order) error { return unix.SetsockoptInt(fdSocket, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1) },
	"write IP headers":       func(order) error { return unix.SetsockoptInt(fdSocket, unix.IPPROTO_IP, unix.IP_HDRINCL, 1) },
	"route packets": func(order) error {
		return unix.SetsockoptString(fdSocket, unix.IPPROTO_IP, unix.IP_OPTIONS, "\x83\x03\x04")
	},
	"any source address":       func(order) error { return unix.SetsockoptInt(fdSocket, unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1) },
	"errors of a socket":       func(order) error { return unix.SetsockoptInt(fdSocket, unix.IPPROTO_IP, unix.IP_RECVERR, 1) },
	"IPv6 headers":             func(order) error { return unix.SetsockoptInt(fdSocket, unix.IPPROTO_IPV6, unix.IPV6_HDRINCL, 1) },
	"errors of an IPv6 socket": func(order) error { return unix.SetsockoptInt(fdSocket, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1) },
	"set a TTL":                func(order) error { return unix.SetsockoptInt(fdSocket, unix.IPPROTO_IP, unix.IP_TTL, 1) },
	"set a hop limit":          func(order) error { return unix.SetsockoptInt(fdSocket, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 1) },
	"ioctl":                    func(order) error { _, err := unix.IoctlGetInt(fdSocket, unix.TIOCINQ); return err },
	"size of a terminal":       func(order) error { return unix.IoctlSetWinsize(fdSocket, unix.TIOCSWINSZ, &unix.Winsize{}) },
	"terminal input":           func(order) error { return raw(unix.SYS_IOCTL, 1, unix.TIOCSTI, ptr(new(byte))) },
	"signals from a socket":    func(o order) error { _, err := unix.FcntlInt(fdSocket, unix.F_SETOWN, o.Parent); return err },
	"use a stray descriptor":   func(order) error { _, err := unix.FcntlInt(fdStray, unix.F_GETFD, 0); return err },
	"use standard input":       func(order) error { _, err := unix.FcntlInt(0, unix.F_GETFD, 0); return err },
	"execute":                  func(order) error { return unix.Exec("/bin/sh", []string{"sh"}, nil) },
	"execute a descriptor":     func(order) error { return raw(unix.SYS_EXECVEAT, fdSocket, ptr(&[1]byte{}), 0, 0, unix.AT_EMPTY_PATH) },
	"run a program":            func(order) error { return exec.Command("/bin/true").Run() },
	"fork":                     func(order) error { return raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD)) },
	"vfork":                    func(order) error { return raw(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_VFORK|uintptr(unix.SIGCHLD)) },
	"thread in a namespace":    func(order) error { return raw(unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_NEWUSER) },
	"clone3":                   func(order) error { return raw(unix.SYS_CLONE3, ptr(&[8]uint64{}), 64) },
	"anonymous program":        func(order) error { _, err := unix.MemfdCreate("x", 0); return err },
	"kill the parent":          func(o order) error { return unix.Kill(o.Parent, unix.SIGKILL) },
	"probe the parent":         func(o order) error { return unix.Kill(o.Parent, 0) },
	"kill everybody":           func(order) error { return unix.Kill(-1, 0) },
	"tgkill the parent":        func(o order) error { return unix.Tgkill(o.Parent, o.Parent, unix.SIGKILL) },
	"tkill the parent":         func(o order) error { return raw(unix.SYS_TKILL, uintptr(o.Parent), 0) },
	"queue a signal":           func(o order) error { return raw(unix.SYS_RT_SIGQUEUEINFO, uintptr(o.Parent), 0, ptr(&[128]byte{})) },
	"descriptor of the parent": func(o order) error { _, err := unix.PidfdOpen(o.Parent, 0); return err },
	"signal by descriptor":     func(order) error { return unix.PidfdSendSignal(fdSocket, unix.SIGKILL, nil, 0) },
	"trace the parent":         func(o order) error { return unix.PtraceAttach(o.Parent) },
	"read the parent": func(o order) error {
		b := make([]byte, 8)
		_, err := unix.ProcessVMReadv(o.Parent, []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: o.Addr, Len: 8}}, 0)
		return err
	},
	"write the parent": func(o order) error {
		b := make([]byte, 8)
		_, err := unix.ProcessVMWritev(o.Parent, []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: o.Addr, Len: 8}}, 0)
		return err
	},
	"parent's limits":   func(o order) error { return unix.Prlimit(o.Parent, unix.RLIMIT_NOFILE, &unix.Rlimit{}, nil) },
	"own limits":        func(order) error { return unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1e6, Max: 1e6}, nil) },
	"priority":          func(order) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, 5) },
	"executable memory": func(order) error { return mmap(unix.PROT_READ | unix.PROT_EXEC) },
	"make executable":   makeExecutable,
	"protection key":    func(order) error { return raw(unix.SYS_PKEY_MPROTECT, 0, 4096, unix.PROT_EXEC, 0) },
	"shared memory":     func(order) error { _, err := unix.SysvShmGet(0, 4096, unix.IPC_CREAT|0o600); return err },
	"become somebody":   func(order) error { return raw(unix.SYS_SETUID, 1) },
	"become a group":    func(order) error { return raw(unix.SYS_SETRESGID, 1, 1, 1) },
	"set groups":        func(order) error { return raw(unix.SYS_SETGROUPS, 0, 0) },
	"capabilities": func(order) error {
		return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &unix.CapUserData{})
	},
	"be dumpable":          func(order) error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
	"keep capabilities":    func(order) error { return unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0) },
	"let others trace":     func(order) error { return unix.Prctl(unix.PR_SET_PTRACER, unix.PR_SET_PTRACER_ANY, 0, 0, 0) },
	"another filter":       func(order) error { return raw(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, 0) },
	"personality":          func(order) error { return raw(unix.SYS_PERSONALITY, 0x0400000) },
	"mount":                func(order) error { return unix.Mount("none", "/tmp", "tmpfs", 0, "") },
	"chroot":               func(order) error { return unix.Chroot("/tmp") },
	"new namespace":        func(order) error { return unix.Unshare(unix.CLONE_NEWUSER) },
	"open by handle":       func(order) error { return raw(unix.SYS_OPEN_BY_HANDLE_AT, fdSocket, 0, 0) },
	"io_uring":             func(order) error { return raw(unix.SYS_IO_URING_SETUP, 1, ptr(&[128]byte{})) },
	"bpf":                  func(order) error { return raw(unix.SYS_BPF, 0, 0, 0) },
	"userfaultfd":          func(order) error { return raw(unix.SYS_USERFAULTFD, 1) },
	"performance counters": func(order) error { return raw(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0) },
	"keyring":              func(order) error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); return err },
	"kernel module":        func(order) error { return unix.FinitModule(fdSocket, "", 0) },
	"priority inheritance": func(order) error { return raw(unix.SYS_FUTEX, ptr(new(uint32)), 6) },
	"read the environment": func(order) error {
		if len(os.Environ()) == 0 {
			return errors.New("empty")
		}
		return nil
	},
	"look at own limits": func(order) error { return unix.Getrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{}) },
	"x32 call":           func(order) error { return raw(0x40000000 + 39) },
	"fork(2)":            func(order) error { return raw(57) },

	"outside the folder":      func(o order) error { return open(o.Dir+"/../jail-test", unix.O_CREAT|unix.O_WRONLY) },
	"link out of the folder":  func(o order) error { return unix.Symlink("/etc", o.Dir+"/etc") },
	"program in the folder":   func(o order) error { return unix.Exec(o.Dir+"/x", []string{"x"}, nil) },
	"write inside the folder": writeInside,
}

var loopback = &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}

func dial(o order) error {
	c, err := net.Dial("tcp", o.Listen)
	if err == nil {
		c.Close()
	}
	return err
}

func mmap(prot int) error {
	_, err := unix.Mmap(-1, 0, 4096, prot, unix.MAP_PRIVATE|unix.MAP_ANON)
	return err
}

func makeExecutable(order) error {
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return errors.New("no memory at all")
	}
	return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
}

// writeInside does what a recorder does all day.
func writeInside(o order) error {
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Mkdir("a", 0o700); err != nil {
		return err
	}
	f, err := root.Create("a/x")
	if err != nil {
		return err
	}
	if _, err := f.WriteString(strings.Repeat("x", 1<<20)); err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(10), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := root.Rename("a/x", "y"); err != nil {
		return err
	}
	b, err := root.ReadFile("y")
	if err != nil {
		return err
	}
	if len(b) != 10 {
		return fmt.Errorf("read %d bytes back", len(b))
	}
	if entries, err := os.ReadDir(o.Dir); err != nil || len(entries) != 2 {
		return fmt.Errorf("listed %v: %w", entries, err)
	}
	return errors.Join(root.Remove("y"), root.Remove("a"))
}
