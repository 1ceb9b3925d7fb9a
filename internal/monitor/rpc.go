package monitor

import (
	"fmt"
	"slices"

	"gateway"
	"gateway/internal/audit"
)

// maxRefusals is how many refused operations of one session are written to the
// audit log; the recording has them all.
const maxRefusals = 200

// allowRPC answers for one operation of a NETCONF session, by the rights that
// the way it came in by has now.
func (c *conn) allowRPC(s *live, a gateway.Action) error {
	d := c.m.Policy.Load().Decide(s.request, c.m.Now())
	ways := s.cameBy(d)
	rpc, err := gateway.ParseRPC(a.Text)
	allowed := len(ways) > 0 && !slices.ContainsFunc(ways, func(w gateway.Way) bool {
		lists := w.Access.NETCONF
		return lists != "" && (err != nil || !gateway.NETCONFAllows(lists, rpc))
	})
	if allowed {
		return nil
	}
	if err := c.refusedOperation(s, a, "not among the NETCONF rights"); err != nil {
		return err
	}
	return fmt.Errorf("operation: %w", gateway.ErrDenied)
}

// refusedOperation writes down that an operation inside a session was refused.
func (c *conn) refusedOperation(s *live, a gateway.Action, reason string) error {
	s.mu.Lock()
	s.refusals++
	n := s.refusals
	s.mu.Unlock()
	switch {
	case n > maxRefusals:
		return nil
	case n == maxRefusals:
		reason += "; more of this session are in its recording only"
	}
	return c.m.record(audit.Record{
		Event: audit.Decision, Session: s.request.Session, Login: c.id, Principal: s.request.Principal, By: s.by, From: c.from,
		Target: s.request.Target, Jump: s.request.Jump, Protocol: s.request.Protocol, Allowed: audit.No,
		Action: a.Kind, Command: gateway.Printable(clip(a.Text, 4096)), Reason: reason,
	})
}
