package pgserver

import (
	"bytes"
	"sync"
)

// log keeps what a server writes and says when it is ready.
type log struct {
	mu    sync.Mutex // guards what follows
	text  bytes.Buffer
	from  int           // where what is expected may begin
	ready chan struct{} // nil: nothing is expected
}

// expect gives a channel that is closed when a server that starts now is ready.
func (l *log) expect() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.from, l.ready = l.text.Len(), make(chan struct{})
	return l.ready
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if l.ready != nil && bytes.Contains(l.text.Bytes()[l.from:], []byte("ready to accept connections")) {
		close(l.ready)
		l.ready = nil
	}
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
