package clients

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"gateway/internal/jail"
)

// Running is a client that was started. Its files are for the session process;
// who has passed them on closes them here with CloseFiles.
type Running struct {
	Listener *os.File // of which the client's connections are accepted
	Status   *os.File // of which one line can be read when it has ended: "exit 0", "signal SIGKILL"

	Terminal     *os.File // the master's side; nil: it has pipes
	In, Out, Err *os.File // nil: it has a terminal

	Ready jail.ClientReady // what the jail is made of

	process *os.Process
	status  *os.File // the other end of Status
	done    chan struct{}
	homeErr error // set when done is closed
}

// newRunning makes the files of a client, and returns those that become its
// standard input, output and error.
func newRunning(size *Size) (*Running, []*os.File, error) {
	r := &Running{done: make(chan struct{})}
	var err error
	if r.Status, r.status, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	var in, out, errs *os.File
	if size != nil {
		r.Terminal, in, err = openTerminal(*size)
		out, errs = in, in
	} else {
		in, r.In, err = os.Pipe()
		if err == nil {
			r.Out, out, err = os.Pipe()
		}
		if err == nil {
			r.Err, errs, err = os.Pipe()
		}
	}
	theirs := []*os.File{in, out, errs}
	if err != nil {
		closeAll(theirs)
		closeAll([]*os.File{r.status})
		r.CloseFiles()
		return nil, nil, err
	}
	return r, theirs, nil
}

// CloseFiles closes what was opened for the session process.
func (r *Running) CloseFiles() {
	closeAll([]*os.File{r.Listener, r.Status, r.Terminal, r.In, r.Out, r.Err})
}

// Kill ends the client at once. It may have ended before.
func (r *Running) Kill() { _ = r.process.Kill() }

// Wait waits until the client has ended and its files are kept; the error is
// about those.
func (r *Running) Wait() error {
	<-r.done
	return r.homeErr
}

// closeAll closes those that are there.
func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close() // nothing was written that could be lost
		}
	}
}

// outcome is the line that says how a client ended.
func outcome(state *os.ProcessState) string {
	ws, ok := state.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return "signal " + unix.SignalName(ws.Signal())
	}
	return "exit " + strconv.Itoa(state.ExitCode())
}

// openTerminal returns a new terminal and its other side. The terminal can be
// waited for: who reads it has other things to do.
func openTerminal(size Size) (terminal, other *os.File, err error) {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open terminal: %w", err)
	}
	terminal = os.NewFile(uintptr(master), "terminal")
	slave, err := unlockTerminal(master, size)
	if err != nil {
		terminal.Close()
		return nil, nil, fmt.Errorf("open terminal: %w", err)
	}
	return terminal, os.NewFile(uintptr(slave), "terminal"), nil
}

// unlockTerminal opens the other side of a terminal: not by its name, so that
// there is no other terminal it could be.
func unlockTerminal(master int, size Size) (int, error) {
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return 0, err
	}
	if err := unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, &unix.Winsize{Col: size.Columns, Row: size.Rows}); err != nil {
		return 0, err
	}
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return 0, errno
	}
	return int(slave), nil
}
