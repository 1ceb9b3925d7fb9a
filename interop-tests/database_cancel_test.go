package interop

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// atTerminal starts c at a terminal of its own.
func (d *databases) atTerminal(c *client) *os.File {
	d.t.Helper()
	c.Stdout, c.Stderr = nil, nil
	c.SysProcAttr = nil // pty sets its own
	term, err := pty.StartWithSize(c.Cmd, &pty.Winsize{Rows: 30, Cols: 100})
	d.check(err)
	d.t.Cleanup(func() {
		term.Close()
		c.Process.Kill() // most have ended
	})
	go io.Copy(&c.out, term)
	return term
}

// TestDatabaseCtrlC cancels what psql waits for, with the key for it: one's own
// psql behind a forwarded port, and the one in the jail.
func TestDatabaseCtrlC(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	own := d.client(append(through(d.forward("sales", 5432)), "TERM=xterm", "PAGER=cat"), "psql", "-X", "-P", "pager=off")
	jailed := d.ssh([]string{"-t"}, "--osh", "db", "--name", "sales", "--", "-X")
	for name, c := range map[string]*client{"forwarded": own, "in the jail": jailed} {
		term := d.atTerminal(c)
		// seen waits for a text that was not there before.
		seen := func(typed, text string) {
			before := strings.Count(c.out.String(), text)
			fmt.Fprint(term, typed)
			if err := eventually(func() error {
				if strings.Count(c.out.String(), text) <= before {
					return fmt.Errorf("no new %q", text)
				}
				return nil
			}); err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, c.out.String())
			}
		}
		seen("select 'rea' || 'dy';\r", "ready")
		for _, statement := range []string{
			"select pg_sleep(63);", "do $$ begin perform pg_sleep(63); end $$;", "begin; select pg_sleep(63);",
			"select count(*) from generate_series(1, 10000000000);",
		} {
			fmt.Fprint(term, statement+"\r")
			d.check(eventually(func() error {
				if d.server.SQL(t, "select count(*) from pg_stat_activity where state = 'active' and usename = 'app'") != "1" {
					return fmt.Errorf("%s does not run", statement)
				}
				return nil
			}))
			pressed := time.Now()
			seen("\x03", "canceling statement due to user request")
			if late := time.Since(pressed); late > endsWithin {
				t.Errorf("%s: %s was cancelled after %v", name, statement, late)
			}
			seen("rollback;\r", "ROLLBACK")
		}
		// A repeated statement, by the minute: the wait between is psql's own.
		seen("select 'aga' || 'in' \\watch 0.2\r", "again")
		seen("", "again")
		seen("\x03select 'th' || 'en';\r", "then")
		fmt.Fprint(term, "\\q\r")
		if code, err := c.code(); err != nil || code != 0 {
			t.Errorf("%s: psql ended with %d, %v\n%s", name, code, err, c.out.String())
		}
	}
}

// TestDatabaseGatewayGone kills the gateway: nothing goes on without it.
func TestDatabaseGatewayGone(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	c, err := connect(t, d.forward("sales", 5432))
	d.check(err)
	d.check(ask(c, "create table kept (n int)"))
	d.check(ask(c, "begin; insert into kept values (1)"))
	jailed := d.ssh(nil, "--osh", "db", "--name", "sales", "--", "-AtX")
	in := d.start(jailed)
	fmt.Fprintln(in, "select 'up';")
	d.await(&jailed.out, "up\n")
	below := descendants(d.g.cmd.Process.Pid)
	gone := time.Now()
	d.check(d.g.cmd.Process.Kill())
	d.check(eventually(func() error {
		if n := d.server.SQL(t, "select count(*) from pg_stat_activity where usename = 'app'"); n != "0" {
			return fmt.Errorf("%s backends", n)
		}
		for _, pid := range below {
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && len(line) > 0 {
				return fmt.Errorf("process %d is still there: %q", pid, line)
			}
		}
		return nil
	}))
	if late := time.Since(gone); late > endsWithin {
		t.Errorf("something went on for %v without the gateway", late)
	}
	if n := d.server.SQL(t, "select count(*) from kept"); n != "0" {
		t.Errorf("%s rows of a transaction that was not committed", n)
	}
	if err := ask(c, "select 1"); err == nil {
		t.Error("the client's connection goes on")
	}
}
