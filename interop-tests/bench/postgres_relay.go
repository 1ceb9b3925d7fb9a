package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/ring"
	"gateway/internal/scram"
	"gateway/internal/tcp"
	"gateway/interop-tests/pgserver"
	"gateway/protocols"
	"gateway/protocols/postgres"
	"gateway/recorder"
)

// relayJob is what a relay without a gateway and without SSH is told.
type relayJob struct{ Addr, CA, Password, File string }

// timerSlack is what a session process starts with; see internal/jail.
const timerSlack, defaultSlack = 5_000_000, 50_000

// relayAlone starts a process that does what a session process does once SSH is
// taken off, and gives its port.
func (b *bench) relayAlone(d *databases) (*forward, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := b.command(self, "-relay")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0); err != nil {
		return nil, err
	}
	err = cmd.Start()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, defaultSlack, 0, 0, 0); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	f := &forward{cmd: cmd}
	if err = json.NewEncoder(in).Encode(relayJob{d.Addr(), d.CA, d.Password, b.path("relayed")}); err == nil {
		_, err = fmt.Fscanln(out, &f.port)
	}
	if err != nil {
		f.end()
		return nil, fmt.Errorf("the relay alone: %w", err)
	}
	return f, nil
}

// relay is the process that relayAlone starts.
func relay(in io.Reader, out io.Writer) error {
	runtime.GOMAXPROCS(1) // this and the next as in session processes
	debug.SetGCPercent(400)
	var job relayJob
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return err
	}
	s, err := newRecorded(job.File)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, l.Addr().(*net.TCPAddr).Port)
	front := postgres.NewFront()
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer nc.Close()
			if err := job.serve(front, nc, s); err != nil {
				fmt.Fprintln(os.Stderr, "relay:", err)
			}
		}()
	}
}

func (j relayJob) serve(front *postgres.Front, nc net.Conn, s protocols.Session) error {
	ctx := context.Background()
	fast := tcp.Wrap(nc)
	fast.Done()
	client, err := front.Accept(ctx, fast)
	if err != nil {
		return err
	}
	target, err := net.Dial("tcp", j.Addr)
	if err != nil {
		return err
	}
	conn, err := postgres.Backend{}.Login(ctx, target, gateway.Request{}, protocols.Lease{Database: &protocols.Database{
		Name: withTLS, Database: pgserver.Database, User: pgserver.Login, ServerName: pgserver.Host, Roots: j.CA, Settings: client.Settings(),
		Answer: func(_ context.Context, q protocols.DatabaseChallenge) (a protocols.DatabaseAnswer, err error) {
			a.Proof, a.ServerSignature, err = scram.Proof([]byte(j.Password), q.Salt, q.Iterations, q.AuthMessage)
			return a, err
		},
	}})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Relay(ctx, client, s)
	return err
}

// recorded is a session that may do all and is recorded.
type recorded struct{ *ring.Producer }

func (recorded) Allow(context.Context, gateway.Action) error { return nil }
func (r recorded) Record(e recorder.Event) error             { return r.Put(e) }

// newRecorded makes one that is recorded in a file, as the recorder does it.
func newRecorded(file string) (protocols.Session, error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	w, err := recorder.NewWriter(f, recorder.Header{Session: "000000000000000000000000", Account: "bench", Protocol: gateway.Postgres, Kind: "forward", Start: now})
	if err != nil {
		return nil, err
	}
	shared, err := ring.New(ring.DefaultSize)
	if err != nil {
		return nil, err
	}
	c, err := ring.NewConsumer(shared.Consumer, 0)
	if err != nil {
		return nil, err
	}
	go func() {
		b := recorder.NewBuffer(c.Size())
		for c.Wait(500*time.Millisecond) == nil {
			n, err := c.Drain(b.Frames())
			if err == nil && n > 0 {
				err = w.Write(b, n, time.Since(now))
			}
			if err != nil {
				c.Refuse()
				return
			}
			c.Release(n)
		}
	}()
	p, err := ring.NewProducer(shared.Producer, now)
	return recorded{p}, err
}

var _ protocols.Session = recorded{}
