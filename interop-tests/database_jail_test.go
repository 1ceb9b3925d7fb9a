package interop

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// jailEscapes are typed into psql by somebody who wants out of its jail. SECRET
// is a file on the gateway that everybody may read, MARK one that must not come to
// be, SOCKETS the folder of the server's own socket.
var jailEscapes = []string{
	`\!`,
	`\! id`,
	`\! /bin/sh -c "id > MARK"`,
	`\! sleep 1000 & touch MARK`,
	`\! :(){ :|:& };:`,
	"\\echo `id`",
	"\\set x `cat SECRET`",
	"\\set PROMPT3 '%`touch MARK`'",
	`\copy jail from 'SECRET'`,
	`\copy jail from '/etc/passwd'`,
	`\copy jail from '/proc/self/environ'`,
	`\copy jail from '/proc/1/cmdline'`,
	`\copy jail from '/proc/1/root/etc/passwd'`,
	`\copy jail from program 'cat SECRET'`,
	`\copy jail to 'MARK'`,
	`\copy jail to program 'cat > MARK'`,
	`\i SECRET`,
	`\i /etc/passwd`,
	`\ir ../../etc/passwd`,
	`\i /dev/tcp/127.0.0.1/22`,
	`\o MARK`,
	`\o | cat > MARK`,
	`\o /etc/cron.d/jail`,
	`\o /usr/bin/psql`,
	`select 1 \g MARK`,
	`select 1 \g | id`,
	`select 1 \gx | cat > MARK`,
	`\w MARK`,
	`\w | id`,
	`\e`,
	`\e SECRET`,
	`\ef`,
	`\ev pg_user`,
	`\setenv PSQL_EDITOR '/bin/sh -c id'`,
	`\edit`,
	`\setenv PSQL_EDITOR_LINENUMBER_ARG ';touch MARK;'`,
	`\e 1`,
	`\setenv PSQL_PAGER 'touch MARK'`,
	`\setenv PAGER 'id'`,
	`\pset pager always`,
	`\dt pg_catalog.*`,
	`\?`,
	`\setenv LD_PRELOAD /tmp/x.so`,
	`\setenv PGPASSFILE SECRET`,
	`\setenv PGSERVICEFILE SECRET`,
	`\c service=x`,
	`\setenv SHELL /usr/bin/psql`,
	`\cd /etc`,
	`\cd /proc`,
	`\c "host=127.0.0.1 user=postgres"`,
	`\c "host=localhost port=22"`,
	`\c "host=SOCKETS user=postgres"`,
	`\c "host=/var/run/postgresql user=postgres"`,
	`\c "host=@gateway"`,
	`\c "host=127.0.0.1 sslmode=require sslkey=SECRET sslcert=SECRET"`,
	`\lo_import SECRET`,
	`\lo_import /etc/passwd`,
	`\lo_export 1 MARK`,
	`\s MARK`,
	`\s /etc/passwd`,
	`\o /tmp/loop`,
	`\qecho '\\i /tmp/loop'`,
	`\o`,
	`\i /tmp/loop`,
	`\copy (select repeat('x', 1000000) from generate_series(1, 30)) to '/tmp/full'`,
}

// TestDatabaseJail tries to leave psql's jail over ssh: each attempt fails, psql
// goes on, and all of it is on record.
func TestDatabaseJail(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	dir, err := os.MkdirTemp("", "jail-") // T's own is in one that others can't walk through
	d.check(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	d.check(os.Chmod(dir, 0o777))
	secret, mark := filepath.Join(dir, "secret"), filepath.Join(dir, "mark")
	d.check(os.WriteFile(secret, []byte("topsecret\n"), 0o644))
	names := strings.NewReplacer("SECRET", secret, "MARK", mark, "SOCKETS", d.server.Dir)

	c := d.ssh([]string{"-t"}, "--osh", "db", "sales")
	c.Stdout, c.Stderr, c.SysProcAttr = nil, nil, nil
	term, err := pty.StartWithSize(c.Cmd, &pty.Winsize{Rows: 30, Cols: 300}) // no line is broken
	d.check(err)
	t.Cleanup(func() { term.Close() })
	go io.Copy(&c.out, term)
	d.await(&c.out, "sales=> ")
	fmt.Fprint(term, "create temp table jail (line text);\r")
	d.await(&c.out, "CREATE TABLE")
	for i, attempt := range jailEscapes {
		fmt.Fprintf(term, "%s\r\\r\r\\echo attempt %d 'made'\r", names.Replace(attempt), i)
		d.await(&c.out, fmt.Sprintf("attempt %d made", i))
		if _, err := os.Lstat(mark); err == nil {
			t.Fatalf("%s made a file on the gateway", attempt)
		}
	}
	fmt.Fprint(term, "select 'sti' || 'll here';\r")
	d.await(&c.out, "still here")
	fmt.Fprint(term, "\\q\r")
	if code, err := c.code(); err != nil || code != 0 {
		t.Errorf("psql ended with %d, %v", code, err)
	}
	for _, sign := range []string{"topsecret", "uid=", "root:x:", "PATH="} {
		if i := strings.Index(c.out.String(), sign); i >= 0 {
			t.Errorf("there is %q in what psql shows: %q", sign, c.out.String()[max(0, i-300):])
		}
	}
	recorded := d.recorded("postgres psql")
	for _, attempt := range jailEscapes {
		if !strings.Contains(recorded, names.Replace(attempt)) {
			t.Errorf("%s is not on record", attempt)
		}
	}
}

// TestDatabaseJailEnds has psql run a statement for ever, and ends what it
// depends on: nothing of it may stay.
func TestDatabaseJailEnds(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	const psql = "/usr/bin/psql"
	endings := []struct {
		name string
		end  func(c *client)
	}{
		{"the client is killed", func(c *client) { d.check(c.Process.Kill()) }},
		{"the session process is killed", func(*client) {
			pid, err := d.g.session()
			d.check(err)
			d.check(syscall.Kill(pid, syscall.SIGKILL))
		}},
		{"psql is killed", func(*client) {
			pid, err := d.g.one(psql)
			d.check(err)
			d.check(syscall.Kill(pid, syscall.SIGKILL))
		}},
	}
	for _, ending := range endings {
		for _, terminal := range []string{"-tt", "-T"} {
			c := d.ssh([]string{terminal}, "--osh", "db", "sales")
			in := d.start(c)
			fmt.Fprintln(in, `do $$ begin raise notice 'it runs'; perform pg_sleep(1000); end $$;`)
			said := &c.err // a terminal has one output
			if terminal == "-tt" {
				said = &c.out
			}
			d.await(said, "NOTICE:  it runs")
			ending.end(c)
			d.check(eventually(func() error {
				for _, part := range []string{psql, "gateway-session"} {
					if pid, err := d.g.one(part); err == nil {
						return fmt.Errorf("%s, %s: process %d of %s is still there", ending.name, terminal, pid, part)
					}
				}
				return nil
			}))
			c.Wait()
		}
	}
}
