package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
	"gateway/internal/store"
)

// open is the one gate: every session, whatever its protocol and way in, comes
// through here. The order is the security argument.
func (c *conn) open(ctx context.Context, r control.Open) (any, []*os.File, error) {
	if len(r.Action.Kind) > maxWord || len(r.UseKey) > maxWord || len(r.As) > maxWord || len(r.Password.Group) > maxWord || len(r.EnablePassword.Group) > maxWord {
		return nil, nil, &control.ViolationError{What: "no kind of session, key or account has such a name"}
	}
	now := c.m.Now()
	s, refusal := c.newLive(r, now)
	// Who acts as another account must be an administrator.
	if s.by != "" {
		why, err := c.impersonate(ctx, r, s, now)
		if err != nil {
			c.notOpened()
			return nil, nil, err
		}
		if refusal == nil {
			refusal = why
		}
	}
	// Names first: every decision is about an address.
	if refusal == nil {
		refusal = c.resolve(ctx, r, s, now)
	}
	// Account state, network rules, policy.
	if refusal == nil {
		refusal = c.decide(s, now)
	}
	// It is written down, allowed or not, before anything happens.
	if err := c.begin(s, refusal); err != nil {
		c.notOpened()
		return nil, nil, err
	}
	if refusal != nil {
		c.notOpened()
		return control.OpenReply{Session: s.request.Session, Refusal: refusal}, nil, nil
	}
	// From here on it can be seen and ended.
	c.m.addLive(s)
	files, refusal := c.handOver(ctx, s, r)
	if refusal != nil {
		s.close(gateway.Exit{Code: refusal.Code}, refusal.Text, 0, 0)
		return control.OpenReply{Session: s.request.Session, Refusal: refusal}, nil, nil
	}
	return c.openReply(s), files, nil
}

// handOver makes what the session process gets: its recording, its connection,
// and its client program.
func (c *conn) handOver(ctx context.Context, s *live, r control.Open) ([]*os.File, *control.Refusal) {
	// No record, no session.
	ring, err := c.m.recorder.create(ctx, s, c.header(r, s))
	if err != nil {
		return nil, recordingRefusal(err)
	}
	if s.request.Protocol == gateway.OSH {
		return ring, nil
	}
	// Only now is there a connection to hand over.
	target, err := c.m.dial(ctx, s.firstHop(), r, c.set)
	if err != nil {
		control.CloseFiles(ring)
		return nil, s.dialRefusal(err)
	}
	files := append([]*os.File{target}, ring...)
	if err := s.holdTarget(target); err != nil {
		control.CloseFiles(files)
		return nil, s.dialRefusal(err)
	}
	if s.database == nil || r.Client == nil {
		return files, nil
	}
	client, refusal := c.startClient(ctx, s, r)
	if refusal != nil {
		control.CloseFiles(files)
		return nil, refusal
	}
	return append(files, client...), nil
}

// Bounds of what is kept of a request, in bytes.
const (
	maxWord   = 256 // a user, a kind of session, a key's fingerprint
	maxParams = 4096
	// maxCommand is more than a recording keeps, and far less than the largest
	// message that the recorder takes.
	maxCommand = 16 << 10
)

// sessionsPerChannel: interactive mode is a session, and opens another.
const sessionsPerChannel = 2

