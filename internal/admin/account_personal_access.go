package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
)

func accountAddPersonalAccess(ctx context.Context, c *call, r *osh.AccountAddPersonalAccess) (osh.Result, error) {
	to, err := c.named(r.Account)
	if err != nil {
		return osh.Result{}, err
	}
	return c.addPersonal(ctx, to, r.AccessOptions, r.NewAccessOptions)
}

func accountDelPersonalAccess(ctx context.Context, c *call, r *osh.AccountDelPersonalAccess) (osh.Result, error) {
	from, err := c.named(r.Account)
	if err != nil {
		return osh.Result{}, err
	}
	return c.delPersonal(ctx, from.Name, r.AccessOptions)
}

func accountListAccesses(ctx context.Context, c *call, r *osh.AccountListAccesses) (osh.Result, error) {
	a, err := c.named(r.Account)
	if err != nil {
		return osh.Result{}, err
	}
	return c.listAccesses(ctx, a, r.ListAccessesOptions)
}

// named finds an account by a name that is checked first.
func (c *call) named(name string) (*gateway.Account, error) {
	if err := c.checkAccountName(name); err != nil {
		return nil, err
	}
	return c.account(c.state(), name)
}
