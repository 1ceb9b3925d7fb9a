package admin

import (
	"context"
	"errors"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// groupRename keeps the ids of the group's keys, by which live sessions are
// told to be in by the same way still.
func groupRename(ctx context.Context, c *call, r *osh.GroupRename) (osh.Result, error) {
	if err := c.checkGroupName(r.To); err != nil {
		return osh.Result{}, err
	}
	if r.To == r.Group {
		return osh.Result{}, c.noChange("That is the name of the group.")
	}
	from, to := store.Owner{Group: r.Group}, store.Owner{Group: r.To}
	err := c.update(ctx, func(tx store.Tx) error {
		if _, err := c.group(tx, r.Group); err != nil {
			return err
		}
		if _, err := tx.Group(r.To); err == nil {
			return c.groupExists(r.To)
		} else if !errors.Is(err, gateway.ErrNotFound) {
			return err
		}
		return tx.RenameGroup(r.Group, r.To, c.reseal(contextOf(from), contextOf(to)))
	})
	if err != nil {
		return osh.Result{}, err
	}
	c.e.Vault.Forget(KeyContext(from))
	return c.ok(osh.GroupRenameValue{Group: r.To, Old: r.Group}, "The group %s is now called %s.", r.Group, r.To)
}
