package ring_test

import (
	"strings"
	"testing"
	"time"

	"gateway/internal/ring"
	"gateway/recorder"
)

// newBenchmark makes a ring; drain empties it off the clock.
func newBenchmark(b *testing.B) (p *ring.Producer, drain func()) {
	shared, err := ring.New(ring.DefaultSize)
	if err != nil {
		b.Fatal(err)
	}
	c, err := ring.NewConsumer(shared.Consumer, 0)
	if err != nil {
		b.Fatal(err)
	}
	if p, err = ring.NewProducer(shared.Producer, time.Now()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		p.Close()
		c.Close()
	})
	buf := make([]byte, c.Size())
	return p, func() {
		b.StopTimer()
		got, err := c.Drain(buf)
		if err != nil {
			b.Fatal(err)
		}
		c.Release(got)
		b.StartTimer()
	}
}

func benchmarkPut(b *testing.B, size int) {
	p, drain := newBenchmark(b)
	data := make([]byte, size)
	every := ring.DefaultSize / 2 / (size + recorder.FrameHeaderSize)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := p.PutData(recorder.Out, data); err != nil {
			b.Fatal(err)
		}
		if n++; n == every {
			n = 0
			drain()
		}
	}
}

func BenchmarkPutSmall(b *testing.B) { benchmarkPut(b, 16) }
func BenchmarkPut32K(b *testing.B)   { benchmarkPut(b, 32<<10) }

// BenchmarkPutRequest records what one statement of a database gives.
func BenchmarkPutRequest(b *testing.B) {
	p, drain := newBenchmark(b)
	text := strings.Repeat("x", 80)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := p.Put(recorder.Request{Name: "execute", Text: text}); err != nil {
			b.Fatal(err)
		}
		if n++; n == 1000 {
			n = 0
			drain()
		}
	}
}
