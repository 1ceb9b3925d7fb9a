// Package activeness asks a program of the operators' whether an account is
// active, such as whether the person still works here. The program is jailed
// (jail.Exec): it sees neither keys nor recordings, writes nowhere, and has
// nothing left running when its answer is in.
package activeness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"gateway"
)

// Verdict is what the program says of an account.
type Verdict int

// The verdicts. Unknown is also that of a program that fails.
const (
	Unknown Verdict = iota
	Active
	Inactive
)

// Answer is the program's answer.
type Answer struct {
	Verdict Verdict
	Text    string // for the person, printable; empty: nothing
}

// Passes says whether a login goes on. What the program does not know
// denyOnFailure decides, and stops no administrator: somebody must be able to
// repair it.
func (a Answer) Passes(admin, denyOnFailure bool) bool {
	switch a.Verdict {
	case Active:
		return true
	case Inactive:
		return false
	}
	return admin || !denyOnFailure
}

// Bounds of one run, and of all.
const (
	timeout   = 10 * time.Second
	maxText   = 4 << 10 // of standard error
	maxAtOnce = 8
)

// Runner runs programs. Make one with New; it is safe for concurrent use.
type Runner struct {
	log      *zap.Logger
	helper   string
	identity func() (*syscall.SysProcAttr, func(), error)
	hidden   func() []string
	slots    chan struct{}
	timeout  time.Duration
}

// New returns a Runner. helper is the program that confines itself and becomes
// the one to run. identity gives the attributes of a child, which must lead a
// process group of its own, and what gives them back. hidden are the paths
// that programs must not read.
func New(log *zap.Logger, helper string, identity func() (*syscall.SysProcAttr, func(), error), hidden func() []string) *Runner {
	return &Runner{log: log, helper: helper, identity: identity, hidden: hidden, slots: make(chan struct{}, maxAtOnce), timeout: timeout}
}

// Run asks program about account. It waits for its turn as long as ctx lasts.
func (r *Runner) Run(ctx context.Context, program, account string) Answer {
	a, err := r.run(ctx, program, account)
	if err != nil {
		r.log.Warn("accountExternalValidationProgram failed", zap.String("principal", account), zap.Error(err))
	}
	return a
}

func (r *Runner) run(ctx context.Context, program, account string) (Answer, error) {
	if err := Check(program); err != nil {
		return Answer{}, err
	}
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		return Answer{}, err
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("wait for its turn: %w", context.Cause(ctx))
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, err // both could go on, and it was given up
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("no answer in %s", r.timeout))
	defer cancel()
	type result struct {
		exit exit
		err  error
	}
	done := make(chan result, 1)
	go func() {
		// The kernel kills the child with the thread that started it, so the
		// thread stays until then, and ends with the goroutine.
		runtime.LockOSThread()
		e, err := r.start(ctx, real, account)
		done <- result{e, err}
	}()
	res := <-done
	if res.err != nil {
		return Answer{}, res.err
	}
	return res.exit.answer()
}

// exit is how a program ended.
type exit struct {
	code   int
	stderr string
}

// answer reads the exit status as The Bastion does.
func (e exit) answer() (Answer, error) {
	switch e.code {
	case 0:
		return Answer{Verdict: Active}, nil
	case 1:
		return Answer{Verdict: Inactive}, nil
	case 2:
		return Answer{}, nil
	case 3:
		return Answer{}, fmt.Errorf("it does not know: %s", e.stderr)
	case 4:
		return Answer{Text: e.stderr}, fmt.Errorf("it does not know: %s", e.stderr)
	}
	return Answer{Verdict: Inactive}, nil
}

