package admin

import (
	"context"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// groupTransmitOwnership leaves a group that had an owner with one: who
// becomes it is it for good, though it may have been for a time before.
func groupTransmitOwnership(ctx context.Context, c *call, r *osh.GroupAccount) (osh.Result, error) {
	if err := c.checkHolder(gateway.Owner, r.Account); err != nil {
		return osh.Result{}, err
	}
	me := c.actor.Account
	err := c.changeRole(ctx, r, func(tx store.Tx) error {
		g, err := c.group(tx, r.Group)
		if err != nil {
			return err
		}
		leaves := g.Has(gateway.Owner, me, c.now)
		if g.Has(gateway.Owner, r.Account, c.now) && (!leaves || r.Account == me) {
			return c.noChange("%s is owner of the group %s already.", r.Account, r.Group)
		}
		if leaves {
			if _, err := tx.DelRole(r.Group, gateway.Owner, me); err != nil {
				return err
			}
		}
		if _, err := tx.DelRole(r.Group, gateway.Owner, r.Account); err != nil { // for it may end
			return err
		}
		_, err = tx.AddRole(r.Group, gateway.Owner, r.Account, time.Time{}, c.now)
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(nil, "%s is now owner of the group %s in your place.", r.Account, r.Group)
}
