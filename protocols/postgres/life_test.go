package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/interop-tests/pgserver"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/recorder"
)

// eventually waits until what is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in %v", what, patience)
		}
	}
}

// sleeps waits until so many statements wait in pg_sleep at the server.
func sleeps(t *testing.T, s *pgserver.Server, n string) {
	t.Helper()
	eventually(t, "statements that sleep", func() bool {
		return s.SQL(t, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == n
	})
}

func testCancel(t *testing.T, s *pgserver.Server) {
	for _, login := range []string{pgserver.Login, pgserver.Plain} {
		w := newWorld(t, s, lease(s, login))
		one, other := w.connect(t), w.connect(t)
		results := make(chan error, 2)
		sleep := func(c *pgconn.PgConn) {
			results <- c.Exec(context.Background(), "select pg_sleep(60)").Close()
		}
		go sleep(one)
		sleeps(t, s, "1")
		go sleep(other)
		sleeps(t, s, "2")
		wrong := w.raw(t)
		wrong.say(&pgproto3.CancelRequest{ProcessID: one.PID(), SecretKey: []byte{1, 2, 3, 4}})
		if _, err := wrong.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("a wrong key is answered: %v", err)
		}
		sleeps(t, s, "2")
		if err := one.CancelRequest(context.Background()); err != nil {
			t.Fatal(err)
		}
		checkCanceled(t, <-results)
		sleeps(t, s, "1")
		// A storm: all of it is one or two, and the connection goes on.
		var storm sync.WaitGroup
		for range 50 {
			storm.Go(func() { other.CancelRequest(context.Background()) })
		}
		checkCanceled(t, <-results)
		storm.Wait()
		for _, c := range []*pgconn.PgConn{one, other} {
			if err := c.Exec(context.Background(), "select 1").Close(); err != nil {
				t.Errorf("after a cancellation: %v", err)
			}
		}
		canceled := 0
		for _, text := range texts(w.session) {
			if strings.HasPrefix(text, "> cancel ") {
				canceled++
			}
		}
		if canceled < 2 || canceled > 10 {
			t.Errorf("%d cancellations are recorded", canceled)
		}
	}
}

func checkCanceled(t *testing.T, err error) {
	t.Helper()
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != "57014" {
		t.Errorf("a canceled statement: %v, want 57014", err)
	}
}

// relay relays one client in the background, and gives how that ended.
func (w *world) relay(ctx context.Context, t *testing.T, session protocols.Session) (c *wire, done <-chan error) {
	t.Helper()
	here, there := net.Pipe()
	here.SetDeadline(time.Now().Add(patience))
	result := make(chan error, 1)
	go func() { result <- w.serve(ctx, there, session) }()
	t.Cleanup(func() { here.Close() })
	c = &wire{pgproto3.NewFrontend(here, here), here, t}
	c.say(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "x"}})
	c.until("Z")
	return c, result
}

func testDenied(t *testing.T, s *pgserver.Server) {
	w := newWorld(t, s, lease(s, pgserver.Login))
	c, done := w.relay(context.Background(), t, &protocoltest.Session{Deny: gateway.ErrDenied})
	c.say(&pgproto3.Query{String: "create table denied ()"})
	c.expect("Z", "E42501 end")
	if err := <-done; !errors.Is(err, gateway.ErrDenied) {
		t.Errorf("Relay = %v, want ErrDenied", err)
	}

	// Without a record nothing passes, to neither side.
	for _, refuse := range []string{"request", "reply"} {
		session := &protocoltest.Session{Refuse: func(e recorder.Event) error {
			_, reply := e.(recorder.Reply)
			if reply == (refuse == "reply") {
				return gateway.ErrNoRecord
			}
			return nil
		}}
		c, done := w.relay(context.Background(), t, session)
		c.say(&pgproto3.Query{String: "select 1"})
		c.expect("Z", "E58030 end")
		if err := <-done; !errors.Is(err, gateway.ErrNoRecord) {
			t.Errorf("Relay = %v, want ErrNoRecord", err)
		}
	}
	if got := s.SQL(t, "select count(*) from pg_class where relname = 'denied'"); got != "0" {
		t.Error("what was denied was done")
	}
}

var errExpired = errors.New("the grant has expired")

