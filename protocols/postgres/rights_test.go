package postgres_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/interop-tests/pgserver"
)

func testRights(t *testing.T, s *inside) {
	order := []gateway.DatabaseRights{gateway.DatabaseRead, gateway.DatabaseWrite, gateway.DatabaseDDL, gateway.DatabaseAll}
	needed := []struct {
		right      gateway.DatabaseRights
		statements []string
	}{
		{gateway.DatabaseRead, []string{"SELECT 1", "BEGIN; SELECT 1; COMMIT"}},
		{gateway.DatabaseWrite, []string{
			"INSERT INTO kept VALUES (11, 'x')", "UPDATE kept SET b = 'y' WHERE a = 1", "DELETE FROM kept WHERE a = 11", "SELECT writes()", "DELETE FROM kept WHERE a = 666",
			"MERGE INTO kept USING (SELECT 1) s ON false WHEN NOT MATCHED THEN DO NOTHING", "WITH x AS (DELETE FROM kept WHERE a = 99 RETURNING *) SELECT * FROM x",
			"BEGIN; INSERT INTO kept VALUES (12, ''); COMMIT; DELETE FROM kept WHERE a = 12", "BEGIN READ WRITE; SELECT 1; ROLLBACK AND CHAIN; COMMIT",
			"SELECT nextval('counter')", "NOTIFY x", "TRUNCATE log", "SELECT * FROM kept FOR UPDATE", "CREATE TEMP TABLE made (a int)", "SELECT lo_create(0)", "BEGIN; LOCK kept; COMMIT",
			"PREPARE p AS INSERT INTO kept VALUES (13, ''); EXECUTE p; DEALLOCATE p; DELETE FROM kept WHERE a = 13",
		}},
		{gateway.DatabaseDDL, []string{
			"CREATE TABLE made (a int); ALTER TABLE made ADD b text; CREATE INDEX ON made (a); COMMENT ON TABLE made IS 'x'; DROP TABLE made",
			"CREATE VIEW made AS SELECT 1; DROP VIEW made", "SELECT 1 AS a INTO made; DROP TABLE made", "DO $$BEGIN NULL; END$$", "VACUUM kept", "ANALYZE kept",
			"CREATE OR REPLACE FUNCTION made() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END; DROP FUNCTION made", "CREATE MATERIALIZED VIEW made AS SELECT 1; DROP MATERIALIZED VIEW made",
		}},
		{gateway.DatabaseAll, []string{
			"SET ROLE other; RESET ROLE", "GRANT SELECT ON kept TO other", "SELECT query_to_xml('SELECT 1', true, true, '')", "SET standard_conforming_strings = on; RESET standard_conforming_strings",
			"BEGIN; PREPARE TRANSACTION 'x'", "ROLLBACK PREPARED 'x'", "SELECT pg_terminate_backend(1) WHERE false", `SELECT U&'\0061'`,
		}},
	}
	for i, have := range order {
		db := lease(s.Server, pgserver.Login)
		db.Allow = have
		w := newWorld(t, s.Server, db)
		for j, need := range needed {
			r := dialRaw(t, w)
			for _, sql := range need.statements {
				got, err := r.run(false, query(sql))
				refused := slices.ContainsFunc(got.errors, func(e string) bool {
					return strings.HasPrefix(e, "42501 gateway: ") || strings.HasPrefix(e, "25006 ")
				})
				switch {
				case err != nil:
					t.Fatalf("%s with %s: %v, %q", sql, have, err, got.errors)
				case j <= i && len(got.errors) > 0:
					t.Errorf("%s with %s: %q, want none", sql, have, got.errors)
				case j > i && !refused:
					t.Errorf("%s with %s: %q, want a refusal", sql, have, got.errors)
				}
			}
			r.nc.Close()
			s.sql(t, "SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata")
		}
		classes := map[string]bool{}
		for _, a := range w.session.Actions() {
			if a.Kind != "sql" {
				t.Errorf("asked for %+v", a)
			}
			classes[a.Text] = true
		}
		if have != gateway.DatabaseAll && (len(classes) != i+1 || !classes[have.String()]) {
			t.Errorf("with %s, policy was asked about %v", have, classes)
		}
	}
}

