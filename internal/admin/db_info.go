package admin

import (
	"context"
	"maps"
	"slices"
	"time"

	"gateway"
	"gateway/internal/osh"
)

func dbInfo(_ context.Context, c *call, r *osh.DBInfo) (osh.Result, error) {
	hidden := c.fail("KO_DB_NOT_FOUND", "there is no database %s that you may see", gateway.Printable(clip(r.Name)))
	g := c.snap.DatabaseGroup(r.Name)
	if g == nil {
		return osh.Result{}, hidden
	}
	d, err := c.databaseOf(g, r.Name)
	if err != nil {
		return osh.Result{}, err
	}
	usable, way := c.usable(d.Name)
	manages := g.Has(gateway.Gatekeeper, c.actor.Account, c.now)
	whole := c.knowsDatabases(g) || manages
	if !whole && usable == nil {
		if c.holds(g, "", gateway.Aclkeeper, gateway.Owner) != nil {
			return osh.Result{}, hidden
		}
		whole = true
	}
	v := c.databaseFor(g, &d, usable, way, whole)
	if manages || c.mayKeepDatabases(g) {
		v.Guests = c.databaseGuests(g, d.Name)
	}
	return c.ok(v, "")
}

// mayKeepDatabases is for who may change them, and for auditors.
func (c *call) mayKeepDatabases(g *gateway.Group) bool {
	return g.Has(gateway.Aclkeeper, c.actor.Account, c.now) || g.Has(gateway.Owner, c.actor.Account, c.now) || c.isAuditor(c.me()) || c.isSuperowner()
}

// databaseGuests are those whose right has not ended, by account.
func (c *call) databaseGuests(g *gateway.Group, database string) []osh.DatabaseGuest {
	guests := []osh.DatabaseGuest{}
	for _, account := range slices.Sorted(maps.Keys(g.DatabaseGuests)) {
		for _, d := range g.DatabaseGuests[account] {
			if d.Database == database && !d.Expired(c.now) {
				guests = append(guests, shownGuest(account, d))
			}
		}
	}
	return guests
}

func shownGuest(account string, d gateway.DatabaseGuest) osh.DatabaseGuest {
	return osh.DatabaseGuest{Account: account, Database: d.Database, Allow: d.Allow.String(), Expiry: expirySeconds(d.Expires), Comment: optional(d.Comment),
		AddedBy: d.AddedBy, AddedDate: d.AddedAt.UTC().Format(time.DateTime)}
}
