package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/internal/tcp"
	"gateway/protocols"
)

// Backend is PostgreSQL. Its zero value is ready for use.
type Backend struct{}

var _ protocols.Backend = Backend{}

// Protocol is gateway.Postgres.
func (Backend) Protocol() gateway.Protocol { return gateway.Postgres }

// maxParameters bounds what a server tells of itself at the login.
const maxParameters = 200

// conn is logged in to a server.
type conn struct {
	db     protocols.Database
	nc     net.Conn // over TLS, if the server is spoken to so
	ahead  *ahead   // what nc reads from
	raw    net.Conn
	server *pump
	params [][2]string // as the server reported
	key    []byte      // that cancels at the server
}

// loginRules: what a server may say before the first ReadyForQuery.
func loginRules() *[256]rule {
	var r [256]rule
	for _, kind := range "RSKEZNv" {
		r[kind] = whole
	}
	return &r
}

// Login implements protocols.Backend.
func (Backend) Login(ctx context.Context, nc net.Conn, _ gateway.Request, l protocols.Lease) (protocols.Conn, error) {
	if l.Database == nil {
		nc.Close()
		return nil, errors.New("log in: the lease is for no database")
	}
	fast := tcp.Wrap(nc)
	defer fast.Done()
	c := &conn{db: *l.Database, nc: fast, raw: nc}
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	err := c.login(ctx)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		return c, nil
	}
	nc.Close()
	if cause := context.Cause(ctx); cause != nil {
		return nil, fmt.Errorf("log in: %w", cause)
	}
	var known *protocols.LoginError
	if errors.As(err, &known) {
		return nil, err
	}
	return nil, &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: err}
}

func (c *conn) login(ctx context.Context) error {
	c.ahead = &ahead{Conn: c.nc}
	nc, err := encrypt(ctx, c.ahead, &c.db)
	if err != nil {
		return err
	}
	c.nc = nc
	settings := map[string]string{}
	for name, value := range c.db.Settings {
		if forwarded(name, c.db.Allow) {
			settings[name] = value
		}
	}
	settings["user"], settings["database"] = c.db.User, c.db.Database
	if err := c.send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: settings}); err != nil {
		return err
	}
	c.server = newPump(c.nc, loginRules(), maxServer)
	if err := c.authenticate(ctx); err != nil {
		return err
	}
	if err := c.greeting(); err != nil {
		return err
	}
	if limits := limits(&c.db); limits != "" {
		return c.run(limits)
	}
	return nil
}

// limits are the statements that a session begins with. They are no startup
// parameters, as poolers of connections refuse those that they don't know.
func limits(db *protocols.Database) string {
	var b strings.Builder
	if db.Allow == gateway.DatabaseRead {
		b.WriteString("SET default_transaction_read_only = on;")
	}
	if db.StatementTimeout > 0 {
		fmt.Fprintf(&b, "SET statement_timeout = %d;", max(1, db.StatementTimeout.Milliseconds()))
	}
	if db.IdleInTransaction > 0 {
		fmt.Fprintf(&b, "SET idle_in_transaction_session_timeout = %d;", max(1, db.IdleInTransaction.Milliseconds()))
	}
	if db.Role != "" {
		b.WriteString("SET ROLE " + quoteIdentifier(db.Role))
	}
	return b.String()
}

// forwarded says which parameters of the client's the server's session may begin
// with. The others are only for who may do everything, as they could be a way
// around what is enforced by settings.
func forwarded(name string, rights gateway.DatabaseRights) bool {
	switch strings.ToLower(name) {
	case "client_encoding", "application_name", "datestyle", "timezone", "intervalstyle", "extra_float_digits", "search_path":
		return true
	case "user", "database", "replication":
		return false
	}
	return rights == gateway.DatabaseAll
}

func quoteIdentifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func (c *conn) send(m pgproto3.FrontendMessage) error {
	b, err := m.Encode(nil)
	if err != nil {
		return err
	}
	_, err = c.nc.Write(b)
	return err
}

// encrypt begins TLS, if the database wants it.
func encrypt(ctx context.Context, nc net.Conn, db *protocols.Database) (net.Conn, error) {
	if db.TLS == gateway.TLSDisable {
		return nc, nil
	}
	config, err := tlsConfig(db)
	if err != nil {
		return nil, err
	}
	b, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err == nil {
		_, err = nc.Write(b)
	}
	if err != nil {
		return nil, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(nc, answer[:]); err != nil {
		return nil, unexpected(err)
	}
	if answer[0] != 'S' {
		return nil, &protocols.LoginError{Kind: protocols.NoCommonSuite, Err: errors.New("the server has no TLS")}
	}
	secured := tls.Client(nc, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, &protocols.LoginError{Kind: protocols.HostKeyRefused, Err: fmt.Errorf("TLS: %w", untrusted(err))}
	}
	return secured, nil
}

func tlsConfig(db *protocols.Database) (*tls.Config, error) {
	config := &tls.Config{
		ServerName: db.ServerName, RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: db.TLS == gateway.TLSRequire,
		// What passes is either short or long, and records that grow help neither.
		DynamicRecordSizingDisabled: true,
	}
	if !config.RootCAs.AppendCertsFromPEM([]byte(db.Roots)) && db.TLS == gateway.TLSVerifyFull {
		return nil, errors.New("TLS: there is no certificate to verify the server's with")
	}
	if db.Certificate == "" || db.Signer == nil {
		return config, nil
	}
	own := tls.Certificate{PrivateKey: db.Signer}
	for rest := []byte(db.Certificate); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			own.Certificate = append(own.Certificate, block.Bytes)
		}
	}
	// Whatever authorities the server names: there is no other certificate.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	return config, nil
}

