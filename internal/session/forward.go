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
	"gateway/protocols/postgres"
)

// startupTimeout is how long a client may take to say what it wants.
const startupTimeout = 30 * time.Second

// sqlstate of what is told to clients, PostgreSQL's Appendix A.
const (
	stateNotAllowed  = "28000" // invalid_authorization_specification
	stateNoConnect   = "08001" // sqlclient_unable_to_establish_sqlconnection
	stateAdminEnd    = "57P01" // admin_shutdown
	stateSystemError = "58000"
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
		_ = c.Refuse(stateNotAllowed, refusalOf(err).Text)
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
	exit, err := p.relayDatabase(ctx, s, c, connect)
	if err == nil {
		return exit, ""
	}
	told := ""
	exit, comment := p.failed(ctx, err, s, func(text string) { told = text })
	state := stateNoConnect
	if errors.Is(err, gateway.ErrNoRecord) {
		state = stateSystemError
	}
	_ = c.Refuse(state, told)
	return exit, comment
}

func (p *Pipeline) relayDatabase(ctx context.Context, s *Session, c *postgres.Client, connect func(context.Context) (net.Conn, error)) (gateway.Exit, error) {
	backend := p.Backends[gateway.Postgres]
	if backend == nil || s.Database == nil {
		return gateway.Exit{}, fmt.Errorf("protocol %s: %w", gateway.Postgres, gateway.ErrInvalid)
	}
	nc, err := connect(ctx)
	if err != nil {
		return gateway.Exit{}, fmt.Errorf("connect to the database: %w", err)
	}
	loginCtx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	lease := Lease(ctx, p.Monitor, s.OpenReply, Person{})
	lease.Database.Settings = c.Settings()
	conn, err := backend.Login(loginCtx, nc, gateway.Request{
		Session: s.Session, Principal: gateway.Principal{Account: p.Account}, Protocol: gateway.Postgres,
		Target: s.Target, Database: s.Database.Name, Action: gateway.Action{Kind: "connect"},
	}, lease)
	if err != nil {
		return gateway.Exit{}, err
	}
	defer conn.Close()
	return conn.Relay(ctx, c, s)
}
