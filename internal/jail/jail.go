// Package jail takes a process's authority away before it reads a foreign
// byte: descriptors, environment, limits, files and network (Landlock), and
// system calls (seccomp). It needs no privilege and works the same for root.
//
// Three layers overlap on purpose: what the system-call filter can't see (a
// path, an address in a message) Landlock decides, and where a kernel lacks
// Landlock the filter still refuses every way to open anything.
//
// What it can't take away is what a descriptor gives: hand a jailed process
// connected sockets, pipes and files only.
package jail

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Profile says what is left to a process. Make one with Session or Recorder.
type Profile struct {
	keep []int
	dir  string // what may be written below; empty: no path at all
	abi  int    // of the Landlock that the parent put in force; 0: none
}

// Confined returns p for a child of a Spawner, whose ABI it was told.
func (p Profile) Confined(abi int) Profile {
	p.abi = abi
	return p
}

// Session is the profile of whatever speaks with strangers: it may use the
// descriptors in keep and nothing else. Standard input, output and error are
// closed too unless they are listed; writing to a regular file fails even
// then, so standard error had better be a pipe.
func Session(keep ...int) Profile { return Profile{keep: keep} }

// Recorder is Session with the right to make, read, change and remove files
// and folders below dir.
func Recorder(dir string, keep ...int) Profile { return Profile{keep: keep, dir: dir} }

// Report says which layers are in force.
type Report struct {
	NoNewPrivs  bool
	Seccomp     bool
	LandlockABI int // 0: no Landlock in this kernel
}

// ABI versions from which Landlock decides about more.
const (
	abiRefer    = 2 // moving a file to another folder; always refused before
	abiTruncate = 3
	abiNetwork  = 4
	abiDevices  = 5 // ioctl(2) on devices
	abiScopes   = 6
)

// Missing names each layer that this kernel does not have; none when the
// sandbox is complete.
func (r Report) Missing() []string {
	var m []string
	if !r.NoNewPrivs {
		m = append(m, "no_new_privs")
	}
	if !r.Seccomp {
		m = append(m, "seccomp")
	}
	switch {
	case r.LandlockABI == 0:
		m = append(m, "landlock")
	case r.LandlockABI < abiNetwork:
		m = append(m, "landlock network rules", "landlock scopes")
	case r.LandlockABI < abiScopes:
		m = append(m, "landlock scopes")
	}
	return m
}

// Enter applies p to the whole process, for good. A layer that this kernel
// does not have is left out and missing from the report; any other failure is
// an error, after which the process must end: it may be half confined.
//
// Call it once, from main, before any file is opened: a descriptor counts as
// inherited, and is closed unless kept, when it survived exec(2). The one
// that Go itself opened at start (for timers and the network) does not.
func Enter(p Profile) (Report, error) {
	var r Report
	if err := closeInherited(p.keep); err != nil {
		return r, err
	}
	os.Clearenv()
	// From here on Go would re-read the processor limit now and then from a
	// file it holds open; fixing the number ends that.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	if err := limit(p); err != nil {
		return r, err
	}
	// Neither a debugger nor /proc/PID/mem for anybody with the same uid.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return r, fmt.Errorf("make process undumpable: %w", err)
	}

	// no_new_privs and the filter are the thread's; seccomp copies both to
	// all the others.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return r, fmt.Errorf("set no_new_privs: %w", err)
	}
	r.NoNewPrivs = true
	if err := p.restrictPaths(&r); err != nil {
		return r, err
	}
	err := installFilter(assemble(p.dir != "", unix.Getpid()), unix.SECCOMP_FILTER_FLAG_TSYNC)
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return r, nil
	case err != nil:
		return r, fmt.Errorf("install system call filter: %w", err)
	}
	r.Seccomp = true
	return r, nil
}

// restrictPaths denies every path but dir, binding and connecting, and
// signals and abstract sockets that reach out of the process.
func (p Profile) restrictPaths(r *Report) error {
	if p.abi > 0 {
		r.LandlockABI = p.abi
		return checkConfined()
	}
	abi, err := ll.LandlockGetABIVersion()
	if err != nil { // ENOSYS: not built in; EOPNOTSUPP: switched off at boot
		return nil
	}
	var rules []landlock.Rule
	if p.dir != "" {
		rule := landlock.RWDirs(p.dir)
		if abi >= abiRefer {
			rule = rule.WithRefer()
		}
		rules = append(rules, rule)
	}
	if err := landlock.V11.BestEffort().Restrict(rules...); err != nil {
		return fmt.Errorf("restrict paths: %w", err)
	}
	r.LandlockABI = abi
	return nil
}

// checkConfined fails when a path can be opened that Landlock must deny.
func checkConfined() error {
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
		return errors.New("started as confined, and is not")
	}
	return nil
}

// maxFiles is how many descriptors a process may have that opens none itself.
// Each forwarded connection, of 1000 at most, is given five.
const maxFiles = 8192

// limit sets resource limits. There is none on processes (it counts the uid's,
// which are not ours alone) nor on address space (Go reserves plenty).
func limit(p Profile) error {
	limits := map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_MEMLOCK: 0, unix.RLIMIT_MSGQUEUE: 0}
	if p.dir == "" {
		limits[unix.RLIMIT_NOFILE] = maxFiles
		limits[unix.RLIMIT_FSIZE] = 0
	}
	return setLimits(limits)
}

func setLimits(limits map[int]uint64) error {
	for resource, n := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			return fmt.Errorf("read resource limit %d: %w", resource, err)
		}
		n = min(n, now.Max)
		if err := unix.Prlimit(0, resource, &unix.Rlimit{Cur: n, Max: n}, nil); err != nil {
			return fmt.Errorf("set resource limit %d: %w", resource, err)
		}
	}
	return nil
}
