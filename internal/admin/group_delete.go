package admin

import (
	"context"

	"gateway/internal/osh"
	"gateway/internal/store"
)

func groupDelete(ctx context.Context, c *call, r *osh.GroupDelete) (osh.Result, error) {
	if _, err := c.group(c.state(), r.Group); err != nil {
		return osh.Result{}, err
	}
	if err := c.confirm(r.ConfirmOption, "This can't be undone.", "Yes, delete the group "+r.Group); err != nil {
		return osh.Result{}, err
	}
	err := c.update(ctx, func(tx store.Tx) error {
		if _, err := c.group(tx, r.Group); err != nil {
			return err
		}
		return tx.DeleteGroup(r.Group)
	})
	if err != nil {
		return osh.Result{}, err
	}
	c.e.Vault.Forget(KeyContext(store.Owner{Group: r.Group}))
	return c.ok(osh.GroupDeleteValue{Group: r.Group, Operation: "deleted"}, "The group %s is deleted.", r.Group)
}

// confirm tells what is at stake and wants the sentence typed, unless it was
// said not to ask.
func (c *call) confirm(o osh.ConfirmOption, stake, sentence string) error {
	if o.NoConfirm || o.Confirm == sentence {
		return nil
	}
	return c.fail(osh.CodeUnconfirmed, "%s To go on, type: %s", stake, sentence)
}
