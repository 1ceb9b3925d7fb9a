package postgres_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gateway/internal/ring"
	"gateway/interop-tests/pgserver"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/recorder"
)

// recording is a session that records through a real ring.
type recording struct {
	protocols.Session
	ring *ring.Producer
}

func (r recording) Record(e recorder.Event) error { return r.ring.Put(e) }

// newRecording makes one, whose other end writes compressed chunks to nowhere.
func newRecording(tb testing.TB) (s recording, size func() int64) {
	tb.Helper()
	shared, err := ring.New(ring.DefaultSize)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := ring.NewConsumer(shared.Consumer, 0)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := ring.NewProducer(shared.Producer, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan int64)
	go func() {
		buf, total := make([]byte, c.Size()), int64(0)
		for {
			err := c.Wait(500 * time.Millisecond)
			n, _ := c.Drain(buf)
			c.Release(n)
			total += int64(n)
			if err == io.EOF {
				c.Close()
				done <- total
				return
			}
		}
	}()
	return recording{ring: p}, func() int64 {
		p.Close()
		return <-done
	}
}

// way is one way to the server: straight, or through the relay.
type way struct {
	name string
	env  []string
}

// ways starts a server and a relay of one of its logins that records.
func ways(b *testing.B, login string) []way {
	b.Helper()
	s := pgserver.Start(b)
	session, size := newRecording(b)
	session.Session = &protocoltest.Session{}
	w := newWorldOf(b, s, lease(s, login), session)
	b.Cleanup(func() { b.Logf("%d bytes recorded", size()) })
	mode := "require"
	if login == pgserver.Plain {
		mode = "disable"
	}
	return []way{
		{"direct", []string{"PGPORT=" + strconv.Itoa(s.Port), "PGDATABASE=" + pgserver.Database, "PGUSER=" + login, "PGPASSWORD=" + s.Password, "PGSSLMODE=" + mode}},
		{"relay", []string{"PGPORT=" + strconv.Itoa(w.port), "PGDATABASE=offered", "PGUSER=anybody", "PGSSLMODE=disable"}},
	}
}

func (y way) run(b *testing.B, stdin io.Reader, stdout io.Writer, name string, args ...string) {
	b.Helper()
	path, err := pgserver.Program(name)
	if err != nil {
		b.Skip(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(append(os.Environ(), "PGHOST=127.0.0.1"), y.env...)
	var said strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &said
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, said.String())
	}
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTransactions compares pgbench -M prepared -S straight and through the
// relay, which records; an operation is a transaction of each client.
func BenchmarkTransactions(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as session processes have it
	for _, login := range []string{pgserver.Login, pgserver.Plain} {
		both := ways(b, login)
		both[0].run(b, nil, io.Discard, "pgbench", "-i", "-q", "-s", "10")
		for _, clients := range []int{1, 4} {
			for _, y := range both {
				b.Run(fmt.Sprintf("%s/%d/%s", login, clients, y.name), func(b *testing.B) {
					var out strings.Builder
					before := cpu(b)
					y.run(b, nil, &out, "pgbench", "-n", "-M", "prepared", "-S", "-c", strconv.Itoa(clients), "-t", strconv.Itoa(max(b.N, 100)))
					if tps := regexp.MustCompile(`tps = ([0-9.]+)`).FindStringSubmatch(out.String()); tps != nil {
						n, _ := strconv.ParseFloat(tps[1], 64)
						b.ReportMetric(n, "tps")
					}
					b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(clients*max(b.N, 100)), "cpu-ns/transaction")
				})
			}
		}
	}
}

// BenchmarkCopy compares COPY of much data, both ways.
func BenchmarkCopy(b *testing.B) {
	const size = 256 << 20
	for _, login := range []string{pgserver.Login, pgserver.Plain} {
		both := ways(b, login)
		both[0].run(b, nil, io.Discard, "psql", "-Xc", "create unlogged table bulk (line text)")
		line := []byte(strings.Repeat("x", 1023) + "\n")
		for _, y := range both {
			b.Run(login+"/in/"+y.name, func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					both[0].run(b, nil, io.Discard, "psql", "-Xc", "truncate bulk")
					y.run(b, io.LimitReader(repeat(line), size), io.Discard, "psql", "-Xc", `\copy bulk from stdin`)
				}
			})
		}
		for _, y := range both {
			b.Run(login+"/out/"+y.name, func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					y.run(b, nil, nil, "psql", "-Xqo", "/dev/null", "-c", `copy bulk to stdout`)
				}
			})
		}
	}
}

// repeat gives line again and again.
type repeat []byte

func (r repeat) Read(p []byte) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], r)
	}
	return n, nil
}
