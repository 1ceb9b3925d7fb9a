package monitor

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
	"gateway/internal/store"
)

// vouch is hostKey; what it finds good is noted, as no password comes before.
func (c *conn) vouch(ctx context.Context, r control.HostKey) (control.HostKeyReply, error) {
	reply, err := c.hostKey(ctx, r)
	if err == nil && !r.Jump {
		if s, err := c.session(r.Session); err == nil {
			s.mu.Lock()
			s.vouched = reply.OK
			s.mu.Unlock()
		}
	}
	return reply, err
}

// hostKey decides whether a host key is the target's, or the jump host's, by
// the account's policy.
func (c *conn) hostKey(ctx context.Context, r control.HostKey) (control.HostKeyReply, error) {
	s, err := c.session(r.Session)
	if err != nil {
		return control.HostKeyReply{}, err
	}
	t, err := s.hop(r.Jump)
	if err != nil {
		return control.HostKeyReply{}, err
	}
	a := c.m.Policy.Load().Account(s.request.Principal.Account)
	if a == nil && s.local {
		return control.HostKeyReply{OK: true}, nil // nobody to learn it for; a test login gives nothing away
	}
	if a == nil {
		return control.HostKeyReply{}, fmt.Errorf("host key: %w", gateway.ErrDenied)
	}
	if a.HostKeyPolicy == gateway.HostKeyBypass {
		return control.HostKeyReply{OK: true}, nil
	}
	s.mu.Lock()
	known := s.known[r.Jump]
	s.mu.Unlock()
	if slices.ContainsFunc(known, func(k store.HostKey) bool { return bytes.Equal(k.Blob, r.Blob) }) {
		return control.HostKeyReply{OK: true}, nil
	}
	print := fingerprint(r.Blob)
	reply := hostKeyVerdict(a.HostKeyPolicy, t, len(known) > 0, print, r.Accept)
	fresh, err := s.judge(print, reply.OK)
	if err != nil {
		return control.HostKeyReply{}, err
	}
	if fresh { // a key exchange in a long session asks again
		_ = c.m.record(audit.Record{
			Event: audit.HostKey, Session: s.request.Session, Login: c.id, Principal: s.request.Principal, By: s.by, From: c.from,
			Target: t, Jump: s.before(r.Jump), Allowed: audit.AnswerOf(reply.OK), Reason: reply.Text, Key: print,
		})
	}
	if !reply.OK || len(known) > 0 {
		return reply, nil
	}
	return c.learn(ctx, s, r, reply)
}

// learn remembers a target's first host key, unless another session learned
// one meanwhile: then that one counts.
func (c *conn) learn(ctx context.Context, s *live, r control.HostKey, reply control.HostKeyReply) (control.HostKeyReply, error) {
	c.m.learning.Lock()
	defer c.m.learning.Unlock()
	if err := s.readHostKeys(r.Jump); err != nil {
		return control.HostKeyReply{}, fmt.Errorf("known host keys: %w", err)
	}
	s.mu.Lock()
	known := s.known[r.Jump]
	s.mu.Unlock()
	at, jump := s.at(r.Jump)
	if len(known) > 0 && !slices.ContainsFunc(known, func(o store.HostKey) bool { return bytes.Equal(o.Blob, r.Blob) }) {
		return hostKeyVerdict(gateway.HostKeyDefault, at, true, fingerprint(r.Blob), false), nil
	}
	k := store.HostKey{Addr: at.Addr, Port: at.Port, Jump: jump, Type: r.Type, Blob: r.Blob, Added: c.m.Now()}
	if err := c.m.Store.AddHostKey(ctx, s.request.Principal.Account, k); err != nil {
		return control.HostKeyReply{}, err
	}
	return reply, s.readHostKeys(r.Jump)
}

// maxJudged bounds the verdicts of one session that are written down.
const maxJudged = 16

// judge reports whether the verdict on a key is new. No target has as many keys
// as a taken-over process could fill the audit log with.
func (s *live) judge(print string, ok bool) (fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := verdict{print, ok}
	switch {
	case slices.Contains(s.judged, v):
		return false, nil
	case len(s.judged) >= maxJudged:
		return false, &control.ViolationError{What: "host key after host key"}
	}
	s.judged = append(s.judged, v)
	return true, nil
}

// verdict is what was said of a host key.
type verdict struct {
	print string
	ok    bool
}

func hostKeyVerdict(p gateway.HostKeyPolicy, t gateway.Target, known bool, print string, accepted bool) control.HostKeyReply {
	at := gateway.Target{Addr: t.Addr, Port: t.Port}.String()
	switch {
	case known && p == gateway.HostKeyNo:
		return control.HostKeyReply{OK: true, Warning: true, Text: fmt.Sprintf("WARNING: the host key of %s has changed (now %s): somebody may be listening in, or the host was installed anew. Going on, because strict checking is off for your account. If you know why, run: --osh selfForgetHostKey --host %s --port %d", at, print, t.Addr, t.Port)}
	case known:
		return control.HostKeyReply{Text: fmt.Sprintf("the host key of %s has changed (now %s) and strict checking refuses it: somebody may be listening in, or the host was installed anew. If you know why, run: --osh selfForgetHostKey --host %s --port %d", at, print, t.Addr, t.Port)}
	case p == gateway.HostKeyYes:
		return control.HostKeyReply{Text: fmt.Sprintf("the host key of %s (%s) is not known and strict checking refuses it", at, print)}
	case p == gateway.HostKeyAsk && !accepted:
		return control.HostKeyReply{Ask: true, Text: fmt.Sprintf("the host key of %s is %s and was never seen before", at, print)}
	}
	return control.HostKeyReply{OK: true, Text: fmt.Sprintf("learned the host key of %s: %s", at, print)}
}

// hostKeys are the known host keys of the target and, under true, of the jump host.
type hostKeys map[bool][]store.HostKey

// at gives one login of s, and what its host keys are kept by: one address may
// be another machine behind a jump host.
func (s *live) at(jump bool) (t gateway.Target, behind netip.AddrPort) {
	if jump {
		return s.request.Jump, behind
	}
	if s.jumps() {
		behind = netip.AddrPortFrom(s.request.Jump.Addr, s.request.Jump.Port)
	}
	return s.request.Target, behind
}

// readAllHostKeys gets what is known of the target, and of the jump host.
func (s *live) readAllHostKeys() error {
	if s.jumps() {
		if err := s.readHostKeys(true); err != nil {
			return err
		}
	}
	return s.readHostKeys(false)
}

func (s *live) readHostKeys(jump bool) error {
	ctx, cancel := contextTimeout(storeTimeout)
	defer cancel()
	t, behind := s.at(jump)
	known, err := s.c.m.Store.HostKeys(ctx, s.request.Principal.Account, netip.AddrPortFrom(t.Addr, t.Port), behind)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = hostKeys{}
	}
	s.known[jump] = known
	return err
}

// hostKeyTypes are negotiated first, so that a known key is not passed over
// for one of another type.
func (s *live) hostKeyTypes(jump bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var types []string
	for _, k := range s.known[jump] {
		if !slices.Contains(types, k.Type) {
			types = append(types, k.Type)
		}
	}
	return types
}
