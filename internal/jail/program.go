package jail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Program is a program of the operators' that Exec runs: nobody of ours wrote
// it, so it gets what a script that asks a directory or a web service needs,
// and no more.
type Program struct {
	Path   string
	File   int      // a descriptor of it, for who can't walk to the path
	Args   []string // without the name
	Hidden []string // real paths that it must not read, whatever else is allowed
	Status int      // a descriptor that execve(2) closes, after "+" was written; of 0 to 2 it inherits what is there
}

// What a program may read and execute besides itself and its folder; those in
// /run are where /etc/resolv.conf points to.
var (
	systemFolders = [...]string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt",
		"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager/resolv.conf"}
	readDevices = [...]string{"/dev/zero", "/dev/random", "/dev/urandom"}
)

const (
	readFile   = ll.AccessFSReadFile | ll.AccessFSExecute
	readFolder = readFile | ll.AccessFSReadDir
)

// moreProcesses is how many processes and threads a program may have.
const moreProcesses = 64

// Exec confines this process and becomes the program; it returns only when
// that failed. The program can write nowhere, read what its system needs,
// connect to IP addresses, and touch no process but its own. It can't leave
// the process group that it is started in, so that killing the group kills
// everything it has started.
//
// Only the thread that calls execve(2) has to be confined: the others end.
func Exec(p Program) error {
	runtime.LockOSThread()
	if err := inheritStandard(p.File, p.Status); err != nil {
		return err
	}
	if err := limitProgram(); err != nil {
		return err
	}
	abi, err := ll.LandlockGetABIVersion()
	if err != nil { // ENOSYS: not built in; EOPNOTSUPP: switched off at boot
		abi = 0
	}
	if abi > 0 {
		attr := handled(abi)
		attr.HandledAccessNet &= ll.AccessNetBindTCP // it may connect
		if err := confineWith(attr, p.allow); err != nil {
			return err
		}
	}
	// Without Landlock that takes a uid of its own.
	if err := p.checkHidden(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	// Who has a uid of their own, or Landlock's scopes, can signal nobody else.
	alone := abi >= abiScopes || os.Getuid() >= FirstUID && os.Getuid() <= LastUID
	if err := installFilter(assembleProgram(alone), unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
		return fmt.Errorf("install system call filter: %w", err)
	}
	if _, err := unix.Write(p.Status, []byte("+")); err != nil {
		return fmt.Errorf("say that all is ready: %w", err)
	}
	return fmt.Errorf("execute %s as uid %d: %w", p.Path, os.Getuid(), p.execute())
}

// execute becomes the program, which the confined thread may.
func (p Program) execute() error {
	argv := append([]string{p.Path}, p.Args...)
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C"}
	err := unix.Exec(p.Path, argv, env)
	if !errors.Is(err, unix.EACCES) {
		return err
	}
	// It lies where this uid can't walk to, such as in the data folder. An
	// interpreter opens the descriptor, so that it has to inherit it.
	if _, err := unix.FcntlInt(uintptr(p.File), unix.F_SETFD, 0); err != nil {
		return err
	}
	return unix.Exec("/proc/self/fd/"+strconv.Itoa(p.File), argv, env)
}

// allow adds what p may read to a ruleset.
func (p Program) allow(ruleset int) error {
	for _, dir := range systemFolders {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			continue // not on this system
		}
		if err := allowBeneath(ruleset, real, p.Hidden); err != nil {
			return err
		}
	}
	for _, device := range readDevices {
		if err := allowPath(ruleset, device, ll.AccessFSReadFile); err != nil {
			return err
		}
	}
	if err := allowPath(ruleset, os.DevNull, ll.AccessFSReadFile|ll.AccessFSWriteFile); err != nil {
		return err
	}
	rule := ll.PathBeneathAttr{ParentFd: p.File, AllowedAccess: readFile}
	if err := ll.LandlockAddPathBeneathRule(ruleset, &rule, 0); err != nil {
		return fmt.Errorf("confine program: allow %s: %w", p.Path, err)
	}
	if dir := filepath.Dir(p.Path); ownFolder(dir, p.Hidden) {
		return allowPath(ruleset, dir, readFolder)
	}
	return nil
}

// ownFolder says whether the folder of a program can be taken for its own: it
// is not one right below the root, such as /tmp, and nothing hidden lies in it
// or around it.
func ownFolder(dir string, hidden []string) bool {
	return strings.Count(dir, "/") > 1 && !slices.ContainsFunc(hidden, func(h string) bool {
		return within(dir, h) || within(h, dir)
	})
}

// within says whether path is dir or lies beneath it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// allowBeneath lets path be read, and all beneath it but what is hidden.
// Landlock's rules only ever add, so a folder with something hidden in it is
// not allowed itself, and what it has now is, one by one. Links are left out:
// what they point to is allowed, or not, where it is.
func allowBeneath(ruleset int, path string, hidden []string) error {
	switch {
	case slices.ContainsFunc(hidden, func(h string) bool { return within(path, h) }):
		return nil
	case !slices.ContainsFunc(hidden, func(h string) bool { return within(h, path) }):
		return allowPath(ruleset, path, readFolder)
	}
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("confine program: %w", err)
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			continue
		}
		if err := allowBeneath(ruleset, filepath.Join(path, e.Name()), hidden); err != nil {
			return err
		}
	}
	return nil
}

// allowPath adds one rule. What can't be opened can't be read anyhow.
func allowPath(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("confine program: %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &^= ll.AccessFSReadDir // only folders have that
	}
	rule := ll.PathBeneathAttr{ParentFd: fd, AllowedAccess: access}
	if err := ll.LandlockAddPathBeneathRule(ruleset, &rule, 0); err != nil {
		return fmt.Errorf("confine program: allow %s: %w", path, err)
	}
	return nil
}

// checkHidden fails when something hidden can be opened all the same, such as
// by way of a mount that puts it in a second place.
func (p Program) checkHidden() error {
	for _, path := range p.Hidden {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
			return fmt.Errorf("%s could be read by a program that must not", path)
		}
	}
	return nil
}

// limitProgram sets the limits of each process of a program. Together with
// their number they bound what it can use of the machine.
func limitProgram() error {
	tasks, err := ownTasks()
	if err != nil {
		return fmt.Errorf("count processes: %w", err)
	}
	return setLimits(map[int]uint64{
		unix.RLIMIT_CORE: 0, unix.RLIMIT_MEMLOCK: 0, unix.RLIMIT_MSGQUEUE: 0, unix.RLIMIT_FSIZE: 0,
		unix.RLIMIT_NOFILE: 256, unix.RLIMIT_DATA: 256 << 20, unix.RLIMIT_AS: 4 << 30, unix.RLIMIT_CPU: 10,
		unix.RLIMIT_NPROC: tasks + moreProcesses,
	})
}

// ownTasks counts the threads of this process's user, as RLIMIT_NPROC does.
func ownTasks() (uint64, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	uid, n := uint32(os.Getuid()), uint64(0)
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Stat("/proc/"+e.Name(), &st) != nil || st.Uid != uid {
			continue // another's, or gone
		}
		if threads, err := os.ReadDir("/proc/" + e.Name() + "/task"); err == nil {
			n += uint64(len(threads))
		}
	}
	return n, nil
}
