package interop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"gateway/interop-tests/pgserver"
)

// wire is a connection between the gateway and a server that can be cut.
type wire struct {
	net.Listener
	to string

	mu     sync.Mutex // guards what follows
	frozen bool
	thawed sync.Cond // of mu
	conns  []net.Conn
}

// newWire listens at host and passes on to to.
func newWire(t *testing.T, host, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, to: to}
	w.thawed.L = &w.mu
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			other, err := net.Dial("tcp", to)
			if err != nil {
				nc.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, nc, other)
			w.mu.Unlock()
			all.Go(func() { w.carry(nc, other) })
			all.Go(func() { w.carry(other, nc) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.cut()
		all.Wait()
	})
	return w
}

func (w *wire) carry(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		w.mu.Lock()
		for w.frozen {
			w.thawed.Wait()
		}
		w.mu.Unlock()
		if _, err2 := to.Write(b[:n]); err != nil || err2 != nil {
			return
		}
	}
}

// freeze lets nothing through any more, as a firewall that forgot does.
func (w *wire) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = true
}

// cut resets what is connected.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = false
	w.thawed.Broadcast()
	for _, nc := range w.conns {
		nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
	}
	w.conns = nil
}

func (w *wire) port() int { return w.Addr().(*net.TCPAddr).Port }

// at are options of dbAdd.
func at(host string, port int) []string {
	return []string{"--host", host, "--port", strconv.Itoa(port)}
}

// connect connects to a forwarded port; the error is what the client is told.
func connect(t *testing.T, port int) (*pgconn.PgConn, error) { return connectAt(t, "127.0.0.1", port) }

func connectAt(t *testing.T, host string, port int) (*pgconn.PgConn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	c, err := pgconn.Connect(ctx, fmt.Sprintf("host=%s port=%d user=anybody dbname=app sslmode=disable", host, port))
	if err == nil {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			c.Close(ctx)
		})
	}
	return c, err
}

// ask runs one statement.
func ask(c *pgconn.PgConn, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	_, err := c.Exec(ctx, sql).ReadAll()
	return err
}

// TestDatabaseLoginFailures looks at what a client is told when there is no
// database behind the name.
func TestDatabaseLoginFailures(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	other := pgserver.Start(t) // for its certificate authority
	silent, err := newFake("silent")
	d.check(err)
	t.Cleanup(silent.close)
	http, err := newFake("http")
	d.check(err)
	t.Cleanup(http.close)
	closed, err := newFake("closed")
	d.check(err)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	d.check(err)
	t.Cleanup(func() { plain.Close() })
	go func() {
		for {
			nc, err := plain.Accept()
			if err != nil {
				return
			}
			io.CopyN(io.Discard, nc, 8) // SSLRequest
			io.WriteString(nc, "N")
			io.Copy(io.Discard, nc)
			nc.Close()
		}
	}()
	d.server.SQL(t, fmt.Sprintf(`create role expired login password '%[1]s' valid until '2000-01-01' in role others;
		create role full login password '%[1]s' connection limit 0 in role others;`, d.server.Password))
	number := func(port string) int {
		n, err := strconv.Atoi(port)
		d.check(err)
		return n
	}
	sockets := t.TempDir()
	var forwards []string
	cases := []struct {
		name     string
		login    string
		options  []string // of dbAdd
		ca       string
		password string
		state    string
		text     string
	}{
		{"no server", pgserver.Login, at("127.0.0.1", number(closed.port)), "", "", "08001", "refused"},
		{"another protocol", pgserver.Login, at("127.0.0.1", number(http.port)), "", "", "08001", "no TLS"},
		{"no TLS", pgserver.Login, at("127.0.0.1", plain.Addr().(*net.TCPAddr).Port), "", "", "08001", "the server has no TLS"},
		{"unknown authority", pgserver.Login, nil, other.CA, "", "08001", "certificate signed by unknown authority"},
		{"wrong host", pgserver.Login, at("127.0.0.2", newWire(t, "127.0.0.2", d.server.Addr()).port()), "", "", "08001", "not 127.0.0.2"},
		{"wrong password", pgserver.Login, nil, "", "wrong", "28P01", "refuses the login of the gateway"},
		{"no such login", "nobody", nil, "", "", "28000", "refuses the login of the gateway"},
		{"expired password", "expired", nil, "", "", "28P01", "refuses the login of the gateway"},
		{"too many", "full", nil, "", "", "53300", "too many connections"},
		{"no database", pgserver.Login, []string{"--database", "dropped"}, "", "", "3D000", "does not have the database"},
		{"no role", pgserver.Login, []string{"--role", "nobody"}, "", "", "22023", "refuses the role"},
		{"not a member of the role", pgserver.Login, []string{"--role", pgserver.Super}, "", "", "42501", "refuses the role"},
		{"silent", pgserver.Login, at("127.0.0.1", number(silent.port)), "", "", "08001", "has not finished the login"},
	}
	for i, x := range cases {
		name := fmt.Sprintf("fails%d", i)
		options := x.options
		if !slices.Contains(options, "--host") {
			options = append(options, at("127.0.0.1", d.server.Port)...)
		}
		if !slices.Contains(options, "--database") {
			options = append(options, "--database", pgserver.Database)
		}
		d.osh(cmp.Or(x.ca, d.server.CA), append([]string{"dbAdd", "--group", "data", "--name", name, "--user", x.login, "--ca-stdin"}, options...)...)
		d.osh(cmp.Or(x.password, d.server.Password)+"\n", "dbModify", "--group", "data", "--name", name, "--password-stdin")
		forwards = append(forwards, "-L", fmt.Sprintf("%s/.s.PGSQL.%d:%s:5432", sockets, i+1, name))
	}
	d.forward("sales", 5432, forwards...)
	var all sync.WaitGroup
	for i, x := range cases {
		all.Go(func() {
			_, err := connectAt(t, sockets, i+1)
			if err == nil {
				t.Errorf("%s: connected", x.name)
				return
			}
			e, _ := errors.AsType[*pgconn.PgError](err)
			if e == nil || e.Code != x.state || e.Severity != "FATAL" || !strings.Contains(e.Message, x.text) || strings.Contains(e.Message, "\n") || !strings.HasPrefix(e.Message, "gateway: ") {
				t.Errorf("%s: the client is told %v, want %s and %q", x.name, err, x.state, x.text)
			} else {
				t.Logf("%s: %s %s", x.name, e.Code, e.Message)
			}
		})
	}
	all.Wait()
	if log := d.g.text(); strings.Contains(log, d.server.Password) {
		t.Error("the password is in the log")
	}
}

