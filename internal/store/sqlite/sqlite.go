// Package sqlite keeps the state in one SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"gateway"
	"gateway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

var _ store.Store = (*Store)(nil)

// Store is an open database file. One connection writes, guarded by mu;
// others read beside it without waiting.
type Store struct {
	readers *sql.DB
	writers *sql.DB // holds conn only

	mu       sync.Mutex // guards what follows; held for a whole transaction
	conn     *sql.Conn
	stmts    map[string]*sql.Stmt // prepared on conn, by their text
	onCommit func([]store.Change)
	uids     uidHint
}

// maxReaders bounds the connections that read. More don't help: reading is
// short and bound by the processor.
const maxReaders = 4

// Open opens the database at path and brings its schema up to date. A missing
// file is created, readable by its owner only.
func Open(ctx context.Context, path string) (*Store, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	err = errors.Join(f.Chmod(0o600), f.Close())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{stmts: map[string]*sql.Stmt{}}
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	pragmas := []string{"busy_timeout(5000)", "foreign_keys(1)", "synchronous(NORMAL)", "temp_store(MEMORY)"}
	if s.writers, err = sql.Open("sqlite", dsn(abs, append(pragmas, "journal_mode(WAL)")...)); err != nil {
		return err
	}
	s.writers.SetMaxOpenConns(1)
	if err := migrate(ctx, s.writers); err != nil {
		return err
	}
	if s.conn, err = s.writers.Conn(ctx); err != nil {
		return wrap("connect", err)
	}
	if s.readers, err = sql.Open("sqlite", dsn(abs, append(pragmas, "query_only(1)")...)); err != nil {
		return err
	}
	s.readers.SetMaxOpenConns(maxReaders)
	s.readers.SetMaxIdleConns(maxReaders)
	return nil
}

func dsn(abs string, pragmas ...string) string {
	u := url.URL{Scheme: "file", Path: abs, RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

// migrate brings the schema up to date. A database of a newer program is left
// alone: this one does not know what it would break.
func migrate(ctx context.Context, db *sql.DB) error {
	var header int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&header); err != nil {
		return wrap("read schema", err)
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	have, know, err := p.GetVersions(ctx)
	if err != nil {
		return wrap("read schema version", err)
	}
	if have > know {
		return fmt.Errorf("the database has version %d and was written by a newer gateway; this one knows versions up to %d: %w",
			have, know, gateway.ErrUnavailable)
	}
	if _, err := p.Up(ctx); err != nil {
		return wrap("migrate", err)
	}
	return nil
}

// Close closes the file. Nothing may be under way.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	for _, db := range []*sql.DB{s.readers, s.writers} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// OnCommit implements store.Store.
func (s *Store) OnCommit(f func([]store.Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCommit = f
}

// prepared returns the statement of that text on the writing connection. The
// texts are constants of this package, so there are few. Call with mu held.
func (s *Store) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := s.stmts[text]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, text)
	if err == nil {
		s.stmts[text] = stmt
	}
	return stmt, err
}

// exec runs one statement on the writing connection, with mu held, and says
// how many rows it changed.
func (s *Store) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// querier reads: the writing connection inside a transaction, or a reader.
type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// QueryContext implements querier on the writing connection, with mu held.
func (t *tx) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := t.s.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// each calls row for every row of a query.
func each(ctx context.Context, q querier, text string, args []any, row func(scan func(...any) error) error) (err error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// wrap says what was being done and gives err the kind that callers test for.
// SQLite's texts name columns, never values.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{gateway.ErrNotFound, gateway.ErrConflict, gateway.ErrInvalid, gateway.ErrUnavailable} {
		if errors.Is(err, known) {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	kind := gateway.ErrUnavailable
	var e *driver.Error
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%s: %w", doing, gateway.ErrNotFound)
	case errors.As(err, &e):
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			kind = gateway.ErrConflict
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			kind = gateway.ErrNotFound
		case sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_NOTNULL:
			kind = gateway.ErrInvalid
		}
		if code := e.Code() & 0xff; code == sqlite3.SQLITE_NOTADB || code == sqlite3.SQLITE_CORRUPT {
			doing += ": the file is damaged or not a database; restore it from a backup"
		}
	}
	return fmt.Errorf("%s: %w: %w", doing, kind, err)
}
