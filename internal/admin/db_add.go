package admin

import (
	"context"
	"errors"
	"net"
	"strconv"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// postgresPort is where PostgreSQL listens unless it is told otherwise.
const postgresPort = 5432

func dbAdd(ctx context.Context, c *call, r *osh.DBAdd) (osh.Result, error) {
	change, err := c.databaseChange(ctx, r.Name, &r.DatabaseSettings)
	if err != nil {
		return osh.Result{}, err
	}
	d := gateway.Database{Name: r.Name, Port: postgresPort, AddedBy: c.actor.Account, AddedAt: c.now}
	if err := change.apply(&d); err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		_, err := tx.AddDatabase(r.Group, d, change.secrets)
		if errors.Is(err, gateway.ErrConflict) {
			return c.fail("KO_ALREADY_EXISTING", "the gateway offers a database %s already: choose another name", d.Name)
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	note := ""
	if !d.Password && d.Hook == "" && d.Certificate == "" {
		note = " It has no credential yet; dbModify gives it one."
	}
	v := shownDatabase(r.Group, &d, true)
	return c.ok(v, "Members of the group %s may now use the database %s (%s of %s).%s", r.Group, d.Name, d.Database,
		net.JoinHostPort(d.Host, strconv.Itoa(int(d.Port))), note)
}
