package admin

import (
	"context"

	"gateway/internal/osh"
	"gateway/internal/store"
)

func dbDel(ctx context.Context, c *call, r *osh.DBDel) (osh.Result, error) {
	err := c.update(ctx, func(tx store.Tx) error {
		g, err := c.group(tx, r.Group)
		if err != nil {
			return err
		}
		if _, err := c.databaseOf(g, r.Name); err != nil {
			return err
		}
		return tx.DelDatabase(r.Name)
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(nil, "The group %s offers the database %s no more, and its credential is forgotten.", r.Group, r.Name)
}
