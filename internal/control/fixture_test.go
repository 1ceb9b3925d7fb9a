package control

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// server is a Handler made of functions.
type server struct {
	admit  func(op Op, size int) error
	handle func(ctx context.Context, op Op, body []byte, files []*os.File) (any, []*os.File, error)
}

func (s server) Admit(op Op, size int) error {
	if s.admit == nil {
		return nil
	}
	return s.admit(op, size)
}

func (s server) Handle(ctx context.Context, op Op, body []byte, files []*os.File) (any, []*os.File, error) {
	if s.handle == nil {
		CloseFiles(files)
		return struct{}{}, nil, nil
	}
	return s.handle(ctx, op, body, files)
}

// serving is a pair of which both ends are served, a by nobody's handler.
type serving struct {
	a, b       *Conn
	aEnd, bEnd chan error // what Serve gave
}

func serve(t *testing.T, h Handler) serving {
	t.Helper()
	before := openFiles(t)
	a, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewConn(file)
	if err != nil {
		t.Fatal(err)
	}
	s := serving{a, b, make(chan error, 1), make(chan error, 1)}
	var both sync.WaitGroup
	both.Go(func() { s.aEnd <- a.Serve(t.Context(), server{}) })
	both.Go(func() { s.bEnd <- b.Serve(t.Context(), h) })
	t.Cleanup(func() {
		a.Close()
		b.Close()
		both.Wait()
		if after := openFiles(t); after != before {
			t.Errorf("%d descriptors are open, %d before", after, before)
		}
	})
	return s
}

// peer is a hostile end: a bare descriptor.
type peer struct {
	t  *testing.T
	fd int
}

// attack serves one end of a pair and gives the other's descriptor.
func attack(t *testing.T, h Handler) (peer, chan error) {
	t.Helper()
	before := openFiles(t)
	c, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	end, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		end <- c.Serve(t.Context(), h)
		c.Close()
	}()
	t.Cleanup(func() {
		unix.Close(fd)
		<-done
		if after := openFiles(t); after != before {
			t.Errorf("%d descriptors are open, %d before", after, before)
		}
	})
	return peer{t, fd}, end
}

func (p peer) send(packet []byte, fds ...int) {
	p.t.Helper()
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if err := unix.Sendmsg(p.fd, packet, oob, nil, unix.MSG_NOSIGNAL); err != nil && err != unix.EPIPE && err != unix.ECONNRESET {
		p.t.Fatal(err)
	}
}

func packet(kind, flags byte, op Op, id uint32, body string) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kind, flags}, uint16(op))
	return append(binary.BigEndian.AppendUint32(b, id), body...)
}

// openFiles counts this process's descriptors. What the collector would close
// was forgotten: it is counted, as it does not run by itself here.
func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func tempFile(t *testing.T, text string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return f
}

func readAll(t *testing.T, f *os.File) string {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if err != nil {
		t.Error(err)
	}
	return string(b)
}
