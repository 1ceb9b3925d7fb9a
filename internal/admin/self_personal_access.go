package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func selfAddPersonalAccess(ctx context.Context, c *call, r *osh.SelfAddPersonalAccess) (osh.Result, error) {
	me, err := c.self(c.state())
	if err != nil {
		return osh.Result{}, err
	}
	return c.addPersonal(ctx, me, r.AccessOptions, r.NewAccessOptions)
}

// addPersonal adds a personal access to the account.
func (c *call) addPersonal(ctx context.Context, to *gateway.Account, o osh.AccessOptions, n osh.NewAccessOptions) (osh.Result, error) {
	a, err := c.newAccess(ctx, o, n, to.EgressKeys)
	if err != nil {
		return osh.Result{}, err
	}
	if err := c.checkBounds(to.Name, a); err != nil {
		return osh.Result{}, err
	}
	if err := c.probe(ctx, a, n.Force, store.Owner{Account: to.Name}, to.EgressKeys); err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		if _, err := c.account(tx, to.Name); err != nil {
			return err
		}
		changed, err := tx.AddAccess(store.Owner{Account: to.Name}, a, c.now)
		if err == nil && !changed {
			return c.noChange("%s has this access already.", to.Name)
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(accessChange(to.Name, "add", a, c.now), "%s may now reach %s.", to.Name, a.String())
}

func selfDelPersonalAccess(ctx context.Context, c *call, r *osh.SelfDelPersonalAccess) (osh.Result, error) {
	me, err := c.self(c.state())
	if err != nil {
		return osh.Result{}, err
	}
	return c.delPersonal(ctx, me.Name, r.AccessOptions)
}

// delPersonal removes a personal access of the account.
func (c *call) delPersonal(ctx context.Context, from string, o osh.AccessOptions) (osh.Result, error) {
	a, _, err := c.access(ctx, o)
	if err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		if _, err := c.account(tx, from); err != nil {
			return err
		}
		changed, err := tx.DelAccess(store.Owner{Account: from}, a)
		if err == nil && !changed {
			return c.noChange("%s had no access %s.", from, a.String())
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(accessChange(from, "del", a, c.now), "%s may not reach %s that way any more.", from, a.String())
}