// newLive makes a session that is not open yet, and refuses one that is too
// many: each takes descriptors and memory of the monitor. Who asks is taken
// from the binding of the socket, never from the message. It counts in
// c.opening until addLive or notOpened.
func (c *conn) newLive(r control.Open, now time.Time) (*live, *control.Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var refusal *control.Refusal
	c.opening++
	limit := sessionsPerChannel * max(c.set.SessionsPerConn, 1)
	if forwarded(r) {
		limit = c.set.ForwardsPerConn
	}
	if c.opening+c.alike(r) > limit {
		refusal = &control.Refusal{Refusal: gateway.RefusalExecFailed, Text: "too many sessions on this connection"}
	}
	id := c.id
	if c.opened > 0 {
		id = gateway.NewSessionID()
	}
	c.opened++
	request := gateway.Request{
		Session: id, Principal: gateway.Principal{Account: c.account}, From: c.from, Via: c.via,
		Protocol: r.Protocol, Action: r.Action, UseKey: r.UseKey, Password: r.Password,
	}
	if r.Protocol != gateway.OSH {
		request.Target = gateway.Target{User: r.User, Host: r.Host, Port: r.Port}
		if r.Jump != nil {
			request.Jump = gateway.Target{User: r.Jump.User, Host: r.Jump.Host, Port: r.Jump.Port}
		}
	}
	kind := string(r.Protocol)
	if r.Protocol == gateway.OSH && r.Action.Kind == "interactive" {
		kind = "interactive"
	}
	by := ""
	if r.As != "" { // the index is of what people did themselves
		by, kind, request.Principal.Account = c.account, "sshas", r.As
	}
	return &live{c: c, request: request, by: by, opened: r, index: store.Session{
		ID: id, Account: c.account, Type: kind, From: c.from, Via: c.via, HostTo: clip(r.Host, maxWord), User: clip(r.User, maxWord),
		ProxyUser: clip(request.Jump.User, maxWord),
		Plugin:    gateway.Printable(clip(r.Command, 64)), Params: gateway.Printable(clip(r.Action.Text, maxParams)), Started: now,
	}}, refusal
}

// forwarded reports whether r is for a connection that a client forwards: such
// ones are small and many.
func forwarded(r control.Open) bool { return r.Protocol == gateway.Postgres && r.Client == nil }

// alike counts the open sessions that share their limit with r. It needs c.mu.
func (c *conn) alike(r control.Open) int {
	n := 0
	for _, s := range c.sessions {
		if forwarded(s.opened) == forwarded(r) {
			n++
		}
	}
	return n
}

func (c *conn) notOpened() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opening--
}

// clip cuts s to at most n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// resolve fills in the target's address.
func (c *conn) resolve(ctx context.Context, r control.Open, s *live, now time.Time) *control.Refusal {
	switch r.Protocol {
	case gateway.Postgres:
		refusal := c.resolveDatabase(ctx, r, s, now)
		s.index.To = netip.AddrPortFrom(s.request.Target.Addr, s.request.Target.Port)
		s.index.User = s.request.Target.User
		return refusal
	case gateway.OSH:
		return nil
	case gateway.SSH, gateway.NETCONF:
	case gateway.Telnet:
		if !c.set.Telnet {
			return &control.Refusal{Refusal: gateway.RefusalTelnet, Text: "telnet is not allowed by this gateway"}
		}
	default:
		return &control.Refusal{Refusal: gateway.RefusalOptions, Text: "this protocol is not offered"}
	}
	if r.KeyboardInteractive && !c.set.KeyboardInteractive {
		return &control.Refusal{Refusal: gateway.RefusalKeyboard, Text: "keyboard-interactive is not allowed by this gateway"}
	}
	if s.jumps() && (r.Protocol == gateway.Telnet || r.Password.Asked()) {
		return &control.Refusal{Refusal: gateway.RefusalConflictOptions, Text: "telnet and logins with a password do not go through a jump host"}
	}
	if r.Enable && (r.Action.Kind != "shell" || !r.Password.Asked() && (r.Protocol == gateway.Telnet || !r.EnablePassword.Asked())) {
		return &control.Refusal{Refusal: gateway.RefusalConflictOptions, Text: "a second password is for a shell, after a login that the gateway makes, and somebody's"}
	}
	if s.jumps() {
		if !c.m.Settings().ProxyJump { // as it is now: the connection may be an old one
			return &control.Refusal{Refusal: gateway.RefusalProxyJump, Text: "egress jump hosts are not allowed by this gateway"}
		}
		if refusal := c.resolveHop(ctx, &s.request.Jump, "a jump host"); refusal != nil {
			return refusal
		}
		s.index.Proxy = netip.AddrPortFrom(s.request.Jump.Addr, s.request.Jump.Port)
	}
	// Also behind a jump host the name is ours to resolve: the decision is about
	// the address, and the jump host is told that.
	if refusal := c.resolveHop(ctx, &s.request.Target, "a target"); refusal != nil {
		return refusal
	}
	s.index.To = netip.AddrPortFrom(s.request.Target.Addr, s.request.Target.Port)
	return nil
}

