package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/interop-tests/pgserver"
)

func testRowLimit(t *testing.T, s *inside) {
	db := lease(s.Server, pgserver.Login)
	db.Rows = 10
	w := newWorld(t, s.Server, db)
	const tooMany = "54000 gateway: the result has more than 10 rows, which is the limit here"
	for _, tt := range []struct {
		name   string
		units  []messages
		rows   int
		errors []string
	}{
		{"within", []messages{query("SELECT generate_series(1, 10)")}, 10, nil},
		{"two results within", []messages{query("SELECT generate_series(1, 10); SELECT generate_series(1, 10)")}, 20, nil},
		{"extended, within", []messages{pipeline("SELECT generate_series(1, 10)", "SELECT generate_series(1, 10)")}, 20, nil},
		{"one more", []messages{query("SELECT generate_series(1, 11)")}, 10, []string{tooMany}},
		{"one more, extended", []messages{pipeline("SELECT generate_series(1, 11)")}, 10, []string{tooMany}},
		{"one more, then others", []messages{query("SELECT generate_series(1, 11); SELECT 1")}, 10, []string{tooMany}},
		{"one more in a pipeline", []messages{pipeline("SELECT generate_series(1, 11)", "SELECT 1")}, 10, []string{tooMany}},
		{"many", []messages{query("SELECT generate_series(1, 100000000)")}, 10, []string{tooMany}},
		{"many, extended", []messages{pipeline("SELECT generate_series(1, 100000000)", "INSERT INTO log VALUES (1)")}, 10, []string{tooMany}},
		{"COPY", []messages{query("COPY (SELECT generate_series(1, 100000000)) TO STDOUT")}, 0, []string{tooMany}},
		{"short COPY", []messages{query("COPY (SELECT generate_series(1, 11)) TO STDOUT")}, 0, []string{tooMany}},
		{"a COPY within", []messages{query("COPY (SELECT generate_series(1, 10)) TO STDOUT")}, 0, nil},
		{"an error of the server's", []messages{query("SELECT 1/0")}, 0, []string{"22012 division by zero"}},
	} {
		r := dialRaw(t, w)
		for range 3 { // the connection can be used again
			got, err := r.run(false, tt.units...)
			if err != nil || len(got.rows) != tt.rows || strings.Join(got.errors, ";") != strings.Join(tt.errors, ";") || got.tx != 'I' {
				t.Errorf("%s: %d rows, errors %q, state %c, %v; want %d, %q", tt.name, len(got.rows), got.errors, got.tx, err, tt.rows, tt.errors)
				break
			}
		}
	}
	if n := s.sql(t, "SELECT count(*) FROM log"); n != "0\n" {
		t.Errorf("%s rows were inserted after a result that was cancelled, want none", n)
	}
}

func testRowLimitOfPortals(t *testing.T, s *inside) {
	db := lease(s.Server, pgserver.Login)
	db.Rows, db.Allow = 10, gateway.DatabaseRead
	r := dialRaw(t, newWorld(t, s.Server, db))
	got, err := r.run(false, messages{
		&pgproto3.Parse{Query: "SELECT generate_series(1, 25)"}, &pgproto3.Bind{},
		&pgproto3.Execute{MaxRows: 10}, &pgproto3.Execute{MaxRows: 10}, &pgproto3.Execute{MaxRows: 10}, &pgproto3.Sync{},
	})
	if err != nil || len(got.rows) != 25 || len(got.errors) > 0 {
		t.Errorf("in portions of 10: %d rows, %q, %v; want 25", len(got.rows), got.errors, err)
	}
	got, err = r.run(false, messages{
		&pgproto3.Parse{Query: "SELECT generate_series(1, 25)"}, &pgproto3.Bind{}, &pgproto3.Execute{MaxRows: 11}, &pgproto3.Execute{MaxRows: 11}, &pgproto3.Sync{},
	})
	if err != nil || len(got.rows) != 10 || len(got.errors) != 1 {
		t.Errorf("in portions of 11: %d rows, %q, %v; want 10 and an error", len(got.rows), got.errors, err)
	}
}

// testRowLimitWhileReading: of two errors, of the limit and of the cancellation
// that comes after the end of the result, the client gets one.
func testRowLimitWhileReading(t *testing.T, s *inside) {
	db := lease(s.Server, pgserver.Login)
	db.Rows, db.Allow = 10, gateway.DatabaseRead
	r := dialRaw(t, newWorld(t, s.Server, db))
	for range 50 {
		for _, unit := range []messages{query("SELECT generate_series(1, 11)"), pipeline("SELECT generate_series(1, 11)")} {
			got, err := r.run(false, unit, query("SELECT 1"))
			if err != nil || len(got.rows) != 11 || len(got.errors) != 1 {
				t.Fatalf("%d rows, %q, %v; want 11 and an error", len(got.rows), got.errors, err)
			}
		}
	}
}

func testTimers(t *testing.T, s *inside) {
	db := lease(s.Server, pgserver.Login)
	db.StatementTimeout, db.IdleInTransaction = 100*time.Millisecond, 200*time.Millisecond
	w := newWorld(t, s.Server, db)
	r := dialRaw(t, w)
	for _, tt := range []struct{ sql, want string }{
		{"SELECT pg_sleep(60)", "57014 canceling statement due to statement timeout"},
		{"SET statement_timeout = 0", ""},
		{"SELECT pg_sleep(60)", "57014 canceling statement due to user request"},
		{"SELECT 1", ""},
	} {
		got, err := r.run(false, query(tt.sql))
		if err != nil || strings.Join(got.errors, ";") != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.sql, got.errors, err, tt.want)
		}
	}
	for _, off := range []string{"SELECT 1", "SET idle_in_transaction_session_timeout = 0"} {
		r := dialRaw(t, w)
		if got, err := r.run(false, query(off), query("BEGIN")); err != nil || got.tx != 'T' {
			t.Fatalf("%s: %v, state %c", off, err, got.tx)
		}
		got, err := r.until(1)
		if err == nil || len(got.errors) != 1 || !strings.HasPrefix(got.errors[0], "25P03") {
			t.Errorf("%s: idle in a transaction: %q, %v", off, got.errors, err)
		}
	}
}
