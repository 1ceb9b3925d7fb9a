package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/interop-tests/pgserver"
)

// victim is what tricks try to change, with help that somebody left there: the
// login may do all of it.
const victim = `
CREATE TABLE kept (a int PRIMARY KEY, b text);
INSERT INTO kept SELECT g, 'row ' || g FROM generate_series(1, 10) g;
CREATE SEQUENCE counter;
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$BEGIN INSERT INTO kept VALUES (666, 'function'); RETURN 1; END$$;
CREATE FUNCTION runs(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN EXECUTE $1; RETURN $1; END$$;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO kept VALUES (666, 'procedure'); END$$;
CREATE VIEW looks AS SELECT writes();
CREATE TABLE log (a int);
CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;
CREATE ROLE other;
GRANT other TO app;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app, other;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app, other;
ALTER TABLE kept OWNER TO app;
`

const restored = `
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
DROP OWNED BY app;
DROP TABLE IF EXISTS kept, log CASCADE;
DROP SEQUENCE IF EXISTS counter CASCADE;
DROP FUNCTION IF EXISTS writes, runs, logs CASCADE;
DROP PROCEDURE IF EXISTS commits;
DROP ROLE IF EXISTS other;
ALTER ROLE app RESET ALL;
REVOKE super FROM app;
CREATE SCHEMA IF NOT EXISTS public;
GRANT ALL ON SCHEMA public TO PUBLIC;
`

// looksLike is everything that a trick could have changed.
const looksLike = `
SELECT count(*), md5(string_agg(k::text, ',' ORDER BY a)) FROM kept k;
SELECT count(*), md5(string_agg(relname || coalesce(relacl::text, ''), ',' ORDER BY oid)) FROM pg_class WHERE relname !~ '^pg_(toast|temp)' AND relnamespace::regnamespace::text !~ '^pg_(temp|toast)';
SELECT count(*) FROM pg_proc;
SELECT count(*) FROM pg_largeobject_metadata;
SELECT count(*) FROM pg_prepared_xacts;
SELECT count(*), md5(string_agg(rolname || coalesce(rolconfig::text, ''), ',' ORDER BY oid)) FROM pg_roles;
SELECT count(*) FROM pg_db_role_setting;
SELECT last_value, is_called FROM counter;
SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)';
`

// insert is what most tricks want to get through.
const insert = "INSERT INTO kept VALUES (666, 'trick')"

// unlocked turns the session's default around, where no scan sees it.
const unlocked = "SELECT runs('SET default_transaction_read_only = off')"

// ending is COMMIT under a name, and portals.
var (
	namedCommit = &pgproto3.Parse{Name: "c", Query: "COMMIT"}
	commitNow   = messages{namedCommit, &pgproto3.Bind{PreparedStatement: "c"}, &pgproto3.Execute{}}
)

func with(m messages, more ...pgproto3.FrontendMessage) messages {
	return append(append(messages(nil), m...), more...)
}

