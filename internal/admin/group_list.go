package admin

import (
	"context"
	"maps"
	"slices"

	"gateway"
	"gateway/internal/osh"
	"gateway/policy"
)

func groupList(_ context.Context, c *call, r *osh.GroupList) (osh.Result, error) {
	groups := rolesByGroup(c.snap.GroupsOf(c.actor.Account, c.now))
	if r.All {
		for g := range c.snap.Groups() {
			if _, ok := groups[g.Name]; !ok {
				groups[g.Name] = osh.GroupFlags{Flags: []string{"no-access"}}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if !c.page.take(name) {
			delete(groups, name)
		}
	}
	if len(groups) == 0 {
		return osh.Result{}, c.done("OK_EMPTY", nil, "There is no group to show.")
	}
	return c.ok(groups, "")
}

// rolesByGroup gives the roles in the words of the listings.
func rolesByGroup(in []policy.Membership) map[string]osh.GroupFlags {
	groups := make(map[string]osh.GroupFlags, len(in))
	for _, m := range in {
		groups[m.Group.Name] = osh.GroupFlags{Flags: words(m.Roles)}
	}
	return groups
}

func words(roles []gateway.Role) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return out
}