// greeting reads what a server says between the login and the first command.
func (c *conn) greeting() error {
	for {
		m, err := c.server.next()
		if err != nil {
			return unexpected(err)
		}
		c.server.drop()
		switch m.kind {
		case 'S':
			if err := c.status(m.body); err != nil {
				return err
			}
		case 'K':
			if len(m.body) < keySize || len(m.body) > 260 {
				return errors.New("the server's key is malformed")
			}
			c.key = append([]byte(nil), m.body...)
		case 'Z':
			return nil
		case 'N', 'v':
		case 'E':
			return loginError(m.body)
		default:
			return fmt.Errorf("unexpected message %q", m.kind)
		}
	}
}

// status notes a parameter of the server's.
func (c *conn) status(body []byte) error {
	var s pgproto3.ParameterStatus
	if err := s.Decode(body); err != nil {
		return err
	}
	for i := range c.params {
		if c.params[i][0] == s.Name {
			c.params[i][1] = s.Value
			return nil
		}
	}
	if len(c.params) == maxParameters || len(body) > maxStartup {
		return errors.New("the server tells too much of itself")
	}
	c.params = append(c.params, [2]string{s.Name, s.Value})
	return nil
}

// param is what the server reported.
func (c *conn) param(name string) string {
	for _, p := range c.params {
		if p[0] == name {
			return p[1]
		}
	}
	return ""
}

// run runs a statement of the gateway's before the client is there. What it
// gives is not looked at.
func (c *conn) run(sql string) error {
	if err := c.send(&pgproto3.Query{String: sql}); err != nil {
		return err
	}
	c.server.rules = serverRules()
	var failed error
	for {
		m, err := c.server.next()
		if err != nil {
			return unexpected(err)
		}
		c.server.drop()
		switch m.kind {
		case 'S':
			if err := c.status(m.body); err != nil {
				return err
			}
		case 'E':
			failed = loginError(m.body)
		case 'Z':
			return failed
		}
	}
}

// ServerError is what a server said against a login.
type ServerError struct{ State, text string }

func (e *ServerError) Error() string { return e.text + " (SQLSTATE " + e.State + ")" }

// maxTail bounds what is kept of a server's words.
const maxTail = 512

// loginError is what the server said against the login. The person is told the
// code; the words may name what is not theirs to know.
func loginError(body []byte) error {
	var e pgproto3.ErrorResponse
	if err := e.Decode(body); err != nil {
		return err
	}
	if len(e.Code) != 5 {
		return errMalformed
	}
	if len(e.Code) != 5 {
		return errMalformed
	}
	e.Message = strings.ToValidUTF8(e.Message[:min(len(e.Message), maxTail)], "")
	kind, text := protocols.BrokenHandshake, "the server does not accept the connection"
	switch {
	case strings.HasPrefix(e.Code, "28"):
		kind, text = protocols.PasswordRefused, "the server refuses the login of the gateway"
	case e.Code == "3D000":
		text = "the server does not have the database"
	case e.Code == "53300":
		text = "the server has too many connections"
	case e.Code == "57P03":
		text = "the server is starting up or shutting down"
	case e.Code == "22023" || e.Code == "42704" || e.Code == "42501":
		kind, text = protocols.AuthFailed, "the server refuses the role"
	}
	return &protocols.LoginError{
		Kind: kind, Err: &ServerError{gateway.Printable(e.Code), text}, Tail: gateway.Printable(e.Message),
	}
}

// Close implements protocols.Conn. The connection is shut down in both
// directions: the monitor has it too.
func (c *conn) Close() error {
	if s, ok := c.raw.(interface{ CloseRead() error }); ok {
		s.CloseRead()
	}
	if s, ok := c.raw.(interface{ CloseWrite() error }); ok {
		s.CloseWrite()
	}
	return c.raw.Close()
}

// untrusted says what to do about a certificate that nothing vouches for.
func untrusted(err error) error {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%w; dbModify --ca-stdin names who signs the server's", unknown)
	}
	return err
}