// start runs the program to its end.
func (r *Runner) start(ctx context.Context, program, account string) (exit, error) {
	attr, release, err := r.identity()
	if err != nil {
		return exit{}, err
	}
	defer release()
	helper, err := os.Open(r.helper)
	if err != nil {
		return exit{}, err
	}
	defer helper.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return exit{}, err
	}
	defer null.Close()
	file, err := os.Open(program)
	if err != nil {
		return exit{}, err
	}
	defer file.Close()
	stderr, err := newPipe(maxText)
	if err != nil {
		return exit{}, err
	}
	defer stderr.r.Close()
	failed, err := newPipe(maxText) // closed by a successful execve(2)
	if err != nil {
		stderr.w.Close()
		return exit{}, err
	}
	defer failed.r.Close()
	cmd := &exec.Cmd{
		// By way of its descriptor: the child's uid may not be able to walk to it.
		Path: "/proc/self/fd/5",
		Args: append([]string{r.helper, "program", program, account}, r.hidden()...),
		Env:  []string{}, Dir: "/", Stdin: null, Stdout: null, Stderr: stderr.w,
		ExtraFiles: []*os.File{failed.w, file, helper}, SysProcAttr: attr,
	}
	err = cmd.Start()
	stderr.w.Close()
	failed.w.Close()
	if err != nil {
		return exit{}, fmt.Errorf("start: %w", err)
	}
	stderr.drain()
	failed.drain()
	waitErr := waitGroup(ctx, cmd.Process.Pid)
	_ = cmd.Wait() // what it says is in ProcessState
	text, why := stderr.text(), failed.text()
	switch {
	case waitErr != nil:
		return exit{}, waitErr
	case why != "+": // it died before, or says what went wrong
		return exit{}, fmt.Errorf("not started: %s", cmp.Or(strings.TrimPrefix(why, "+"), text, cmd.ProcessState.String()))
	case !cmd.ProcessState.Exited():
		return exit{}, errors.New(cmd.ProcessState.String())
	}
	return exit{cmd.ProcessState.ExitCode(), text}, nil
}

// waitGroup waits until the leader of a process group ends, or ctx, and kills
// what is left of the group. The leader is not reaped yet, so that its number
// can't be another's.
func waitGroup(ctx context.Context, pid int) error {
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		_ = unix.Kill(-pid, unix.SIGKILL) // it has ended by itself: as good
	})
	var err error
	for {
		err = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	if !stop() {
		<-killed
		return context.Cause(ctx)
	}
	_ = unix.Kill(-pid, unix.SIGKILL) // nobody left: as good
	if err != nil {
		return fmt.Errorf("wait: %w", err)
	}
	return nil
}

// Check says what is wrong with a program: it must be there, be executable,
// and be changed by nobody but root and whoever runs the gateway.
func Check(program string) error {
	if !filepath.IsAbs(program) {
		return fmt.Errorf("%s: %w: want a path that starts with /", program, gateway.ErrInvalid)
	}
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s: %w: not a program that can be executed", real, gateway.ErrInvalid)
	}
	for path := real; ; path = filepath.Dir(path) {
		if err := checkOwner(path); err != nil {
			return err
		}
		if path == "/" {
			return nil
		}
	}
}

// checkOwner refuses what others can change. A sticky folder, such as /tmp,
// keeps what is in it; a group may share folders, but not the program.
func checkOwner(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	forbidden := os.FileMode(0o022)
	if info.IsDir() {
		forbidden = 0o002
	}
	if info.Mode().Perm()&forbidden != 0 && info.Mode()&os.ModeSticky == 0 {
		return fmt.Errorf("%s: %w: others may change it (mode %04o)", path, gateway.ErrInvalid, info.Mode().Perm())
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s: %w: it belongs neither to root nor to uid %s", path, gateway.ErrInvalid, strconv.Itoa(os.Geteuid()))
	}
	return nil
}

// clean makes what a program wrote one printable line.
func clean(b []byte) string {
	lines := strings.FieldsFunc(string(b), func(c rune) bool { return c == '\n' || c == '\r' })
	return gateway.Printable(strings.ToValidUTF8(strings.TrimSpace(strings.Join(lines, " / ")), "\ufffd"))
}
