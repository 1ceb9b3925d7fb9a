package interop

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gateway/interop-tests/pgserver"
)

// route is how a program reaches a database: an environment.
type route []string

// straight leads past the gateway.
func (d *databases) straight(login string) route {
	return route{
		"PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(d.server.Port), "PGSSLMODE=require", "PGUSER=" + login,
		"PGPASSWORD=" + d.server.Password, "PGDATABASE=" + pgserver.Database, "LANG=C.UTF-8",
	}
}

// through leads through a forwarded port.
func through(port int) route {
	return route{"PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(port), "PGUSER=whoever", "PGDATABASE=" + pgserver.Database, "LANG=C.UTF-8"}
}

// client is a program of PostgreSQL's, which speaks to one transcript.
func (d *databases) client(r route, name string, args ...string) *client {
	d.t.Helper()
	program, err := pgserver.Program(name)
	d.check(err)
	return d.command(r, program, args...)
}

func (d *databases) command(r route, program string, args ...string) *client {
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	d.t.Cleanup(cancel)
	c := &client{Cmd: exec.CommandContext(ctx, program, args...)}
	c.Env = append(r, "PATH=/usr/bin:/bin", "HOME=/nowhere")
	c.Stdout, c.Stderr = &c.out, &c.out
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// says runs a program that must succeed, and gives all that it says.
func (d *databases) says(c *client) string {
	d.t.Helper()
	if err := c.Run(); err != nil {
		d.t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, c.out.String())
	}
	return c.out.String()
}

// TestDatabaseSame runs files of statements straight and through the gateway:
// psql must say the same, byte for byte. What a file is called begins with the
// right that it needs; more than that must not be seen either.
func TestDatabaseSame(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	said := func(r route, file string) string {
		d.server.SQL(t, `drop schema if exists trial cascade; create schema trial authorization app; alter role app set search_path = trial;
			create table trial.numbers as select n, n * n as square from generate_series(1, 10) n; alter table trial.numbers owner to app`)
		c := d.client(r, "psql", "-X", "-a", "-e", "-f", file)
		c.Run() // its last statement decides about the exit status
		return noise().ReplaceAllString(c.out.String(), "#")
	}
	files := []string{"all", "ddl-statements", "ddl-psql", "read"}
	straight := map[string]string{}
	for right, may := range map[string][]string{"all": files, "ddl": files[1:], "write": files[3:], "read": files[3:]} {
		d.add("may-"+right, pgserver.Login, "--db-allow", right)
		relayed := through(d.forward("may-"+right, 5432))
		for _, name := range may {
			file := "testdata/postgres/" + name + ".sql"
			want, known := straight[file]
			if !known {
				want = said(d.straight(pgserver.Login), file)
				straight[file] = want
			}
			if lines := strings.Count(want, "\n"); lines < 50 {
				t.Errorf("%s: psql says only %d lines", file, lines)
			}
			if diff := cmp.Diff(lines(want), lines(said(relayed, file))); diff != "" {
				t.Errorf("%s with the right %q (-straight +through the gateway):\n%s", file, right, diff)
			}
		}
	}
}

// lines splits a text for a readable difference.
func lines(s string) []string { return strings.SplitAfter(s, "\n") }

// TestDatabaseRegression does the same with PostgreSQL's own regression tests,
// which no package has: REGRESS names the folder src/test/regress of
// "apt-get source postgresql-15". It takes some minutes. What a test says that
// differs between two servers is not looked at.
func TestDatabaseRegression(t *testing.T) {
	dir := os.Getenv("REGRESS")
	if dir == "" {
		t.Skip("needs REGRESS, the folder of PostgreSQL's regression tests")
	}
	schedule, err := os.ReadFile(filepath.Join(dir, "parallel_schedule"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []string
	for line := range strings.Lines(string(schedule)) {
		if names, ok := strings.CutPrefix(line, "test: "); ok {
			tests = append(tests, strings.Fields(names)...)
		}
	}
	results := t.TempDir()
	suite := func(r func(d *databases) route) (said []string) {
		d := newDatabases(t)
		d.add("super", pgserver.Super)
		where := r(d)
		for _, test := range tests {
			c := d.client(where, "psql", "-X", "-a", "-q", "-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on", "-f", filepath.Join(dir, "sql", test+".sql"))
			c.Env = append(c.Env, "PG_ABS_SRCDIR="+dir, "PG_LIBDIR=/nowhere", "PG_DLSUFFIX=.so", "PG_ABS_BUILDDIR="+results, "PGTZ=PST8PDT", "PGDATESTYLE=Postgres, MDY", "PGOPTIONS=-c intervalstyle=postgres_verbose")
			c.Run() // its last statement decides about the exit status
			said = append(said, noise().ReplaceAllString(c.out.String(), "#"))
		}
		return said
	}
	straight := func(d *databases) route { return d.straight(pgserver.Super) }
	want, again := suite(straight), suite(straight)
	got := suite(func(d *databases) route { return through(d.forward("super", 5432)) })
	same, size := 0, 0
	for i, test := range tests {
		size += len(want[i])
		switch {
		case got[i] == want[i]:
			same++
		case want[i] != again[i]:
			t.Logf("%s: says something else each time:\n%s", test, cmp.Diff(lines(want[i]), lines(again[i])))
		default:
			t.Errorf("%s: through the gateway (-straight +through):\n%s", test, cmp.Diff(lines(want[i]), lines(got[i])))
		}
	}
	t.Logf("%d of %d tests say the same, %d bytes", same, len(tests), size)
}

// noise is what differs each time. psql says which line it has read to when a
// notice arrives.
func noise() *regexp.Regexp {
	return regexp.MustCompile(`\bPID \d+|\.sql:\d+:|pg_(temp|toast)_\d+|\\(un)?restrict \w+`)
}

// TestDatabasePrograms runs those of PostgreSQL's.
func TestDatabasePrograms(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	port := d.forward("sales", 5432)
	relayed := through(port)
	d.says(d.client(relayed, "pgbench", "-i", "-q"))
	for _, mode := range []string{"simple", "extended", "prepared"} {
		out := d.says(d.client(relayed, "pgbench", "-M", mode, "-c", "4", "-j", "2", "-t", "25"))
		if !strings.Contains(out, "actually processed: 100/100") || !strings.Contains(out, "failed transactions: 0 ") {
			t.Errorf("pgbench -M %s:\n%s", mode, out)
		}
	}
	d.server.SQL(t, `create table blobs (id int primary key, b bytea, o oid);
		insert into blobs select g, decode(repeat(md5(g::text), 1000), 'hex'), lo_from_bytea(0, decode(repeat(md5(g::text), 5000), 'hex')) from generate_series(1, 20) g;
		alter table blobs owner to app; do $$ declare o oid; begin for o in select oid from pg_largeobject_metadata loop execute format('alter large object %s owner to app', o); end loop; end $$;`)
	for _, format := range [][]string{{"-Fc"}, {"-Fd", "-j", "2"}} {
		t.Run(format[0], func(t *testing.T) {
			dir := t.TempDir()
			dump := func(r route, name string, options ...string) string {
				file := filepath.Join(dir, name)
				d.says(d.client(r, "pg_dump", append(options, "-f", file)...))
				return file
			}
			plain := func(name string) []byte {
				b, err := os.ReadFile(dump(d.straight(pgserver.Login), name, "-Fp"))
				d.check(err)
				return noise().ReplaceAll(b, nil)
			}
			before := plain("before")
			archive := dump(relayed, "archive", format...)
			d.says(d.client(relayed, "pg_restore", append(format[1:], "--clean", "-d", pgserver.Database, archive)...))
			if after := plain("after"); !bytes.Equal(before, after) {
				t.Errorf("another database after restoring it:\n%s", cmp.Diff(lines(string(before)), lines(string(after))))
			}
		})
	}
	// As in the manual: no file between them.
	d.says(d.client(relayed, "psql", "-Xqc", "create schema other"))
	pipe := d.command(relayed, "/bin/sh", "-c", `"$1" -Fc -t blobs | "$2" --clean -d app`, "sh", program(t, "pg_dump"), program(t, "pg_restore"))
	d.says(pipe)
	if got := d.server.SQL(t, "select count(*), sum(length(b)) from blobs"); got != "20|320000" {
		t.Errorf("blobs has %s", got)
	}
}

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := pgserver.Program(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