// tricks try to change something under the right to read. Those that are real
// do so where everything is allowed.
func tricks() []struct {
	name  string
	real  bool
	units []messages
} {
	type t = []messages
	q, p := query, pipeline
	return []struct {
		name  string
		real  bool
		units []messages
	}{
		{"plain insert", true, t{q(insert)}},
		{"extended insert", true, t{p(insert)}},
		{"update", true, t{q("UPDATE kept SET b = 'x'")}},
		{"delete", true, t{q("DELETE FROM kept")}},
		{"truncate", true, t{q("TRUNCATE kept")}},
		{"merge", true, t{q("MERGE INTO kept USING (SELECT 1) s ON false WHEN NOT MATCHED THEN INSERT VALUES (666)")}},
		{"comment first", true, t{q("/* SELECT */ " + insert)}},
		{"nested comment first", true, t{q("/* /* */ SELECT */ -- SELECT\n" + insert)}},
		{"second statement", true, t{q("SELECT 1; " + insert)}},
		{"empty statements first", true, t{q(";;; " + insert)}},
		{"after commit", true, t{q("SELECT 1; COMMIT; " + insert)}},
		{"default, then commit, then insert", true, t{q(unlocked + "; COMMIT; " + insert)}},
		{"commit hidden behind a quote", true, t{q("SELECT 'it''s'; " + unlocked + "; COMMIT; SELECT writes()")}},
		{"commit hidden behind a backslash", true, t{q(`SELECT '\'; ` + unlocked + `; COMMIT; SELECT writes() --'`)}},
		{"end hidden behind a backslash", true, t{q(`SELECT '\'; ` + unlocked + `; END; SELECT writes() --'`)}},
		{"commit behind an escape string", true, t{q(`SELECT E'\''; ` + unlocked + `; COMMIT; SELECT writes()`)}},
		{"commit behind a dollar quote", true, t{q("SELECT $a$ $b$ $a$; " + unlocked + "; COMMIT; SELECT writes() -- $b$")}},
		{"commit behind a quoted name", true, t{q(`SELECT 1 AS "a""b'"; ` + unlocked + `; COMMIT; SELECT writes() --'`)}},
		{"commit behind a comment", true, t{q("SELECT 1 /* ' /* */ */; " + unlocked + "; COMMIT; SELECT writes() -- '")}},
		{"rollback and go on", true, t{q(unlocked + "; COMMIT; ROLLBACK; SELECT writes()")}},
		{"commit and chain", true, t{q("BEGIN"), q(unlocked + "; COMMIT AND CHAIN; COMMIT; SELECT writes()")}},
		{"standard_conforming_strings by a function", true, t{q("SELECT runs('SET standard_conforming_strings = off')"), q(`SELECT '\'; COMMIT; SELECT '; ` + insert + ` --'`), q(insert)}},
		{"backslashes that escape", false, t{q("SELECT runs('SET standard_conforming_strings = off')"), q(`SELECT '\'', '; COMMIT; SELECT writes(); --'`), q(`SELECT '\'';` + unlocked + `; COMMIT; SELECT writes()`)}},
		{"set_config of the default", true, t{q("SELECT set_config('default_transaction_read_only', 'off', false)"), q(insert)}},
		{"set_config of the transaction", false, t{q("BEGIN"), q("SELECT set_config('transaction_read_only', 'off', false)"), q(insert)}},
		{"the default by a function, next unit", true, t{q(unlocked), q("SELECT writes()")}},
		{"the default by a function, next extended unit", true, t{p(unlocked), p("SELECT writes()")}},
		{"the transaction by a function", false, t{q("BEGIN"), q("SELECT runs('SET transaction_read_only = off')"), q("SELECT writes()"), q("COMMIT")}},
		{"the transaction by a function, at once", true, t{q("SELECT runs('SET LOCAL transaction_read_only = off'), writes()")}},
		{"the transaction reset by a function", true, t{q("BEGIN"), q("SELECT runs('RESET transaction_read_only')"), q("SELECT writes()"), q("COMMIT")}},
		{"the transaction reset by a function, at once", true, t{q("SELECT runs('RESET transaction_read_only'), writes()")}},
		{"the transaction set to its default by a function", true, t{q("SELECT runs('SET LOCAL transaction_read_only TO DEFAULT'), writes()")}},
		{"set_config of nothing by a function", true, t{q("SELECT runs($$SELECT set_config('transaction_read_only', NULL, false)$$), writes()")}},
		{"a cursor that a function holds", false, t{q("SELECT runs('RESET transaction_read_only'), runs('DECLARE p CURSOR WITH HOLD FOR SELECT writes()')")}},
		{"large object by a function", true, t{q("SELECT runs('SELECT lo_create(0)')")}},
		{"large object by a function, extended", true, t{p("SELECT 1", "SELECT runs('SELECT lo_create(0)')")}},
		{"large object by a function in a transaction", true, t{q("BEGIN"), p("SELECT runs('SELECT lo_create(0)')"), q("SELECT 1"), p("COMMIT")}},
		{"large object by a function, all at once", true, t{q("BEGIN; SELECT runs('SELECT lo_create(0)'); COMMIT")}},
		{"a savepoint after the change", true, t{q("BEGIN; SELECT runs('SELECT lo_create(0)'); SAVEPOINT s"), q("ROLLBACK TO s"), q("END")}},
		{"a savepoint after the change, extended", true, t{p("BEGIN"), p("SELECT runs('SELECT lo_create(0)')", "SAVEPOINT s"), p("ROLLBACK TO s"), p("COMMIT")}},
		{"a savepoint after the change, at once", true, t{q("BEGIN; SELECT runs('SELECT lo_create(0)'); SAVEPOINT s; SELECT 1"), q("ROLLBACK TO s; COMMIT")}},
		{"a savepoint after the change, named", true, t{{namedCommit, &pgproto3.Sync{}}, q("BEGIN; SELECT runs('SELECT lo_create(0)'); SAVEPOINT s"), q("ROLLBACK TO s"), with(commitNow[1:], &pgproto3.Sync{})}},
		{"commit by EXECUTE", true, t{{namedCommit, &pgproto3.Sync{}}, q("SELECT runs('SELECT lo_create(0)'); BEGIN; EXECUTE c")}},
		{"commit by EXECUTE in a function", true, t{{namedCommit, &pgproto3.Sync{}}, q("BEGIN; SELECT runs('SELECT lo_create(0)'), runs('EXECUTE c')")}},
		{"all reset by a function", true, t{p(unlocked), q("SELECT runs('RESET ALL'), runs('RESET default_transaction_read_only'), writes()")}},
		{"set_config by query_to_xml", true, t{q("SELECT query_to_xml('SELECT set_con'||'fig(''default_transaction_read_only'', ''off'', false)', true, true, '')"), q("SELECT writes()")}},
		{"function", true, t{q("SELECT writes()")}},
		{"function in FROM", true, t{q("SELECT * FROM writes()")}},
		{"function in a view", true, t{q("TABLE looks")}},
		{"function in VALUES", true, t{q("VALUES (writes())")}},
		{"function in a default of EXECUTE", true, t{q("PREPARE p (int) AS SELECT $1"), q("EXECUTE p(writes())")}},
		{"function in SHOW", false, t{q("SHOW writes")}},
		{"dynamic insert", true, t{q("SELECT runs($$" + insert + "$$)")}},
		{"CTE", true, t{q("WITH x AS (INSERT INTO kept VALUES (666, '') RETURNING a) SELECT * FROM x")}},
		{"CTE in COPY", true, t{q("COPY (WITH x AS (DELETE FROM kept RETURNING a) SELECT * FROM x) TO STDOUT")}},
		{"COPY FROM STDIN", true, t{q("COPY kept FROM STDIN")}},
		{"COPY FROM STDIN, extended", false, t{p("COPY kept FROM STDIN")}},
		{"COPY FROM PROGRAM", false, t{q("COPY kept FROM PROGRAM 'echo 666'")}},
		{"COPY TO PROGRAM", false, t{q("COPY kept TO PROGRAM 'touch /tmp/trick'")}},
		{"COPY TO a file", false, t{q("COPY kept TO '/tmp/trick'")}},
		{"DO", true, t{q("DO $$BEGIN PERFORM writes(); END$$")}},
		{"DO that commits", true, t{q("DO $$BEGIN COMMIT; SET TRANSACTION READ WRITE; PERFORM writes(); END$$")}},
		{"CALL that commits", true, t{q("CALL commits()")}},
		{"CALL, extended", true, t{p("CALL commits()")}},
		{"SELECT INTO", true, t{q("SELECT 1 AS a INTO made")}},
		{"CREATE TABLE AS", true, t{q("CREATE TABLE made AS SELECT 1")}},
		{"EXPLAIN ANALYZE", true, t{q("EXPLAIN ANALYZE " + insert)}},
		{"EXPLAIN (ANALYZE) of a function", true, t{q("EXPLAIN (ANALYZE) SELECT writes()")}},
		{"PREPARE and EXECUTE", true, t{q("PREPARE p AS " + insert), q("EXECUTE p")}},
		{"named statement", true, t{{&pgproto3.Parse{Name: "s", Query: insert}, &pgproto3.Sync{}}, {&pgproto3.Bind{PreparedStatement: "s"}, &pgproto3.Execute{}, &pgproto3.Sync{}}}},
		{"cursor with hold", true, t{q("DECLARE c CURSOR WITH HOLD FOR SELECT writes()"), q("FETCH ALL c")}},
		{"cursor in a transaction", true, t{q("BEGIN; DECLARE c CURSOR FOR SELECT writes()"), q("FETCH ALL c; COMMIT")}},
		{"nextval", true, t{q("SELECT nextval('counter')")}},
		{"setval by a function", true, t{q("SELECT runs('SELECT setval(''counter'', 99)')")}},
		{"LOCK", false, t{q("BEGIN"), q("LOCK kept IN ACCESS EXCLUSIVE MODE")}},
		{"lo_create", true, t{q("SELECT lo_create(0)")}},
		{"lo_from_bytea by its quoted name", true, t{q(`SELECT pg_catalog."lo_from_bytea"(0, 'x')`)}},
		{"lo_create by a unicode name", true, t{q(`SELECT U&"lo\005fcreate"(0)`)}},
		{"FunctionCall of lo_creat", true, t{{&pgproto3.FunctionCall{Function: 957, ArgFormatCodes: []uint16{1}, Arguments: [][]byte{{0, 6, 0, 0}}, ResultFormatCode: 1}}}},
		{"PREPARE TRANSACTION", true, t{q("BEGIN"), q("PREPARE TRANSACTION 'x'")}},
		{"BEGIN READ WRITE", true, t{q("BEGIN READ WRITE"), q(insert), q("COMMIT")}},
		{"BEGIN READ WRITE at once", true, t{q("BEGIN READ WRITE; " + insert + "; COMMIT")}},
		{"START TRANSACTION with a comment", true, t{q("START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ/**/WRITE"), q("SELECT writes()"), q("COMMIT")}},
		{"BEGIN twice", true, t{q("BEGIN"), q("BEGIN READ WRITE"), q("SELECT writes()"), q("COMMIT")}},
		{"SET TRANSACTION", true, t{q("BEGIN"), q("SET TRANSACTION READ WRITE"), q("SELECT writes()"), q("COMMIT")}},
		{"SET of the setting", true, t{q("BEGIN"), q("SET transaction_read_only TO off"), q("SELECT writes()"), q("COMMIT")}},
		{"SET of the setting in quotes", true, t{q("BEGIN"), q(`SET LOCAL "Transaction_Read_Only" = 'off'`), q("SELECT writes()"), q("COMMIT")}},
		{"SET of a unicode name", true, t{q("BEGIN"), q(`SET U&"transaction_read\005fonly" = off`), q("SELECT writes()"), q("COMMIT")}},
		{"RESET of the setting", true, t{q("BEGIN"), q("RESET transaction_read_only"), q("SELECT writes()"), q("COMMIT")}},
		{"RESET ALL", true, t{q("BEGIN"), q("RESET ALL"), q("SELECT writes()"), q("COMMIT")}},
		{"DISCARD ALL", true, t{q("DISCARD ALL"), q("SELECT writes()")}},
		{"DISCARD ALL and more", false, t{q("DISCARD ALL; SELECT writes()")}},
		{"SESSION CHARACTERISTICS", true, t{q("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"), q("SELECT writes()")}},
		{"savepoint", true, t{q("BEGIN; SAVEPOINT a; SELECT 1"), q("ROLLBACK TO a; SELECT writes()"), q("RELEASE a; COMMIT")}},
		{"savepoint around the setting", false, t{q("BEGIN; SAVEPOINT a"), q("SET transaction_read_only = off"), q("ROLLBACK TO a; " + insert), q("COMMIT")}},
		{"failed transaction", true, t{q("BEGIN; SELECT 1/0"), q("ROLLBACK; SELECT writes()")}},
		{"failed transaction, chained", true, t{q("BEGIN; SELECT 1/0"), q("ROLLBACK AND CHAIN"), q("SELECT writes()"), q("COMMIT")}},
		{"failed transaction, chained by COMMIT", true, t{q("BEGIN"), q("SELECT 1/0"), p("COMMIT WORK AND CHAIN"), q("SELECT writes()"), q("COMMIT")}},
		{"transaction, chained", true, t{q("BEGIN; SELECT 1"), q(unlocked), q("COMMIT AND CHAIN"), q("SELECT writes()"), q("COMMIT")}},
		{"failed savepoint", true, t{q("BEGIN; SAVEPOINT a"), q(unlocked), q("SELECT 1/0"), q("ROLLBACK TO a"), q("SELECT writes()"), q("COMMIT")}},
		{"ALTER ROLE CURRENT_USER", true, t{q("ALTER ROLE CURRENT_USER SET default_transaction_read_only = off")}},
		{"SET ROLE", true, t{q("SET ROLE other"), q("SELECT writes()")}},
		{"GRANT", true, t{q("GRANT SELECT ON kept TO public")}},
		{"COMMENT", false, t{q("COMMENT ON TABLE kept IS 'trick'")}},
		{"VACUUM", false, t{q("VACUUM kept")}},
		{"CREATE FUNCTION", true, t{q("CREATE FUNCTION made() RETURNS int LANGUAGE sql AS 'SELECT 1'")}},
		{"CREATE SCHEMA", true, t{q("CREATE SCHEMA made")}},
		{"temporary table, then more", true, t{q("CREATE TEMP TABLE x (a int); " + insert)}},
		{"FOR UPDATE", false, t{q("BEGIN; SELECT * FROM kept FOR UPDATE")}},
		{"a word after a NUL", false, t{{&pgproto3.Query{String: "SELECT 1\x00; " + insert}}}},
		{"commit in a pipeline", true, t{p(unlocked, "COMMIT", "SELECT writes()")}},
		{"end in a pipeline", true, t{p(unlocked, " /* x */ ; END", "SELECT writes()")}},
		{"rollback in a pipeline", true, t{p("SELECT 1"), p(unlocked), p("ROLLBACK", "SELECT writes()")}},
		{"named commit in a pipeline", true, t{p(unlocked), with(commitNow, p("SELECT writes()")...)}},
		{"portal of a commit", true, t{p("BEGIN"), p(unlocked),
			{namedCommit, &pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "c"}, &pgproto3.Sync{}},
			with(messages{&pgproto3.Execute{Portal: "p"}}, p("SELECT writes()")...)}},
		{"unnamed portal of a commit", true, t{p("BEGIN"), p(unlocked), {&pgproto3.Parse{Query: "COMMIT"}, &pgproto3.Bind{}, &pgproto3.Sync{}},
			with(messages{&pgproto3.Execute{}}, p("SELECT writes()")...)}},
		{"commit prepared by SQL", false, t{q("PREPARE c AS COMMIT"), p("EXECUTE c", "SELECT writes()")}},
		{"name used again after an error", true, t{p(unlocked), {namedCommit, &pgproto3.Sync{}},
			{&pgproto3.Parse{Query: "syntax error"}, &pgproto3.Close{ObjectType: 'S', Name: "c"}, &pgproto3.Parse{Name: "c", Query: "SELECT 1"}, &pgproto3.Sync{}},
			with(messages{&pgproto3.Bind{PreparedStatement: "c"}, &pgproto3.Execute{}}, p("SELECT writes()")...)}},
		{"unnamed statement after an error", true, t{p(unlocked), {&pgproto3.Parse{Query: "COMMIT"}, &pgproto3.Sync{}},
			{&pgproto3.Parse{Name: "x", Query: "syntax error"}, &pgproto3.Parse{Query: "SELECT 1"}, &pgproto3.Sync{}},
			with(messages{&pgproto3.Bind{}, &pgproto3.Execute{}}, p("SELECT writes()")...)}},
		{"Query in a pipeline", false, t{p(unlocked), {&pgproto3.Parse{Query: "COMMIT"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Query{String: "SELECT writes()"}}}},
		{"the gateway's own statement", false, t{{&pgproto3.Parse{Name: "gateway_limits", Query: "SELECT 1"}, &pgproto3.Sync{}}, q("SELECT writes()")}},
		{"the gateway's own statement by SQL", false, t{q("PREPARE gateway_limits AS SELECT 1"), q(unlocked), q("SELECT writes()")}},
		{"a short statement_timeout", false, t{q("SET statement_timeout = 1"), q(unlocked), q("SELECT writes()"), q("SELECT writes()"), q("SELECT writes()")}},
		{"client_encoding with ASCII bytes", true, t{q("SET client_encoding = 'SJIS'"), q("SELECT E'\x81\\'; COMMIT; SELECT writes() --'")}},
		{"the same by a function", true, t{q("SELECT runs('SET client_encoding = SJIS')"), q(unlocked), q("SELECT E'\x83\\'; END; SELECT writes() --'")}},
		{"continued escape string", true, t{q("SELECT E'a'\n'\\''; " + unlocked + "; COMMIT; SELECT writes() --'")}},
		{"number before an escape string", false, t{q(`SELECT 1E'\''; ` + unlocked + `; COMMIT; SELECT writes() --'`)}},
	}
}

