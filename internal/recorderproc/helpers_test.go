package recorderproc_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"gateway/internal/ring"
)

// dup gives what the monitor keeps: descriptors of the same ring.
func dup(t testing.TB, f ring.Files) ring.Files {
	t.Helper()
	one := func(f *os.File) *os.File {
		conn, err := f.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var fd int
		if ctrlErr := conn.Control(func(old uintptr) {
			fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
		}); err != nil || ctrlErr != nil {
			t.Fatal(err, ctrlErr)
		}
		return os.NewFile(uintptr(fd), f.Name())
	}
	kept := ring.Files{Mem: one(f.Mem), Wake: one(f.Wake), Space: one(f.Space)}
	t.Cleanup(kept.Close)
	return kept
}
