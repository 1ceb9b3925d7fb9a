package monitor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/clients"
	"gateway/internal/control"
)

// Bounds of what a client program is given.
const (
	maxClientArgs  = 256
	maxClientBytes = 128 << 10
	// maxClients is how many one account runs at the same time, over all of its
	// connections: each may take half a gigabyte, and a processor.
	maxClients = 32
)

// startClient starts the client program of a session with a database, and gives
// the descriptors of it that the session process gets.
func (c *conn) startClient(ctx context.Context, s *live, r control.Open) ([]*os.File, *control.Refusal) {
	refuse := func(text string) ([]*os.File, *control.Refusal) {
		return nil, &control.Refusal{Refusal: gateway.RefusalExecFailed, Text: text}
	}
	if size := len(strings.Join(r.Client.Args, " ")); size > maxClientBytes || len(r.Client.Args) > maxClientArgs {
		return refuse(fmt.Sprintf("psql can be given %d words of %d bytes together", maxClientArgs, maxClientBytes))
	}
	if c.m.clientsOf(c.account) > maxClients {
		return refuse(fmt.Sprintf("you run %d of them at the same time already, which is as many as an account may; ssh -L reaches the database with a tool of your own", maxClients))
	}
	program, err := clients.Psql()
	if err != nil {
		c.m.Log.Error("client program", zap.Error(err))
		return refuse("psql is not installed on this gateway; ssh -L reaches the database with a tool of your own")
	}
	client := clients.PsqlClient(program, clients.PsqlSession{
		Database: s.database.Name, User: s.request.Principal.Account, Term: gateway.Printable(clip(r.Term, 64)),
	})
	client.Args, client.Home = r.Client.Args, c.clientHome(s)
	client.Require = c.set.RequireSandbox
	if r.Client.Terminal {
		client.Size = &clients.Size{Columns: uint16(min(r.Size.Cols, 1<<16-1)), Rows: uint16(min(r.Size.Rows, 1<<16-1))}
	}
	uid := c.m.uids.take()
	client.UID = uint32(uid)
	running, err := c.m.Clients.Start(ctx, client)
	if err != nil {
		c.m.uids.give(uid)
		c.m.Log.Error("client program not started", zap.String("session", string(s.request.Session)), zap.Error(err))
		return refuse("psql can't be run in a jail on this gateway, and so is not run; gateway doctor says why")
	}
	go func() {
		if err := running.Wait(); err != nil {
			c.m.Log.Warn("files of a client program not kept", zap.String("session", string(s.request.Session)), zap.Error(err))
		}
		c.m.uids.give(uid)
	}()
	s.mu.Lock()
	s.client = running
	closed := s.closed
	s.mu.Unlock()
	if closed {
		running.Kill()
	}
	files := []*os.File{running.In, running.Out, running.Err}
	if r.Client.Terminal {
		files = []*os.File{running.Terminal}
	}
	return append(files, running.Listener, running.Status), nil
}

// clientsOf counts the sessions with a client program that people have opened
// from an account. One that opens is among them.
func (m *Monitor) clientsOf(account string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, s := range m.live {
		if s.opened.Client != nil && s.c.account == account {
			n++
		}
	}
	return n
}