// inside is a server with a victim, for the tests of what is allowed there.
type inside struct {
	*pgserver.Server
	direct *pgconn.PgConn // of a superuser, past the gateway
}

// sql runs a script and gives the rows of all its results.
func (s *inside) sql(tb testing.TB, script string) string {
	tb.Helper()
	results, err := s.direct.Exec(context.Background(), script).ReadAll()
	if err != nil {
		tb.Fatalf("%s: %v", script, err)
	}
	var b strings.Builder
	for _, r := range results {
		for _, row := range r.Rows {
			b.Write(append(joined(row), '\n'))
		}
	}
	return b.String()
}

// world is a gateway for the login that tricks are for.
func (s *inside) world(tb testing.TB, right gateway.DatabaseRights) *world {
	db := lease(s.Server, pgserver.Login)
	db.Allow = right
	return newWorld(tb, s.Server, db)
}

// restore makes the victim new.
func (s *inside) restore(tb testing.TB) {
	for s.sql(tb, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'") != "" {
		// They end soon.
	}
	if gid := s.sql(tb, "SELECT gid FROM pg_prepared_xacts"); gid != "" {
		s.sql(tb, "ROLLBACK PREPARED '"+strings.TrimSpace(gid)+"'")
	}
	s.sql(tb, restored)
	s.sql(tb, victim)
}

