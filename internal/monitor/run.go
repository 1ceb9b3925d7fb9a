package monitor

import (
	"context"
	"os"
	"strings"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/audit"
	"gateway/internal/control"
	"gateway/internal/osh"
	"gateway/internal/store"
	"gateway/recorder"
)

// header is what the recording says of itself.
func (c *conn) header(r control.Open, s *live) recorder.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := recorder.Header{
		Session: s.request.Session, Gateway: c.set.Name, Account: s.request.Principal.Account, By: s.by, From: c.from, Via: c.via,
		Protocol: s.request.Protocol, Kind: s.request.Action.Kind, Command: strings.ToValidUTF8(clip(s.request.Action.Text, maxCommand), "\ufffd"),
		User: s.request.Target.User, Host: s.request.Target.Host, Addr: s.request.Target.Addr, Port: s.request.Target.Port,
		Term: gateway.Printable(clip(r.Term, 64)), Cols: r.Size.Cols, Rows: r.Size.Rows, Start: s.index.Started,
		IngressKey: c.ingressKey, AuditKey: c.m.AuditKey,
	}
	if d := s.database; d != nil {
		h.Database = &recorder.Database{Offered: d.Name, Name: d.Database}
	}
	if s.jumps() {
		j := s.request.Jump
		h.Jump = &recorder.Jump{User: j.User, Host: j.Host, Addr: j.Addr, Port: j.Port}
	}
	return h
}

// runCommand executes a command of the gateway inside a session opened for it.
func (c *conn) runCommand(ctx context.Context, r control.Run) (any, []*os.File, error) {
	s, err := c.session(r.Session)
	if err != nil {
		return nil, nil, err
	}
	if s.request.Protocol != gateway.OSH {
		return nil, nil, &control.ViolationError{What: "a command outside of a command session"}
	}
	account := s.request.Principal.Account
	if refusal := c.accountRefusal(c.m.Policy.Load().Account(account), c.m.Now()); refusal != nil {
		result := osh.Refuse(refusal.Refusal, refusal.Text)
		return control.RunReply{Code: result.Code, Message: result.Message, Exit: result.Exit}, nil, nil
	}
	actor := admin.Actor{Account: account, Session: s.request.Session, From: c.from}
	if r.As != "" {
		actor = actor.Sudo(r.As)
	}
	result := c.m.Commands.Run(ctx, actor, r.Command, r.Request)
	return control.RunReply{
		Command: result.Command, Code: result.Code, Message: result.Message, Value: result.Value, Exit: result.Exit,
	}, result.Files, nil
}

// complete gives names that a command line may go on with.
func (c *conn) complete(r control.Complete) (control.CompleteReply, error) {
	s, err := c.session(r.Session)
	if err != nil {
		return control.CompleteReply{}, err
	}
	actor := admin.Actor{Account: s.request.Principal.Account, Session: s.request.Session, From: c.from}
	return control.CompleteReply{Names: c.m.Commands.Complete(actor, r.Kind, r.Prefix)}, nil
}

// end closes a session at the word of its process, and answers when it is sealed.
func (c *conn) end(ctx context.Context, r control.End) (none, error) {
	s, err := c.session(r.Session)
	if err != nil {
		return none{}, err
	}
	s.close(r.Exit, gateway.Printable(clip(r.Comment, 256)), max(r.In, 0), max(r.Out, 0))
	c.m.recorder.waitSealed(ctx, r.Session)
	return none{}, nil
}

// abort writes down that a connection ends without a session, and why.
func (c *conn) abort(r control.Abort) (none, error) {
	return none{}, c.refuseConnection(&control.Refusal{Refusal: r.Refusal, Text: gateway.Printable(clip(r.Text, 256))}, r.Command)
}

// refuseConnection writes down an attempt that ended before anything was
// opened for it, in the audit log and the index of sessions.
func (c *conn) refuseConnection(f *control.Refusal, command string) error {
	c.mu.Lock()
	id, account := c.id, c.account
	if c.opened > 0 {
		id = gateway.NewSessionID()
	}
	c.opened++ // it has an entry of its own now
	c.mu.Unlock()
	now := c.m.Now()
	s := store.Session{
		ID: id, Account: account, Type: "abort", From: c.from, Via: c.via, Params: gateway.Printable(clip(command, maxParams)),
		Comment: f.Text, Started: now, End: &store.End{At: now, Code: f.Code, Comment: f.Text},
	}
	err := c.m.record(audit.Record{
		Event: audit.Close, Session: id, Login: c.id, Principal: gateway.Principal{Account: account}, From: c.from, Allowed: audit.No,
		Reason: f.Text, Command: s.Params, Exit: &gateway.Exit{Code: f.Code},
	})
	if err != nil {
		return err
	}
	ctx, cancel := contextTimeout(storeTimeout)
	defer cancel()
	// Nothing was allowed, and the audit log has it: a store that is away
	// changes neither.
	if err := c.m.Store.BeginSession(ctx, s); err != nil {
		c.m.Log.Warn("refused attempt not written to the index", zap.String("session", string(id)), zap.Error(err))
	}
	return nil
}
