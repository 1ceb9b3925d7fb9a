// Package clients starts programs that run on this node for a person, such as
// psql, each in a jail of its own (jail.Client). The person's session process
// gets the descriptors of it; nothing else of it can be reached, and it
// reaches nothing else.
package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gateway/internal/jail"
)

// Client says what to start.
type Client struct {
	Program string   // the real path of it
	Args    []string // without the name
	Env     []string // all of it
	Read    []string // paths that it may read besides its libraries; what is not there is left out
	Socket  string   // path in the jail of the socket that the session accepts connections on
	Home    string   // the account's folder on this node; made when missing
	Keep    []string // the names of the files of Home that it finds in jail.ClientHome and can change
	Size    *Size    // of its terminal; nil: it has three pipes
	UID     uint32   // its user and group, when the gateway runs as root
	Require bool     // the whole sandbox (sandbox: require)
}

// Size is that of a terminal.
type Size struct{ Columns, Rows uint16 }

// ErrNoJail is that of a node where a client can't be jailed, and so is not
// started at all.
var ErrNoJail = errors.New("this node can't jail a client program")

// Starter starts clients. Make one with New; it is safe for concurrent use and
// lasts as long as the process.
type Starter struct {
	helper string // the program that makes the jail and becomes the client
	jobs   chan job
	homes  sync.Mutex // held while a client's files are written to a home folder
}

type job struct {
	start func() error
	done  chan<- error
}

// New returns a Starter. helper is gateway-session.
func New(helper string) *Starter {
	s := &Starter{helper: helper, jobs: make(chan job)}
	go func() {
		// The kernel kills clients when the thread that started them ends:
		// this one ends with the process only.
		runtime.LockOSThread()
		for j := range s.jobs {
			j.done <- j.start()
		}
	}()
	return s
}

// setupTime is how long a jail may take to be made.
const setupTime = 10 * time.Second

// Start starts a client. The context bounds the start only; the client runs
// until it ends by itself or by Kill.
func (s *Starter) Start(ctx context.Context, c Client) (*Running, error) {
	if os.Geteuid() != 0 {
		c.UID = 0 // of its user namespace
	}
	home, err := readHome(c.Home, c.Keep)
	if err != nil {
		return nil, err
	}
	loader, libraries, err := dependencies(c.Program)
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(jail.Client{
		Program: c.Program, Loader: loader, Files: append(libraries, existing(c.Read...)...), Args: c.Args, Env: c.Env,
		Home: home, Socket: c.Socket, UID: c.UID, TTY: c.Size != nil, Require: c.Require,
	})
	if err != nil {
		return nil, err
	}
	r, theirs, err := newRunning(c.Size)
	if err != nil {
		return nil, err
	}
	defer closeAll(theirs)
	cmd, conn, err := s.start(theirs, c)
	if err != nil {
		r.CloseFiles()
		return nil, err
	}
	defer conn.Close()
	r.process = cmd.Process
	folder, err := r.setUp(ctx, conn, spec)
	if err != nil {
		r.CloseFiles()
		_ = cmd.Process.Kill() // it has ended by itself: as good
		_ = cmd.Wait()         // what it says is in ProcessState
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: it ended with %s", ErrNoJail, outcome(cmd.ProcessState))
		}
		return nil, err
	}
	go func() {
		defer close(r.done)
		defer r.status.Close()
		_ = cmd.Wait() // what it says is in ProcessState
		r.homeErr = s.saveHome(c.Home, c.Keep, home, folder)
		_, _ = io.WriteString(r.status, outcome(cmd.ProcessState)+"\n") // nobody reads it: they are gone
	}()
	return r, nil
}

// start starts the helper with theirs as standard input, output and error.
func (s *Starter) start(theirs []*os.File, c Client) (*exec.Cmd, *net.UnixConn, error) {
	helper, err := os.Open(s.helper)
	if err != nil {
		return nil, nil, err
	}
	defer helper.Close()
	conn, child, err := socketPair()
	if err != nil {
		return nil, nil, err
	}
	defer child.Close()
	attr := &syscall.SysProcAttr{
		Setsid: true, Setctty: c.Size != nil, Pdeathsig: syscall.SIGKILL, Cloneflags: jail.ClientNamespaces,
	}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	cmd := &exec.Cmd{
		// By way of its descriptor, as all children.
		Path: "/proc/self/fd/4", Args: []string{s.helper, "client"}, Env: []string{}, Dir: "/",
		Stdin: theirs[0], Stdout: theirs[1], Stderr: theirs[2],
		ExtraFiles: []*os.File{child, helper}, SysProcAttr: attr,
	}
	done := make(chan error)
	s.jobs <- job{cmd.Start, done}
	if err := <-done; err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("%w: start in new namespaces: %w", ErrNoJail, err)
	}
	return cmd, conn, nil
}

// setUp tells the jail what to run, and takes what it makes. It returns the
// client's home folder.
func (r *Running) setUp(ctx context.Context, conn *net.UnixConn, spec []byte) (*os.File, error) {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })() // nothing is waited for any more
	if err := conn.SetDeadline(time.Now().Add(setupTime)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(spec); err != nil {
		return nil, fmt.Errorf("make jail: %w", err)
	}
	if err := conn.CloseWrite(); err != nil {
		return nil, fmt.Errorf("make jail: %w", err)
	}
	text, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(2*4))
	n, oobn, _, _, err := conn.ReadMsgUnix(text, oob)
	if err != nil {
		return nil, fmt.Errorf("make jail: %w", err)
	}
	files, err := received(oob[:oobn])
	if err != nil {
		return nil, err
	}
	line, more, _ := bytes.Cut(text[:n], []byte("\n"))
	if len(files) != 2 {
		closeAll(files)
		return nil, fmt.Errorf("%w: %s", ErrNoJail, text[:n])
	}
	r.Listener = files[0]
	if err := json.Unmarshal(line, &r.Ready); err != nil {
		return nil, errors.Join(fmt.Errorf("make jail: %w", err), files[1].Close())
	}
	// execve(2) closes the other end; before, it could only be an error.
	failed, err := io.ReadAll(io.LimitReader(conn, 4096))
	if failed = append(more, failed...); err != nil || len(failed) > 0 {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrNoJail, failed), err, files[1].Close())
	}
	return files[1], nil
}

// received are the files that came with a message.
func received(oob []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("make jail: %w", err)
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return nil, fmt.Errorf("make jail: %w", err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "jail"))
		}
	}
	return files, nil
}

func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make jail: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "jail"), os.NewFile(uintptr(fds[1]), "jail")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("make jail: %w", err)
	}
	return conn.(*net.UnixConn), theirs, nil
}