// resolveHop checks where a login is to be, and finds the address.
func (c *conn) resolveHop(ctx context.Context, t *gateway.Target, what string) *control.Refusal {
	switch {
	case t.User == "" || t.Port == 0 || t.Host == "":
		return &control.Refusal{Refusal: gateway.RefusalNoHost, Text: what + " needs a user, a host and a port"}
	case t.User[0] == '!': // the users that stand for rights to transfer files
		return &control.Refusal{Refusal: gateway.RefusalRemoteUser, Text: "a user at " + what + " does not begin with '!'"}
	}
	if _, err := gateway.ParseUser(t.User); err != nil {
		return &control.Refusal{Refusal: gateway.RefusalRemoteUser, Text: fmt.Sprintf("the user %q at %s is not valid", gateway.Printable(clip(t.User, 64)), what)}
	}
	var refusal *control.Refusal
	t.Addr, refusal = c.m.lookup(ctx, t.Host, c.set)
	return refusal
}

// decide asks policy and takes the credentials of every granting way.
func (c *conn) decide(s *live, now time.Time) *control.Refusal {
	snapshot := c.m.Policy.Load()
	account := s.request.Principal.Account
	if s.request.Protocol == gateway.OSH {
		if snapshot.Login(account, now) != "" {
			return c.accountRefusal(snapshot.Account(account), now)
		}
		return nil
	}
	if refusal := c.accountRefusal(snapshot.Account(account), now); refusal != nil {
		s.index.Comment = string(snapshot.Login(account, now))
		if s.by != "" {
			refusal.Text = account + ": " + refusal.Text
		}
		return refusal
	}
	if missing := snapshot.MissingFactor(snapshot.Account(account)); missing != gateway.MFANone {
		return &control.Refusal{Refusal: missing.SetupRefusal(), Text: missing.SetupText()}
	}
	d := snapshot.Decide(s.request, now)
	if !d.Allowed() {
		s.index.Comment = string(d.Reason)
		if d.Reason == gateway.ReasonIPVersion {
			return &control.Refusal{Refusal: gateway.RefusalIPVersion, Text: "this IP version is disabled here"}
		}
		switch d.Reason {
		case gateway.ReasonForcedPassword:
			return &control.Refusal{Refusal: gateway.RefusalForcedPassword, Text: "the egress password that the access forces is not there any more"}
		case gateway.ReasonNoPassword:
			return &control.Refusal{Refusal: gateway.RefusalNoPassword,
				Text: "no access to " + s.route() + " has such an egress password; whyAccess says more"}
		}
		return &control.Refusal{Refusal: gateway.RefusalAccessDenied,
			Text: fmt.Sprintf("Access denied for %s to %s", account, s.route())}
	}
	if refusal, text, ok := d.Unmet(); ok {
		return &control.Refusal{Refusal: refusal, Text: text}
	}
	s.idle = c.idleLimits(s, snapshot, d.Ways)
	if s.request.Protocol == gateway.Postgres {
		return s.leaseDatabase(d.Ways)
	}
	s.lease, s.legacy = c.m.leaseKeys(account, d.Ways)
	s.passwords = leasePasswords(account, d.Ways, s.request.Password)
	if refusal := s.decideSecond(snapshot, now); refusal != nil {
		return refusal
	}
	if refusal := s.readProfiles(d.Ways); refusal != nil {
		return refusal
	}
	if err := s.readAllHostKeys(); err != nil {
		// Without them every key would look like a first one.
		c.m.Log.Error("known host keys not read", zap.String("session", string(s.request.Session)), zap.Error(err))
		return &control.Refusal{Refusal: gateway.RefusalExecFailed, Text: "the host keys known of the target can't be read; try again later"}
	}
	return nil
}

