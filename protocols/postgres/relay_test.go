package postgres_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway"
	"gateway/internal/scram"
	"gateway/internal/tcp"
	"gateway/interop-tests/pgserver"
	"gateway/protocols"
	"gateway/protocols/postgres"
	"gateway/protocols/protocoltest"
)

// lease is what is needed to log in to s as a login of its.
func lease(s *pgserver.Server, login string) protocols.Database {
	db := protocols.Database{
		Name: "offered", Database: pgserver.Database, User: login, ServerName: pgserver.Host, Roots: s.CA,
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
		},
	}
	switch login {
	case pgserver.Cert:
		pair, err := tls.X509KeyPair([]byte(s.ClientCert), []byte(s.ClientKey))
		if err != nil {
			panic(err)
		}
		db.Certificate, db.Signer = s.ClientCert, pair.PrivateKey.(crypto.Signer)
	case pgserver.Plain:
		db.TLS = gateway.TLSDisable
	}
	return db
}

// answer proves that password is known.
func answer(user, password string) func(context.Context, protocols.DatabaseChallenge) (protocols.DatabaseAnswer, error) {
	return func(_ context.Context, q protocols.DatabaseChallenge) (a protocols.DatabaseAnswer, err error) {
		if len(q.AuthMessage) == 0 {
			a.Proof, err = scram.MD5([]byte(password), user, q.Salt)
			return a, err
		}
		a.Proof, a.ServerSignature, err = scram.Proof([]byte(password), q.Salt, q.Iterations, q.AuthMessage)
		return a, err
	}
}

// world is a gateway in little: it listens, and relays who comes.
type world struct {
	server  *pgserver.Server
	session *protocoltest.Session
	db      protocols.Database
	front   *postgres.Front
	port    int

	mu    sync.Mutex // guards what follows
	exits []error
}

func newWorld(tb testing.TB, s *pgserver.Server, db protocols.Database) *world {
	tb.Helper()
	session := &protocoltest.Session{}
	w := newWorldOf(tb, s, db, session)
	w.session = session
	return w
}

// newWorldOf makes a world that records with session.
func newWorldOf(tb testing.TB, s *pgserver.Server, db protocols.Database, session protocols.Session) *world {
	tb.Helper()
	if db.User != pgserver.Cert && db.Answer == nil {
		db.Answer = answer(db.User, s.Password)
		db.Password = func(context.Context) (gateway.Secret, error) { return gateway.NewSecret([]byte(s.Password)), nil }
	}
	w := &world{server: s, db: db, front: postgres.NewFront()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	w.port = l.Addr().(*net.TCPAddr).Port
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer nc.Close()
				fast := tcp.Wrap(nc) // as in session processes
				fast.Done()
				w.done(w.serve(ctx, fast, session))
			})
		}
	})
	tb.Cleanup(func() {
		cancel()
		l.Close()
		all.Wait()
	})
	return w
}

func (w *world) serve(ctx context.Context, nc net.Conn, s protocols.Session) error {
	client, err := w.front.Accept(ctx, nc)
	if err != nil {
		return err
	}
	db := w.db
	db.Settings = client.Settings()
	target, err := db.Dial(ctx)
	if err != nil {
		return errors.Join(err, client.Refuse("08001", "the server can't be reached"))
	}
	conn, err := postgres.Backend{}.Login(ctx, target, gateway.Request{}, protocols.Lease{Database: &db})
	if err != nil {
		return errors.Join(err, client.Refuse("08001", err.Error()))
	}
	defer conn.Close()
	_, err = conn.Relay(ctx, client, s)
	return err
}

func (w *world) done(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exits = append(w.exits, err)
}

// url is where clients find the world.
func (w *world) url() string {
	return "postgres://anybody@127.0.0.1:" + strconv.Itoa(w.port) + "/offered"
}

// program runs one of PostgreSQL's programs with the world as its server.
func (w *world) program(tb testing.TB, stdin, name string, args ...string) (string, error) {
	tb.Helper()
	path, err := pgserver.Program(name)
	if err != nil {
		tb.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "PGHOST=127.0.0.1", "PGPORT="+strconv.Itoa(w.port), "PGUSER=anybody", "PGDATABASE=offered", "PGSSLMODE=prefer", "LC_ALL=C.UTF-8")
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// psql runs a script that must succeed.
func (w *world) psql(tb testing.TB, script string, args ...string) string {
	tb.Helper()
	out, err := w.program(tb, script, "psql", append([]string{"-XAtq", "-v", "ON_ERROR_STOP=1"}, args...)...)
	if err != nil {
		tb.Fatalf("psql: %v\n%s", err, out)
	}
	return strings.TrimSuffix(out, "\n")
}

func testLogins(t *testing.T, s *pgserver.Server) {
	for _, login := range []string{pgserver.Login, pgserver.MD5, pgserver.Clear, pgserver.Cert, pgserver.Plain, pgserver.Super} {
		db := lease(s, login)
		messages := make(chan string, 10)
		if prove := answer(login, s.Password); login != pgserver.Cert {
			db.Password = func(context.Context) (gateway.Secret, error) { return gateway.NewSecret([]byte(s.Password)), nil }
			db.Answer = func(ctx context.Context, q protocols.DatabaseChallenge) (protocols.DatabaseAnswer, error) {
				messages <- string(q.AuthMessage)
				return prove(ctx, q)
			}
		}
		w := newWorld(t, s, db)
		if got := w.psql(t, "select current_user, 1; select 'x' where false; select $$two$$"); got != login+"|1\ntwo" {
			t.Errorf("as %s: psql = %q", login, got)
		}
		asked := ""
		if len(messages) > 0 {
			asked = <-messages
		}
		// "p=tls-server-end-point,,", or "n,,", in base64.
		if login == pgserver.Login && !strings.Contains(asked, ",c=cD10bHMtc2VydmVyLWVuZC1wb2ludCws") || login == pgserver.Plain && !strings.Contains(asked, ",c=biws,") {
			t.Errorf("as %s: channel binding in %q", login, asked)
		}
	}
}

func TestRelay(t *testing.T) {
	s := pgserver.Start(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *pgserver.Server)
	}{
		{"logins", testLogins}, {"logins that fail", testLoginErrors}, {"programs", testPrograms}, {"extended protocol", testExtendedProtocol},
		{"parameters", testParameters}, {"results", testResults}, {"refused", testRefused}, {"large messages", testLarge}, {"the same without the relay", testSame},
		{"cancel", testCancel}, {"denied", testDenied}, {"expiry", testExpiry}, {"flow", testFlow}, {"idle", testIdle}, {"goodbye", testGoodbye}, {"server gone", testServerGone},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}
