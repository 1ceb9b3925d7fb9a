package postgres_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gateway/interop-tests/pgserver"
	"gateway/recorder"
)

// must runs a program that must succeed.
func (w *world) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := w.program(t, "", name, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return out
}

func testPrograms(t *testing.T, s *pgserver.Server) {
	w := newWorld(t, s, lease(s, pgserver.Login))
	t.Run("pgbench", func(t *testing.T) {
		w.must(t, "pgbench", "-i", "-s", "1")
		for _, mode := range []string{"simple", "extended", "prepared"} {
			out := w.must(t, "pgbench", "-M", mode, "-c", "4", "-t", "20")
			if !strings.Contains(out, "number of transactions actually processed: 80/80") {
				t.Errorf("-M %s: %s", mode, out)
			}
		}
		w.must(t, "pgbench", "-M", "prepared", "-S", "-t", "200", "-C")
	})
	t.Run("pipeline", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pipeline.sql")
		script := "\\startpipeline\n" + strings.Repeat("select 1;\nselect abalance from pgbench_accounts where aid = 7;\n", 50) + "\\endpipeline\n"
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		w.must(t, "pgbench", "-n", "-M", "prepared", "-c", "2", "-t", "20", "-f", file)
		w.must(t, "pgbench", "-n", "-M", "extended", "-c", "2", "-t", "20", "-f", file)
	})
	t.Run("dump and restore", func(t *testing.T) {
		w.psql(t, "create table blobs (id int, b bytea, o oid); insert into blobs select 1, '\\x00ff', lo_from_bytea(0, '\\xdeadbeef')")
		sum := "select count(*), sum(aid), sum(hashtext(filler)) from pgbench_accounts"
		want := w.psql(t, sum)
		file := filepath.Join(t.TempDir(), "dump")
		w.must(t, "pg_dump", "-Fc", "-f", file)
		w.psql(t, "drop table blobs, pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers cascade; select lo_unlink(oid) from pg_largeobject_metadata")
		w.must(t, "pg_restore", "--no-owner", "--no-acl", "-d", "offered", file)
		if got := w.psql(t, sum); got != want {
			t.Errorf("restored %q, want %q", got, want)
		}
		if got := w.psql(t, "select id, b, lo_get(o) from blobs"); got != `1|\x00ff|\xdeadbeef` {
			t.Errorf("restored %q", got)
		}
	})
	t.Run("copy", func(t *testing.T) {
		w.psql(t, "create table lines (n int, text text)")
		var b strings.Builder
		for i := range 20_000 {
			b.WriteString(strconv.Itoa(i) + "\tline number " + strconv.Itoa(i) + "\n")
		}
		file := filepath.Join(t.TempDir(), "lines")
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		w.psql(t, `\copy lines from `+file)
		if got := w.psql(t, `\copy lines to stdout`); got+"\n" != b.String() {
			t.Errorf("%d bytes came back of %d", len(got), b.Len())
		}
		// An error in the middle, and another statement after it.
		out, err := w.program(t, "copy lines from stdin;\n1\tok\nno number\tx\n3\tok\n\\.\nselect 'next', count(*) from lines;\n", "psql", "-XAtq")
		if err != nil || !strings.Contains(out, "invalid input syntax") || !strings.HasSuffix(out, "next|20000\n") {
			t.Errorf("psql: %v\n%s", err, out)
		}
	})
	t.Run("large objects", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "large")
		content := strings.Repeat("0123456789abcdef", 20_000)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		w.psql(t, "\\lo_import "+file+"\n\\lo_export :LASTOID "+file+".back")
		back, err := os.ReadFile(file + ".back")
		if err != nil || string(back) != content {
			t.Errorf("%d bytes came back: %v", len(back), err)
		}
	})
	t.Run("notify", func(t *testing.T) {
		out := w.psql(t, "listen news;\nnotify news, 'hello';\nselect 1;")
		if !strings.Contains(out, `Asynchronous notification "news" with payload "hello"`) {
			t.Errorf("psql: %s", out)
		}
	})
	t.Run("notices and errors", func(t *testing.T) {
		out, err := w.program(t, "do $$ begin raise notice 'look'; end $$;\nselect 1/0;\nselect 'on';", "psql", "-XAtq")
		if err != nil || !strings.Contains(out, "NOTICE:  look") || !strings.Contains(out, "division by zero") || !strings.HasSuffix(out, "on\n") {
			t.Errorf("psql: %v\n%s", err, out)
		}
	})
	t.Run("meta commands", func(t *testing.T) {
		out := w.psql(t, "\\d\n\\dt+\n\\l\n\\df\n\\du\n\\conninfo\n\\d pgbench_accounts")
		if !strings.Contains(out, "filler|character(84)") {
			t.Errorf("psql: %s", out)
		}
	})
	t.Run("python", func(t *testing.T) {
		script := `
import psycopg2, sys
c = psycopg2.connect(host='127.0.0.1', port=sys.argv[1], dbname='offered', user='whoever')
k = c.cursor('cursor'); k.itersize = 10
k.execute('select g from generate_series(1, 95) g')
print(sum(r[0] for r in k))
k = c.cursor(); k.execute('create temp table t (a text)'); c.commit()
import io
k.copy_from(io.StringIO('x\ny\n'), 't'); k.execute('select count(*) from t'); print(k.fetchone()[0])
o = c.lobject(0, 'wb'); o.write(b'z' * 100000); print(o.tell()); o.close()
try: k.execute('select nothing')
except psycopg2.Error as e: print(e.pgcode)
c.rollback(); c.close()
`
		python, err := exec.LookPath("/usr/bin/python3") // the one that Debian's packages are for
		if err != nil {
			t.Skip("python3 is not installed")
		}
		out, err := exec.Command(python, "-c", script, strconv.Itoa(w.port)).CombinedOutput()
		if strings.Contains(string(out), "No module named") {
			t.Skip("python3-psycopg2 is not installed")
		}
		if err != nil || string(out) != "4560\n2\n100000\n42703\n" {
			t.Errorf("python: %v\n%s", err, out)
		}
	})
	for _, e := range w.session.Events() {
		if r, ok := e.(recorder.Reply); ok && r.OK && strings.Contains(r.Text, "sqlstate") {
			t.Errorf("an error that is recorded as none: %+v", r)
		}
	}
}
