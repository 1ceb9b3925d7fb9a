package postgres_test

import (
	"context"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"gateway"
	"gateway/interop-tests/pgserver"
)

// honest are scripts of psql that the right to read must not stand in the way of.
var honest = []string{
	"SELECT 1", "TABLE kept", "VALUES (1), (2)", "SELECT 'it''s; COMMIT', \"b\" FROM kept", `SELECT E'\'; COMMIT'`, `SELECT '\d+' ~ '\d'`,
	"SELECT count(*) FROM kept WHERE b LIKE '%\\_%'", "SELECT $$;END$$", "SELECT CASE WHEN a = 1 THEN 'x' END FROM kept",
	"WITH x AS MATERIALIZED (SELECT * FROM kept) SELECT * FROM x", "WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r",
	"SELECT a AS update, b AS delete FROM kept", "SELECT row_number() OVER (ORDER BY a) FROM kept", "SELECT * FROM kept TABLESAMPLE SYSTEM (100)",
	"(SELECT 1) UNION (SELECT 2) ORDER BY 1", "SELECT -- a comment; with END\n 1", "/* a; comment */ SELECT 1", "EXPLAIN SELECT * FROM kept",
	"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT * FROM kept", "SHOW ALL", "SHOW transaction_read_only", "SHOW search_path",
	"BEGIN; SELECT 1; COMMIT", "BEGIN;\nSELECT 1;\nROLLBACK;\nSELECT 2;", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;\nSELECT 1;\nCOMMIT;",
	"START TRANSACTION ISOLATION LEVEL REPEATABLE READ;\nSELECT 1;\nEND;", "BEGIN;\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nCOMMIT;",
	"BEGIN;\nSAVEPOINT a;\nSELECT 1;\nROLLBACK TO a;\nRELEASE a;\nCOMMIT;", "BEGIN;\nDECLARE c CURSOR FOR SELECT * FROM kept;\nFETCH 3 c;\nMOVE 1 c;\nCLOSE c;\nCOMMIT;",
	"PREPARE p (int) AS SELECT * FROM kept WHERE a = $1;\nEXECUTE p(1);\nDEALLOCATE p;",
	"COPY kept TO STDOUT", "COPY (SELECT * FROM kept) TO STDOUT WITH (FORMAT csv, HEADER)", `\copy kept to stdout csv`, "SET search_path = public;\nSELECT * FROM kept;",
	"SET statement_timeout = '5s'", "SET TIME ZONE 'UTC'", "SET NAMES 'UTF8'", "SET client_min_messages = warning", "SET LOCAL work_mem = '8MB'",
	"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET default_transaction_isolation = 'serializable'", "SET myapp.tenant = '5';\nSELECT current_setting('myapp.tenant')",
	"SELECT set_config('search_path', '', false)", "RESET ALL", "DISCARD ALL", "DISCARD PLANS", "LISTEN x", "UNLISTEN *", "BEGIN;\nLOCK TABLE kept IN ACCESS SHARE MODE;\nCOMMIT;",
	"SELECT pg_backend_pid(), pg_is_in_recovery(), pg_size_pretty(pg_database_size(current_database()))", "SELECT pg_advisory_lock(1), pg_advisory_unlock(1)",
	"SELECT * FROM pg_stat_activity", "SELECT xact_commit, xact_rollback FROM pg_stat_database; SELECT 2", "SELECT last_value FROM counter", "SELECT json_agg(k) FROM kept k",
	"SELECT generate_series(1, 100000)", "SELECT xpath('/a/b', '<a><b>c</b></a>')", "SELECT 'schön'", ";",
	`\d`, `\d kept`, `\d+ kept`, `\dt+`, `\dt *.*`, `\di`, `\ds+`, `\dv`, `\df+`, `\df pg_catalog.*`, `\l`, `\l+`, `\du`, `\dn+`, `\dx`, `\dT+`, `\dp`, `\ddp`, `\db`, `\dF`, `\do`, `\dC`, `\sf writes`, `\sv looks`,
	`\dconfig`, `\conninfo`, `\encoding UTF8`, `\timing on`, `\lo_list`, "SELECT 1 AS a, 2 AS b, 3 AS c \\crosstabview", "SELECT 1 \\gdesc",
}

func testHonestReads(t *testing.T, s *inside) {
	db := lease(s.Server, pgserver.Login)
	db.Allow = gateway.DatabaseRead
	w, free := newWorld(t, s.Server, db), newWorld(t, s.Server, lease(s.Server, pgserver.Login))
	for _, script := range honest {
		out, err := w.program(t, script+"\n", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1")
		if err != nil {
			t.Errorf("%s: %v: %s", script, err, out)
		}
	}
	restrict := regexp.MustCompile(`restrict \w+`) // a word that is another each time
	for _, args := range [][]string{{"--schema-only"}, {"--inserts"}, {"-t", "kept", "--serializable-deferrable"}} {
		want, err := free.program(t, "", "pg_dump", args...)
		if err != nil {
			t.Fatalf("pg_dump %q: %v: %s", args, err, want)
		}
		if got, err := w.program(t, "", "pg_dump", args...); err != nil || restrict.ReplaceAllString(got, "") != restrict.ReplaceAllString(want, "") {
			t.Errorf("pg_dump %q: %v: %d bytes, want %d: %.500s", args, err, len(got), len(want), got)
		}
	}
}

// testDriverReads reads as drivers do: with named and unnamed statements, and
// several units at once.
func testDriverReads(t *testing.T, s *inside) {
	db := lease(s.Server, pgserver.Login)
	db.Allow = gateway.DatabaseRead
	w := newWorld(t, s.Server, db)
	ctx, cancel := context.WithTimeout(context.Background(), 20e9)
	defer cancel()
	c, err := pgconn.Connect(ctx, w.url())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, name := range []string{"", "named"} {
		if _, err := c.Prepare(ctx, name, "SELECT b FROM kept WHERE a = $1::int", nil); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			got := c.ExecPrepared(ctx, name, [][]byte{[]byte("2")}, nil, nil).Read()
			if got.Err != nil || len(got.Rows) != 1 || string(got.Rows[0][0]) != "row 2" {
				t.Errorf("statement %q: %v, %v", name, got.Rows, got.Err)
			}
		}
	}
	got := c.ExecParams(ctx, "INSERT INTO kept VALUES ($1, '')", [][]byte{[]byte("5")}, nil, nil, nil).Read()
	if pg, ok := got.Err.(*pgconn.PgError); !ok || pg.Code != "42501" {
		t.Errorf("insert: %v", got.Err)
	}
	p := c.StartPipeline(ctx)
	for range 100 {
		p.SendQueryParams("SELECT $1::text", [][]byte{[]byte("x")}, nil, nil, nil)
		if err := p.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		if _, err := p.GetResults(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
