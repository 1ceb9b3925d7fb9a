package admin

import (
	"slices"

	"gateway"
	"gateway/internal/osh"
)

// whoMayUse is whoHasAccessTo with a database.
func (c *call) whoMayUse(r *osh.WhoHasAccessTo) (osh.Result, error) {
	if r.Host != "" || r.User != "" || r.Port != "" || r.IgnorePersonal || len(r.IgnoreGroup) > 0 || r.ShowWildcards || r.ProxyOptions != (osh.ProxyOptions{}) {
		return osh.Result{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--db and the options about targets exclude each other")
	}
	g := c.snap.DatabaseGroup(r.DB)
	if g == nil {
		return osh.Result{}, c.fail("KO_DB_NOT_FOUND", "there is no database %s", gateway.Printable(clip(r.DB)))
	}
	names := slices.Clone(g.Holders(gateway.Member, c.now))
	for name, guest := range g.DatabaseGuests {
		may := slices.ContainsFunc(guest, func(d gateway.DatabaseGuest) bool { return d.Database == r.DB && !d.Expired(c.now) })
		if may && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	who := map[string]osh.AccountWays{}
	for _, name := range names {
		if c.page.take(name) {
			who[name] = osh.AccountWays{GroupAccess: []string{g.Name}}
		}
	}
	return c.ok(who, "Accounts that may use the database %s: %d.", r.DB, len(who))
}
