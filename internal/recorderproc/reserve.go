package recorderproc

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/recorder"
)

// file is what a recording is written to.
type file interface {
	io.Writer
	Truncate(size int64) error
	Sync() error
	Close() error
}

// spare is the room that must be left on the disk beside a full ring: chunks
// that it is written out in, a Mark, the seal.
const spare = 16*recorder.ChunkOverhead + 2048 + recorder.MaxSealSize

// reserve keeps blocks of the disk for a file, beyond its end. Whatever is
// accepted into a ring must be writable later, when the disk is full.
type reserve struct {
	// allocate is fallocate(2), which keeps the file's size.
	allocate func(off, n int64) error
	need     int64 // bytes that must be reserved beyond the end of the file
	until    int64 // reserved up to this offset
	absent   bool  // the file system can't
}

func newReserve(f *os.File, ringSize int) *reserve {
	r := &reserve{need: int64(ringSize + spare)}
	r.allocate = func(off, n int64) error {
		conn, err := f.SyscallConn()
		if err != nil {
			return err
		}
		ctrlErr := conn.Control(func(fd uintptr) {
			err = unix.Fallocate(int(fd), unix.FALLOC_FL_KEEP_SIZE, off, n)
			for err == unix.EINTR {
				err = unix.Fallocate(int(fd), unix.FALLOC_FL_KEEP_SIZE, off, n)
			}
		})
		return errors.Join(ctrlErr, err)
	}
	return r
}

// extend makes sure that need bytes are reserved beyond size, the end of the
// file. It goes further than it must, to be asked for rarely.
func (r *reserve) extend(size int64) error {
	if r.absent || r.until >= size+r.need {
		return nil
	}
	from := max(r.until, size)
	err := r.allocate(from, size+2*r.need-from)
	until := size + 2*r.need
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		until = size + r.need
		err = r.allocate(from, until-from)
	}
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		r.absent = true
		return nil
	case err != nil:
		return fmt.Errorf("reserve disk space: %w: %w", gateway.ErrNoRecord, os.NewSyscallError("fallocate", err))
	}
	r.until = until
	return nil
}
