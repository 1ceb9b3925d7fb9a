package ring

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/recorder"
)

// newPair is both sides in one process, with the consumer's insides at hand.
func newPair(t *testing.T) (*Shared, *Producer, *Consumer) {
	t.Helper()
	shared, err := New(MinSize)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewConsumer(shared.Consumer, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProducer(shared.Producer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		c.Close()
	})
	return shared, p, c
}

func TestHostileWriteIndex(t *testing.T) {
	for _, index := range []uint64{MinSize + 1, math.MaxUint64, indexMask, busyBit | (MinSize + 1)} {
		_, p, c := newPair(t)
		p.mem.write.Store(index)
		buf := make([]byte, c.Size())
		if n, err := c.Drain(buf); !errors.Is(err, gateway.ErrInvalid) || n != 0 {
			t.Errorf("Drain with write index %#x = %d, %v; want ErrInvalid", index, n, err)
		}
		if err := c.Wait(0); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("Wait with write index %#x = %v, want ErrInvalid", index, err)
		}
	}
	// Backwards, after something was released.
	_, p, c := newPair(t)
	c.Release(100)
	p.mem.write.Store(99)
	if _, err := c.Drain(make([]byte, c.Size())); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("Drain with an index that went back = %v, want ErrInvalid", err)
	}
}

func TestHostileReadIndexIsIgnored(t *testing.T) {
	_, p, c := newPair(t)
	if err := p.PutData(recorder.Out, []byte("x")); err != nil {
		t.Fatal(err)
	}
	p.mem.read.Store(math.MaxUint64)
	if n, err := c.Drain(make([]byte, c.Size())); err != nil || n != recorder.FrameHeaderSize+1 {
		t.Errorf("Drain = %d, %v; want one event", n, err)
	}
}

func TestHostileBusyBitDelaysRefuseOnly(t *testing.T) {
	_, p, c := newPair(t)
	p.mem.write.Store(busyBit)
	before := time.Now()
	c.Refuse()
	if took := time.Since(before); took > 20*refuseTimeout {
		t.Errorf("Refuse took %v", took)
	}
}

// TestHostilePipes: the producer fills both pipes, and makes its ends
// blocking; the consumer neither hangs nor spins.
func TestHostilePipes(t *testing.T) {
	shared, p, c := newPair(t)
	for range 1 << 17 {
		poke(shared.Producer.Wake)
	}
	for _, f := range []*os.File{shared.Producer.Wake, shared.Producer.Space} {
		if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
			t.Fatal(err)
		}
		defer unix.SetNonblock(int(f.Fd()), true) // else Close of this producer waits for itself
	}
	for range 1 << 17 {
		p.mem.waiting.Store(1)
		c.wakeProducer() // fills the space pipe; must not wait for room in it
	}
	done := make(chan error)
	go func() { done <- c.Wait(time.Hour) }()
	c.Interrupt()
	if err := <-done; err != io.EOF {
		t.Errorf("Wait = %v, want EOF", err)
	}
	c.Refuse()
}

func TestUnsealedMemoryIsRefused(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(pageSize + MinSize); err != nil {
		t.Fatal(err)
	}
	shared, _, _ := newPair(t)
	if _, err := NewConsumer(Files{Mem: f, Wake: shared.Consumer.Wake}, 0); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("NewConsumer of an ordinary file = %v, want ErrInvalid", err)
	}
}

func TestBlockingPipeIsRefused(t *testing.T) {
	shared, _, _ := newPair(t)
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	r, w := os.NewFile(uintptr(fd[0]), "r"), os.NewFile(uintptr(fd[1]), "w")
	defer r.Close()
	defer w.Close()
	if _, err := NewConsumer(Files{Mem: shared.Consumer.Mem, Wake: r, Space: w}, 0); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("NewConsumer with a blocking pipe = %v, want ErrNoDeadline", err)
	}
	if _, err := NewProducer(Files{Mem: shared.Producer.Mem, Wake: w, Space: r}, time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("NewProducer with a blocking pipe = %v, want ErrNoDeadline", err)
	}
}

func TestMemoryCannotShrink(t *testing.T) {
	shared, _, _ := newPair(t)
	if err := shared.Producer.Mem.Truncate(0); !errors.Is(err, unix.EPERM) {
		t.Errorf("Truncate = %v, want EPERM", err)
	}
}

// TestGiveBack gives memory back all the time while a producer works.
func TestGiveBack(t *testing.T) {
	_, p, c := newPair(t)
	var want, got []byte
	for i := range 3000 {
		want = append(want, bytes.Repeat([]byte{byte(i)}, 100+i)...)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 5000)
			if err := p.PutData(recorder.Out, rest[:n]); err != nil {
				t.Error(err)
			}
			rest = rest[n:]
		}
		p.Close()
	})
	buf, times := make([]byte, c.Size()), 0
	for end := false; !end; {
		end = c.mem.closed.Load() != 0
		n, err := c.Drain(buf)
		if err != nil {
			t.Fatal(err)
		}
		for b := buf[:n]; len(b) > 0; {
			_, e, n, err := recorder.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.(recorder.Data).Bytes...)
			b = b[n:]
		}
		c.Release(n)
		before := c.touched
		c.giveBack()
		if c.touched != before {
			times++
		}
	}
	wg.Wait()
	if !bytes.Equal(got, want) || times == 0 {
		t.Errorf("%d bytes of %d arrived as put, memory given back %d times", len(got), len(want), times)
	}
}

func TestGiveBackFreesMemory(t *testing.T) {
	shared, p, c := newPair(t)
	blocks := func() int64 {
		var st unix.Stat_t
		if err := unix.Fstat(int(shared.Consumer.Mem.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks * 512
	}
	if err := p.PutData(recorder.Out, make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Drain(make([]byte, c.Size()))
	if err != nil {
		t.Fatal(err)
	}
	c.giveBack()
	if got := blocks(); got < 64<<10 {
		t.Errorf("%d bytes left of a ring that is not empty", got)
	}
	c.Release(n)
	c.giveBack()
	if got := blocks(); got > pageSize {
		t.Errorf("%d bytes in use by an empty ring, want one page", got)
	}
}

func TestProducerDeathEndsWait(t *testing.T) {
	shared, p, c := newPair(t)
	shared.Producer.Wake.Close() // what the kernel does when the process dies
	if err := c.Wait(time.Hour); err != io.EOF {
		t.Errorf("Wait = %v, want EOF", err)
	}
	_ = p
}
