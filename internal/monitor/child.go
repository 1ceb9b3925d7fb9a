package monitor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"gateway/internal/control"
	"gateway/internal/jail"
)

// fdControl is a child's first descriptor besides 0 to 2.
const fdControl = 3

// uidPool hands out one uid for each child when the gateway runs as root, so
// that two sessions have nothing in common even for the kernel.
type uidPool struct {
	mu   sync.Mutex // guards what follows
	used map[int]bool
	next int
}

// take returns a free uid of the range, or 0 when not root. The range's last
// one is the recorder's.
func (p *uidPool) take() int {
	if os.Geteuid() != 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == nil {
		p.used = make(map[int]bool)
	}
	for {
		uid := jail.FirstUID + p.next%(jail.LastUID-jail.FirstUID)
		p.next++
		if !p.used[uid] {
			p.used[uid] = true
			return uid
		}
	}
}

func (p *uidPool) give(uid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, uid)
}

// identity takes a uid for one child that is no session process, and returns
// what gives it back.
func (p *uidPool) identity() (*syscall.SysProcAttr, func(), error) {
	uid := p.take()
	attr, err := jail.Attr(uint32(uid))
	if err != nil {
		p.give(uid)
		return nil, nil, err
	}
	attr.Pdeathsig = syscall.SIGKILL
	return attr, func() { p.give(uid) }, nil
}

// child is a running process and the monitor's end of its control socket.
type child struct {
	*control.Conn
	cmd *exec.Cmd
}

// sessionProgram is the program of session processes, opened once: an upgrade
// on disk must not mix versions, and the spawner allows this very file.
type sessionProgram struct {
	mu      sync.Mutex // guards what follows
	file    *os.File
	spawner *jail.Spawner
}

// open opens the program unless it is.
func (p *sessionProgram) open(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spawner != nil {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	p.spawner, err = jail.NewSpawner(file)
	if err != nil {
		file.Close()
		return err
	}
	p.file = file
	return nil
}

// startJailed runs the session program in a role, confined from the start.
func (m *Monitor) startJailed(role string, uid int, socket *os.File) (*child, error) {
	p := &m.program
	if err := p.open(m.SessionCommand[0]); err != nil {
		return nil, fmt.Errorf("start %s: %w", m.SessionCommand[0], err)
	}
	argv := append(slices.Clone(m.SessionCommand), role, strconv.Itoa(p.spawner.ABI()))
	attr, err := p.spawner.Attr(uint32(uid))
	if err != nil {
		return nil, err
	}
	return m.startChild(func(c *exec.Cmd) error { return p.spawner.Start(c.Start) }, p.file, argv, attr, socket)
}

// startRecorder runs the recorder, which confines itself.
func (m *Monitor) startRecorder(uid int, dir *os.File) (*child, error) {
	program, err := os.Open(m.RecorderCommand[0])
	if err != nil {
		return nil, fmt.Errorf("start recorder: %w", err)
	}
	defer program.Close()
	attr, err := jail.Attr(uint32(uid))
	if err != nil {
		return nil, err
	}
	return m.startChild((*exec.Cmd).Start, program, m.RecorderCommand, attr, dir)
}

// startChild runs argv with files as descriptors 4 and up. The environment is
// empty and the working directory the root. The program is executed by way of
// its descriptor: the child's uid may not be able to walk to it.
func (m *Monitor) startChild(start func(*exec.Cmd) error, program *os.File, argv []string, attr *syscall.SysProcAttr, files ...*os.File) (*child, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	parent, theirs, err := control.Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	inherited := append([]*os.File{theirs}, files...)
	cmd := &exec.Cmd{
		Path:        "/proc/self/fd/" + strconv.Itoa(fdControl+len(inherited)),
		Args:        argv,
		Env:         []string{},
		Dir:         "/",
		Stdin:       null,
		Stdout:      null,
		Stderr:      null,
		ExtraFiles:  append(inherited, program),
		SysProcAttr: attr,
	}
	if err := start(cmd); err != nil {
		parent.Close()
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	return &child{Conn: parent, cmd: cmd}, nil
}

// wait reaps the process and says how it ended when that was not by its own
// will: a signal's name, "killed by the sandbox", an exit status.
func (c *child) wait() string {
	err := c.cmd.Wait()
	var ee *exec.ExitError
	if err == nil || !errors.As(err, &ee) {
		return ""
	}
	ws, ok := ee.Sys().(syscall.WaitStatus)
	if !ok {
		return ee.Error()
	}
	switch {
	case ws.Signaled() && ws.Signal() == unix.SIGSYS:
		return killedBySandbox
	case ws.Signaled():
		return "killed by signal " + unix.SignalName(ws.Signal())
	}
	return ee.Error()
}

const killedBySandbox = "killed by the sandbox for a forbidden system call"

// kill ends the process at once. It is reaped by wait.
func (c *child) kill() { _ = c.cmd.Process.Kill() }

func isResourceShortage(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
