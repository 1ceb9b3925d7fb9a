package monitor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
)

// conn is one ingress connection: its session process, how far it has proven
// itself, and what it has open.
type conn struct {
	m       *Monitor
	set     Settings
	id      gateway.SessionID // of the login; its first session has it too
	from    netip.AddrPort
	via     netip.AddrPort
	source  netip.Prefix
	counted bool // among m.pending; guarded by m.mu
	tc      *net.TCPConn
	child   *child        // set once, under mu; nil: not started yet
	done    chan struct{} // closed when the process is gone and all is written
	signing sync.Mutex    // held while a key is used: one connection takes one processor at most

	mu         sync.Mutex // guards what follows
	table      *control.Gate
	phase      control.Phase
	exchange   []byte // the SSH session id: the first hash that was signed
	exchanges  int    // hashes that were to be signed
	proving    bool   // a proof is being looked at
	account    string // who was proven
	ingressKey string // fingerprint of the key that proved it
	sessions   map[gateway.SessionID]*live
	opening    int // how many will be in sessions, or refused
	opened     int // how many so far
	ended      bool
}

func newGate() *control.Gate { return control.NewGate(control.SessionTable()) }

// killGrace is how long a session process has to show a message and end.
const killGrace = 2 * time.Second

// run starts the session process, serves it, and settles what it leaves.
func (c *conn) run(ctx context.Context) {
	defer close(c.done)
	defer c.m.unregister(c)
	c.phase = control.PreAuth
	c.sessions = make(map[gateway.SessionID]*live)
	uid := c.m.uids.take()
	defer c.m.uids.give(uid)

	if err := c.start(uid); err != nil {
		c.tc.Close()
		c.m.Log.Error("start session process", zap.String("session", string(c.id)), zap.Error(err))
		if c.child != nil {
			c.child.kill()
			c.child.wait()
			c.child.Close()
		}
		return
	}
	grace := time.AfterFunc(c.set.LoginGrace+killGrace, c.loginTimeout)
	err := c.child.Serve(ctx, c)
	grace.Stop()
	var violation *control.ViolationError
	if errors.As(err, &violation) {
		c.violation(violation)
	}
	// A session process whose control socket is closed can't do anything
	// anymore; it is not waited for.
	c.child.kill()
	death := c.child.wait()
	c.child.Close()
	c.settle(death, violation)
}

// start hands the client's socket to a new process and tells it what it needs.
func (c *conn) start(uid int) error {
	socket, err := c.tc.File()
	if err != nil {
		return err
	}
	defer socket.Close()
	child, err := c.m.startJailed("session", uid, socket)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.child = child
	c.mu.Unlock()
	c.tc.Close() // only the child has it now
	return child.Notify(control.OpBoot, c.boot())
}

func (c *conn) boot() control.Boot {
	keys := make([][]byte, len(c.m.HostKeys))
	for i, k := range c.m.HostKeys {
		keys[i] = k.PublicKey().Marshal()
	}
	return control.Boot{
		Name: c.set.Name, HostKeys: keys,
		KeyTypes: c.set.KeyTypes, LoginGrace: c.set.LoginGrace, KeepAlive: c.set.KeepAlive,
		AcceptEnv: c.set.AcceptEnv, MaxSessions: c.set.SessionsPerConn, MaxForwards: c.set.ForwardsPerConn, DefaultLogin: c.set.DefaultLogin,
		Interactive: c.set.Interactive, ByDefault: c.set.InteractiveByDefault,
		IdleTimeout: c.set.InteractiveTimeout, ReadOnly: c.set.ReadOnly, Fanciness: c.set.Fanciness,
		RequireSandbox: c.set.RequireSandbox,
	}
}

func (c *conn) loginTimeout() {
	c.mu.Lock()
	proven := c.phase == control.Authenticated
	c.mu.Unlock()
	if !proven { // or refused: a taken-over process would stay for ever
		c.child.kill()
	}
}

// violation writes down that the process did what it can't have done by mistake.
func (c *conn) violation(v *control.ViolationError) {
	_ = c.m.record(audit.Record{Event: audit.Sandbox, Session: c.id, Principal: c.who(), From: c.from, Reason: v.Error()})
	c.m.Log.Warn("session process broke the control protocol",
		zap.String("session", string(c.id)), zap.Stringer("from", c.from), zap.Error(v))
}

// settle closes every session the process left open and writes its end.
func (c *conn) settle(death string, violation *control.ViolationError) {
	c.mu.Lock()
	c.ended = true
	left := make([]*live, 0, len(c.sessions))
	for _, s := range c.sessions {
		left = append(left, s)
	}
	opened, phase := c.opened, c.phase
	c.mu.Unlock()
	reason := "connection closed"
	switch {
	case violation != nil:
		reason = violation.Error()
	case death == killedBySandbox:
		reason = death
		_ = c.m.record(audit.Record{Event: audit.Sandbox, Session: c.id, Principal: c.who(), From: c.from, Reason: death})
		c.m.Log.Warn("session process killed by the sandbox", zap.String("session", string(c.id)), zap.Stringer("from", c.from))
	case death != "" && len(left) > 0: // one that ends well has closed its sessions
		reason = "the session process died: " + death
		c.m.Log.Error("session process died", zap.String("session", string(c.id)), zap.String("error", death))
	}
	for _, s := range left {
		s.close(gateway.Exit{Code: gateway.ExitLoginFailed}, reason, 0, 0)
	}
	if opened == 0 && phase != control.Refused {
		what := "no session was opened"
		if phase == control.PreAuth {
			what = "not authenticated"
		}
		_ = c.m.record(audit.Record{Event: audit.Close, Session: c.id, Principal: c.who(), From: c.from, Reason: what})
	}
}

