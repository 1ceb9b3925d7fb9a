package activeness

import (
	"io"
	"os"
	"time"
)

// pipe takes what a child writes: the start is kept, all of it is read, so
// that nobody waits for us.
type pipe struct {
	r, w *os.File
	most int
	read chan []byte
}

func newPipe(most int) (*pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &pipe{r: r, w: w, most: most, read: make(chan []byte, 1)}, nil
}

// drain reads until everybody who could write is gone.
func (p *pipe) drain() {
	go func() {
		b, err := io.ReadAll(io.LimitReader(p.r, int64(p.most)))
		if err == nil {
			_, _ = io.Copy(io.Discard, p.r) // it ends when they are gone, or at the deadline
		}
		p.read <- b
	}()
}

// afterDeath is how long what was killed has to be gone. Only what the kernel
// holds, such as a read from a dead network disk, takes longer.
const afterDeath = time.Second

// text waits for the end and returns what was kept.
func (p *pipe) text() string {
	_ = p.r.SetReadDeadline(time.Now().Add(afterDeath)) // pipes have deadlines
	return clean(<-p.read)
}
