package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"gateway/interop-tests/pgserver"
)

var manyRows = flag.Int("rows", 10_000_000, "rows of the result that TestDatabaseManyRows reads")

// mostMemory is what a session process may take, in KiB, whatever a server sends.
const mostMemory = 64 << 10

// rss is the resident memory of a process, in KiB; peak is the most that it ever was.
func rss(pid int) (now, peak int, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range bytes.Lines(b) {
		fields := strings.Fields(string(line))
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "VmRSS:":
			now, err = strconv.Atoi(fields[1])
		case "VmHWM:":
			peak, err = strconv.Atoi(fields[1])
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return now, peak, nil
}

// TestDatabaseManyRows reads a large result, as fast as it comes and not at all.
func TestDatabaseManyRows(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	d.add("kept", pgserver.Login)
	sockets := t.TempDir()
	f := d.forwarding("sales", 5432, "-L", sockets+"/.s.PGSQL.1:kept:5432")
	c, err := connect(t, f.port)
	d.check(err)
	kept, err := connectAt(t, sockets, 1)
	d.check(err)
	pid, err := d.g.session()
	d.check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	began := time.Now()
	rows, size := 0, 0
	result := c.ExecParams(ctx, "select g, repeat('x', 20) from generate_series(1, $1) g", [][]byte{[]byte(strconv.Itoa(*manyRows))}, nil, nil, nil)
	for result.NextRow() {
		rows++
		size += len(result.Values()[0]) + len(result.Values()[1])
	}
	if _, err := result.Close(); err != nil || rows != *manyRows {
		t.Errorf("%d rows, %v", rows, err)
	}
	_, peak, err := rss(pid)
	d.check(err)
	t.Logf("%d rows, %d bytes of values, in %v; %d KiB of memory at most", rows, size, time.Since(began), peak)
	if peak > mostMemory {
		t.Errorf("%d KiB of memory for %d rows", peak, rows)
	}

	// One that stops reading holds up itself: neither the others nor the memory.
	stalled, err := connect(t, f.port)
	d.check(err)
	raw, err := stalled.Hijack()
	d.check(err)
	defer raw.Conn.Close()
	const sql = "select repeat('y', 100) from generate_series(1, 10000000)"
	message := binary.BigEndian.AppendUint32([]byte{'Q'}, uint32(4+len(sql)+1))
	_, err = raw.Conn.Write(append(append(message, sql...), 0))
	d.check(err)
	d.check(eventually(func() error {
		// The server waits for its client: nothing moves any more.
		if d.server.SQL(t, "select count(*) from pg_stat_activity where wait_event = 'ClientWrite'") != "1" {
			return fmt.Errorf("the server does not wait")
		}
		return nil
	}))
	for range 20 {
		d.check(ask(c, "select repeat('z', 1000) from generate_series(1, 100)"))
	}
	if _, peak, err = rss(pid); err != nil || peak > mostMemory {
		t.Errorf("%d KiB of memory beside a client that does not read, %v", peak, err)
	}
	t.Logf("a client that stops reading: %d KiB of memory at most", peak)

	// It can still be taken away, alone.
	_, err = d.g.osh("dbModify", "--group", "data", "--name", "sales", "--db-allow", "read")
	d.check(err)
	gone := time.Now()
	d.check(eventually(func() error {
		if n := d.server.SQL(t, "select count(*) from pg_stat_activity where usename = 'app'"); n != "1" {
			return fmt.Errorf("%s backends", n)
		}
		return nil
	}))
	if late := time.Since(gone); late > endsWithin {
		t.Errorf("a client that does not read: its session went on for %v", late)
	}
	d.check(ask(kept, "select 'what is still allowed goes on'"))
}

// TestDatabaseCancelStorm sends cancel requests in masses: only those with the
// right key do anything, and only to their own connection.
func TestDatabaseCancelStorm(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	port := d.forward("sales", 5432)
	victim, err := connect(t, port)
	d.check(err)
	other, err := connect(t, port)
	d.check(err)
	key := func(c *pgconn.PgConn) []byte { return binary.BigEndian.AppendUint32(nil, c.PID()) }
	cancel := func(key []byte) error {
		nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		defer nc.Close()
		message := binary.BigEndian.AppendUint32(nil, uint32(8+len(key)))
		message = binary.BigEndian.AppendUint32(message, 80877102)
		if _, err := nc.Write(append(message, key...)); err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, nc)
		return err
	}
	storm := func(n int, key func(i int) []byte) {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				if err := cancel(key(i)); err != nil {
					t.Errorf("cancel: %v", err)
				}
			})
			if i%16 == 15 {
				all.Wait()
			}
		}
		all.Wait()
	}
	slow := make(chan error, 1)
	go func() { slow <- ask(victim, "select pg_sleep(62)") }()
	d.running("select pg_sleep(62)")
	// Foreign keys: made up, with another's secret, of the server's own process.
	pid, err := strconv.Atoi(d.server.SQL(t, "select pid from pg_stat_activity where query = 'select pg_sleep(62)' and state = 'active'"))
	d.check(err)
	storm(100, func(i int) []byte {
		made := make([]byte, 4)
		rand.Read(made)
		switch i % 4 {
		case 0:
			return append(key(victim), made...)
		case 1:
			return append(key(victim), other.SecretKey()...)
		case 2:
			return append(binary.BigEndian.AppendUint32(nil, uint32(pid)), victim.SecretKey()...)
		}
		return key(victim)
	})
	select {
	case err := <-slow:
		t.Fatalf("a foreign key ended the statement: %v", err)
	default:
	}
	began := time.Now()
	storm(200, func(int) []byte { return append(key(victim), victim.SecretKey()...) })
	if err := <-slow; stateOf(err) != "57014" {
		t.Errorf("the statement was not cancelled: %v", err)
	}
	t.Logf("200 cancel requests took %v", time.Since(began))
	for _, c := range []*pgconn.PgConn{victim, other} {
		if err := ask(c, "select 1"); err != nil {
			t.Errorf("after the storm: %v", err)
		}
	}
	// In the middle of many short statements none is hit that was not meant, and nothing is out of step.
	done := make(chan error, 1)
	go func() {
		for range 200 {
			if err := ask(victim, "select 1"); err != nil && stateOf(err) != "57014" {
				done <- err
				return
			}
			if err := ask(other, "select 2"); err != nil {
				done <- fmt.Errorf("the other: %w", err)
				return
			}
		}
		done <- nil
	}()
	storm(100, func(int) []byte { return append(key(victim), victim.SecretKey()...) })
	d.check(<-done)
}

