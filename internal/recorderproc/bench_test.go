package recorderproc_test

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"

	"gateway/internal/recorderproc"
	"gateway/recorder"
)

// benchmarkRelay measures ring to file, and the CPU time of both sides.
func benchmarkRelay(b *testing.B, data []byte) {
	s := newStation(b, b.TempDir(), recorderproc.DefaultNap)
	h := header()
	p, _ := s.record(b, h)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		if err := p.PutData(recorder.Out, data); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(h.Session, recorder.End{}); err != nil {
		b.Fatal(err)
	}
	done := <-s.sealed
	if done.Err != nil {
		b.Fatal(done.Err)
	}
	used := cpu(b) - before
	b.ReportMetric(used/(float64(done.Seal.Out)/(1<<30)), "cpu-s/GiB")
	b.ReportMetric(float64(done.Seal.Out)/float64(done.Seal.Chunks)/1024, "KiB/chunk")
}

func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func BenchmarkRelayRandom(b *testing.B) {
	data := make([]byte, 32<<10)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	benchmarkRelay(b, data)
}

func BenchmarkRelayText(b *testing.B) {
	line := []byte("drwxr-xr-x 2 root root 4096 Nov 21 23:15 some-file-name-that-is-long.txt\r\n")
	benchmarkRelay(b, bytes.Repeat(line, 32<<10/len(line)))
}
