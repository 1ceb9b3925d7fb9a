package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/control"
	"gateway/internal/osh"
)

// oshCmd runs a command of the gateway on the node itself: first set-up,
// break-glass, automation. It has every right, and is audited as such.
type oshCmd struct {
	As      string   `placeholder:"ACCOUNT" help:"Run it as that account would; the rights stay those of the owner."`
	Command []string `arg:"" passthrough:"" optional:"" help:"After --: a command and its options, such as: accountCreate --account alice --uid-auto"`
}

// Run hands the command to the running gateway, or executes it itself when
// none runs.
func (c *oshCmd) Run(g *globals) error {
	words := c.Command
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	client, closeClient, err := c.client(ctx, folder(g.Data))
	if err != nil {
		return err
	}
	defer closeClient()
	line, err := osh.ParseLine(commandLine(words))
	env := osh.Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Client: client, Account: c.As, Name: "local", Now: time.Now,
	}
	if err != nil {
		return status(osh.RefuseLine(env, line, err))
	}
	return status(osh.Execute(ctx, env, line))
}

// commandLine quotes words as a shell would have to, for the one grammar.
func commandLine(words []string) string {
	if len(words) == 0 {
		words = []string{"help"}
	}
	line := "--osh"
	for _, w := range words {
		line += " '" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return line
}

func status(code int) error {
	if code == 0 {
		return nil
	}
	return exitError(code)
}

// client reaches the running gateway, or opens the folder.
func (c *oshCmd) client(ctx context.Context, f folder) (osh.Client, func(), error) {
	if err := f.exists(); err != nil {
		return nil, nil, err
	}
	conn, err := dialLocal(f)
	if err == nil {
		go func() { _ = conn.Serve(ctx, noRequests{}) }()
		return remoteClient{conn: conn, as: c.As}, func() { conn.Close() }, nil
	}
	n, err := openNode(f, nil)
	if err != nil {
		return nil, nil, err
	}
	return localClient{n: n, as: c.As}, n.close, nil
}

func dialLocal(f folder) (*control.Conn, error) {
	path, err := filepath.Abs(f.socket())
	if err != nil {
		return nil, err
	}
	nc, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Net: "unixpacket", Name: path})
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	file, err := nc.File()
	if err != nil {
		return nil, err
	}
	return control.NewConn(file)
}

// noRequests: the gateway asks nothing of a local client.
type noRequests struct{}

// Admit implements control.Handler.
func (noRequests) Admit(control.Op, int) error { return gateway.ErrInvalid }

// Handle implements control.Handler.
func (noRequests) Handle(context.Context, control.Op, []byte, []*os.File) (any, []*os.File, error) {
	return nil, nil, gateway.ErrInvalid
}

// remoteClient runs commands in the gateway that serves the folder.
type remoteClient struct {
	conn *control.Conn
	as   string
	sudo string
}

// As implements osh.Impersonator.
func (c remoteClient) As(account string) osh.Client {
	c.sudo = account
	return c
}

// Run implements osh.Client.
func (c remoteClient) Run(ctx context.Context, command string, request json.RawMessage) (osh.Result, error) {
	var r control.RunReply
	files, err := c.conn.Call(ctx, control.OpRunLocal, control.RunLocal{As: c.as, Sudo: c.sudo, Command: command, Request: request}, &r)
	if err != nil {
		return osh.Result{}, err
	}
	return osh.Result{Command: r.Command, Code: r.Code, Message: r.Message, Value: r.Value, Exit: r.Exit, Files: files}, nil
}

// Complete implements osh.Client: there is no prompt to complete here.
func (remoteClient) Complete(context.Context, string, string) ([]string, error) { return nil, nil }

// localClient runs commands in this process.
type localClient struct {
	n    *node
	as   string
	sudo string
}

// As implements osh.Impersonator.
func (c localClient) As(account string) osh.Client {
	c.sudo = account
	return c
}

// Run implements osh.Client.
func (c localClient) Run(ctx context.Context, command string, request json.RawMessage) (osh.Result, error) {
	return c.n.commands.Run(ctx, localActor(c.as, c.sudo), command, request), nil
}

// Complete implements osh.Client: there is no prompt to complete here.
func (localClient) Complete(context.Context, string, string) ([]string, error) { return nil, nil }

// localRetry is how long the local socket rests after it could not accept.
const localRetry = 100 * time.Millisecond

// serveLocal serves local clients until the listener closes.
func (n *node) serveLocal(ctx context.Context, l *net.UnixListener) {
	for {
		nc, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Such as no descriptors left: then this way in is needed most.
			n.log.Error("local socket", zap.Error(err))
			select {
			case <-ctx.Done():
				return
			case <-time.After(localRetry):
			}
			continue
		}
		go func() {
			defer nc.Close()
			if err := n.serveLocalClient(ctx, nc); err != nil {
				n.log.Warn("local client", zap.Error(err))
			}
		}()
	}
}

func (n *node) serveLocalClient(ctx context.Context, nc *net.UnixConn) error {
	if err := ownPeer(nc); err != nil {
		return err
	}
	file, err := nc.File()
	if err != nil {
		return err
	}
	conn, err := control.NewConn(file)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Serve(ctx, localServer{n.commands, control.NewGate(control.LocalTable())})
}

// ownPeer refuses everybody but the owner of this process, and root. The
// socket's mode says the same; this does not depend on a folder's mode.
func ownPeer(nc *net.UnixConn) error {
	raw, err := nc.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, credErr); err != nil {
		return err
	}
	if cred.Uid != 0 && int(cred.Uid) != os.Geteuid() {
		return fmt.Errorf("uid %d: %w", cred.Uid, gateway.ErrDenied)
	}
	return nil
}

// localServer executes what the owner of the data folder asks.
type localServer struct {
	commands *admin.Executor
	gate     *control.Gate
}

// Admit implements control.Handler.
func (s localServer) Admit(op control.Op, size int) error {
	return s.gate.Admit(op, control.Authenticated, size)
}

// Handle implements control.Handler.
func (s localServer) Handle(ctx context.Context, _ control.Op, body []byte, files []*os.File) (any, []*os.File, error) {
	control.CloseFiles(files)
	var r control.RunLocal
	if err := control.Decode(body, &r); err != nil {
		return nil, nil, err
	}
	result := s.commands.Run(ctx, localActor(r.As, r.Sudo), r.Command, r.Request)
	return control.RunReply{
		Command: result.Command, Code: result.Code, Message: strings.ToValidUTF8(result.Message, "\ufffd"), Value: result.Value, Exit: result.Exit,
	}, result.Files, nil
}
