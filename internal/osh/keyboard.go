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

// maxAhead bounds what is typed ahead of a reader.
const maxAhead = 64 << 10

// keyboard is the person's input, read by one goroutine, so that whoever reads
// can stop waiting and Ctrl-C ends a command that does not read. The goroutine
// ends with the input or with stop, once a pending read has returned: who owns
// the input closes it.
type keyboard struct {
	data  chan struct{} // holds one token when there may be something to read
	space chan struct{} // the same, when there may be space again
	done  chan struct{}

	mu        sync.Mutex // guards the fields below
	buf       []byte     // read and not yet delivered
	ended     bool       // nothing will follow
	interrupt func()     // nil: Ctrl-C is a character
}

// startKeyboard reads in until stop is called.
func startKeyboard(in io.Reader) *keyboard {
	k := &keyboard{data: make(chan struct{}, 1), space: make(chan struct{}, 1), done: make(chan struct{})}
	go k.pump(in)
	return k
}

func (k *keyboard) stop() { close(k.done) }

func (k *keyboard) pump(in io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		full := k.add(buf[:n], err != nil)
		signal(k.data)
		if err != nil {
			return
		}
		for full {
			select {
			case <-k.space:
				full = k.add(nil, false)
			case <-k.done:
				return
			}
		}
	}
}

// add takes what was typed and reports whether there is no space for more.
// While a command wants to know of Ctrl-C, that key takes with it what was
// typed before, and what has no space is lost: nobody may ever read it.
func (k *keyboard) add(typed []byte, end bool) (full bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = k.ended || end
	if k.interrupt == nil {
		k.buf = append(k.buf, typed...)
		return len(k.buf) >= maxAhead
	}
	if i := bytes.LastIndexByte(typed, interruptKey); i >= 0 {
		k.interrupt()
		k.buf, typed = nil, typed[i+1:]
	}
	k.buf = append(k.buf, typed[:min(len(typed), max(0, maxAhead-len(k.buf)))]...)
	return false
}

// signal leaves a token in c.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
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
	var idle <-chan time.Time
	if l.idle > 0 {
		t := time.NewTimer(l.idle)
		defer t.Stop()
		idle = t.C
	}
	for {
		select {
		case <-l.closed: // what is there belongs to somebody else
			return 0, io.EOF
		default:
		}
		if n, ended := l.k.take(p, l.lines); n > 0 || len(p) == 0 {
			return n, nil
		} else if ended {
			return 0, io.EOF
		}
		select {
		case <-l.k.data:
		case <-l.closed:
			return 0, io.EOF
		case <-idle:
			return 0, errIdle
		}
	}
}

// take delivers what there is, or up to the end of a line of it.
func (k *keyboard) take(p []byte, lines bool) (n int, ended bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n = len(k.buf)
	if i := bytes.IndexAny(k.buf, "\r\n"); lines && i >= 0 {
		n = i + 1
		if bytes.HasPrefix(k.buf[i:], []byte("\r\n")) {
			n++
		}
	}
	n = copy(p, k.buf[:n])
	k.buf = k.buf[n:]
	signal(k.space)
	if len(k.buf) > 0 || k.ended {
		signal(k.data)
	}
	return n, k.ended
}
