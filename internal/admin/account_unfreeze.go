package admin

import (
	"context"

	"gateway/internal/osh"
	"gateway/internal/store"
)

func accountUnfreeze(ctx context.Context, c *call, r *osh.AccountUnfreeze) (osh.Result, error) {
	if err := c.mayGovern(r.Account); err != nil {
		return osh.Result{}, err
	}
	err := c.update(ctx, func(tx store.Tx) error {
		a, err := c.account(tx, r.Account)
		if err != nil {
			return err
		}
		if a.Freeze == nil {
			return c.noChange("The account %s is not frozen.", r.Account)
		}
		a.Freeze = nil
		return tx.UpdateAccount(a)
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(osh.AccountUnfreezeValue{Account: r.Account}, "The account %s may log in again.", r.Account)
}