// TestDatabaseBreaks breaks what a session needs, and looks at what its client
// is told and that the next one works.
func TestDatabaseBreaks(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	w := newWire(t, "127.0.0.1", d.server.Addr())
	d.add("wired", pgserver.Login, at("127.0.0.1", w.port())...)
	port := d.forward("wired", 5432)
	for _, x := range []struct {
		name  string
		act   func()
		state string
		text  string
	}{
		{"terminated", func() {
			d.server.SQL(t, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
		}, "57P01", "terminating connection due to administrator command"},
		{"cut", w.cut, "08006", "gateway: the connection with the server broke"},
		{"killed", func() { d.kill("select pid from pg_stat_activity where usename = 'app'") }, "", "closed"}, // as without the gateway,
		{"fast", func() { d.restart(syscall.SIGINT) }, "57P01", "terminating connection due to administrator command"},
		{"immediate", func() { d.restart(syscall.SIGQUIT) }, "", "EOF"}, // after a notice
	} {
		var c *pgconn.PgConn
		d.check(eventually(func() (err error) {
			if c, err = connect(t, port); err == nil {
				err = ask(c, "select 1")
			}
			return err
		}))
		slow := make(chan error, 1)
		go func() { slow <- ask(c, "select pg_sleep(60)") }()
		d.running("select pg_sleep(60)")
		x.act()
		err := <-slow
		if text := fmt.Sprint(err); strings.Contains(text, "EOF") || strings.Contains(text, "closed") {
			err = errors.New("closed: EOF") // the driver may find out in two ways
		}
		if err == nil || stateOf(err) != x.state || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s: the client is told %v, want %s %q", x.name, err, x.state, x.text)
		}
		t.Logf("%s: %v", x.name, err)
	}

	// Nobody says anything any more: the session can still be taken away.
	c, err := connect(t, port)
	d.check(err)
	slow := make(chan error, 1)
	go func() { slow <- ask(c, "select pg_sleep(60)") }()
	d.running("select pg_sleep(60)")
	w.freeze()
	_, err = d.g.osh("dbModify", "--group", "data", "--name", "wired", "--db-allow", "read")
	d.check(err)
	over := time.Now()
	if err := <-slow; stateOf(err) != "57P01" || !strings.Contains(err.Error(), "ended by the gateway") {
		t.Errorf("frozen: the client is told %v", err)
	}
	if late := time.Since(over); late > endsWithin {
		t.Errorf("frozen: the client is told after %v", late)
	}
}

// running waits until a statement runs at the server.
func (d *databases) running(sql string) {
	d.t.Helper()
	d.check(eventually(func() error {
		if n := d.server.SQL(d.t, "select count(*) from pg_stat_activity where state = 'active' and query = '"+sql+"'"); n == "0" {
			return fmt.Errorf("%s does not run", sql)
		}
		return nil
	}))
}

// kill kills processes of the server's that a statement names, which makes it restart.
func (d *databases) kill(sql string) {
	for pid := range strings.Lines(d.server.SQL(d.t, sql) + "\n") {
		n, err := strconv.Atoi(strings.TrimSpace(pid))
		d.check(err)
		d.check(syscall.Kill(n, syscall.SIGKILL))
	}
}

// restart ends the server in a way of its own, and starts it again.
func (d *databases) restart(how os.Signal) {
	d.server.End(how)
	d.check(d.server.Run())
}

// TestDatabaseClientGone kills the client's ssh, and the program behind it, in
// the middle of a transaction: the server must know at once.
func TestDatabaseClientGone(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	d.server.SQL(t, "create table kept (n int); grant all on kept to app")
	for name, end := range map[string]func(*pgconn.PgConn, forwarded){
		"ssh":     func(_ *pgconn.PgConn, f forwarded) { f.Process.Kill() },
		"program": func(c *pgconn.PgConn, _ forwarded) { c.Conn().Close() },
	} {
		for _, busy := range []bool{false, true} {
			f := d.forwarding("sales", 5432)
			c, err := connect(t, f.port)
			d.check(err)
			d.check(ask(c, "begin; insert into kept values (1)"))
			if busy {
				go ask(c, "select pg_sleep(61)")
				d.running("select pg_sleep(61)")
			}
			gone := time.Now()
			end(c, f)
			d.check(eventually(func() error {
				if n := d.server.SQL(t, "select count(*) from pg_stat_activity where usename = 'app'"); n != "0" {
					return fmt.Errorf("%s backends", n)
				}
				return nil
			}))
			late := time.Since(gone)
			if late > endsWithin {
				t.Errorf("%s, busy %v: the backend was gone after %v", name, busy, late)
			}
			t.Logf("%s, busy %v: %v", name, busy, late)
		}
	}
	if n := d.server.SQL(t, "select count(*) from kept"); n != "0" {
		t.Errorf("%s rows of transactions that were not committed", n)
	}
}
