package jail

import (
	"fmt"
	"math"
	"slices"

	"golang.org/x/sys/unix"
)

// scanned is how many descriptors are looked at one by one. Those above it are
// closed all at once.
const scanned = 256

// closeInherited closes the descriptors that this process was started with,
// but those in keep. What it opened itself since, Go marks close-on-exec; that
// tells the runtime's poller, which must live, from anything inherited.
func closeInherited(keep []int) error {
	// One poll(2) tells which descriptors exist.
	fds := make([]unix.PollFd, scanned)
	for i := range fds {
		fds[i].Fd = int32(i)
	}
	if _, err := unix.Poll(fds, 0); err != nil {
		return fmt.Errorf("list descriptors: %w", err)
	}
	for _, fd := range keep {
		if fd < 0 || fd >= scanned || fds[fd].Revents&unix.POLLNVAL != 0 {
			return fmt.Errorf("keep descriptor %d: %w", fd, unix.EBADF)
		}
		unix.CloseOnExec(fd)
	}
	for i, f := range fds {
		if f.Revents&unix.POLLNVAL != 0 || slices.Contains(keep, i) {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(i), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(i)
		}
	}
	if err := unix.CloseRange(scanned, math.MaxUint32, 0); err != nil && err != unix.ENOSYS {
		return fmt.Errorf("close descriptors: %w", err)
	}
	return nil
}

// inheritStandard closes the descriptors that this process was started with,
// but those in keep and standard input, output and error, which a program
// that it becomes inherits.
func inheritStandard(keep ...int) error {
	if err := closeInherited(append([]int{0, 1, 2}, keep...)); err != nil {
		return err
	}
	for fd := range uintptr(3) {
		if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("keep descriptor %d: %w", fd, err)
		}
	}
	return nil
}