func testExpiry(t *testing.T, s *pgserver.Server) {
	w := newWorld(t, s, lease(s, pgserver.Login))
	for name, statement := range map[string]string{"idle": "", "busy": "select pg_sleep(60)", "blocked": "select repeat('x', 1000) from generate_series(1, 1000000)"} {
		t.Run(name, func(t *testing.T) {
			ctx, expire := context.WithCancelCause(context.Background())
			c, done := w.relay(ctx, t, &protocoltest.Session{})
			if statement != "" {
				c.say(&pgproto3.Query{String: statement})
			}
			if name == "busy" {
				sleeps(t, s, "1")
			}
			expire(errExpired)
			if name != "blocked" { // who takes nothing is told nothing
				c.expect("Z", "E57P01 end")
			}
			if err := <-done; !errors.Is(err, errExpired) {
				t.Errorf("Relay = %v, want the cause of the context's end", err)
			}
			sleeps(t, s, "0")
		})
	}
}

// testGoodbye: who says goodbye may still wait for what was asked before.
func testGoodbye(t *testing.T, s *pgserver.Server) {
	w := newWorld(t, s, lease(s, pgserver.Login))
	c, done := w.relay(context.Background(), t, &protocoltest.Session{})
	c.say(&pgproto3.Query{String: "select pg_sleep(0.05)"}, &pgproto3.Query{String: "select 2"}, &pgproto3.Terminate{}, &pgproto3.Query{String: "select 3"})
	c.expect("ZZZ", "RowDescription D C(SELECT 1) ZI RowDescription D C(SELECT 1) ZI end")
	if err := <-done; err != nil {
		t.Errorf("Relay = %v after a goodbye", err)
	}
}

func testServerGone(t *testing.T, s *pgserver.Server) {
	w := newWorld(t, s, lease(s, pgserver.Login))
	c, done := w.relay(context.Background(), t, &protocoltest.Session{})
	c.say(&pgproto3.Query{String: "select pg_terminate_backend(pg_backend_pid())"})
	if got := c.until("Z"); !strings.HasSuffix(got, "E57P01 end") {
		t.Errorf("a terminated connection: %s", got)
	}
	if err := <-done; err == nil {
		t.Error("Relay = nil for a connection that the server closed")
	}
	c, done = w.relay(context.Background(), t, &protocoltest.Session{})
	s.Stop()
	if got := c.until("Z"); !strings.HasSuffix(got, "end") {
		t.Errorf("after the server's stop: %s", got)
	}
	<-done
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	if got := w.psql(t, "select 1"); got != "1" {
		t.Errorf("after the server's restart: %q", got)
	}
}

// testFlow checks that a long result is read as fast as it is taken, and held
// nowhere.
func testFlow(t *testing.T, s *pgserver.Server) {
	w := newWorld(t, s, lease(s, pgserver.Login))
	c, _ := w.relay(context.Background(), t, &protocoltest.Session{})
	const rows = 2_000_000
	c.say(&pgproto3.Parse{Query: "select g from generate_series(1, $1::int8) g"}, &pgproto3.Bind{Parameters: [][]byte{[]byte(strconv.Itoa(rows))}},
		&pgproto3.Execute{}, &pgproto3.Sync{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	// The size of each message is all that is looked at: a real decoder takes longer.
	got, buf := 0, make([]byte, 1<<20)
	var left [5]byte
	have := 0
	end := false
	for skip := 0; !end; {
		n, err := c.Conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		for b := buf[:n]; len(b) > 0; {
			if skip > 0 {
				k := min(skip, len(b))
				skip, b = skip-k, b[k:]
				continue
			}
			k := copy(left[have:], b)
			have, b = have+k, b[k:]
			if have == 5 {
				skip, have = int(binary.BigEndian.Uint32(left[1:]))-4, 0
				if left[0] == 'D' {
					got++
				}
				end = left[0] == 'Z'
			}
		}
	}
	runtime.ReadMemStats(&after)
	if got != rows {
		t.Errorf("%d rows came of %d", got, rows)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("%d MB more in use", grown>>20)
	}
	if made := after.Mallocs - before.Mallocs; made > rows/10 {
		t.Errorf("%d allocations for %d rows", made, rows)
	}
	if last := texts(w.session); len(last) > 0 {
		t.Log(last[len(last)-1])
	}
}

// testIdle holds 200 connections.
func testIdle(t *testing.T, s *pgserver.Server) {
	w := newWorld(t, s, lease(s, pgserver.Login))
	var all sync.WaitGroup
	var failed atomic.Int64
	conns := make([]*pgconn.PgConn, 200)
	for i := range conns {
		all.Go(func() { conns[i] = w.connect(t) })
		if i%20 == 19 {
			all.Wait()
		}
	}
	all.Wait()
	for _, c := range conns {
		all.Go(func() {
			if err := c.Exec(context.Background(), "select 1").Close(); err != nil {
				failed.Add(1)
			}
		})
	}
	all.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d of 200 connections do not work", n)
	}
}
