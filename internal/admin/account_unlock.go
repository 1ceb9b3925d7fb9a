package admin

import (
	"context"

	"gateway/internal/osh"
)

// accountUnlock has nothing to reset: nobody's failed factors are counted. It
// succeeds, as scripts expect of an account that is not locked.
func accountUnlock(_ context.Context, c *call, r *osh.AccountUnlock) (osh.Result, error) {
	if err := c.mayGovern(r.Account); err != nil {
		return osh.Result{}, err
	}
	return c.ok(osh.AccountUnlockValue{Account: r.Account},
		"The account %s is not locked: this gateway locks none for failed second factors. Nothing was changed.", r.Account)
}
