package osh

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

// errIdle ends a prompt at which nobody typed.
var errIdle = errors.New("idle for too long")

// interruptKey is what Ctrl-C sends on a terminal in raw mode.
const interruptKey = 3

// keyboard is the person's input, read by one goroutine, so that whoever reads
// can stop waiting and Ctrl-C ends a command that does not read. The goroutine
// ends with the input or with stop, once a pending read has returned: who owns
// the input closes it.
type keyboard struct {
	chunks chan []byte
	done   chan struct{}
	rest   []byte // read and not yet delivered; used by one reader at a time

	mu        sync.Mutex
	interrupt func() // guarded by mu; nil: Ctrl-C is a character
}

// startKeyboard reads in until stop is called.
func startKeyboard(in io.Reader) *keyboard {
	k := &keyboard{chunks: make(chan []byte), done: make(chan struct{})}
	go k.pump(in)
	return k
}

func (k *keyboard) stop() { close(k.done) }

func (k *keyboard) pump(in io.Reader) {
	defer close(k.chunks)
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		if chunk := k.intercept(bytes.Clone(buf[:n])); len(chunk) > 0 {
			select {
			case k.chunks <- chunk:
			case <-k.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// intercept takes Ctrl-C, and what was typed before it, out of the input while
// a command wants to know of it.
func (k *keyboard) intercept(chunk []byte) []byte {
	i := bytes.LastIndexByte(chunk, interruptKey)
	if i < 0 {
		return chunk
	}
	k.mu.Lock()
	f := k.interrupt
	k.mu.Unlock()
	if f == nil {
		return chunk
	}
	f()
	return chunk[i+1:]
}

// onInterrupt sets what Ctrl-C does; nil makes it a character again.
func (k *keyboard) onInterrupt(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.interrupt = f
}

// suspend makes Ctrl-C a character until resume is called.
func (k *keyboard) suspend() (resume func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.interrupt
	k.interrupt = nil
	return func() { k.onInterrupt(f) }
}

// lease gives the input to one reader, until it is closed.
func (k *keyboard) lease(idle time.Duration) *lease {
	return &lease{k: k, idle: idle, closed: make(chan struct{})}
}

// lease is an io.Reader of the keyboard that stops at Close, even while a read
// is waiting.
type lease struct {
	k      *keyboard
	idle   time.Duration // 0: wait for ever
	closed chan struct{}
	// lines: a read ends with a line, so that what was typed ahead is left to
	// the command or connection that the line starts.
	lines bool
}

func (l *lease) Close() { close(l.closed) }

func (l *lease) Read(p []byte) (int, error) {
	if len(l.k.rest) == 0 {
		if err := l.wait(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.k.rest[:l.length()])
	l.k.rest = l.k.rest[n:]
	return n, nil
}

// length is how much of the input this reader may have at once.
func (l *lease) length() int {
	if !l.lines {
		return len(l.k.rest)
	}
	i := bytes.IndexAny(l.k.rest, "\r\n")
	switch {
	case i < 0:
		return len(l.k.rest)
	case bytes.HasPrefix(l.k.rest[i:], []byte("\r\n")):
		return i + 2
	}
	return i + 1
}

func (l *lease) wait() error {
	var idle <-chan time.Time
	if l.idle > 0 {
		t := time.NewTimer(l.idle)
		defer t.Stop()
		idle = t.C
	}
	select {
	case chunk, ok := <-l.k.chunks:
		if !ok {
			return io.EOF
		}
		l.k.rest = chunk
		return nil
	case <-l.closed:
		return io.EOF
	case <-idle:
		return errIdle
	}
}
