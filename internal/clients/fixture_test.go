package clients

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gateway/internal/jail"
	"gateway/interop-tests/pgserver"
)

// helper is the real gateway-session: this program, with the race detector in
// it, could not live within the limits.
var helper string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		defer func() {
			if server.Server != nil {
				server.Close()
			}
		}()
		if helper = os.Getenv(helperEnv); helper != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "clients-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		helper = filepath.Join(dir, "gateway-session")
		if out, err := exec.Command("go", "build", "-o", helper, "gateway/cmd/gateway-session").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
			return 1
		}
		return m.Run()
	}())
}

// helperEnv tells a test that was started by another where the helper is.
const helperEnv = "CLIENTS_TEST_HELPER"

// uid is that of clients in tests.
func uid() uint32 {
	if os.Geteuid() != 0 {
		return 0
	}
	return jail.FirstUID + uint32(os.Getpid()%1000)
}

// world is a PostgreSQL and a starter of clients.
type world struct {
	*Starter
	server *pgserver.Server
	home   string
}

// server is one PostgreSQL for all tests, started by the first that needs it.
var server struct {
	sync.Mutex
	*pgserver.Server
}

func startServer() (*pgserver.Server, error) {
	server.Lock()
	defer server.Unlock()
	var err error
	if server.Server == nil {
		server.Server, err = pgserver.New()
	}
	return server.Server, err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := startServer()
	if errors.Is(err, pgserver.ErrNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &world{Starter: New(helper), server: s, home: filepath.Join(t.TempDir(), "alice")}
}

// psql starts psql with a relay to the server behind its socket.
func (w *world) psql(t *testing.T, size *Size, args ...string) *Running {
	t.Helper()
	program, err := Psql()
	if err != nil {
		t.Skip(err)
	}
	c := PsqlClient(program, PsqlSession{Database: pgserver.Database, User: pgserver.Superuser, Term: "xterm"})
	c.Args, c.Home, c.Size, c.UID = args, w.home, size, uid()
	r, err := w.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w.relay(t, r.Listener)
	t.Cleanup(func() { // before that of the relay
		r.Kill()
		if err := r.Wait(); err != nil {
			t.Error(err)
		}
		r.CloseFiles()
	})
	return r
}

// relay passes on what comes in at the socket until that is closed.
func (w *world) relay(t *testing.T, socket *os.File) {
	listener, err := net.FileListener(socket)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	t.Cleanup(wait.Wait)
	t.Cleanup(func() { listener.Close() })
	wait.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", filepath.Join(w.server.Dir, ".s.PGSQL."+strconv.Itoa(w.server.Port)))
			if err != nil {
				t.Error(err)
				client.Close()
				return
			}
			wait.Go(func() { io.Copy(server, client); server.(*net.UnixConn).CloseWrite() })
			wait.Go(func() { io.Copy(client, server); client.Close(); server.Close() })
		}
	})
}

// result is what a client wrote and how it ended.
type result struct{ out, err, status string }

// run runs psql with a script as standard input.
func (w *world) run(t *testing.T, script string, args ...string) result {
	t.Helper()
	r := w.psql(t, nil, args...)
	return finish(t, r, script)
}

// finish writes standard input and reads all the rest to the end.
func finish(t *testing.T, r *Running, script string) result {
	t.Helper()
	var res result
	var wait sync.WaitGroup
	read := func(f *os.File, to *string) {
		wait.Go(func() {
			b, err := io.ReadAll(f)
			if err != nil {
				t.Error(err)
			}
			*to = string(b)
		})
	}
	read(r.Out, &res.out)
	read(r.Err, &res.err)
	read(r.Status, &res.status)
	if _, err := io.WriteString(r.In, script); err != nil && !errors.Is(err, os.ErrClosed) && !strings.Contains(err.Error(), "broken pipe") {
		t.Error(err)
	}
	r.In.Close()
	wait.Wait()
	return res
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
