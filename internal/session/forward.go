package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"gateway"
	"gateway/internal/control"
	"gateway/protocols"
	"gateway/protocols/postgres"
)

// startupTimeout is how long a client may take to say what it wants.
const startupTimeout = 30 * time.Second

// sqlstate of what is told to clients, PostgreSQL's Appendix A.
const (
	stateNotAllowed = "28000" // invalid_authorization_specification
	stateNoConnect  = "08001" // sqlclient_unable_to_establish_sqlconnection
	stateAdminEnd   = "57P01" // admin_shutdown
	stateNoRecord   = "58030" // io_error
)

// Forward serves one forwarded connection, which a client opened to what it
// takes for a database server at host and port. It closes nc.
func (p *Pipeline) Forward(ctx context.Context, nc io.ReadWriteCloser, host string, port uint16) {
	defer nc.Close()
	c, err := p.startup(ctx, nc)
	if err != nil {
		return // there is nobody to tell, or it was told
	}
	s, ctx, err := p.Open(ctx, control.Open{
		Protocol: gateway.Postgres, Host: host, Port: port, Database: c.Database(), Action: gateway.Action{Kind: "connect"},
	})
	if err != nil {
		refusal := refusalOf(err)
		_ = c.Refuse(refusalState(refusal), refusal.Text) // who has gone can't be told
		return
	}
	exit, comment := p.serveDatabase(ctx, s, c, s.takeTarget)
	_ = s.End(exit, comment) // the monitor ends what it is not told of
}

// startup reads what a client of a database begins with.
func (p *Pipeline) startup(ctx context.Context, nc io.ReadWriteCloser) (*postgres.Client, error) {
	late := time.AfterFunc(startupTimeout, func() { nc.Close() })
	defer late.Stop()
	return p.Databases.Accept(ctx, nc)
}

// takeTarget is the connection that came with the session.
func (s *Session) takeTarget(context.Context) (net.Conn, error) {
	defer s.target.Close()
	return net.FileConn(s.target)
}

// serveDatabase logs in over a connection that connect gives, and relays to its
// end. The relay itself tells the client why that comes.
func (p *Pipeline) serveDatabase(ctx context.Context, s *Session, c *postgres.Client, connect func(context.Context) (net.Conn, error)) (gateway.Exit, string) {
	conn, err := p.loginDatabase(ctx, s, c, connect)
	if err != nil {
		exit, comment := p.failed(ctx, err, s, func(string) {})
		_ = c.Refuse(loginFailure(ctx, s, err)) // who has gone can't be told
		return exit, comment
	}
	defer conn.Close()
	exit, err := conn.Relay(ctx, c, s)
	if err == nil {
		return exit, ""
	}
	return p.failed(ctx, err, s, func(string) {}) // the relay has told the client
}

func (p *Pipeline) loginDatabase(ctx context.Context, s *Session, c *postgres.Client, connect func(context.Context) (net.Conn, error)) (protocols.Conn, error) {
	backend := p.Backends[gateway.Postgres]
	if backend == nil || s.Database == nil {
		return nil, fmt.Errorf("protocol %s: %w", gateway.Postgres, gateway.ErrInvalid)
	}
	nc, err := connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, loginTimeout,
		&protocols.LoginError{Kind: protocols.HandshakeTimeout, Err: fmt.Errorf("the server has not finished the login within %v", loginTimeout)})
	defer cancel()
	lease := Lease(ctx, p.Monitor, s.OpenReply, Person{})
	lease.Database.Settings = c.Settings()
	return backend.Login(ctx, nc, gateway.Request{
		Session: s.Session, Principal: gateway.Principal{Account: p.Account}, Protocol: gateway.Postgres,
		Target: s.Target, Database: s.Database.Name, Action: gateway.Action{Kind: "connect"},
	}, lease)
}

// refusalState is the SQLSTATE of what was not opened: drivers try some again.
func refusalState(r control.Refusal) string {
	switch r.Code {
	case gateway.RefusalHostNotFound.Code, gateway.RefusalExecFailed.Code, gateway.ExitLoginFailed, gateway.ExitConnectTimeout:
		return stateNoConnect
	case gateway.RefusalRecorder.Code, gateway.RefusalNoSpace.Code:
		return stateNoRecord
	}
	return stateNotAllowed
}

// loginFailure is what a client is told of a login that did not succeed.
func loginFailure(ctx context.Context, s *Session, err error) (state, text string) {
	state = stateNoConnect
	if terminated, ok := errors.AsType[*TerminatedError](context.Cause(ctx)); ok {
		return stateAdminEnd, terminated.Text
	}
	if said, ok := errors.AsType[*postgres.ServerError](err); ok {
		state = said.State
	}
	if login, ok := errors.AsType[*protocols.LoginError](err); ok {
		err = login.Err
	}
	return state, fmt.Sprintf("database %s: %s", s.Database.Name, errorText(err))
}
