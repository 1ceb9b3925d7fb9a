package postgres

import (
	"strings"
	"testing"

	"gateway"
)

const (
	read  = gateway.DatabaseRead
	write = gateway.DatabaseWrite
	ddl   = gateway.DatabaseDDL
	all   = gateway.DatabaseAll
)

func TestExamine(t *testing.T) {
	for _, tt := range []struct {
		text  string
		want  gateway.DatabaseRights
		count int
	}{
		{"", read, 0},
		{" ; ;; -- nothing", read, 0},
		{"SELECT 1", read, 1},
		{"select 1; select 2;", read, 2},
		{"/* a /* nested; */ comment */ SELECT 1", read, 1},
		{"(SELECT 1) UNION (SELECT 2)", read, 1},
		{"SELECT 'a;b', \"c;d\", $$e;f$$, $x$g;$$;h$x$ -- ;", read, 1},
		{`SELECT '\'; SELECT 2`, read, 2},
		{`SELECT E'\'; SELECT 2'`, read, 1},
		{`SELECT 1E'\'; SELECT 2'`, read, 1},
		{`SELECT ae'\'; SELECT 2`, read, 2},
		{"SELECT $1$a$;$a$", read, 1},
		{"SELECT a$a$;select b$a$", read, 2},
		{"SELECT 'a''; b'", read, 1},
		{"SELECT E'a'\n'b\\'; SELECT 2", all, 2},
		{`SELECT U&'d\0061'`, all, 1},
		{`SELECT * FROM U&"d\0061"`, all, 1},
		{"SELECT 'open", all, 1},
		{"SELECT $a$ open $b$", all, 1},
		{"SELECT /* open", all, 1},
		{`SELECT "open`, all, 1},
		{"WITH x AS (SELECT 1) SELECT * FROM x", read, 1},
		{"WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x", write, 1},
		{"WITH x AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM x", write, 1},
		{"WITH x AS (SELECT 1) DELETE FROM t", write, 1},
		{"WITH x AS (SELECT 1) MERGE INTO t USING x ON true WHEN MATCHED THEN DELETE", write, 1},
		{"SELECT update, delete FROM t", read, 1},
		{"SELECT * FROM t FOR UPDATE", write, 1},
		{"SELECT * FROM t FOR NO KEY UPDATE", write, 1},
		{"SELECT * FROM t FOR KEY SHARE", write, 1},
		{"SELECT * INTO t2 FROM t", ddl, 1},
		{"SELECT * INTO TEMP t2 FROM t", write, 1},
		{"TABLE t", read, 1}, {"VALUES (1)", read, 1}, {"SHOW ALL", read, 1},
		{"EXPLAIN SELECT 1", read, 1},
		{"EXPLAIN (ANALYZE, BUFFERS, VERBOSE, COSTS off, TIMING off) INSERT INTO t VALUES (1)", write, 1},
		{"EXPLAIN ANALYZE UPDATE t SET a = 1", write, 1},
		{"EXPLAIN CREATE TABLE x AS SELECT 1", ddl, 1},
		{"PREPARE p AS SELECT $1::int", read, 1},
		{"PREPARE p (int) AS UPDATE t SET a = $1", write, 1},
		{"EXECUTE p(1)", read, 1}, {"DEALLOCATE ALL", read, 1}, {"DISCARD ALL", read, 1},
		{"DECLARE c CURSOR WITH HOLD FOR SELECT 1", write, 1}, {"DECLARE c CURSOR WITHOUT HOLD FOR SELECT 1", read, 1}, {"FETCH ALL c", read, 1}, {"MOVE 1 c", read, 1}, {"CLOSE c", read, 1},
		{"BEGIN", read, 1}, {"BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE", read, 1}, {"START TRANSACTION", read, 1},
		{"BEGIN READ WRITE", write, 1}, {"START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ /**/ WRITE", write, 1},
		{"COMMIT", read, 1}, {"END", read, 1}, {"ROLLBACK", read, 1}, {"ABORT", read, 1}, {"SAVEPOINT a", read, 1}, {"ROLLBACK TO a", read, 1},
		{"COMMIT AND CHAIN", write, 1}, {"ROLLBACK WORK AND CHAIN", write, 1}, {"COMMIT AND NO CHAIN", read, 1},
		{"PREPARE TRANSACTION 'x'", all, 1}, {"COMMIT PREPARED 'x'", all, 1}, {"ROLLBACK PREPARED 'x'", all, 1},
		{"SET search_path = a, b", read, 1}, {"SET LOCAL work_mem TO '1MB'", read, 1}, {"SET myapp.user = 'x'", read, 1},
		{"SET TIME ZONE 'UTC'", read, 1}, {"SET SESSION TIME ZONE LOCAL", read, 1}, {"SET CONSTRAINTS ALL DEFERRED", read, 1},
		{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", read, 1}, {"SET TRANSACTION READ ONLY", read, 1},
		{"SET TRANSACTION READ WRITE", write, 1}, {"SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", read, 1},
		{"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", read, 1},
		{"SET transaction_read_only = off", write, 1}, {"SET \"transaction_read_only\" TO off", write, 1}, {"SET LOCAL Transaction_Read_Only TO 0", write, 1},
		{"SET default_transaction_read_only = on", read, 1}, {"SET default_transaction_read_only TO DEFAULT", read, 1},
		{"RESET transaction_read_only", write, 1}, {"RESET ALL", read, 1}, {"RESET work_mem", read, 1},
		{"SET ROLE x", all, 1}, {"SET SESSION ROLE x", all, 1}, {"SET LOCAL ROLE NONE", all, 1}, {"SET role = x", all, 1}, {"RESET ROLE", all, 1},
		{"SET \"role\" = x", all, 1}, {"SET SESSION AUTHORIZATION x", all, 1}, {"SET SESSION SESSION AUTHORIZATION DEFAULT", all, 1},
		{"SET LOCAL SESSION AUTHORIZATION x", all, 1}, {"RESET SESSION AUTHORIZATION", all, 1}, {"SET session_authorization TO x", all, 1},
		{"SET standard_conforming_strings = on", read, 1}, {"SET standard_conforming_strings = off", all, 1}, {"RESET standard_conforming_strings", all, 1},
		{"SET client_encoding TO 'UTF-8'", read, 1}, {"SET NAMES 'SJIS'", all, 1}, {"SET NAMES 'latin1'", read, 1}, {"SET client_encoding = gbk", all, 1},
		{"SELECT pg_catalog.set_config('search_path', '', false)", read, 1},
		{"SELECT set_config('role', 'x', false)", all, 1},
		{"SELECT set_config('ro' || 'le', 'x', false)", all, 1},
		{"SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'", read, 1},
		{"SELECT set_config(name, 'off', false) FROM pg_settings", all, 1},
		{"SELECT set_config($1, 'x', false)", all, 1}, {"SELECT set_config('a.b', $1, false)", read, 1},
		{"SELECT set_config('transaction_read_only', 'off', false)", write, 1},
		{"SELECT set_config('ro'\n'le', 'x', false)", all, 1}, {`SELECT "set_config"('role', 'x', false)`, all, 1},
		{"SELECT set_config(E'role', 'x', false)", all, 1}, {"SELECT set_config /* */ ('role', 'x', false)", all, 1},
		{"SELECT nextval('s')", write, 1}, {"SELECT lo_create(0)", write, 1}, {"SELECT pg_notify('a', 'b')", write, 1},
		{"SELECT query_to_xml('select 1', true, true, '')", all, 1}, {"SELECT pg_terminate_backend(1)", all, 1},
		{"SELECT pg_read_file('/etc/passwd')", all, 1}, {"SELECT dblink_exec('x', 'y')", all, 1}, {"SELECT nextval FROM t", read, 1},
		{"COPY t TO STDOUT", read, 1}, {"COPY (SELECT * FROM t) TO STDOUT WITH (FORMAT csv)", read, 1}, {"COPY t (a, b) TO STDOUT", read, 1},
		{"COPY (DELETE FROM t RETURNING *) TO STDOUT", write, 1},
		{"COPY t FROM STDIN", write, 1}, {"COPY t FROM '/etc/passwd'", all, 1}, {"COPY t TO PROGRAM 'sh'", all, 1}, {"COPY t FROM /**/ PROGRAM 'sh'", all, 1},
		{"COPY (SELECT 1) TO '/tmp/x'", all, 1},
		{"LOCK TABLE t IN ACCESS SHARE MODE", read, 1}, {"LOCK TABLE a, b IN ACCESS SHARE MODE NOWAIT;", read, 1}, {"LOCK t", write, 1},
		{"INSERT INTO t VALUES (1)", write, 1}, {"TRUNCATE t", write, 1}, {"NOTIFY a", write, 1}, {"CALL p()", write, 1},
		{"REFRESH MATERIALIZED VIEW v", write, 1},
		{"CREATE TABLE x (a int)", ddl, 1}, {"CREATE TEMP TABLE x (a int)", write, 1}, {"CREATE OR REPLACE VIEW v AS SELECT 1", ddl, 1},
		{"CREATE UNIQUE INDEX i ON t (a)", ddl, 1}, {"ALTER TABLE t ADD b int", ddl, 1}, {"DROP TABLE t", ddl, 1}, {"COMMENT ON TABLE t IS 'x'", ddl, 1},
		{"DO $$BEGIN EXECUTE 'x'; END$$", ddl, 1}, {"VACUUM", ddl, 1},
		{"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 1", ddl, 2},
		{"CREATE ROLE x", all, 1}, {"ALTER USER x PASSWORD 'y'", all, 1}, {"ALTER SYSTEM SET a = b", all, 1}, {"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x", all, 1},
		{"CREATE EXTENSION x", all, 1}, {"CREATE FOREIGN TABLE x () SERVER s", all, 1}, {"DROP OWNED BY x", all, 1}, {"CREATE EVENT TRIGGER x", all, 1},
		{"GRANT ALL ON t TO x", all, 1}, {"LOAD 'x'", all, 1}, {"CHECKPOINT", all, 1}, {"whatever", all, 1}, {"'a'", all, 1}, {"\"select\" 1", all, 1},
		{"SELECT 1; whatever", all, 2},
	} {
		got := examine(tt.text, reading{})
		if got.class != tt.want || got.count != tt.count {
			t.Errorf("examine(%q) = %s (%s), %d statements; want %s, %d", tt.text, got.class, got.why, got.count, tt.want, tt.count)
		}
		if got.class != read && got.why == "" {
			t.Errorf("examine(%q) gives no reason for %s", tt.text, got.class)
		}
	}
}

func TestExamineReading(t *testing.T) {
	if v := examine(`SELECT '\'; SELECT 2'`, reading{backslashes: true}); v.count != 1 {
		t.Errorf("with backslashes that escape: %d statements, want 1", v.count)
	}
	if v := examine("SELECT 'é'", reading{doubleBytes: true}); v.class != all {
		t.Errorf("in such an encoding: %s, want all", v.class)
	}
	if v := examine("SELECT 'e'", reading{doubleBytes: true}); v.class != read {
		t.Errorf("ASCII in such an encoding: %s, want read", v.class)
	}
}

func TestExamineEnds(t *testing.T) {
	for _, tt := range []struct {
		text         string
		ends, goesOn bool
	}{
		{"SELECT 1", false, false},
		{"SELECT CASE WHEN a THEN b END; SELECT 2", false, false},
		{"COMMIT", true, false},
		{"COMMIT;", true, false},
		{";COMMIT", true, false},
		{"BEGIN; SELECT 1; COMMIT", true, false},
		{"BEGIN; SELECT 1; COMMIT; ", true, false},
		{"ROLLBACK TO SAVEPOINT a", false, false},
		{"COMMIT; SELECT 1", true, true},
		{"END; SELECT 1", true, true},
		{"SELECT 1; ROLLBACK AND CHAIN; SELECT 1", true, true},
		{"SELECT 'x''; COMMIT; SELECT 1'", false, false},
		{"SELECT $$; abort; SELECT 1$$", false, false},
		{`SELECT '\'; END; SELECT 1`, true, true},
		{"SELECT 'é; END; SELECT 1'", false, false},
		{"SELECT committed, xact_commit FROM t; SELECT 1", false, false},
	} {
		if got := examine(tt.text, reading{}); got.ends != tt.ends || got.goesOn != tt.goesOn {
			t.Errorf("examine(%q): ends %v, goes on %v; want %v, %v", tt.text, got.ends, got.goesOn, tt.ends, tt.goesOn)
		}
	}
}

// split cuts a text at the semicolons that the lexer finds between statements.
func split(text string) (parts []string, doubt string) {
	l := &lexer{text: text}
	start := 0
	for {
		t := l.next()
		if t.kind == endToken {
			return append(parts, text[start:]), l.doubt
		}
		if l.punct(t, ';') {
			parts = append(parts, text[start:t.start])
			start = t.end
		}
	}
}

func FuzzExamine(f *testing.F) {
	for _, s := range []string{
		"SELECT 'a''b' ; COMMIT", "SELECT $a$ ; $a$ -- x\n; END", `E'\'' ; U&"x" /* /* */ ; */ "a""b"`, "SET a = b; COPY t FROM STDIN",
		"select set_config('a','b',false)", "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END; X",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		whole := examine(text, reading{})
		parts, doubt := split(text)
		if doubt != "" || strings.Contains(strings.ToLower(text), "atomic") {
			if doubt != "" && whole.class != all {
				t.Errorf("%q is %s, with a doubt: %s", text, whole.class, doubt)
			}
			return
		}
		class, count := read, 0
		for _, p := range parts {
			v := examine(p, reading{})
			count += v.count
			if !class.Allows(v.class) {
				class = v.class
			}
			if v.count > 1 {
				t.Errorf("%q of %q is %d statements", p, text, v.count)
			}
		}
		if class != whole.class || count != whole.count {
			t.Errorf("%q is %s and %d statements, its parts are %s and %d", text, whole.class, whole.count, class, count)
		}
	})
}
