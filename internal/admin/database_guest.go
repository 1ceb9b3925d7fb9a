package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// noServer refuses options that name a server beside those that name a database.
func (c *call) noServer(o osh.AccessOptions) error {
	if o != (osh.AccessOptions{}) {
		return c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--db and the options that name a server exclude each other")
	}
	return nil
}

// addDatabaseGuest is groupAddGuestAccess with a database.
func (c *call) addDatabaseGuest(ctx context.Context, r *osh.GroupAddGuestAccess) (osh.Result, error) {
	if err := c.noServer(r.AccessOptions); err != nil {
		return osh.Result{}, err
	}
	guest := gateway.DatabaseGuest{Database: r.DB, Comment: cleanComment(r.Comment), AddedBy: c.actor.Account, AddedAt: c.now}
	var err error
	if r.DBAllow != "" {
		if guest.Allow, err = gateway.ParseDatabaseRights(r.DBAllow); err != nil {
			return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "--db-allow: %s", what(err, gateway.ErrInvalid))
		}
	}
	if guest.Expires, err = c.expiry(r.TTL); err != nil {
		return osh.Result{}, err
	}
	imposed := ""
	err = c.update(ctx, func(tx store.Tx) error {
		g, err := c.group(tx, r.Group)
		if err != nil {
			return err
		}
		if _, err := c.account(tx, r.Account); err != nil {
			return err
		}
		if g.Has(gateway.Member, r.Account, c.now) {
			return c.fail("ERR_MEMBER_CANNOT_BE_GUEST", "%s is member of the group %s and uses all its databases", r.Account, g.Name)
		}
		if _, err := c.databaseOf(g, r.DB); err != nil {
			return err
		}
		if imposed, err = c.limitGuest(g, &guest.Expires); err != nil {
			return err
		}
		changed, err := tx.AddDatabaseGuest(r.Account, guest, c.now)
		if err == nil && !changed {
			return c.noChange("%s may use the database %s already, and that stays as it is; to change it, groupDelGuestAccess first.", r.Account, r.DB)
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	until := ""
	if !guest.Expires.IsZero() {
		until = " until " + c.moment(guest.Expires).UTC
	}
	return c.ok(nil, "%s may now use the database %s (%s) as a guest of the group %s%s%s.", r.Account, r.DB, guest.Allow, r.Group, until, imposed)
}

// delDatabaseGuest is groupDelGuestAccess with a database. The value is what the
// guest may still use.
func (c *call) delDatabaseGuest(ctx context.Context, r *osh.GroupDelGuestAccess) (osh.Result, error) {
	if err := c.noServer(r.AccessOptions); err != nil {
		return osh.Result{}, err
	}
	err := c.update(ctx, func(tx store.Tx) error {
		g, err := c.group(tx, r.Group)
		if err != nil {
			return err
		}
		if _, err := c.account(tx, r.Account); err != nil {
			return err
		}
		if _, err := c.databaseOf(g, r.DB); err != nil {
			return err
		}
		changed, err := tx.DelDatabaseGuest(r.Account, r.DB)
		if err == nil && !changed {
			return c.noChange("%s is no guest at the database %s.", r.Account, r.DB)
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	var left []osh.DatabaseGuest // nil: null
	if g := c.snap.Group(r.Group); g != nil {
		left = c.databasesOfGuest(g, r.Account)
	}
	return c.ok(left, "%s can't use the database %s by the group %s any more.", r.Account, r.DB, r.Group)
}

// listDatabaseGuest is groupListGuestAccesses --databases.
func (c *call) listDatabaseGuest(g *gateway.Group, account string) (osh.Result, error) {
	list := c.databasesOfGuest(g, account)
	if len(list) == 0 {
		return osh.Result{}, c.done("OK_EMPTY", nil, "%s may use no database as a guest of the group %s, or none that matches.", account, g.Name)
	}
	return c.ok(list, "The databases that %s may use as a guest of the group %s:", account, g.Name)
}

// databasesOfGuest are those whose right has not ended and that match.
func (c *call) databasesOfGuest(g *gateway.Group, account string) []osh.DatabaseGuest {
	var list []osh.DatabaseGuest
	for _, d := range g.DatabaseGuests[account] {
		if !d.Expired(c.now) && c.page.take(d.Database, d.Comment) {
			list = append(list, shownGuest("", d))
		}
	}
	return list
}