func (c *conn) who() gateway.Principal {
	c.mu.Lock()
	defer c.mu.Unlock()
	return gateway.Principal{Account: c.account}
}

// terminate asks the process to tell the person and end session id (empty:
// the whole connection), and ends the process when it does not. It waits for
// nothing: a process that was taken over need not read what it is told, and
// whoever ends one session has others to end.
func (c *conn) terminate(id gateway.SessionID, text string, code int) {
	c.mu.Lock()
	child := c.child
	c.mu.Unlock()
	if child == nil {
		return // not started yet; it can have nothing open
	}
	time.AfterFunc(killGrace, func() {
		c.mu.Lock()
		open := c.sessions[id] != nil || id == ""
		ended := c.ended
		c.mu.Unlock()
		if open && !ended {
			child.kill()
		}
	})
	go func() {
		if child.Notify(control.OpTerminate, control.Terminate{Session: id, Text: text, Code: code}) != nil {
			child.kill()
		}
	}()
}

// Admit implements control.Handler: the table decides.
func (c *conn) Admit(op control.Op, size int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.table.Admit(op, c.phase, size)
}

// Handle implements control.Handler. A bug of ours that a request meets ends
// this session, and no other.
func (c *conn) Handle(ctx context.Context, op control.Op, body []byte, files []*os.File) (reply any, out []*os.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.m.Log.Error("panic in a request of a session process", zap.String("session", string(c.id)), zap.Any("error", p), zap.Stack("stack"))
			reply, out, err = nil, nil, &control.ViolationError{What: "the monitor failed on it"}
		}
	}()
	return c.handle(ctx, op, body, files)
}

// handle serves one row of the table each.
func (c *conn) handle(ctx context.Context, op control.Op, body []byte, files []*os.File) (any, []*os.File, error) {
	for _, f := range files { // a session process has nothing to give
		f.Close()
	}
	switch op {
	case control.OpSignHost:
		return noFiles(serve(body, c.signHost))
	case control.OpUserKey:
		return noFiles(serve(body, c.userKey))
	case control.OpProve:
		return noFiles(serve(body, func(r control.Prove) (control.Login, error) { return c.prove(ctx, r) }))
	case control.OpOpen:
		return serveFiles(ctx, body, c.open)
	case control.OpSignEgress:
		return noFiles(serve(body, func(r control.SignEgress) (control.Signature, error) { return c.signEgress(ctx, r) }))
	case control.OpHostKey:
		return noFiles(serve(body, func(r control.HostKey) (control.HostKeyReply, error) { return c.vouch(ctx, r) }))
	case control.OpWorked:
		return noFiles(serve(body, c.worked))
	case control.OpAllow:
		return noFiles(serve(body, c.allow))
	case control.OpEnd:
		return noFiles(serve(body, func(r control.End) (none, error) { return c.end(ctx, r) }))
	case control.OpRun:
		return serveFiles(ctx, body, c.runCommand)
	case control.OpComplete:
		return noFiles(serve(body, c.complete))
	case control.OpAbort:
		return noFiles(serve(body, c.abort))
	case control.OpPassword:
		return noFiles(serve(body, func(r control.Password) (control.PasswordReply, error) { return c.password(ctx, r) }))
	case control.OpRedial:
		return serveFiles(ctx, body, c.redial)
	case control.OpForward:
		return noFiles(serve(body, c.forward))
	case control.OpDial:
		return serveFiles(ctx, body, c.dialDatabase)
	case control.OpAnswer:
		return noFiles(serve(body, func(r control.Answer) (control.AnswerReply, error) { return c.answer(ctx, r) }))
	case control.OpSignTLS:
		return noFiles(serve(body, func(r control.SignTLS) (control.Signature, error) { return c.signTLS(ctx, r) }))
	}
	return nil, nil, gateway.ErrInvalid // not reached: Admit knows every operation
}

// none is the reply of operations that only succeed or fail.
type none struct{}

func noFiles[T any](reply T, err error) (any, []*os.File, error) { return reply, nil, err }

func serve[Q, A any](body []byte, f func(Q) (A, error)) (A, error) {
	var q Q
	if err := control.Decode(body, &q); err != nil {
		var zero A
		return zero, err
	}
	return f(q)
}

// serveFiles is for what may be answered with descriptors.
func serveFiles[Q any](ctx context.Context, body []byte, f func(context.Context, Q) (any, []*os.File, error)) (any, []*os.File, error) {
	var q Q
	if err := control.Decode(body, &q); err != nil {
		return nil, nil, err
	}
	return f(ctx, q)
}
