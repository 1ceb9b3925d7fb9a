package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
)

func groupListServers(ctx context.Context, c *call, r *osh.GroupListServers) (osh.Result, error) {
	g, err := c.group(c.state(), r.Group)
	if err != nil {
		return osh.Result{}, err
	}
	if err := c.maySeeServers(g); err != nil {
		return osh.Result{}, err
	}
	acl := c.listed(g.Accesses)
	if len(acl) == 0 {
		return osh.Result{}, c.done("OK_EMPTY", nil, "The group %s has no server, or none that matches.", g.Name)
	}
	note := c.nameAddresses(ctx, r.ReverseDNS, acl)
	return c.ok(acl, "%sServers of the group %s:", note, g.Name)
}

// maySeeServers is for those who reach them or manage them, and for auditors.
func (c *call) maySeeServers(g *gateway.Group) error {
	if c.knowsServers(g) {
		return nil
	}
	if err := c.holds(g, "", gateway.Aclkeeper); err != nil {
		return c.fail("KO_ACCESS_DENIED", "only members and aclkeepers of the group %s may list its servers", g.Name)
	}
	return nil
}

// knowsServers is maySeeServers without a superowner's right.
func (c *call) knowsServers(g *gateway.Group) bool {
	return g.Has(gateway.Member, c.actor.Account, c.now) || g.Has(gateway.Aclkeeper, c.actor.Account, c.now) || c.isAuditor(c.me())
}

// me is the account of the actor, nil when a local actor has none.
func (c *call) me() *gateway.Account { return c.snap.Account(c.actor.Account) }
