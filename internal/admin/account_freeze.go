package admin

import (
	"context"
	"fmt"
	"slices"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func accountFreeze(ctx context.Context, c *call, r *osh.AccountFreeze) (osh.Result, error) {
	if err := c.mayGovern(r.Account); err != nil {
		return osh.Result{}, err
	}
	if c.isSelf(r.Account) {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "you can't freeze your own account")
	}
	reason := cleanComment(r.Reason)
	c.ends = ending{account: r.Account, why: gateway.RefusalFrozen, reason: "account frozen"}
	if reason != "" {
		c.ends.reason += ": " + reason
	}
	err := c.update(ctx, func(tx store.Tx) error {
		a, err := c.account(tx, r.Account)
		if err != nil {
			return err
		}
		if a.Freeze != nil {
			return c.noChange("The account %s is frozen already.", r.Account)
		}
		a.Freeze = &gateway.Freeze{By: c.actor.Account, Reason: reason, At: c.now}
		return tx.UpdateAccount(a)
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(osh.AccountFreezeValue{Account: r.Account, Reason: reason}, "The account %s is frozen, %s.", r.Account, ended(c.ends.n))
}

// mayGovern finds the account, and checks that the actor may take it out of
// service or back: administrators and superowners are for administrators.
func (c *call) mayGovern(name string) error {
	if err := c.checkAccountName(name); err != nil {
		return err
	}
	if _, err := c.account(c.state(), name); err != nil {
		return err
	}
	return c.mayMeddle(name)
}

// mayMeddle is for accounts whose name the configuration gives power to: who
// could create or revive one could act as an administrator.
func (c *call) mayMeddle(name string) error {
	powerful := slices.Contains(c.set.Admins, name) || slices.Contains(c.set.SuperOwners, name)
	if powerful && !c.isAdmin() {
		return c.fail("ERR_SECURITY_VIOLATION", "the account %s is for administrators to manage", name)
	}
	return nil
}

func ended(n int) string {
	switch n {
	case 0:
		return "it had no live session"
	case 1:
		return "its live session was ended"
	}
	return fmt.Sprintf("its %d live sessions were ended", n)
}