// TestInside is about what may be done in a database. One server is enough for all of it.
func TestInside(t *testing.T) {
	s := &inside{Server: pgserver.Start(t)}
	var err error
	if s.direct, err = pgconn.Connect(t.Context(), fmt.Sprintf("host=%s port=%d user=postgres dbname=%s", s.Dir, s.Port, pgserver.Database)); err != nil {
		t.Fatal(err)
	}
	defer s.direct.Close(context.Background())
	for _, tt := range []struct {
		name string
		test func(*testing.T, *inside)
	}{
		{"tricks against read", testTricksAgainstRead}, {"tricks are real", testTricksAreReal}, {"honest reads", testHonestReads},
		{"drivers that read", testDriverReads}, {"rights", testRights}, {"what is recorded", testRecordedReads}, {"role", testRole}, {"superuser", testSuperuser},
		{"refusals", testRefusalInSync}, {"rows", testRowLimit}, {"rows of portals", testRowLimitOfPortals}, {"rows while reading", testRowLimitWhileReading}, {"timers", testTimers},
		{"differential", testDifferential}, {"random attacks", testRandomAttacks},
		{"confusions", testConfusions}, {"chance", testChance}, {"copies with Sync", testCopyWithSync},
		{"cancel", testCancelHeld},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.restore(t)
			tt.test(t, s)
		})
	}
}

