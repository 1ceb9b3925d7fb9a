package monitor

import (
	"gateway"
	"gateway/internal/control"
)

// A session through an egress jump host logs in twice over one connection: at
// the jump host and, inside, at the target. Both logins are decided on before
// there is a connection, and nothing else is signed.

// jumps reports whether s reaches its target through a jump host.
func (s *live) jumps() bool { return s.request.Jump != (gateway.Target{}) }

// firstHop is what a connection is made to.
func (s *live) firstHop() gateway.Target {
	if s.jumps() {
		return s.request.Jump
	}
	return s.request.Target
}

// hop gives the login that a request of the session process is about.
func (s *live) hop(jump bool) (gateway.Target, error) {
	switch {
	case !jump:
		return s.request.Target, nil
	case s.jumps():
		return s.request.Jump, nil
	}
	return gateway.Target{}, &control.ViolationError{What: "the session has no jump host"}
}

// before gives the jump host that a login goes through.
func (s *live) before(jump bool) gateway.Target {
	if jump {
		return gateway.Target{}
	}
	return s.request.Jump
}

// route says for people where s goes.
func (s *live) route() string {
	if s.jumps() {
		return s.request.Target.String() + " via " + s.request.Jump.String()
	}
	return s.request.Target.String()
}
