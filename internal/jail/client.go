package jail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Client is a program that runs for a person, such as psql, in a jail of its
// own: namespaces with a file system that holds what is listed here and
// nothing of the host's, Landlock, a system-call filter and limits. It can't
// start another program, nor reach anything but its terminal or pipes and one
// listening socket.
type Client struct {
	Program string   // the real path of it; in the jail it is /usr/bin/NAME
	Loader  string   // the dynamic linker it asks for; empty: it is static
	Files   []string // and folders of the host that it may read, under the same paths
	Args    []string // without the name
	Env     []string
	Home    map[string][]byte // the files that it finds in ClientHome
	Socket  string            // where it finds its socket
	UID     uint32            // as root: its user and group
	TTY     bool              // standard input is a terminal, and its own
	Require bool              // the whole sandbox: without all of Landlock it is not run
}

// ClientHome is the home folder in the jail. It and /tmp are in memory.
const ClientHome = "/home"

// ClientReady is what the jail tells before the program runs. With it come the
// listening socket and a descriptor of the home folder.
type ClientReady struct {
	LandlockABI int // 0: no Landlock in this kernel
}

// ClientNamespaces are the namespaces of a client, besides that of users.
const ClientNamespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC |
	syscall.CLONE_NEWUTS | syscall.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// noRoot is SECBIT_NOROOT, SECBIT_NO_CAP_AMBIENT_RAISE and all the locks of
// linux/securebits.h.
const noRoot = 0x01 | 0x40 | 0x02 | 0x08 | 0x20 | 0x80

const (
	clientFiles  = 64  // descriptors it may have
	clientExec   = 200 // the one it is executed by: a number out of reach, once the limit holds
	clientMemory = 512 << 20
	clientCPU    = 3600 // seconds
	maxClient    = 4 << 20
)

// ExecClient makes this process, which is the first one in new namespaces, the
// program that it is told of on socket. It returns only when that failed.
//
// The thread that calls execve(2) is the one that has to be confined: the
// others end with it.
func ExecClient(socket int) error {
	runtime.LockOSThread()
	if err := inheritStandard(socket); err != nil {
		return err
	}
	c, err := readClient(socket)
	if err != nil {
		return err
	}
	// For when memory is short: of all processes, this one may go. Only
	// comfort is lost when it fails.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	listener, home, err := c.makeRoot()
	if err != nil {
		return err
	}
	program, err := unix.Open(c.path(), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open program: %w", err)
	}
	if err := unix.Dup3(program, clientExec, unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("place program: %w", err)
	}
	if err := dropPrivileges(c.UID); err != nil {
		return err
	}
	abi, err := c.confine()
	if err != nil {
		return err
	}
	if c.Require && abi < abiScopes {
		return errors.New("this kernel lacks landlock, or scopes of it, and the configuration requires the whole sandbox")
	}
	ready, err := json.Marshal(ClientReady{LandlockABI: abi})
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(socket, append(ready, '\n'), unix.UnixRights(listener, home), nil, unix.MSG_NOSIGNAL); err != nil {
		return fmt.Errorf("say that all is ready: %w", err) // nobody is there who would end us
	}
	return c.execute()
}

// readClient reads what to run, up to the end of what the monitor sends.
func readClient(socket int) (*Client, error) {
	fd, err := unix.FcntlInt(uintptr(socket), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("read what to run: %w", err)
	}
	f := os.NewFile(uintptr(fd), "monitor")
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxClient))
	if err != nil {
		return nil, fmt.Errorf("read what to run: %w", err)
	}
	var c Client
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("read what to run: %w", err)
	}
	return &c, nil
}

// path is that of the program in the jail.
func (c *Client) path() string { return "/usr/bin/" + filepath.Base(c.Program) }

// dropPrivileges gives up what root has, or the creator of a user namespace,
// for good, and has the kernel end this process with the monitor.
func dropPrivileges(uid uint32) error {
	for c := 0; ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break // past the last one
		}
		if err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	// Uid 0, which a user namespace maps to the gateway's own, gets nothing by
	// execve(2), and none of this can be undone.
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, noRoot, 0, 0, 0); err != nil {
		return fmt.Errorf("set secure bits: %w", err)
	}
	if uid != 0 {
		if err := unix.Setgroups(nil); err != nil {
			return fmt.Errorf("drop groups: %w", err)
		}
		if err := unix.Setresgid(int(uid), int(uid), int(uid)); err != nil {
			return fmt.Errorf("become group %d: %w", uid, err)
		}
		if err := unix.Setresuid(int(uid), int(uid), int(uid)); err != nil {
			return fmt.Errorf("become user %d: %w", uid, err)
		}
	}
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	// Another uid has undone what the monitor asked for when it started us.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("end with the monitor: %w", err)
	}
	return nil
}

// What a client may do with the files that Landlock lets it see.
const (
	clientRead  = ll.AccessFSReadFile | ll.AccessFSReadDir
	clientRun   = ll.AccessFSReadFile | ll.AccessFSExecute
	clientWrite = clientRead | ll.AccessFSWriteFile | ll.AccessFSMakeReg | ll.AccessFSRemoveFile | ll.AccessFSTruncate
	clientTTY   = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSIoctlDev
)

// confine puts this thread under Landlock, whose version it returns.
func (c *Client) confine() (int, error) {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil { // ENOSYS: not built in; EOPNOTSUPP: switched off at boot
		return 0, nil
	}
	attr := handled(abi)
	err = confineWith(attr, func(ruleset int) error {
		rules := map[string]uint64{
			c.path(): clientRun, "/tmp": clientWrite, ClientHome: clientWrite,
			os.DevNull: ll.AccessFSReadFile | ll.AccessFSWriteFile,
		}
		for _, path := range c.Files {
			rules[path] = clientRead
		}
		if c.Loader != "" {
			rules[c.Loader] = clientRun
		}
		if c.TTY {
			rules[devTTY] = clientTTY
		}
		for path, access := range rules {
			if err := allowPath(ruleset, path, access&attr.HandledAccessFS); err != nil {
				return err
			}
		}
		return nil
	})
	return abi, err
}

// execute sets the limits and the filter and becomes the program.
func (c *Client) execute() error {
	argv, err := syscall.SlicePtrFromStrings(append([]string{c.path()}, c.Args...))
	if err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	env, err := syscall.SlicePtrFromStrings(c.Env)
	if err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	filter := assembleClient(unix.Getpid())
	none := [1]byte{}
	err = setLimits(map[int]uint64{
		// With 1 the kernel neither writes a core file nor pipes one to a program.
		unix.RLIMIT_CORE: 1, unix.RLIMIT_MEMLOCK: 0, unix.RLIMIT_MSGQUEUE: 0, unix.RLIMIT_NPROC: 1,
		unix.RLIMIT_NOFILE: clientFiles, unix.RLIMIT_FSIZE: clientDisk, unix.RLIMIT_CPU: clientCPU,
		unix.RLIMIT_STACK: 8 << 20,
	})
	if err != nil {
		return err
	}
	// Far less than Go has reserved: nothing may be allocated from here on.
	memory := unix.Rlimit{Cur: clientMemory, Max: clientMemory}
	if err := unix.Prlimit(0, unix.RLIMIT_AS, &memory, nil); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	if err := installFilter(filter, 0); err != nil {
		return fmt.Errorf("install system call filter: %w", err)
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, clientExec, uintptr(unsafe.Pointer(&none[0])),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH, 0)
	return fmt.Errorf("execute %s: %w", c.path(), errno)
}
