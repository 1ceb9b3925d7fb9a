package ingress

import (
	"cmp"
	"context"
	"fmt"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/osh"
)

// subsystemNETCONF is the SSH subsystem of RFC 6242 section 3.
const subsystemNETCONF = "netconf"

// direct serves clients that can't say more than a login name: the target is in
// it, ACCOUNT+USER@HOST. That is for NETCONF only.
func (s *Server) direct(ctx context.Context, c *client, what start, login control.Login) gateway.Exit {
	env := s.environment(c, login)
	line := osh.Line{Action: osh.Connect, Protocol: gateway.NETCONF, Quiet: true}
	if login.Refusal != nil {
		return gateway.Exit{Code: osh.RefuseLine(env, line, &osh.RefusalError{Refusal: login.Refusal.Refusal, Text: login.Refusal.Text})}
	}
	target, err := directTarget(what, login)
	if err != nil {
		return s.abort(ctx, env, line, cmp.Or(what.line, what.subsystem), err)
	}
	line.User, line.Host, line.Port = target.User, target.Host, target.Port
	return s.connect(ctx, c, env, line)
}

// directTarget is the target in the login name.
func directTarget(what start, login control.Login) (gateway.Target, error) {
	switch {
	case what.subsystem == "":
		return gateway.Target{}, &osh.RefusalError{Refusal: gateway.RefusalOptions, Text: fmt.Sprintf(
			"a login name with a target is for the subsystem %s only: log in as %s, and name the target after --, as in: -- %s",
			subsystemNETCONF, login.Account, gateway.Printable(login.Target))}
	case login.Target == "":
		return gateway.Target{}, &osh.RefusalError{Refusal: gateway.RefusalNoHost, Text: fmt.Sprintf(
			"the subsystem %s needs a target in the login name, as in: %s+USER@HOST", subsystemNETCONF, login.Account)}
	}
	return osh.ParseTarget(login.Target)
}
