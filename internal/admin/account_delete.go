package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func accountDelete(ctx context.Context, c *call, r *osh.AccountDelete) (osh.Result, error) {
	if err := c.mayGovern(r.Account); err != nil {
		return osh.Result{}, err
	}
	stake := "Its live sessions end, and only accountRestore brings it back."
	if err := c.confirm(r.ConfirmOption, stake, "Yes, delete the account "+r.Account); err != nil {
		return osh.Result{}, err
	}
	owner := store.Owner{Account: r.Account}
	var archive int64
	c.ends = ending{account: r.Account, why: gateway.RefusalAccountInvalid, reason: "account deleted"}
	err := c.update(ctx, func(tx store.Tx) error {
		if _, err := c.account(tx, r.Account); err != nil {
			return err
		}
		var err error
		archive, err = tx.ArchiveAccount(r.Account, c.actor.Account, c.now, c.reseal(contextOf(owner), archiveContext(r.Account)))
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	c.e.Vault.Forget(KeyContext(owner))
	v := osh.AccountDeleteValue{Account: r.Account, Operation: "deleted", TTYGroup: r.Account + "-tty"}
	return c.ok(v, "The account %s is deleted, %s. It is kept as archive %d.", r.Account, ended(c.ends.n), archive)
}
