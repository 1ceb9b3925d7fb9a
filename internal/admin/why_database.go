package admin

import (
	"context"
	"slices"
	"time"

	"gateway"
	"gateway/internal/osh"
)

// whyDatabase is whyAccess with a database.
func (c *call) whyDatabase(ctx context.Context, account string, r *osh.WhyAccess) (osh.Result, error) {
	if bare := (osh.WhyAccess{DB: r.DB, Account: r.Account, From: r.From}); *r != bare {
		return osh.Result{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--db and the options that name a target, its protocol or its credential exclude each other")
	}
	g := c.snap.DatabaseGroup(r.DB)
	if g == nil || !c.mayAskAbout(g, account, r.DB) {
		return osh.Result{}, c.fail("KO_DB_NOT_FOUND", "there is no database %s that you may see", gateway.Printable(clip(r.DB)))
	}
	d, err := c.databaseOf(g, r.DB)
	if err != nil {
		return osh.Result{}, err
	}
	q := gateway.Request{Principal: gateway.Principal{Account: account}, Protocol: gateway.Postgres, From: c.actor.From, Database: d.Name,
		Target: gateway.Target{User: d.User, Host: d.Host, Port: d.Port}}
	if err := c.whyFrom(r, &q); err != nil {
		return osh.Result{}, err
	}
	if q.Target.Addr, _, err = c.host(ctx, d.Host); err != nil {
		return osh.Result{}, err
	}
	decision := c.why(account, d.User, c.snap.Explain(q, c.now))
	v := osh.WhyAccessValue{
		Account: account, Host: d.Host, IP: q.Target.Addr.String(), Port: int(d.Port), User: d.User, Protocol: string(q.Protocol),
		Database: d.Name, Allowed: decision.Allowed, Decisions: []osh.WhyDecision{decision},
	}
	if q.From.IsValid() {
		v.From = optional(q.From.Addr().String())
	}
	if v.Allowed {
		return c.ok(v, "%s may use the database %s.", account, d.Name)
	}
	return c.ok(v, "%s may NOT use the database %s.", account, d.Name)
}

// mayAskAbout reports whether the actor may learn why the account may use a
// database of g: who knew of it still does.
func (c *call) mayAskAbout(g *gateway.Group, account, database string) bool {
	return c.knowsDatabases(g) || g.Has(gateway.Member, account, time.Time{}) ||
		slices.ContainsFunc(g.DatabaseGuests[account], func(d gateway.DatabaseGuest) bool { return d.Database == database })
}
