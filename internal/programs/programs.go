// Package programs runs programs of the operators': one that says whether an
// account is active, such as whether the person still works here, and one that
// gives short-lived passwords of databases. They are jailed (jail.Exec): they
// see neither keys nor recordings, write nowhere, and have nothing left running
// when their answer is in.
package programs

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

// Bounds of one run, and of all.
const (
	timeout   = 10 * time.Second // unless the question has another
	maxText   = 4 << 10          // of what it says
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

// question is what one run of a program is given.
type question struct {
	program string
	arg     string
	input   []byte        // on standard input, at most maxInput
	timeout time.Duration // 0: that of the Runner
	secret  bool          // nothing that it writes may be in an error
}

// maxInput fits into a pipe that nobody reads.
const maxInput = 4 << 10

// run runs the program to its end.
func (r *Runner) run(ctx context.Context, q question) (exit, error) {
	if err := Check(q.program); err != nil {
		return exit{}, err
	}
	if len(q.input) > maxInput {
		return exit{}, fmt.Errorf("input of %d bytes: %w", len(q.input), gateway.ErrInvalid)
	}
	real, err := filepath.EvalSymlinks(q.program)
	if err != nil {
		return exit{}, err
	}
	q.program = real
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return exit{}, fmt.Errorf("wait for its turn: %w", context.Cause(ctx))
	}
	if err := ctx.Err(); err != nil {
		return exit{}, err // both could go on, and it was given up
	}
	limit := cmp.Or(q.timeout, r.timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer in %s", limit))
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
		e, err := r.start(ctx, q)
		done <- result{e, err}
	}()
	res := <-done
	return res.exit, res.err
}

// exit is how a program ended.
type exit struct {
	code   int
	stdout []byte // its start
	stderr string // likewise, as one printable line
}

// start runs the program, whose path is a real one.
func (r *Runner) start(ctx context.Context, q question) (exit, error) {
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
	file, err := os.Open(q.program)
	if err != nil {
		return exit{}, err
	}
	defer file.Close()
	s, err := newStreams(q.input)
	if err != nil {
		return exit{}, err
	}
	defer s.close()
	cmd := &exec.Cmd{
		// By way of its descriptor: the child's uid may not be able to walk to it.
		Path: "/proc/self/fd/5",
		Args: append([]string{r.helper, "program", q.program, q.arg}, r.hidden()...),
		Env:  []string{}, Dir: "/", Stdin: s.stdin, Stdout: s.stdout.w, Stderr: s.stderr.w,
		ExtraFiles: []*os.File{s.failed.w, file, helper}, SysProcAttr: attr,
	}
	err = cmd.Start()
	s.started()
	if err != nil {
		return exit{}, fmt.Errorf("start: %w", err)
	}
	waitErr := waitGroup(ctx, cmd.Process.Pid)
	_ = cmd.Wait() // what it says is in ProcessState
	e := exit{cmd.ProcessState.ExitCode(), s.stdout.bytes(), clean(s.stderr.bytes())}
	why := clean(s.failed.bytes())
	if q.secret {
		e.stderr = ""
	}
	switch {
	case waitErr != nil:
		return exit{}, waitErr
	case why != "+": // it died before, or says what went wrong
		return exit{}, fmt.Errorf("not started: %s", cmp.Or(strings.TrimPrefix(why, "+"), e.stderr, cmd.ProcessState.String()))
	case !cmd.ProcessState.Exited():
		return exit{}, errors.New(cmd.ProcessState.String())
	}
	return e, nil
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
