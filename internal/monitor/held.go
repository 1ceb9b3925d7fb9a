package monitor

import (
	"os"

	"golang.org/x/sys/unix"
)

// held is our own descriptor of a connection that a process was given, to cut it
// with. It is no os.File: of one of those the scheduler would be told whenever
// something arrives or leaves, and each packet of every session would wake the
// monitor.
type held struct{ fd int }

// hold gives another descriptor of the same connection. Who has it must close it.
func hold(f *os.File) (*held, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(n uintptr) { fd, dupErr = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	if dupErr != nil {
		return nil, os.NewSyscallError("fcntl", dupErr)
	}
	return &held{fd}, nil
}

// cut ends the connection for everybody who has it, and closes.
func (h *held) cut() {
	_ = unix.Shutdown(h.fd, unix.SHUT_RDWR) // closed by the other side: as good
	h.close()
}

func (h *held) close() { _ = unix.Close(h.fd) } // nothing is lost that was written

// over reports whether both ends have shut the connection down.
func (h *held) over() bool {
	poll := []unix.PollFd{{Fd: int32(h.fd)}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n == 1 && poll[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}
