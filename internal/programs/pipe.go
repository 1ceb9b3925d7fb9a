package programs

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"gateway"
)

// streams are the ends of a program's input and output.
type streams struct {
	stdin          *os.File
	stdout, stderr *pipe
	failed         *pipe // why it is not the program yet; closed by a successful execve(2)
	running        bool
}

// newStreams makes them. The input is there from the start: it fits into a pipe.
func newStreams(input []byte) (*streams, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &streams{stdin: r}
	_, err = w.Write(input)
	err = errors.Join(err, w.Close())
	for _, p := range []**pipe{&s.stdout, &s.stderr, &s.failed} {
		if err == nil {
			*p, err = newPipe()
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// started leaves the child's ends to the child, and reads the others.
func (s *streams) started() {
	s.running = true
	for _, p := range []*pipe{s.stdout, s.stderr, s.failed} {
		p.w.Close()
		p.drain()
	}
}

func (s *streams) close() {
	s.stdin.Close()
	for _, p := range []*pipe{s.stdout, s.stderr, s.failed} {
		if p == nil {
			continue
		}
		if !s.running {
			p.w.Close()
		}
		p.r.Close()
	}
}

// pipe takes what a child writes: the start is kept, all of it is read, so
// that nobody waits for us.
type pipe struct {
	r, w *os.File
	read chan []byte
}

func newPipe() (*pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &pipe{r: r, w: w, read: make(chan []byte, 1)}, nil
}

// drain reads until everybody who could write is gone.
func (p *pipe) drain() {
	go func() {
		b := make([]byte, maxText) // not grown: what is read may be a password, and copies of it would stay
		n, err := io.ReadFull(p.r, b)
		if err == nil {
			_, _ = io.Copy(io.Discard, p.r) // it ends when they are gone, or at the deadline
		}
		p.read <- b[:n]
	}()
}

// afterDeath is how long what was killed has to be gone. Only what the kernel
// holds, such as a read from a dead network disk, takes longer.
const afterDeath = time.Second

// bytes waits for the end and returns what was kept.
func (p *pipe) bytes() []byte {
	_ = p.r.SetReadDeadline(time.Now().Add(afterDeath)) // pipes have deadlines
	return <-p.read
}

// clean makes what a program wrote one printable line.
func clean(b []byte) string {
	lines := strings.FieldsFunc(string(b), func(c rune) bool { return c == '\n' || c == '\r' })
	return gateway.Printable(strings.ToValidUTF8(strings.TrimSpace(strings.Join(lines, " / ")), "\ufffd"))
}