func testTricksAgainstRead(t *testing.T, s *inside) {
	limited := s.world(t, gateway.DatabaseRead)
	before := s.sql(t, looksLike)
	for _, together := range []bool{false, true} {
		for _, trick := range tricks() {
			r := dialRaw(t, limited)
			got, err := r.run(together, trick.units...)
			r.nc.Close()
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "reset") {
				t.Errorf("%s, together %v: %v", trick.name, together, err)
			}
			if after := s.sql(t, looksLike); after != before {
				t.Fatalf("%s, together %v, changed something: %s\nnot %s\nanswers %q", trick.name, together, after, before, got)
			}
			if !together {
				t.Logf("%s: %q %v", trick.name, got.errors, err)
			}
		}
	}
}

// testTricksAreReal runs them where all is allowed: there they must work, or the
// other test would prove nothing.
func testTricksAreReal(t *testing.T, s *inside) {
	all := s.world(t, gateway.DatabaseAll)
	before := s.sql(t, looksLike)
	for _, trick := range tricks() {
		if !trick.real {
			continue
		}
		r := dialRaw(t, all)
		got, err := r.run(false, trick.units...)
		r.nc.Close()
		if s.sql(t, looksLike) == before {
			t.Errorf("%s changed nothing: %q %v", trick.name, got, err)
			continue
		}
		s.restore(t)
		before = s.sql(t, looksLike)
	}
}
