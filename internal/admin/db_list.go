package admin

import (
	"context"
	"time"

	"gateway"
	"gateway/internal/osh"
)

func dbList(_ context.Context, c *call, r *osh.DBList) (osh.Result, error) {
	switch {
	case r.All && !c.isAuditor(c.me()):
		return osh.Result{}, c.fail("ERR_ACCESS_DENIED", "only auditors may ask about all groups")
	case r.All && r.Group != "":
		return osh.Result{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--group and --all exclude each other")
	}
	shown, title := []osh.Database{}, "The databases that you may use"
	switch {
	case r.All:
		title = "The databases"
		for g := range c.snap.Groups() {
			shown = append(shown, c.databasesOf(g, c.actor.Account, true)...)
		}
	case r.Group != "":
		g, err := c.group(c.state(), r.Group)
		if err != nil {
			return osh.Result{}, err
		}
		whole, err := c.maySeeDatabases(g)
		if err != nil {
			return osh.Result{}, err
		}
		title = "Databases of the group " + g.Name
		shown = c.databasesOf(g, c.actor.Account, whole)
	default:
		for _, m := range c.snap.GroupsOf(c.actor.Account, c.now) {
			shown = append(shown, c.databasesOf(m.Group, c.actor.Account, false)...)
		}
	}
	if len(shown) == 0 {
		return osh.Result{}, c.done("OK_EMPTY", nil, "There is no database that you may see, or none that matches.")
	}
	return c.ok(shown, "%s:", title)
}

// databasesOf shows the databases of g: all of them, or those that the account
// may use now.
func (c *call) databasesOf(g *gateway.Group, account string, whole bool) []osh.Database {
	var shown []osh.Database
	for i := range g.Databases {
		d := &g.Databases[i]
		usable, way := c.usableBy(account, d.Name)
		if !whole && usable == nil || !c.page.take(d.Name, g.Name, d.Host, d.Database, d.Comment) {
			continue
		}
		shown = append(shown, c.databaseFor(g, d, usable, way, whole))
	}
	return shown
}

// usable gives a database as the actor may use it now, and by which way; nil:
// not at all.
func (c *call) usable(name string) (*gateway.Database, gateway.WayKind) {
	return c.usableBy(c.actor.Account, name)
}

func (c *call) usableBy(account, name string) (*gateway.Database, gateway.WayKind) {
	d, group, ok := c.snap.Database(account, name, 0, "", c.now)
	switch {
	case !ok:
		return nil, ""
	case c.snap.Group(group).Has(gateway.Member, account, c.now):
		return d, gateway.WayGroupMember
	}
	return d, gateway.WayGroupGuest
}

// databaseFor shows a database to the actor: guests see it as they may use it.
func (c *call) databaseFor(g *gateway.Group, d, usable *gateway.Database, way gateway.WayKind, whole bool) osh.Database {
	details := whole || way == gateway.WayGroupMember
	if !details {
		d = usable
	}
	v := shownDatabase(g.Name, d, details)
	v.Way = optional(string(way))
	return v
}

// maySeeDatabases says whether the actor sees all databases of g, or those that
// it may use as a guest.
func (c *call) maySeeDatabases(g *gateway.Group) (whole bool, err error) {
	switch {
	case c.knowsDatabases(g):
		return true, nil
	case len(g.DatabaseGuests[c.actor.Account]) > 0:
		return false, nil
	}
	if c.holds(g, "", gateway.Aclkeeper, gateway.Owner) != nil {
		return false, c.fail("KO_ACCESS_DENIED", "only members, aclkeepers and owners of the group %s may list its databases", g.Name)
	}
	return true, nil
}

// knowsDatabases is for who uses or manages all of them, and for auditors.
func (c *call) knowsDatabases(g *gateway.Group) bool {
	return c.knowsServers(g) || g.Has(gateway.Owner, c.actor.Account, c.now)
}

// shownDatabase shows one database.
func shownDatabase(group string, d *gateway.Database, details bool) osh.Database {
	v := osh.Database{
		Name: d.Name, Group: group, Host: d.Host, Port: int(d.Port), Database: d.Database, User: d.User, TLS: d.TLS.String(),
		Allow: d.Allow.String(), Statement: limitOf(d.StatementTimeout), Idle: limitOf(d.IdleInTransaction),
		Expiry: expirySeconds(d.Expires), Comment: optional(d.Comment),
	}
	if d.Rows > 0 {
		v.RowLimit = &d.Rows
	}
	if !details {
		return v
	}
	v.DatabaseDetails = &osh.DatabaseDetails{
		Role: optional(d.Role), Credentials: credentials(d), Hook: optional(d.Hook), CA: certificateTexts(d.CA),
		Parameters: d.Parameters.String(), Results: d.Results, AddedBy: d.AddedBy, AddedDate: d.AddedAt.UTC().Format(time.DateTime),
	}
	if texts := certificateTexts(d.Certificate); len(texts) > 0 {
		v.Certificate = &texts[0]
	}
	return v
}

// credentials says what a login is made with.
func credentials(d *gateway.Database) []string {
	all := []string{}
	if d.Password {
		all = append(all, "password")
	}
	if d.Hook != "" {
		all = append(all, "hook")
	}
	if d.Certificate != "" {
		all = append(all, "certificate")
	}
	if d.ClearPassword {
		all = append(all, "clear-password")
	}
	return all
}

// expirySeconds gives nil for no time.
func expirySeconds(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.Unix()
	return &n
}

// limitOf is a limit in seconds; nil: there is none.
func limitOf(d time.Duration) *int {
	if d == 0 {
		return nil
	}
	n := int(d / time.Second)
	return &n
}
