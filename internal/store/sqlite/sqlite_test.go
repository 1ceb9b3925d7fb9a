package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/store"
	"gateway/internal/store/sqlite"
	"gateway/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("GATEWAY_TEST_WRITE"); path != "" {
		writeForever(path)
	}
	os.Exit(m.Run())
}

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, filepath.Join(t.TempDir(), "odd name?#%20.db"))
	})
}

// TestOpen: closed and opened again, the state is there, for its owner only.
func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s := open(t, path)
		accounts, _, err := s.Load(t.Context())
		if err != nil || len(accounts) != i {
			t.Fatalf("opened %d times: %d accounts, %v", i, len(accounts), err)
		}
		err = s.Update(t.Context(), func(x store.Tx) error {
			return x.CreateAccount(&gateway.Account{Name: fmt.Sprint("a", i)}, 2000, 9999)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v, want mode 0600", suffix, info, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	refused := func(path, want string) {
		t.Helper()
		s, err := sqlite.Open(t.Context(), path)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s): %v, want %q", filepath.Base(path), err, want)
		}
	}
	refused(filepath.Join(dir, "no", "folder.db"), "no such file")

	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(text, "damaged or not a database")

	newer := filepath.Join(dir, "newer.db")
	if err := open(t, newer).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	refused(newer, "newer gateway")
}

// TestDamaged: a damaged page is an error that says so, not wrong state.
func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.db")
	s := open(t, path)
	err := s.Update(t.Context(), func(x store.Tx) error {
		for i := range 200 {
			if err := x.CreateAccount(&gateway.Account{Name: fmt.Sprint("a", i), Comment: strings.Repeat("x", 100)}, 2000, 9999); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(data); i++ {
		data[i] = 0xaa // all but the first page
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = sqlite.Open(t.Context(), path)
	if err == nil {
		_, _, err = s.Load(t.Context())
		s.Close()
	}
	if !errors.Is(err, gateway.ErrUnavailable) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged file: %v", err)
	}
}

// writeForever is the child of TestCrash: it says which transaction is done.
func writeForever(path string) {
	s, err := sqlite.Open(context.Background(), path)
	for i := 0; err == nil; i++ {
		err = s.Update(context.Background(), func(x store.Tx) error { return crashTx(x, i) })
		fmt.Println(i)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// crashTx writes an account with 20 accesses, in many statements.
func crashTx(x store.Tx, i int) error {
	name := fmt.Sprint("a", i)
	if err := x.CreateAccount(&gateway.Account{Name: name}, 2000, 99999); err != nil {
		return err
	}
	for j := range 20 {
		a, err := gateway.ParseAccess(fmt.Sprintf("root@10.0.0.%d:22", j))
		if err != nil {
			return err
		}
		if _, err := x.AddAccess(store.Owner{Account: name}, a, a.AddedAt); err != nil {
			return err
		}
	}
	return nil
}

// TestCrash kills a writer in the middle of its work, with SIGKILL.
func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.db")
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "GATEWAY_TEST_WRITE="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		done := 0
		for done < 20+7*round && lines.Scan() {
			done++
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it said before it died counts
			done++
		}
		_ = cmd.Wait() // it was killed
		if done < 20 {
			t.Fatalf("the writer stopped by itself after %d transactions", done)
		}

		s := open(t, path)
		accounts, _, err := s.Load(t.Context())
		if err != nil || len(accounts) < done {
			t.Errorf("%d accounts, %v, want at least the %d that were told", len(accounts), err, done)
		}
		for _, a := range accounts {
			if len(a.Personal) != 20 {
				t.Errorf("%s has %d accesses: half a transaction", a.Name, len(a.Personal))
			}
		}
		err = s.Update(t.Context(), func(x store.Tx) error {
			for _, a := range accounts {
				if err := x.DeleteAccount(a.Name); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
