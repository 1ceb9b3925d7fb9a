package ring_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway"
	"gateway/internal/ring"
	"gateway/recorder"
)

// TestMain lets the test binary be the other process.
func TestMain(m *testing.M) {
	if role := os.Getenv("RING_TEST_ROLE"); role != "" {
		os.Exit(child(role))
	}
	os.Exit(m.Run())
}

// inherited are the descriptors that start passed.
func inherited() ring.Files {
	return ring.Files{Mem: os.NewFile(3, "mem"), Wake: os.NewFile(4, "wake"), Space: os.NewFile(5, "space")}
}

// pattern is what the child produces: any part of it tells where it is from.
func pattern(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8), byte(i >> 16)}, 1000) }

func child(role string) int {
	switch role {
	case "produce": // for ever; prints after how many events it was killed
		p, err := ring.NewProducer(inherited(), time.Now())
		if err != nil {
			return 1
		}
		for i := range 200 {
			if err := p.PutData(recorder.Out, pattern(i)); err != nil {
				return 2
			}
			if i == 100 {
				os.Stdout.WriteString("half\n")
			}
		}
		os.Stdout.WriteString("all\n")
		select {}
	case "consume": // drains without ever releasing
		c, err := ring.NewConsumer(inherited(), 0)
		if err != nil {
			return 1
		}
		if err := c.Wait(0); err != nil {
			return 2
		}
		if _, err := c.Drain(make([]byte, c.Size())); err != nil {
			return 3
		}
		os.Stdout.WriteString("drained\n")
		select {}
	}
	return 9
}

func start(t *testing.T, role string, f ring.Files) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RING_TEST_ROLE="+role)
	cmd.ExtraFiles = []*os.File{f.Mem, f.Wake, f.Space}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

func readLine(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want)+1)
	if _, err := io.ReadFull(r, b); err != nil || string(b) != want+"\n" {
		t.Fatalf("child says %q, %v; want %q", b, err, want)
	}
}

// pair is both sides of a ring in this process.
func pair(t testing.TB, size int) (*ring.Producer, *ring.Consumer) {
	t.Helper()
	shared, err := ring.New(size)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ring.NewConsumer(shared.Consumer, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ring.NewProducer(shared.Producer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		c.Close()
	})
	return p, c
}

// collect drains until the end, and gives the bytes of all Data events.
func collect(t testing.TB, c *ring.Consumer, nap time.Duration) []byte {
	t.Helper()
	var got []byte
	buf := make([]byte, c.Size())
	for {
		waitErr := c.Wait(nap)
		n, err := c.Drain(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, payload(t, buf[:n])...)
		c.Release(n)
		if waitErr == io.EOF {
			return got
		} else if waitErr != nil {
			t.Fatal(waitErr)
		}
	}
}

func payload(t testing.TB, frames []byte) []byte {
	t.Helper()
	var got []byte
	for len(frames) > 0 {
		_, e, n, err := recorder.Decode(frames)
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := e.(recorder.Data); ok {
			got = append(got, d.Bytes...)
		}
		frames = frames[n:]
	}
	return got
}

func TestEverythingArrivesInOrder(t *testing.T) {
	p, c := pair(t, ring.MinSize)
	want := make([]byte, 5<<20)
	for i := range want {
		want[i] = byte(rand.Uint32())
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(150<<10))
			if err := p.PutData(recorder.Out, rest[:n]); err != nil {
				t.Error(err)
			}
			rest = rest[n:]
		}
		p.Close()
	})
	got := collect(t, c, time.Millisecond)
	wg.Wait()
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes that differ from the %d put", len(got), len(want))
	}
}

