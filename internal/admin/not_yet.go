package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
)

// notYet answers for a command that the gateway does not offer yet, to those
// who may run it.
func notYet(_ context.Context, c *call) (osh.Result, error) {
	return osh.Result{}, c.fail(osh.CodeNotYet, "%s is not implemented by this gateway yet; nothing was changed", c.cmd.Name)
}

// groupListPasswords is for members; see notYet.
func groupListPasswords(ctx context.Context, c *call, r *osh.GroupListPasswords) (osh.Result, error) {
	g, err := c.group(c.state(), r.Group)
	if err != nil {
		return osh.Result{}, err
	}
	if !c.isSuperowner() && !g.Has(gateway.Member, c.actor.Account, c.now) {
		return osh.Result{}, c.fail("KO_ACCESS_DENIED", "only members of the group %s may list its passwords", g.Name)
	}
	return notYet(ctx, c)
}
