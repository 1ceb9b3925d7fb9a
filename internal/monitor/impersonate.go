package monitor

import (
	"context"
	"slices"
	"time"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
)

// impersonate decides whether somebody may open a session as another account,
// and writes the attempt down as a security event. That account's own state
// and accesses are decided like anybody's.
func (c *conn) impersonate(ctx context.Context, r control.Open, s *live, now time.Time) (*control.Refusal, error) {
	if r.Protocol == gateway.OSH { // its requests say for themselves who acts as whom
		return nil, &control.ViolationError{What: "a command session as another account"}
	}
	refusal := c.mayImpersonate(s.by, now)
	if refusal == nil {
		refusal = c.mayBeImpersonated(ctx, r.As)
	}
	reason := ""
	if refusal != nil {
		reason = refusal.Text
	}
	return refusal, c.m.record(audit.Record{
		Event: audit.Security, Session: s.request.Session, Login: c.id, Principal: gateway.Principal{Account: s.by}, From: c.from,
		Target: gateway.Target{User: r.User, Host: r.Host, Port: r.Port}, Protocol: r.Protocol, Action: "admin-ssh-as",
		Allowed: audit.AnswerOf(refusal == nil), Reason: reason, Command: s.index.Params,
		Details: []audit.Detail{{Key: "sudo-as", Value: r.As}},
	})
}

// mayBeImpersonated makes the checks of a login that policy does not know.
func (c *conn) mayBeImpersonated(ctx context.Context, account string) *control.Refusal {
	a := c.m.Policy.Load().Account(account)
	if a == nil {
		return sshAsRefusal("account " + gateway.Printable(clip(account, 64)) + " does not exist")
	}
	refusal, _ := c.inactiveRefusal(ctx, a)
	if refusal != nil {
		refusal.Text = account + ": " + refusal.Text
	}
	return refusal
}

// mayImpersonate says why account may not act as another one now, or nil.
func (c *conn) mayImpersonate(account string, now time.Time) *control.Refusal {
	snapshot := c.m.Policy.Load()
	switch reason := snapshot.Login(account, now); {
	case reason == gateway.ReasonInactive: // counts at login only
	case reason != "":
		return c.accountRefusal(snapshot.Account(account), now)
	}
	if missing := snapshot.MissingFactor(snapshot.Account(account)); missing != gateway.MFANone {
		return &control.Refusal{Refusal: missing.SetupRefusal(), Text: missing.SetupText()}
	}
	if !slices.Contains(c.m.Settings().Admins, account) {
		return sshAsRefusal("only administrators may connect as another account")
	}
	return nil
}

func sshAsRefusal(text string) *control.Refusal {
	return &control.Refusal{Refusal: gateway.RefusalSSHAs, Text: text}
}
