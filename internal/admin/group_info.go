package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"gateway"
	"gateway/internal/osh"
)

func groupInfo(_ context.Context, c *call, r *osh.GroupInfo) (osh.Result, error) {
	switch {
	case r.All && !c.isAuditor(c.me()):
		return osh.Result{}, c.fail("ERR_ACCESS_DENIED", "only auditors may ask about all groups")
	case r.All && r.Group != "":
		return osh.Result{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--group and --all exclude each other")
	case !r.All && r.Group == "":
		return osh.Result{}, c.fail("ERR_MISSING_PARAMETER", "option --group is missing")
	}
	keys := choose(r.WithKeys, r.WithoutKeys, r.WithEverything, r.WithoutEverything, true)
	if !r.All {
		g, err := c.group(c.state(), r.Group)
		if err != nil {
			return osh.Result{}, err
		}
		v := c.groupInfo(g, keys)
		v.MFARequired = g.MFARequired.String()
		return c.ok(v, "")
	}
	all := map[string]osh.GroupInfoValue{}
	for g := range c.snap.Groups() {
		if c.page.take(g.Name) {
			all[g.Name] = c.groupInfo(g, keys)
		}
	}
	return c.ok(all, "")
}

// choose says whether an optional part is wanted: its own options go before
// those for everything.
func choose(with, without, everything, nothing, otherwise bool) bool {
	switch {
	case without:
		return false
	case with:
		return true
	case nothing:
		return false
	case everything:
		return true
	}
	return otherwise
}

func (c *call) groupInfo(g *gateway.Group, keys bool) osh.GroupInfoValue {
	v := osh.GroupInfoValue{
		Aclkeepers:  list(g.Holders(gateway.Aclkeeper, c.now)),
		Gatekeepers: list(g.Holders(gateway.Gatekeeper, c.now)),
		Group:       g.Name,
		Owners:      list(g.Holders(gateway.Owner, c.now)),

		GuestTTLLimit: int64(g.GuestTTLLimit / time.Second),
		IdleKill:      wholeSeconds(g.IdleKill),
		IdleLock:      wholeSeconds(g.IdleLock),
	}
	if g.MFARequired != gateway.MFANone {
		v.MFARequired = g.MFARequired.String()
	}
	if keys {
		v.Keys = c.egressKeys(g.Keys)
		for fp, k := range v.Keys {
			v.Keys[fp] = ofGroup(g.Name, k)
		}
	}
	if c.maySeePeople(g) {
		v.GroupPeople = c.people(g, v)
	}
	return v
}

// wholeSeconds gives nil for nil, as a key that is not there.
func wholeSeconds(d *time.Duration) *int64 {
	if d == nil {
		return nil
	}
	n := int64(*d / time.Second)
	return &n
}

// maySeePeople: others see whom to ask, and no more.
func (c *call) maySeePeople(g *gateway.Group) bool {
	related := slices.ContainsFunc([]gateway.Role{
		gateway.Owner, gateway.Gatekeeper, gateway.Aclkeeper, gateway.Member, gateway.Guest,
	}, func(r gateway.Role) bool { return g.Has(r, c.actor.Account, c.now) })
	if related || c.isAuditor(c.me()) {
		return true
	}
	c.override = c.override || c.isSuperowner()
	return c.isSuperowner()
}

func (c *call) people(g *gateway.Group, v osh.GroupInfoValue) *osh.GroupPeople {
	p := &osh.GroupPeople{
		Guests:         list(g.Holders(gateway.Guest, c.now)),
		GuestsAccesses: map[string]int{},
		Inactive:       []string{},
		Members:        list(g.Holders(gateway.Member, c.now)),
	}
	for _, name := range p.Guests {
		p.GuestsAccesses[name] = len(slices.DeleteFunc(slices.Clone(g.Guests[name]), func(a gateway.Access) bool { return a.Expired(c.now) }))
	}
	for _, name := range p.Guests {
		if n := len(slices.DeleteFunc(slices.Clone(g.DatabaseGuests[name]), func(d gateway.DatabaseGuest) bool { return d.Expired(c.now) })); n > 0 {
			if p.GuestsDatabases == nil {
				p.GuestsDatabases = map[string]int{}
			}
			p.GuestsDatabases[name] = n
		}
	}
	p.Databases = c.databaseNames(g)
	p.Expiries = c.roleExpiries(g)
	all := slices.Concat(v.Owners, v.Gatekeepers, v.Aclkeepers, p.Members, p.Guests)
	slices.SortFunc(all, strings.Compare)
	for _, name := range slices.Compact(all) {
		if a := c.snap.Account(name); a != nil && c.inactive(a) {
			p.Inactive = append(p.Inactive, name)
		}
	}
	return p
}

// databaseNames are those of g that the actor may know of: guests know their own.
func (c *call) databaseNames(g *gateway.Group) []string {
	whole := c.knowsDatabases(g) || g.Has(gateway.Gatekeeper, c.actor.Account, c.now) || c.isSuperowner()
	var names []string
	for _, d := range g.Databases {
		if usable, _ := c.usable(d.Name); whole || usable != nil {
			names = append(names, d.Name)
		}
	}
	return names
}

// roleExpiries gives, by role and account, when roles end that were given for a
// time.
func (c *call) roleExpiries(g *gateway.Group) map[string]map[string]int64 {
	ends := map[string]map[string]int64{}
	for h, end := range g.Ends {
		if !g.Has(h.Role, h.Account, c.now) {
			continue
		}
		if ends[string(h.Role)] == nil {
			ends[string(h.Role)] = map[string]int64{}
		}
		ends[string(h.Role)][h.Account] = end.Unix()
	}
	return ends
}

// ofGroup gives a key of a group the file names that scripts expect to be
// text. There are no such files: the keys are sealed in the store.
func ofGroup(group string, k osh.Key) osh.Key {
	name := "id_" + strings.ToLower(k.Family) + "_" + k.ID
	full := "/keykeeper/" + group + "/" + name
	k.Filename, k.Fullpath = &name, &full
	return k
}
