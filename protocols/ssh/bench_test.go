package ssh_test

import (
	"context"
	"io"
	"testing"

	"gateway/protocols/protocoltest"
	"gateway/recorder"
)

// nothing is a session that keeps no record.
type nothing struct{ protocoltest.Session }

func (*nothing) Record(recorder.Event) error { return nil }

// BenchmarkDownload relays b.N blocks of 32 KiB from an in-process target.
func BenchmarkDownload(b *testing.B) {
	const block = 32 << 10
	s, g := suite(b)
	begin := make(chan struct{})
	g.handle = func(session *serverSession) {
		p := make([]byte, block)
		<-begin
		for range b.N {
			if _, err := session.Write(p); err != nil {
				return
			}
		}
		session.exit(0)
	}
	c := protocoltest.NewClient()
	c.Out = io.Discard
	wait := s.Start(context.Background(), b, run("x"), c, &nothing{})
	b.SetBytes(block)
	b.ReportAllocs()
	b.ResetTimer()
	close(begin)
	if _, err := wait(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkUpload is the other way.
func BenchmarkUpload(b *testing.B) {
	const block = 32 << 10
	s, _ := suite(b)
	c := protocoltest.NewClient()
	wait := s.Start(context.Background(), b, run("sink"), c, &nothing{})
	p := make([]byte, block)
	b.SetBytes(block)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := c.Input.Write(p); err != nil {
			b.Fatal(err)
		}
	}
	c.Input.Close()
	if _, err := wait(); err != nil {
		b.Fatal(err)
	}
}
