package pgserver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"gateway/interop-tests/pgserver"
)

// TestLogins logs in as each login there is, and as none that there isn't.
func TestLogins(t *testing.T) {
	s := pgserver.Start(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(s.CA))
	pair, err := tls.X509KeyPair([]byte(s.ClientCert), []byte(s.ClientKey))
	if err != nil {
		t.Fatal(err)
	}
	encrypted := &tls.Config{RootCAs: roots, ServerName: pgserver.Host}
	certified := &tls.Config{RootCAs: roots, ServerName: pgserver.Host, Certificates: []tls.Certificate{pair}}
	for _, c := range []struct {
		user, password string
		tls            *tls.Config
		works          bool
	}{
		{pgserver.Login, s.Password, encrypted, true},
		{pgserver.MD5, s.Password, encrypted, true},
		{pgserver.Clear, s.Password, encrypted, true},
		{pgserver.Super, s.Password, encrypted, true},
		{pgserver.Cert, "", certified, true},
		{pgserver.Plain, s.Password, nil, true},
		{pgserver.Plain, s.Password, encrypted, false},
		{pgserver.Login, s.Password, nil, false},
		{pgserver.Login, "wrong", encrypted, false},
		{pgserver.Cert, "", encrypted, false},
		{pgserver.Superuser, s.Password, encrypted, false},
	} {
		config, err := pgconn.ParseConfig("postgres://" + c.user + "@" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) + "/" + pgserver.Database)
		if err != nil {
			t.Fatal(err)
		}
		config.Password, config.TLSConfig, config.Fallbacks = c.password, c.tls, nil
		conn, err := pgconn.ConnectConfig(context.Background(), config)
		if (err == nil) != c.works {
			t.Errorf("login %s, TLS %v: %v, want %v", c.user, c.tls != nil, err, c.works)
		}
		if err == nil {
			conn.Close(context.Background())
		}
	}
	s.Stop()
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	if got := s.SQL(t, "select 1, 'two'"); got != "1|two" {
		t.Errorf("psql = %q", got)
	}
}
