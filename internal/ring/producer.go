package ring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/recorder"
)

var errClosing = fmt.Errorf("record: session is closing: %w", gateway.ErrNoRecord)

// Producer puts events into a ring. It is safe for concurrent use.
type Producer struct {
	files   Files
	base    time.Time     // when it was made, with a monotonic reading
	offset  time.Duration // of base from the session's start
	stopped atomic.Bool

	mu  sync.Mutex // guards what follows, and the producer's words
	mem memory
	// scratch is for the encoding of an event, which is copied into the ring.
	scratch []byte
	tail    uint64 // what the write index is, without the busy bit
	head    uint64 // the read index when last looked
}

// NewProducer takes over f, unless it fails. start is the Start of the recording's header:
// events get their offset from it.
func NewProducer(f Files, start time.Time) (*Producer, error) {
	if err := pollable(f.Space); err != nil {
		return nil, err
	}
	mem, err := mapMemory(f.Mem)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &Producer{
		files: f, base: now, offset: max(now.Round(0).Sub(start.Round(0)), 0),
		mem: mem, tail: mem.write.Load() & indexMask, head: mem.read.Load(),
	}, nil
}

// Put has e recorded. When it returns nil, e was accepted and may be
// forwarded. It waits while the ring is full; the error is a
// gateway.ErrNoRecord once the recorder refuses or Close was called.
func (p *Producer) Put(e recorder.Event) error {
	if d, ok := e.(recorder.Data); ok {
		return p.PutData(d.Stream, d.Bytes)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Nearly every event fits a frame, and is encoded without allocating.
	if b, err := recorder.Append(p.scratch[:0], p.now(), e); err == nil {
		if cap(b) <= pageSize {
			p.scratch = b
		}
		return p.put(b[:recorder.FrameHeaderSize], b[recorder.FrameHeaderSize:])
	}
	for _, part := range recorder.Split(e) {
		b, err := recorder.Append(nil, p.now(), part)
		if err != nil {
			return fmt.Errorf("record: %w", err)
		}
		if err := p.put(b[:recorder.FrameHeaderSize], b[recorder.FrameHeaderSize:]); err != nil {
			return err
		}
	}
	return nil
}

// PutData is Put for a Data event, without allocating. It does not keep b.
func (p *Producer) PutData(s recorder.Stream, b []byte) error {
	if s < recorder.In || s > recorder.Err {
		return fmt.Errorf("record data: stream %d: %w", s, gateway.ErrInvalid)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(b) > 0 {
		part := b[:min(len(b), recorder.MaxBody)]
		b = b[len(part):]
		h := recorder.DataHeader(p.now(), s, len(part))
		if err := p.put(h[:], part); err != nil {
			return err
		}
	}
	return nil
}

func (p *Producer) now() time.Duration { return p.offset + time.Since(p.base) }

// put copies one frame in and publishes it.
func (p *Producer) put(head, body []byte) error {
	if p.stopped.Load() {
		return errClosing // the memory is unmapped
	}
	n := uint64(len(head) + len(body))
	for {
		p.mem.write.Store(p.tail | busyBit)
		if p.mem.state.Load() < stateGate && p.fits(n) {
			break
		}
		p.mem.write.Store(p.tail)
		if err := p.wait(n); err != nil {
			return err
		}
	}
	p.copyIn(p.tail, head)
	p.copyIn(p.tail+uint64(len(head)), body)
	p.tail += n
	p.mem.write.Store(p.tail)
	switch s := p.mem.state.Load(); {
	case s == stateWaiting, s == stateNapping && p.tail-p.mem.read.Load() > p.mem.size/2:
		// One of us turns the state, so the consumer is woken once.
		if p.mem.state.CompareAndSwap(s, stateBusy) {
			poke(p.files.Wake)
		}
	}
	return nil
}

func (p *Producer) copyIn(at uint64, b []byte) {
	n := copy(p.mem.data[at&(p.mem.size-1):], b)
	copy(p.mem.data, b[n:])
}

func (p *Producer) fits(n uint64) bool {
	if p.tail-p.head+n <= p.mem.size {
		return true
	}
	p.head = p.mem.read.Load()
	return p.tail-p.head+n <= p.mem.size
}

// wait waits until n bytes may fit and the gate is open.
func (p *Producer) wait(n uint64) error {
	p.mem.waiting.Store(1)
	defer p.mem.waiting.Store(0)
	for {
		if p.stopped.Load() {
			return errClosing
		}
		s := p.mem.state.Load()
		switch {
		case s == stateRefused:
			return fmt.Errorf("record: %w", gateway.ErrNoRecord)
		case s != stateGate && p.fits(n):
			return nil
		case s == stateWaiting || s == stateNapping:
			// A nap does not end by itself as soon as the ring is full.
			if p.mem.state.CompareAndSwap(s, stateBusy) {
				poke(p.files.Wake)
			}
		}
		var buf [64]byte
		if _, err := p.files.Space.Read(buf[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("record: %w: %w", gateway.ErrNoRecord, err)
		}
		p.mem.waiting.Store(1)
	}
}

// Close makes every waiting and later Put fail, and tells the consumer that
// there will be no more. What was accepted stays accepted.
func (p *Producer) Close() error {
	if p.stopped.Swap(true) {
		return nil
	}
	// Wakes a Put that waits; it holds the lock.
	_ = p.files.Space.SetReadDeadline(time.Unix(1, 0))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mem.closed.Store(1)
	poke(p.files.Wake)
	p.files.Close()
	if err := unix.Munmap(p.mem.all); err != nil {
		return fmt.Errorf("close recording ring: %w", os.NewSyscallError("munmap", err))
	}
	return nil
}

// CloseOnDone calls Close when ctx is done. The function that it returns
// undoes that.
func (p *Producer) CloseOnDone(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { p.Close() })
}
