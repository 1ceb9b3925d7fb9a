package monitor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gateway"
	"gateway/internal/control"
	"gateway/policy"
)

// A second password, for more rights at the target, is only given where the
// person asked for it: that of the login once more, or the current one of a group
// or of the account itself. The latter needs a way of its own to the target, as a
// login with that password does.

// secondRequest is the login that the second password would be for.
func (s *live) secondRequest() gateway.Request {
	r := s.request
	r.Password, r.UseKey = s.opened.EnablePassword, ""
	return r
}

// decideSecond finds the second password, unless it is that of the login.
func (s *live) decideSecond(snapshot *policy.Snapshot, now time.Time) *control.Refusal {
	of := s.opened.EnablePassword
	if !of.Asked() {
		return nil
	}
	d := snapshot.Decide(s.secondRequest(), now)
	if !d.Allowed() {
		s.index.Comment = "second password: " + string(d.Reason)
		return &control.Refusal{Refusal: gateway.RefusalNoPassword,
			Text: "no access to " + s.route() + " has the second password that is asked for; whyAccess says more"}
	}
	if refusal, text, ok := d.Unmet(); ok {
		return &control.Refusal{Refusal: refusal, Text: text}
	}
	s.second = &leasePasswords(s.request.Principal.Account, d.Ways, of)[0]
	return nil
}

// holdsSecond reports whether the second password that s has, or may have, is
// still granted.
func (s *live) holdsSecond(snapshot *policy.Snapshot, now time.Time) bool {
	return s.second == nil || slices.ContainsFunc(snapshot.Decide(s.secondRequest(), now).Ways, s.second.isOf)
}

// secondPassword releases the second password, once, after the login.
func (c *conn) secondPassword(ctx context.Context, s *live) (control.PasswordReply, error) {
	s.mu.Lock()
	l := s.second
	if l == nil {
		l = s.in
	}
	asked := s.opened.Enable && !s.secondReleased
	ready := s.in != nil && (s.vouched || s.request.Protocol == gateway.Telnet) && l.signer == nil && s.ending == "" && !s.closed
	s.secondReleased = s.secondReleased || ready
	s.mu.Unlock()
	switch {
	case !asked:
		return control.PasswordReply{}, &control.ViolationError{What: "no second password is due in this session"}
	case !ready: // a target that let us in without the password has shown no right to it
		return control.PasswordReply{}, fmt.Errorf("second password: %w", gateway.ErrDenied)
	}
	return c.release(ctx, s, *l, "second")
}
