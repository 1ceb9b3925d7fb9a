package ring_test

import (
	"testing"
	"time"

	"gateway/internal/ring"
	"gateway/recorder"
)

func benchmarkPut(b *testing.B, size int) {
	shared, err := ring.New(ring.DefaultSize)
	if err != nil {
		b.Fatal(err)
	}
	c, err := ring.NewConsumer(shared.Consumer, 0)
	if err != nil {
		b.Fatal(err)
	}
	p, err := ring.NewProducer(shared.Producer, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	defer c.Close()
	data := make([]byte, size)
	buf := make([]byte, c.Size())
	every := c.Size() / 2 / (size + recorder.FrameHeaderSize)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := p.PutData(recorder.Out, data); err != nil {
			b.Fatal(err)
		}
		if n++; n == every {
			n = 0
			b.StopTimer()
			got, err := c.Drain(buf)
			if err != nil {
				b.Fatal(err)
			}
			c.Release(got)
			b.StartTimer()
		}
	}
}

func BenchmarkPutSmall(b *testing.B) { benchmarkPut(b, 16) }
func BenchmarkPut32K(b *testing.B)   { benchmarkPut(b, 32<<10) }
