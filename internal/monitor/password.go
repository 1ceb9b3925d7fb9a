package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
	"gateway/internal/store"
)

// Passwords gives egress passwords in the clear.
type Passwords interface {
	Password(ctx context.Context, owner store.Owner, p gateway.EgressPassword) (gateway.Secret, error)
}

// maxPasswords is the current password and ten fallbacks: more would lock the
// account out on most devices, and take minutes.
const maxPasswords = 11

// leasePasswords collects the egress passwords of all granting ways, each once,
// in order.
func leasePasswords(account string, ways []gateway.Way, of gateway.PasswordOf) []leased {
	var list []leased
	seen := map[int64]bool{}
	owner := store.Owner{Account: account}
	if of.Group != "" {
		owner = store.Owner{Group: of.Group}
	}
	for _, w := range ways {
		for _, p := range w.Passwords {
			if !seen[p.ID] && len(list) < maxPasswords {
				seen[p.ID] = true
				list = append(list, leased{way: w, password: p, owner: owner})
			}
		}
	}
	return list
}

// readProfiles gets what is known of the device: by the profile that the first of
// the accesses names, or, for a password, by all of them.
func (s *live) readProfiles(ways []gateway.Way) *control.Refusal {
	name := ""
	for _, w := range ways {
		name = cmp.Or(name, w.Access.Profile)
	}
	dialogue := len(s.passwords) > 0 || s.opened.Enable
	if name == "" && !dialogue {
		return nil
	}
	encoded, legacy, err := s.c.m.Profiles(name)
	if err != nil {
		return &control.Refusal{Refusal: gateway.RefusalExecFailed, Text: "the device profile can't be used: " + gateway.Printable(clip(err.Error(), 256))}
	}
	if dialogue {
		s.profiles = encoded
	}
	s.legacy = s.legacy || name != "" && legacy
	return nil
}

// password releases a password of the session's lease, for the login that was
// decided on. Each is released once, in order, and for a connection of its own:
// a session process that was taken over gets no more than the logins would. Over
// SSH the host key comes first.
func (c *conn) password(ctx context.Context, r control.Password) (control.PasswordReply, error) {
	s, err := c.session(r.Session)
	if err != nil {
		return control.PasswordReply{}, err
	}
	if s.database != nil {
		return c.clearPassword(ctx, r.Session)
	}
	if r.Second {
		return c.secondPassword(ctx, s)
	}
	s.mu.Lock()
	next := r.Number >= s.released && r.Number == s.redials && r.Number < len(s.passwords) && s.in == nil &&
		(s.vouched || s.request.Protocol == gateway.Telnet)
	ending := s.ending != "" || s.closed
	if next && !ending {
		s.released = r.Number + 1
	}
	s.mu.Unlock()
	switch {
	case !next:
		return control.PasswordReply{}, &control.ViolationError{What: "not the next password of this session"}
	case ending:
		return control.PasswordReply{}, fmt.Errorf("egress password: %w", gateway.ErrDenied)
	}
	return c.release(ctx, s, s.passwords[r.Number], strconv.Itoa(r.Number))
}

// release gives a password out of the vault. It is written down, as the one with
// that number, before it is out of our hands.
func (c *conn) release(ctx context.Context, s *live, l leased, number string) (control.PasswordReply, error) {
	err := c.m.record(audit.Record{
		Event: audit.Password, Session: s.request.Session, Login: c.id, Principal: s.request.Principal, By: s.by, From: c.from,
		Target: s.request.Target, Protocol: s.request.Protocol, Allowed: audit.Yes, Way: l.name(),
		Details: []audit.Detail{{Key: "password", Value: strconv.FormatInt(l.password.ID, 10)}, {Key: "number", Value: number}},
	})
	if err != nil {
		return control.PasswordReply{}, err
	}
	secret, err := c.m.Passwords.Password(ctx, l.owner, l.password)
	if err != nil {
		c.m.Log.Error("egress password unusable", zap.Int64("password", l.password.ID), zap.Error(err))
		return control.PasswordReply{}, fmt.Errorf("egress password: %w", gateway.ErrUnavailable)
	}
	return control.PasswordReply{Password: secret.Reveal()}, nil
}

// redial gives the session another connection with its target, in place of the
// one it has: as often as there are passwords to try.
func (c *conn) redial(ctx context.Context, r control.Redial) (any, []*os.File, error) {
	s, err := c.session(r.Session)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	s.redials++
	s.vouched = false
	tooMany := s.redials >= len(s.passwords) || s.in != nil
	ending := s.ending != "" || s.closed
	s.mu.Unlock()
	switch {
	case tooMany:
		return nil, nil, &control.ViolationError{What: "more connections than passwords"}
	case ending:
		return nil, nil, fmt.Errorf("redial: %w", gateway.ErrDenied)
	}
	s.cutTarget()
	target, err := c.m.dial(ctx, s.firstHop(), s.opened, c.set)
	if err != nil {
		return nil, nil, fmt.Errorf("connecting again: %s: %w", dialText(err), gateway.ErrUnavailable)
	}
	if err := s.holdTarget(target); err != nil {
		target.Close()
		return nil, nil, errors.Join(gateway.ErrUnavailable, err)
	}
	return none{}, []*os.File{target}, nil
}
