package jail

import (
	"debug/elf"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Spawner starts children that Landlock confines from their first instruction
// on. It does so on a thread of its own, which is confined itself: a child
// inherits that. Confining all threads of a process that runs already, as
// Enter has to without it, stops each of them and costs every session 1 ms.
type Spawner struct {
	abi  int
	jobs chan job
}

// timerSlack is by how many nanoseconds timers of children may be late, which a
// child inherits. Go's scheduler looks every 20 µs what its threads do while any
// of them works, and goes to sleep when it finds that none does, to be woken for
// the next packet: for nothing, as a session never blocks in a system call. With
// this it looks seldom.
const timerSlack = 5_000_000

type job struct {
	start func() error
	done  chan error
}

// NewSpawner returns a Spawner for one program: the only file that its
// children may execute, and the only one they may open in any way. A program
// that is not linked statically needs others, so it is not confined here: its
// ABI is 0, and it has to confine itself. The Spawner lasts until Close.
func NewSpawner(program *os.File) (*Spawner, error) {
	s := &Spawner{jobs: make(chan job)}
	ready := make(chan error)
	go s.run(program, ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return s, nil
}

// ABI is the version of Landlock that is in force in children; 0: none. Tell
// them, for Profile.Confined.
func (s *Spawner) ABI() int { return s.abi }

// Attr is that of the package, and has the kernel kill the child when this
// process dies, whatever the child does: it must not go on unseen.
func (s *Spawner) Attr(uid uint32) (*syscall.SysProcAttr, error) {
	a, err := Attr(uid)
	if err != nil {
		return nil, err
	}
	a.Pdeathsig = syscall.SIGKILL
	return a, nil
}

// Start calls start, such as the Start of an exec.Cmd, on the confined thread.
// No file can be opened there: set the command's standard input and output.
func (s *Spawner) Start(start func() error) error {
	done := make(chan error, 1)
	s.jobs <- job{start, done}
	return <-done
}

// Close ends the thread. Start may not be called any more.
func (s *Spawner) Close() { close(s.jobs) }

func (s *Spawner) run(program *os.File, ready chan<- error) {
	// Never unlocked: the thread ends with this function.
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0) // without it, they take more of the processor
	static, err := isStatic(program)
	if static && err == nil {
		s.abi, err = confineThread(program)
	}
	ready <- err
	if err != nil {
		return
	}
	for j := range s.jobs {
		j.done <- j.start()
	}
}

// isStatic reports whether the program runs without a dynamic linker.
func isStatic(program *os.File) (bool, error) {
	f, err := elf.NewFile(program)
	if err != nil {
		return false, fmt.Errorf("program of children: %w", err)
	}
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }), nil
}

// confineThread confines the calling thread, and so what it starts, and
// returns the ABI version; 0 when this kernel has no Landlock.
func confineThread(program *os.File) (int, error) {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil { // ENOSYS: not built in; EOPNOTSUPP: switched off at boot
		return 0, nil
	}
	err = confineWith(handled(abi), func(ruleset int) error {
		rule := ll.PathBeneathAttr{ParentFd: int(program.Fd()), AllowedAccess: ll.AccessFSExecute | ll.AccessFSReadFile}
		if err := ll.LandlockAddPathBeneathRule(ruleset, &rule, 0); err != nil {
			return fmt.Errorf("confine children: allow %s: %w", program.Name(), err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return abi, nil
}

// confineWith puts the calling thread under a ruleset with the rules that
// allow adds.
func confineWith(attr ll.RulesetAttr, allow func(ruleset int) error) error {
	ruleset, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return fmt.Errorf("confine thread: %w", err)
	}
	defer unix.Close(ruleset)
	if err := allow(ruleset); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine thread: %w", err)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return fmt.Errorf("confine thread: %w", errno)
	}
	return nil
}

// handled is everything that the ABI version can deny, up to version 7; what
// came later the system-call filter refuses.
func handled(abi int) ll.RulesetAttr {
	fs := uint64(ll.AccessFSRefer - 1)
	if abi >= abiRefer {
		fs |= ll.AccessFSRefer
	}
	if abi >= abiTruncate {
		fs |= ll.AccessFSTruncate
	}
	if abi >= abiDevices {
		fs |= ll.AccessFSIoctlDev
	}
	attr := ll.RulesetAttr{HandledAccessFS: fs}
	if abi >= abiNetwork {
		attr.HandledAccessNet = ll.AccessNetBindTCP | ll.AccessNetConnectTCP
	}
	if abi >= abiScopes {
		attr.Scoped = ll.ScopeAbstractUnixSocket | ll.ScopeSignal
	}
	return attr
}
