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
	if err := c.confirm(r.ConfirmOption, "Yes, delete the account "+r.Account); err != nil {
		return osh.Result{}, err
	}
	c.ends = ending{account: r.Account, why: gateway.RefusalAccountInvalid, reason: "account deleted"}
	err := c.update(ctx, func(tx store.Tx) error {
		if _, err := c.account(tx, r.Account); err != nil {
			return err
		}
		return tx.DeleteAccount(r.Account)
	})
	if err != nil {
		return osh.Result{}, err
	}
	c.e.Vault.Forget(KeyContext(store.Owner{Account: r.Account}))
	v := osh.AccountDeleteValue{Account: r.Account, Operation: "deleted", TTYGroup: r.Account + "-tty"}
	return c.ok(v, "The account %s is deleted, %s.", r.Account, ended(c.ends.n))
}