func testRole(t *testing.T, s *inside) {
	for _, right := range []gateway.DatabaseRights{gateway.DatabaseRead, gateway.DatabaseDDL, gateway.DatabaseAll} {
		db := lease(s.Server, pgserver.Login)
		db.Role, db.Allow = "other", right
		r := dialRaw(t, newWorld(t, s.Server, db))
		who := query("SELECT current_user")
		got, err := r.run(false, who, pipeline("SELECT current_user"), query("BEGIN"), who, query("COMMIT"))
		if err != nil || strings.Join(got.rows, " ") != "other other other" {
			t.Errorf("with %s: %q, %q, %v", right, got.rows, got.errors, err)
		}
		if right == gateway.DatabaseAll {
			continue
		}
		got, err = r.run(false, query("RESET ROLE"), query("SET SESSION AUTHORIZATION DEFAULT"), who, query("DISCARD ALL"), who,
			query("SELECT runs('RESET ROLE')"), who, query("BEGIN; SELECT 1/0"), query("ROLLBACK"), pipeline("SELECT current_user"))
		if err != nil || strings.Count(strings.Join(got.rows, " "), "other") != 4 || strings.Contains(strings.Join(got.rows, " "), "app") {
			t.Errorf("with %s: %q, %q, %v", right, got.rows, got.errors, err)
		}
	}
}

// testSuperuser: what a superuser does can't be limited.
func testSuperuser(t *testing.T, s *inside) {
	s.sql(t, "GRANT super TO app")
	db := lease(s.Server, pgserver.Super)
	db.Allow = gateway.DatabaseRead
	psql := func(w *world) string {
		out, err := w.program(t, "", "psql", "-XAtqc", "SELECT 1")
		if err == nil {
			t.Errorf("psql = %q, want an error", out)
		}
		return out
	}
	if got := psql(newWorld(t, s.Server, db)); !strings.Contains(got, "superuser") {
		t.Errorf("as a superuser: %q", got)
	}
	db = lease(s.Server, pgserver.Login)
	db.Role, db.Allow = "super", gateway.DatabaseWrite
	if got := psql(newWorld(t, s.Server, db)); !strings.Contains(got, "superuser") {
		t.Errorf("with the role of a superuser: %q", got)
	}
	// One that becomes a superuser by a function, which no scan sees.
	db.Role = ""
	r := dialRaw(t, newWorld(t, s.Server, db))
	got, err := r.run(false, query("SELECT runs('SET ROLE super')"), query("SELECT 2"))
	if err == nil || len(got.errors) != 1 || !strings.Contains(got.errors[0], "superuser") {
		t.Errorf("a superuser by a trick: %q, %q, %v", got.rows, got.errors, err)
	}
}

// testRefusalInSync: after a refusal both sides go on.
func testRefusalInSync(t *testing.T, s *inside) {
	db := lease(s.Server, pgserver.Login)
	db.Allow = gateway.DatabaseWrite
	r := dialRaw(t, newWorld(t, s.Server, db))
	sync := &pgproto3.Sync{}
	for _, tt := range []struct {
		name   string
		units  []messages
		rows   string
		errors int
	}{
		{"query", []messages{query("GRANT x TO y"), query("SELECT 1")}, "1", 1},
		{"first of a pipeline", []messages{pipeline("GRANT x TO y", "SELECT 1"), query("SELECT 2")}, "2", 1},
		{"last of a pipeline", []messages{pipeline("SELECT 1", "GRANT x TO y"), query("SELECT 2")}, "1 2", 1},
		{"what came before it is undone", []messages{pipeline("INSERT INTO kept VALUES (100, '')", "GRANT x TO y", "SELECT 1"), query("SELECT count(*) FROM kept WHERE a = 100")}, "0", 1},
		{"a transaction fails", []messages{query("BEGIN"), query("GRANT x TO y"), query("SELECT 1"), query("ROLLBACK"), query("SELECT 2")}, "2", 2},
		{"a parse alone", []messages{{&pgproto3.Parse{Name: "a", Query: "GRANT x TO y"}, sync}, {&pgproto3.Bind{PreparedStatement: "a"}, sync}}, "", 2},
		{"an error of the server's first", []messages{pipeline("SELECT 1/0", "GRANT x TO y", "SELECT 1"), query("SELECT 2")}, "2", 1},
		{"syncs", []messages{{sync}, {sync}, query("SELECT 1")}, "1", 0},
		{"nothing", []messages{query(""), pipeline("")}, "", 0},
	} {
		for _, together := range []bool{false, true} {
			got, err := r.run(together, tt.units...)
			if err != nil || strings.Join(got.rows, " ") != tt.rows || len(got.errors) != tt.errors || got.tx != 'I' {
				t.Errorf("%s, together %v: rows %q, errors %q, state %c, %v", tt.name, together, got.rows, got.errors, got.tx, err)
			}
		}
	}
}