func TestManyProducers(t *testing.T) {
	p, c := pair(t, ring.MinSize)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				if err := p.PutData(recorder.In, []byte("0123456789abcdef")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() {
		wg.Wait()
		p.Close()
	}()
	got := collect(t, c, time.Millisecond)
	if want := strings.Repeat("0123456789abcdef", 16000); string(got) != want {
		t.Errorf("got %d bytes, want %d whole events", len(got), len(want))
	}
}

func TestLargeRequestIsSplit(t *testing.T) {
	p, c := pair(t, ring.DefaultSize)
	if err := p.Put(recorder.Request{Name: "q", Text: strings.Repeat("x", 200<<10)}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, c.Size())
	n, err := c.Drain(buf)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for b := buf[:n]; len(b) > 0; {
		_, e, n, err := recorder.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		size += len(e.(recorder.Request).Text)
		b = b[n:]
	}
	if size != 200<<10 {
		t.Errorf("the parts have %d bytes, want %d", size, 200<<10)
	}
}

func TestRefuseReleasesAWaitingProducer(t *testing.T) {
	p, c := pair(t, ring.MinSize)
	accepted := make(chan int)
	go func() {
		n := 0
		for {
			if err := p.PutData(recorder.Out, make([]byte, 30<<10)); err != nil {
				if !errors.Is(err, gateway.ErrNoRecord) {
					t.Errorf("PutData = %v, want ErrNoRecord", err)
				}
				accepted <- n
				return
			}
			n++
		}
	}()
	if err := c.Wait(time.Hour); err != nil { // half full
		t.Fatal(err)
	}
	c.Refuse()
	buf := make([]byte, c.Size())
	n, err := c.Drain(buf)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(payload(t, buf[:n])); got != <-accepted*30<<10 {
		t.Errorf("%d bytes in the ring after Refuse, not what was accepted", got)
	}
}

func TestCloseReleasesAWaitingProducer(t *testing.T) {
	p, _ := pair(t, ring.MinSize)
	ctx, cancel := context.WithCancel(t.Context())
	defer p.CloseOnDone(ctx)()
	done := make(chan error)
	go func() {
		var err error
		for err == nil {
			err = p.PutData(recorder.Out, make([]byte, 30<<10))
		}
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, gateway.ErrNoRecord) {
		t.Errorf("PutData = %v, want ErrNoRecord", err)
	}
	if err := p.Put(recorder.Mark{}); !errors.Is(err, gateway.ErrNoRecord) {
		t.Errorf("Put after Close = %v, want ErrNoRecord", err)
	}
}

func TestInterruptEndsWait(t *testing.T) {
	_, c := pair(t, ring.MinSize)
	done := make(chan error)
	go func() { done <- c.Wait(time.Hour) }()
	c.Interrupt()
	if err := <-done; err != io.EOF {
		t.Errorf("Wait = %v, want EOF", err)
	}
}

func TestPutDataDoesNotAllocate(t *testing.T) {
	p, c := pair(t, ring.DefaultSize)
	buf, data := make([]byte, c.Size()), make([]byte, 1000)
	if n := testing.AllocsPerRun(100, func() {
		if err := p.PutData(recorder.Out, data); err != nil {
			t.Fatal(err)
		}
		n, err := c.Drain(buf)
		if err != nil {
			t.Fatal(err)
		}
		c.Release(n)
	}); n != 0 {
		t.Errorf("PutData and Drain allocate %v times", n)
	}
}

func TestAcceptedOutlivesTheProducer(t *testing.T) {
	shared, err := ring.New(1 << 19)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ring.NewConsumer(shared.Consumer, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cmd, out := start(t, "produce", shared.Producer)
	shared.Producer.Close()
	readLine(t, out, "half")
	kill(t, cmd) // somewhere between the 100th and the last event, or after
	got := collect(t, c, time.Millisecond)
	if len(got) < 101*3000 || len(got)%3000 != 0 {
		t.Errorf("%d bytes outlived the producer, want whole events, at least 101 of 3000 bytes", len(got))
	}
	for i := 0; i < len(got)/3000; i++ {
		if !bytes.Equal(got[i*3000:(i+1)*3000], pattern(i)) {
			t.Fatalf("event %d is damaged", i)
		}
	}
}

func TestAcceptedOutlivesTheConsumer(t *testing.T) {
	shared, err := ring.New(ring.MinSize)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ring.NewProducer(shared.Producer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	cmd, out := start(t, "consume", shared.Consumer)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 100 { // more than fits: it waits for the second consumer
			if err := p.PutData(recorder.Out, pattern(i)); err != nil {
				t.Error(err)
			}
		}
		p.Close()
	})
	readLine(t, out, "drained")
	kill(t, cmd)
	c, err := ring.NewConsumer(shared.Consumer, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := collect(t, c, time.Millisecond)
	wg.Wait()
	for i := range 100 {
		if len(got) != 100*3000 || !bytes.Equal(got[i*3000:(i+1)*3000], pattern(i)) {
			t.Fatalf("%d bytes outlived the consumer, event %d is not as put", len(got), i)
		}
	}
}

func TestNewChecksSize(t *testing.T) {
	for _, size := range []int{0, -1, ring.MinSize - 1, ring.MinSize + 1, ring.MaxSize * 2} {
		if _, err := ring.New(size); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("New(%d) = %v, want ErrInvalid", size, err)
		}
	}
}
