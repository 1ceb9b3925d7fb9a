package ring

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
)

const (
	idleBeforePunch = 5 * time.Second
	spuriousPause   = time.Millisecond       // what a wake-up without a cause costs whoever sent it
	refusePause     = 50 * time.Microsecond  // between two looks at the busy bit
	refuseTimeout   = 100 * time.Millisecond // an event is copied in microseconds, or its process is dead
)

// Consumer takes the bytes out of a ring. It is for one goroutine; only
// Interrupt may be called from others.
type Consumer struct {
	files       Files
	mem         memory
	head        uint64 // bytes released; the shared word is only told
	touched     uint64 // head when memory was last given back
	gone        bool   // every producer's end of the wake pipe is closed
	refused     bool
	interrupted atomic.Bool
}

// NewConsumer takes over f, unless it fails. position is how many bytes of the ring's stream
// are in safety already: 0 for a new ring, else Writer.Position of the resumed
// recording. The read index in the ring itself is not believed.
func NewConsumer(f Files, position uint64) (*Consumer, error) {
	if err := pollable(f.Wake); err != nil {
		return nil, err
	}
	mem, err := mapMemory(f.Mem)
	if err != nil {
		return nil, err
	}
	c := &Consumer{files: f, mem: mem, head: position & indexMask, touched: position & indexMask}
	if _, err := c.used(); err != nil {
		return nil, errors.Join(err, unix.Munmap(mem.all))
	}
	mem.read.Store(c.head)
	mem.state.Store(stateBusy)
	poke(f.Space)
	return c, nil
}

// Size is the most bytes that Drain gives.
func (c *Consumer) Size() int { return int(c.mem.size) }

// Interrupt makes Wait return now and ever after.
func (c *Consumer) Interrupt() {
	c.interrupted.Store(true)
	_ = c.files.Wake.SetReadDeadline(time.Unix(1, 0))
}

// used is how many bytes wait to be drained.
func (c *Consumer) used() (uint64, error) {
	n := (c.mem.write.Load() & indexMask) - c.head
	if n > c.mem.size {
		return 0, fmt.Errorf("recording ring: write index out of bounds: %w", gateway.ErrInvalid)
	}
	return n, nil
}

// Wait waits for the first bytes, and then for up to nap until half of
// the ring is used: so a person at a keyboard costs two chunks a second, and
// bulk makes large chunks. It returns nil when there is something to drain,
// and io.EOF after Close of the producer or its death, or Interrupt; then too
// there may be something left.
func (c *Consumer) Wait(nap time.Duration) error {
	if c.refused {
		return fmt.Errorf("recording ring: %w", gateway.ErrNoRecord)
	}
	defer c.mem.state.Store(stateBusy)
	idle := time.Now().Add(idleBeforePunch)
	for {
		n, err := c.sleep(stateWaiting, idle, 1)
		if err != nil {
			return err
		}
		if n > 0 {
			break
		}
		c.giveBack()
		idle = time.Time{}
	}
	_, err := c.sleep(stateNapping, time.Now().Add(nap), c.mem.size/2+1)
	return err
}

// sleep waits in the given state until at least want bytes are used or the
// deadline is over, and returns how many are.
func (c *Consumer) sleep(state uint32, deadline time.Time, want uint64) (uint64, error) {
	if err := c.files.Wake.SetReadDeadline(deadline); err != nil {
		return 0, fmt.Errorf("recording ring: %w", err)
	}
	for {
		c.mem.state.Store(state)
		n, err := c.used()
		switch {
		case err != nil:
			return 0, err
		case c.interrupted.Load() || c.gone || c.mem.closed.Load() != 0:
			return n, io.EOF
		case n >= want:
			return n, nil
		}
		var buf [256]byte
		_, err = c.files.Wake.Read(buf[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if c.interrupted.Load() {
				return n, io.EOF
			}
			return c.used()
		case err != nil:
			c.gone = true // io.EOF, or a descriptor that is of no more use
			continue
		}
		// An honest producer wakes us for enough bytes only.
		if n, err = c.used(); n >= want || err != nil {
			return n, err
		}
		time.Sleep(spuriousPause)
	}
}

// giveBack returns the memory of an empty ring to the system.
func (c *Consumer) giveBack() {
	if c.head-c.touched < pageSize {
		return
	}
	c.mem.state.Store(stateGate)
	// Empty and not busy: a producer that comes now sees the gate and waits for the poke.
	if c.mem.write.Load() == c.head {
		if unix.Madvise(c.mem.data, unix.MADV_REMOVE) == nil {
			c.touched = c.head
		}
	}
	c.mem.state.Store(stateBusy)
	c.wakeProducer()
}

// Drain copies everything in the ring to b, which must have room for Size
// bytes. They stay in the ring until Release.
func (c *Consumer) Drain(b []byte) (int, error) {
	n, err := c.used()
	if err != nil {
		return 0, err
	}
	if uint64(len(b)) < n {
		return 0, fmt.Errorf("drain recording ring: %d bytes of room for %d: %w", len(b), n, gateway.ErrInvalid)
	}
	at := c.head & (c.mem.size - 1)
	first := copy(b[:n], c.mem.data[at:])
	copy(b[first:n], c.mem.data)
	return int(n), nil
}

// Release gives the first n drained bytes' room back, now that they are in
// safety.
func (c *Consumer) Release(n int) {
	c.head += uint64(n)
	c.mem.read.Store(c.head)
	c.wakeProducer()
}

func (c *Consumer) wakeProducer() {
	// Swap: one poke for each time that it waits.
	if c.mem.waiting.Swap(0) != 0 {
		poke(c.files.Space)
	}
}

// Refuse makes every Put from now on fail. When it returns, what is in the
// ring is all that was ever accepted.
func (c *Consumer) Refuse() {
	c.refused = true
	c.mem.state.Store(stateRefused)
	c.mem.waiting.Store(0)
	poke(c.files.Space)
	for end := time.Now().Add(refuseTimeout); c.mem.write.Load()&busyBit != 0 && time.Now().Before(end); {
		time.Sleep(refusePause)
	}
}

// Close unmaps the memory and closes the descriptors.
func (c *Consumer) Close() error {
	defer c.files.Close()
	return c.Detach()
}

// Detach unmaps the memory and leaves the descriptors to the caller.
func (c *Consumer) Detach() error {
	if err := unix.Munmap(c.mem.all); err != nil {
		return fmt.Errorf("close recording ring: %w", os.NewSyscallError("munmap", err))
	}
	return nil
}