// testRecordedReads: what is taken apart is recorded as it came.
func testRecordedReads(t *testing.T, s *inside) {
	var events [2][]string
	late := regexp.MustCompile(`,"(ms":[0-9.]+|tx":"[ITE]")`)
	for i, right := range []gateway.DatabaseRights{gateway.DatabaseAll, gateway.DatabaseRead} {
		db := lease(s.Server, pgserver.Login)
		db.Allow, db.Results = right, 1
		w := newWorld(t, s.Server, db)
		r := dialRaw(t, w)
		for _, sql := range []string{"SELECT a FROM kept ORDER BY a LIMIT 2; SHOW search_path", "BEGIN", "SELECT 1/0", "ROLLBACK", "COPY kept TO STDOUT", ""} {
			if _, err := r.run(false, query(sql)); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range w.session.Events() {
			// When the state arrives late, it is recorded by itself.
			if text := late.ReplaceAllString(fmt.Sprintf("%T %+v", e, e), ""); !strings.Contains(text, "Name:ready") {
				events[i] = append(events[i], text)
			}
		}
	}
	if diff := cmp.Diff(events[0], events[1]); diff != "" {
		t.Errorf("with the right to read it is recorded otherwise (-all, +read):\n%s", diff)
	}
	w := s.world(t, gateway.DatabaseRead)
	if _, err := dialRaw(t, w).run(false, query("DELETE FROM kept"), query("SELECT runs('SELECT lo_create(0)')")); err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%+v", w.session.Events())
	for _, want := range []string{`"sql":"DELETE FROM kept"`, `"sqlstate":"42501","refused":"your right in this database is \"read\", and DELETE needs \"write\""`, `"sqlstate":"25006","refused":"`} {
		if !strings.Contains(all, want) {
			t.Errorf("there is no %s in %s", want, all)
		}
	}
}

// testCancelHeld: a cancellation waits for the answers to what the gateway says in front
// of a statement. They must not wait for the statement.
func testCancelHeld(t *testing.T, s *inside) {
	s.sql(t, "CREATE FUNCTION slow() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); END'")
	for _, right := range []gateway.DatabaseRights{gateway.DatabaseRead, gateway.DatabaseWrite} {
		c := s.world(t, right).connect(t)
		for name, run := range map[string]func() error{
			"simple": func() error { return c.Exec(context.Background(), "select pg_sleep(60)").Close() },
			"extended": func() error {
				return c.ExecParams(context.Background(), "select pg_sleep(60)", nil, nil, nil, nil).Read().Err
			},
			"function": func() error { return c.Exec(context.Background(), "select slow()").Close() },
		} {
			result := make(chan error, 1)
			go func() { result <- run() }()
			sleeps(t, s.Server, "1")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := c.CancelRequest(ctx); err != nil {
				t.Fatalf("%s, %s: cancel: %v", right, name, err)
			}
			if err := <-result; !strings.Contains(fmt.Sprint(err), "57014") {
				t.Errorf("%s, %s: cancelled: %v; want 57014", right, name, err)
			}
		}
	}
}
