package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// Writer is a sink on a stream, such as standard output, that it does not close.
type Writer struct {
	mu  sync.Mutex // guards out and buf
	out io.Writer
	buf []byte
	// torn is set while the stream ends in the middle of a line.
	torn bool
}

// NewWriter returns a sink that writes lines to out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write writes the line in one call.
func (w *Writer) Write(l Line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = w.buf[:0]
	if w.torn {
		// What a full disk cut off must not swallow the next record.
		w.buf = append(w.buf, '\n')
	}
	w.buf = append(append(w.buf, l.JSON...), '\n')
	n, err := w.out.Write(w.buf)
	if n > 0 {
		w.torn = n < len(w.buf)
	}
	return err
}

// Reopen does nothing.
func (w *Writer) Reopen() error { return nil }

// Close does nothing.
func (w *Writer) Close() error { return nil }

// File is a sink that appends to a file. Write returns when the kernel has the
// line: it outlives this process, though not a power failure.
type File struct {
	path string
	Writer
	f *os.File // guarded by Writer.mu
}

// OpenFile opens or makes the file with mode 0600.
func OpenFile(path string) (*File, error) {
	f, err := openAppend(path)
	if err != nil {
		return nil, err
	}
	s := &File{path: path, f: f}
	s.out = f
	s.torn, err = endsTorn(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// openAppend follows no link and waits for no pipe: the file may be in a
// folder that a log rotation of less privilege writes.
func openAppend(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open audit file: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("open audit file: %s is not a regular file", path)
	}
	return f, nil
}

func endsTorn(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return last[0] != '\n', err
}

// Reopen opens the file by its path again. On an error it goes on with the one
// it has.
func (s *File) Reopen() error {
	f, err := openAppend(s.path)
	if err != nil {
		return err
	}
	torn, err := endsTorn(f)
	if err != nil {
		f.Close()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.f
	s.f, s.out, s.torn = f, f, torn
	return old.Close()
}

// Close makes the file durable and closes it; later records are refused.
func (s *File) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.f.Sync(), s.f.Close())
}