// TestDatabaseManyConnections holds idle connections through one ssh.
func TestDatabaseManyConnections(t *testing.T) {
	t.Parallel()
	const conns = 200
	d := newDatabases(t)
	f := d.forwarding("sales", 5432)
	first, err := connect(t, f.port)
	d.check(err)
	d.check(ask(first, "select 1"))
	pid, err := d.g.session()
	d.check(err)
	before, _, err := rss(pid)
	d.check(err)
	began := time.Now()
	all := make([]*pgconn.PgConn, conns-1)
	for i := range all {
		if all[i], err = connect(t, f.port); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	opened := time.Since(began)
	for _, c := range all {
		d.check(ask(c, "select 1"))
	}
	after, peak, err := rss(pid)
	d.check(err)
	each := (after - before) / len(all)
	t.Logf("%d connections in %v: the session process has %d KiB, %d KiB each; %d KiB at most", conns, opened, after, each, peak)
	if each > 200 {
		t.Errorf("%d KiB for each connection", each)
	}
	if n := d.server.SQL(t, "select count(*) from pg_stat_activity where usename = '"+pgserver.Login+"'"); n != strconv.Itoa(conns) {
		t.Errorf("%s connections at the server, want %d", n, conns)
	}
	// Each is a session, and all of them end with ssh.
	gone := time.Now()
	f.Process.Kill()
	d.check(eventually(func() error {
		if n := d.server.SQL(t, "select count(*) from pg_stat_activity where usename = '"+pgserver.Login+"'"); n != "0" {
			return fmt.Errorf("%s connections", n)
		}
		return nil
	}))
	t.Logf("all gone after %v", time.Since(gone))
}
