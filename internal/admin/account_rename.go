package admin

import (
	"context"
	"slices"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func accountRename(ctx context.Context, c *call, r *osh.AccountRename) (osh.Result, error) {
	if err := c.mayGovern(r.Account); err != nil {
		return osh.Result{}, err
	}
	if err := c.checkAccountName(r.To); err != nil {
		return osh.Result{}, err
	}
	switch {
	case r.To == r.Account:
		return osh.Result{}, c.noChange("That is the name of the account.")
	case c.isSelf(r.Account):
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "you can't rename your own account")
	}
	for _, name := range []string{r.Account, r.To} {
		if err := c.notConfigured(name); err != nil {
			return osh.Result{}, err
		}
	}
	from, to := store.Owner{Account: r.Account}, store.Owner{Account: r.To}
	c.ends = ending{account: r.Account, why: gateway.RefusalAccountInvalid, reason: "account renamed to " + r.To}
	err := c.update(ctx, func(tx store.Tx) error {
		if _, err := c.account(tx, r.Account); err != nil {
			return err
		}
		if _, err := tx.Account(r.To); err == nil {
			return c.accountExists(r.To)
		}
		return tx.RenameAccount(r.Account, r.To, c.reseal(contextOf(from), contextOf(to)))
	})
	if err != nil {
		return osh.Result{}, err
	}
	c.e.Vault.Forget(KeyContext(from))
	return c.ok(osh.AccountRenameValue{Account: r.To, Old: r.Account}, "The account %s is now called %s, %s.",
		r.Account, r.To, ended(c.ends.n))
}

// isSelf reports whether the account is who runs the command.
func (c *call) isSelf(account string) bool {
	return (account == c.actor.Account || account == c.actor.By) && !c.actor.Local
}

// notConfigured refuses names that the configuration gives power to: that
// stays with the name.
func (c *call) notConfigured(name string) error {
	for _, l := range []struct {
		setting string
		names   []string
	}{{"adminAccounts", c.set.Admins}, {"superOwnerAccounts", c.set.SuperOwners}, {"alwaysActiveAccounts", c.set.AlwaysActive}} {
		if slices.Contains(l.names, name) {
			return c.fail("ERR_SECURITY_VIOLATION", "the setting %s names the account %s: take it out there first", l.setting, name)
		}
	}
	return nil
}
