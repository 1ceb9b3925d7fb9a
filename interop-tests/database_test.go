package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gateway/interop-tests/pgserver"
)

// databases is a world with a PostgreSQL behind the gateway, which offers its
// database as sales to the members of the group data, of whom alice is one.
type databases struct {
	*world
	server *pgserver.Server
}

func newDatabases(t *testing.T, settings ...string) *databases {
	t.Helper()
	d := &databases{server: pgserver.Start(t), world: newWorld(t, settings...)}
	_, err := d.g.osh("groupCreate", "--group", "data", "--owner", admin, "--algo", "ed25519")
	d.check(err)
	d.add("sales", pgserver.Login)
	return d
}

// add offers the database that login reaches, with more options.
func (d *databases) add(name, login string, options ...string) {
	d.t.Helper()
	d.addTo("data", name, login, options...)
}

func (d *databases) addTo(group, name, login string, options ...string) {
	d.t.Helper()
	words := append([]string{"dbAdd", "--group", group, "--name", name, "--host", "127.0.0.1", "--port", strconv.Itoa(d.server.Port),
		"--database", pgserver.Database, "--user", login, "--ca-stdin"}, options...)
	d.osh(d.server.CA, words...)
	d.osh(d.server.Password+"\n", "dbModify", "--group", group, "--name", name, "--password-stdin")
}

// osh runs a command of the gateway over ssh.
func (d *databases) osh(stdin string, words ...string) string {
	d.t.Helper()
	c := d.ssh(nil, append([]string{"--osh"}, words...)...)
	c.Stdin = strings.NewReader(stdin)
	d.want(0, c)
	return c.out.String()
}

// forwarded is a client that forwards a port of ours.
type forwarded struct {
	*client
	port int
}

// forward starts a client, with options of ssh, that forwards a free port of ours
// to host:port, and gives that port.
func (d *databases) forward(host string, port int, options ...string) int {
	return d.forwarding(host, port, options...).port
}

func (d *databases) forwarding(host string, port int, options ...string) forwarded {
	d.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	d.check(err)
	ours := l.Addr().(*net.TCPAddr).Port
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	args := append([]string{"-F", d.config, "-N", "-o", "ExitOnForwardFailure=yes"}, options...)
	c := &client{Cmd: exec.CommandContext(ctx, "ssh", append(args, "-L", fmt.Sprintf("127.0.0.1:%d:%s:%d", ours, host, port), "gw")...)}
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.Stderr = &c.err
	d.check(c.Start())
	d.t.Cleanup(func() {
		cancel()
		c.Wait()
		if d.t.Failed() {
			d.t.Logf("the client that forwards said:\n%s", c.err.String())
		}
	})
	d.check(eventually(func() error {
		nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ours))
		if err == nil {
			nc.Close()
		}
		return err
	}))
	return forwarded{c, ours}
}

// tool runs a program of PostgreSQL's against a forwarded port.
func (d *databases) tool(port int, name string, stdin string, args ...string) (string, error) {
	d.t.Helper()
	program, err := pgserver.Program(name)
	d.check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(port), "PGUSER=whoever", "PGDATABASE=sales", "LANG=C.UTF-8"}
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %v: %w: %s", name, args, err, errs.String())
	}
	return out.String(), nil
}

func TestDatabaseForward(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	for _, port := range []int{d.forward("sales", 5432), d.forward("127.0.0.1", d.server.Port)} {
		out, err := d.tool(port, "psql", "", "-Atc", "select current_user, 6*7")
		if err != nil || out != "app|42\n" {
			t.Errorf("psql gives %q, %v", out, err)
		}
	}
}

// psql runs the gateway's own psql; stdin may be empty.
func (d *databases) psql(stdin string, words ...string) *client {
	c := d.ssh(nil, append([]string{"-q", "--osh", "db", "--name", "sales", "--"}, words...)...)
	c.Stdin = strings.NewReader(stdin)
	return c
}

func TestDatabaseClient(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	for _, x := range []struct {
		stdin, words string
		code         int
		out, err     string // what they begin with
	}{
		{"", "-c select current_user, 6*7 as n --csv", 0, "current_user,n\napp,42\n", ""},
		{"", "-Atc 'select 1' -c 'select 2'", 0, "1\n2\n", ""},
		{"select 3;\n\\echo four\n", "-At", 0, "3\nfour\n", ""},
		{"", "-c 'select nothing'", 1, "", `ERROR:  column "nothing" does not exist`},
		{"select 1/0;\nselect 5;\n", "-At -v ON_ERROR_STOP=1", 3, "", "ERROR:  division by zero"},
		{"\\! id\nselect 'still here';\n", "-At", 0, "still here\n", ""},
		{"", "-c '\\conninfo'", 0, `You are connected to database "sales" as user "alice"`, ""},
	} {
		c := d.psql(x.stdin, x.words)
		code, err := exitCode(c.Run())
		if err != nil || code != x.code || !strings.HasPrefix(c.out.String(), x.out) || !strings.HasPrefix(c.err.String(), x.err) {
			t.Errorf("psql %s <<< %q: exit %d (%v), out %q, err %q; want %d, %q, %q", x.words, x.stdin, code, err, c.out.String(), c.err.String(), x.code, x.out, x.err)
		}
	}
}

// TestDatabaseStartup writes a start-up file as docs/databases.md says, which the
// next psql reads.
func TestDatabaseStartup(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	d.want(0, d.psql("\\o ~/.psqlrc\n\\qecho '\\\\timing on'\n\\o\n", "-At"))
	c := d.psql("", "-Atc 'select 1'")
	d.want(0, c)
	if !strings.HasPrefix(c.out.String(), "Timing is on.\n1\n") {
		t.Errorf("the next psql says %q", c.out.String())
	}
}

func TestDatabaseTerminal(t *testing.T) {
	t.Parallel()
	d := newDatabases(t, "idleKillTimeout=5")
	idle, _ := d.terminal("--osh", "db", "sales")
	c, term := d.terminal("--osh", "db", "sales")
	d.await(&c.out, "sales=> ")
	fmt.Fprint(term, "select 6*7 as answer;\r")
	d.await(&c.out, "42")
	fmt.Fprint(term, "\\q\r")
	if code, err := c.code(); err != nil || code != 0 {
		t.Errorf("psql ended with %d, %v:\n%s", code, err, c.out.String())
	}
	if code, err := idle.code(); code != 117 {
		t.Errorf("psql that nobody types at ended with %d, %v:\n%s", code, err, idle.out.String())
	}
	d.await(&idle.out, "ended by the gateway: nothing was typed for 5s")
}
