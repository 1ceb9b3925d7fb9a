package interop

import (
	"strconv"
	"strings"
	"testing"

	"gateway/interop-tests/pgserver"
)

// TestDatabaseReading has programs work with the right to read, and tell what
// they are refused as an error of the server's.
func TestDatabaseReading(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	d.add("reading", pgserver.Login, "--db-allow", "read", "--row-limit", "200000")
	large := d.server.SQL(t, `CREATE TABLE t AS SELECT generate_series(0, 999) AS id; GRANT ALL ON t TO app;
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$BEGIN INSERT INTO t VALUES (-1); RETURN 1; END$$;
SELECT lo_from_bytea(0, 'large') AS made \gset
GRANT SELECT ON LARGE OBJECT :made TO app;
SELECT :made`)
	port := d.forward("reading", 5432)
	t.Run("psql", func(t *testing.T) {
		for _, tt := range []struct{ sql, want string }{
			{"SELECT count(*) FROM t; SELECT 2", "1000\n2\n"},
			{"INSERT INTO t VALUES (0)", `your right in this database is "read", and INSERT needs "write"`},
			{"SELECT writes()", "cannot execute INSERT in a read-only transaction"},
			{"SELECT generate_series(1, 200001)", "more than 200000 rows"},
			{`\d t`, "id|integer"},
		} {
			c := d.ssh(nil, "-q", "--osh", "db", "--name", "reading", "--", "-AtXc", "'"+tt.sql+"'")
			c.Run()
			if out := c.out.String() + c.err.String(); !strings.Contains(out, tt.want) {
				t.Errorf("%s: %q, want %q", tt.sql, out, tt.want)
			}
			out, err := d.tool(port, "psql", "", "-AtXc", tt.sql, "reading")
			if err != nil {
				out += err.Error()
			}
			if !strings.Contains(out, tt.want) {
				t.Errorf("forwarded, %s: %q, want %q", tt.sql, out, tt.want)
			}
		}
	})
	t.Run("psycopg2", func(t *testing.T) {
		needs(t, "psycopg2")
		if out := d.says(d.command(through(port), "/usr/bin/python3", "testdata/postgres/reader.py", strconv.Itoa(port), large)); out != "ok\n" {
			t.Errorf("reader.py:\n%s", out)
		}
	})
	t.Run("jdbc", func(t *testing.T) {
		if out := d.says(d.java(t, port, "Reader.java")); !strings.HasSuffix(out, "ok\n") {
			t.Errorf("Reader.java:\n%s", out)
		}
	})
	t.Run("pg_dump", func(t *testing.T) {
		if out, err := d.tool(port, "pg_dump", "", "--inserts", "--rows-per-insert=100", "-t", "t", "reading"); err != nil || strings.Count(out, "INSERT") != 10 {
			t.Errorf("pg_dump: %v, %.300s", err, out)
		}
	})
	if got := d.server.SQL(t, "SELECT count(*) FROM t"); got != "1000" {
		t.Errorf("there are %s rows, want 1000", got)
	}
}
