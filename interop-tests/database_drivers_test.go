package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"gateway/interop-tests/pgserver"
)

// TestDatabaseDrivers has the drivers that most programs use do what they can,
// with all rights, and with less, where the gateway looks into what they do.
func TestDatabaseDrivers(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	d.add("limited", pgserver.Login, "--db-allow", "ddl")
	for _, name := range []string{"sales", "limited"} {
		t.Run(name, func(t *testing.T) { d.drivers(t, d.forward(name, 5432)) })
	}
}

func (d *databases) drivers(t *testing.T, port int) {
	t.Run("psycopg2", func(t *testing.T) {
		needs(t, "psycopg2")
		out := d.says(d.command(through(port), "/usr/bin/python3", "testdata/postgres/client.py", strconv.Itoa(port)))
		if out != "ok True\n" {
			t.Errorf("client.py:\n%s", out)
		}
	})
	t.Run("jdbc", func(t *testing.T) {
		out := d.says(d.java(t, port, "Client.java"))
		if !strings.HasSuffix(out, "ok\n") {
			t.Errorf("Client.java:\n%s", out)
		}
	})
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run("pgx "+mode.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := pgxStatements(ctx, pgxConnect(ctx, t, port, mode)); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("pgx more", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		one, two := pgxConnect(ctx, t, port, pgx.QueryExecModeCacheStatement), pgxConnect(ctx, t, port, pgx.QueryExecModeCacheStatement)
		for name, f := range map[string]func() error{
			"copy":   func() error { return pgxCopy(ctx, one) },
			"notify": func() error { return pgxNotify(ctx, one, two) },
			"cancel": func() error { return pgxCancel(ctx, one) },
			"pipe":   func() error { return pgxPipeline(ctx, two) },
			"large":  func() error { return pgxLargeObject(ctx, two) },
		} {
			if err := f(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// java runs a program that uses JDBC.
func (d *databases) java(t *testing.T, port int, program string) *client {
	t.Helper()
	const driver = "/usr/share/java/postgresql.jar"
	java, err := exec.LookPath("java")
	if err == nil {
		_, err = os.Stat(driver)
	}
	if err == nil {
		// A single source file is run by the compiler's module.
		err = exec.Command(java, "--describe-module", "jdk.compiler").Run()
	}
	if err != nil { // CI has none: it is hundreds of megabytes
		t.Skipf("needs a JDK and libpostgresql-jdbc-java: %v", err)
	}
	return d.command(through(port), java, "-XX:TieredStopAtLevel=1", "-cp", driver, "testdata/postgres/"+program, strconv.Itoa(port))
}

func pgxConnect(ctx context.Context, t *testing.T, port int, mode pgx.QueryExecMode) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://anybody@127.0.0.1:%d/app?sslmode=prefer", port))
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// stateOf is the SQLSTATE of err.
func stateOf(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func pgxStatements(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Exec(ctx, "create temp table t (id int primary key, name text, at timestamptz, tags text[])"); err != nil {
		return err
	}
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for i := range 5 {
		if _, err := c.Exec(ctx, "insert into t values ($1, $2, $3, $4)", i, fmt.Sprint("näme ", i), at, []string{"a", "b c"}); err != nil {
			return err
		}
	}
	for range 3 {
		rows, err := c.Query(ctx, "select id, name, at, tags from t where id >= $1 order by id", 1)
		if err != nil {
			return err
		}
		type row struct {
			ID   int
			Name string
			At   time.Time
			Tags []string
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		if err != nil || len(all) != 4 || all[3].Name != "näme 4" || !all[3].At.Equal(at) || !slices.Equal(all[0].Tags, []string{"a", "b c"}) {
			return fmt.Errorf("rows %v, %w", all, err)
		}
	}
	if _, err := c.Exec(ctx, "insert into t values ($1, 'twice', null, null)", 1); stateOf(err) != "23505" {
		return fmt.Errorf("a duplicate: %w", err)
	}
	var batch pgx.Batch
	for i := range 100 {
		batch.Queue("insert into t (id, name) values ($1, $2)", 100+i, "batch")
		batch.Queue("select count(*) from t where name = $1", "batch")
	}
	results := c.SendBatch(ctx, &batch)
	for i := range 100 {
		var n int
		if _, err := results.Exec(); err != nil {
			return err
		}
		if err := results.QueryRow().Scan(&n); err != nil || n != i+1 {
			return fmt.Errorf("batch: %d of %d, %w", n, i+1, err)
		}
	}
	return results.Close()
}

func pgxCopy(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Exec(ctx, "create temp table copied (n int, text text)"); err != nil {
		return err
	}
	source := pgx.CopyFromSlice(20_000, func(i int) ([]any, error) { return []any{i, strings.Repeat("x", 100)}, nil })
	if n, err := c.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"n", "text"}, source); err != nil || n != 20_000 {
		return fmt.Errorf("%d rows, %w", n, err)
	}
	broken := pgx.CopyFromSlice(10_000, func(i int) ([]any, error) {
		if i == 9_999 {
			return nil, errors.New("the source broke")
		}
		return []any{i, "x"}, nil
	})
	if _, err := c.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"n", "text"}, broken); err == nil {
		return errors.New("a COPY from a broken source succeeded")
	}
	if tag, err := c.PgConn().CopyTo(ctx, io.Discard, "copy copied to stdout"); err != nil || tag.RowsAffected() != 20_000 {
		return fmt.Errorf("%s, %w", tag, err)
	}
	return nil
}

func pgxNotify(ctx context.Context, listens, tells *pgx.Conn) error {
	if _, err := listens.Exec(ctx, "listen news"); err != nil {
		return err
	}
	told := make(chan error, 1)
	go func() {
		_, err := tells.Exec(ctx, "select pg_notify('news', $1)", strings.Repeat("n", 7000))
		told <- err
	}()
	n, err := listens.WaitForNotification(ctx)
	if err == nil && len(n.Payload) != 7000 {
		err = fmt.Errorf("a notification of %d bytes", len(n.Payload))
	}
	return errors.Join(err, <-told)
}

// pgxCancel has a context end a statement by a cancel request: the connection goes on.
func pgxCancel(ctx context.Context, c *pgx.Conn) error {
	config := c.Config()
	config.BuildContextWatcherHandler = func(pg *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: patience}
	}
	own, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer own.Close(ctx)
	soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := own.Exec(soon, "select pg_sleep(60)"); stateOf(err) != "57014" {
		return fmt.Errorf("cancelled: %w", err)
	}
	var one int
	return own.QueryRow(ctx, "select 1").Scan(&one)
}

// pgxPipeline sends several units before any answer, one of which fails.
func pgxPipeline(ctx context.Context, c *pgx.Conn) error {
	p := c.PgConn().StartPipeline(ctx)
	for _, sql := range []string{"select 1", "select 1/0", "select 3"} {
		p.SendQueryParams(sql, nil, nil, nil, nil)
		p.SendQueryParams("select 'after'", nil, nil, nil, nil)
		if err := p.Sync(); err != nil {
			return err
		}
	}
	var states []string
	for range 8 {
		r, err := p.GetResults()
		if reader, ok := r.(*pgconn.ResultReader); ok {
			_, err = reader.Close()
		}
		states = append(states, stateOf(err))
	}
	if err := p.Close(); err != nil && stateOf(err) == "" {
		return err
	}
	if !slices.Contains(states, "22012") {
		return fmt.Errorf("states %q", states)
	}
	var one int
	return c.QueryRow(ctx, "select 1").Scan(&one)
}

func pgxLargeObject(ctx context.Context, c *pgx.Conn) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		all := tx.LargeObjects()
		id, err := all.Create(ctx, 0)
		if err != nil {
			return err
		}
		o, err := all.Open(ctx, id, pgx.LargeObjectModeRead|pgx.LargeObjectModeWrite)
		if err != nil {
			return err
		}
		if _, err := o.Write(make([]byte, 300_000)); err != nil {
			return err
		}
		if at, err := o.Seek(0, io.SeekEnd); err != nil || at != 300_000 {
			return fmt.Errorf("at %d, %w", at, err)
		}
		return all.Unlink(ctx, id)
	})
}