// begin writes the attempt to the audit log and to the index of sessions.
func (c *conn) begin(s *live, refusal *control.Refusal) error {
	r := audit.Record{
		Event: audit.Open, Session: s.request.Session, Login: c.id, Principal: s.request.Principal, By: s.by, From: c.from, Via: c.via,
		Protocol: s.request.Protocol, Allowed: audit.AnswerOf(refusal == nil), Reason: s.index.Comment, Command: s.index.Params, Action: s.request.Action.Kind,
	}
	r.Target, r.Jump = s.request.Target, s.request.Jump
	if s.request.Protocol == gateway.Postgres {
		// What was asked for, when there is nothing that it names.
		r.Details = []audit.Detail{{Key: "database", Value: cmp.Or(s.request.Database, gateway.Printable(s.index.HostTo))}}
	}
	if refusal != nil {
		if s.index.Comment == "" {
			s.index.Comment = refusal.Text
		}
		r.Reason = s.index.Comment
		r.Exit = &gateway.Exit{Code: refusal.Code}
		s.index.End = &store.End{At: s.index.Started, Code: refusal.Code, Comment: s.index.Comment}
	} else if s.by != "" {
		s.index.Comment = "as " + s.request.Principal.Account
	}
	s.index.Allowed = refusal == nil
	s.index.Recording = refusal == nil
	if err := c.m.record(r); err != nil {
		return err
	}
	ctx, cancel := contextTimeout(storeTimeout)
	defer cancel()
	if err := c.m.Store.BeginSession(ctx, s.index); err != nil {
		return fmt.Errorf("write session index: %w", errors.Join(gateway.ErrUnavailable, err))
	}
	return nil
}

func (c *conn) openReply(s *live) control.OpenReply {
	reply := control.OpenReply{
		Session: s.request.Session, Started: s.index.Started, Target: s.request.Target, Jump: s.request.Jump,
		Legacy: s.legacy, Passwords: len(s.passwords), Second: s.opened.Enable, Profiles: s.profiles, AuditKey: c.m.AuditKey,
		Database: s.databaseReply(),
	}
	for i, k := range s.lease {
		reply.Keys = append(reply.Keys, control.LeasedKey{Index: i, Way: k.way.Kind, Group: k.way.Group, Key: k.key})
	}
	if s.request.Protocol == gateway.SSH || s.request.Protocol == gateway.NETCONF {
		reply.KeyboardInteractive, reply.TypedPassword = s.opened.KeyboardInteractive, c.set.TypedPassword
	}
	if s.opened.Screen {
		s.mu.Lock()
		reply.Idle, reply.Locked = s.idle, s.locked
		s.mu.Unlock()
	}
	if s.request.Protocol != gateway.OSH && s.database == nil {
		reply.Env = c.targetEnv(s)
		reply.HostKeyTypes, reply.JumpKeyTypes = s.hostKeyTypes(false), s.hostKeyTypes(true)
	}
	return reply
}

func recordingRefusal(err error) *control.Refusal {
	r := gateway.RefusalRecorder
	if errors.Is(err, errFull) {
		r = gateway.RefusalNoSpace
	}
	return &control.Refusal{Refusal: r, Text: "this session can't be recorded, so it is not opened: " + recordingText(err)}
}

func (s *live) dialRefusal(err error) *control.Refusal {
	to := s.firstHop().String()
	if s.jumps() {
		to = "the jump host " + to
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return &control.Refusal{Refusal: gateway.RefusalBind, Text: "the address of --bind is not one of this gateway's"}
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return &control.Refusal{Refusal: gateway.Refusal{Code: gateway.ExitConnectTimeout, Name: "CONNECTION_TIMEOUT"},
			Text: fmt.Sprintf("connecting to %s timed out", to)}
	}
	return &control.Refusal{Refusal: gateway.Refusal{Code: gateway.ExitLoginFailed, Name: "CONNECTION_FAILED"},
		Text: fmt.Sprintf("connecting to %s: %s", to, dialText(err))}
}
