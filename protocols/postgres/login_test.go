package postgres_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"gateway"
	"gateway/interop-tests/pgserver"
	"gateway/protocols"
	"gateway/protocols/postgres"
)

func testLoginErrors(t *testing.T, s *pgserver.Server) {
	other := pgserver.Start(t)
	for _, c := range []struct {
		name   string
		login  string
		change func(*protocols.Database)
		kind   protocols.LoginErrorKind
		text   string
	}{
		{"wrong password", pgserver.Login, func(db *protocols.Database) { db.Answer = answer(db.User, "wrong") }, protocols.PasswordRefused, "SQLSTATE 28P01"},
		{"wrong MD5 password", pgserver.MD5, func(db *protocols.Database) { db.Answer = answer(db.User, "wrong") }, protocols.PasswordRefused, "SQLSTATE 28P01"},
		{"no password", pgserver.Login, func(db *protocols.Database) { db.Answer = nil }, protocols.PasswordMissing, "wants a password"},
		{"no certificate", pgserver.Cert, func(db *protocols.Database) { db.Signer = nil }, protocols.PasswordRefused, "SQLSTATE 28000"},
		{"unknown login", pgserver.Login, func(db *protocols.Database) { db.User = "nobody" }, protocols.PasswordRefused, "SQLSTATE 28000"},
		{"unknown database", pgserver.Login, func(db *protocols.Database) { db.Database = "nowhere" }, protocols.BrokenHandshake, "SQLSTATE 3D000"},
		{"unknown role", pgserver.Login, func(db *protocols.Database) { db.Role = "nobody" }, protocols.AuthFailed, "SQLSTATE 22023"},
		{"another host name", pgserver.Login, func(db *protocols.Database) { db.ServerName = "db.example" }, protocols.HostKeyRefused, "not db.example"},
		{"another authority", pgserver.Login, func(db *protocols.Database) { db.Roots = other.CA }, protocols.HostKeyRefused, "TLS: "},
		{"no authority", pgserver.Login, func(db *protocols.Database) { db.Roots = "" }, protocols.BrokenHandshake, "no certificate to verify"},
		{"in the clear, unverified", pgserver.Clear, func(db *protocols.Database) { db.TLS = gateway.TLSRequire }, protocols.NotSupported, "in the clear"},
		{"without TLS where it is needed", pgserver.Login, func(db *protocols.Database) { db.TLS = gateway.TLSDisable }, protocols.PasswordRefused, "SQLSTATE 28000"},
		{"the proof of somebody else", pgserver.Login, func(db *protocols.Database) {
			prove := db.Answer
			db.Answer = func(ctx context.Context, q protocols.DatabaseChallenge) (protocols.DatabaseAnswer, error) {
				a, err := prove(ctx, q)
				a.ServerSignature[0] ^= 1
				return a, err
			}
		}, protocols.BrokenHandshake, "does not prove"},
	} {
		db := lease(s, c.login)
		if c.login != pgserver.Cert {
			db.Answer = answer(c.login, s.Password)
			db.Password = func(context.Context) (gateway.Secret, error) {
				t.Errorf("%s: the password was asked for", c.name)
				return gateway.Secret{}, errors.New("no")
			}
		}
		c.change(&db)
		err := login(t, db)
		var e *protocols.LoginError
		if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: Login = %v, want %s and %q", c.name, err, c.kind, c.text)
		}
		if err != nil && strings.Contains(err.Error(), s.Password) {
			t.Errorf("%s: the password is in %q", c.name, err)
		}
	}
	db := lease(s, pgserver.Login)
	db.Answer, db.TLS, db.Roots = answer(pgserver.Login, s.Password), gateway.TLSRequire, ""
	if err := login(t, db); err != nil {
		t.Errorf("TLS with whoever answers: %v", err)
	}
}

func login(t *testing.T, db protocols.Database) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nc, err := db.Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, err := postgres.Backend{}.Login(ctx, nc, gateway.Request{}, protocols.Lease{Database: &db})
	if err == nil {
		c.Close()
	}
	return err
}

// TestSilentServer: the end of a login's time is its end.
func TestSilentServer(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	go there.Read(make([]byte, 100)) // it is asked for TLS, and says nothing
	expired := errors.New("too late")
	ctx, end := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := postgres.Backend{}.Login(ctx, here, gateway.Request{}, protocols.Lease{Database: &protocols.Database{TLS: gateway.TLSRequire}})
		done <- err
	}()
	end(expired)
	if err := <-done; !errors.Is(err, expired) {
		t.Errorf("Login = %v, want the cause of the context's end", err)
	}
}
