package admin

import (
	"context"
	"slices"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func groupAddGuestAccess(ctx context.Context, c *call, r *osh.GroupAddGuestAccess) (osh.Result, error) {
	if err := c.checkAccountName(r.Account); err != nil {
		return osh.Result{}, err
	}
	if r.DB != "" {
		return c.addDatabaseGuest(ctx, r)
	}
	if r.DBAllow != "" {
		return osh.Result{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--db-allow is for --db")
	}
	a, err := c.newAccess(ctx, r.AccessOptions, osh.NewAccessOptions{TTL: r.TTL, Comment: r.Comment}, nil)
	if err != nil {
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
		if err := c.mayBeGuest(g, r.Account, a); err != nil {
			return err
		}
		if imposed, err = c.limitGuest(g, &a.Expires); err != nil {
			return err
		}
		changed, err := tx.AddAccess(store.Owner{Group: g.Name, Guest: r.Account}, a, c.now)
		if err == nil && !changed {
			return c.noChange("%s has this guest access already.", r.Account)
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	until := ""
	if !a.Expires.IsZero() {
		until = " until " + c.moment(a.Expires).UTC
	}
	return c.ok(nil, "%s may now reach %s as a guest of the group %s%s%s.", r.Account, a, r.Group, until, imposed)
}

// mayBeGuest checks that a is an access of g, and that account has no better
// way to it.
func (c *call) mayBeGuest(g *gateway.Group, account string, a gateway.Access) error {
	if g.Has(gateway.Member, account, c.now) {
		return c.fail("ERR_MEMBER_CANNOT_BE_GUEST", "%s is member of the group %s and reaches all its servers", account, g.Name)
	}
	if !slices.ContainsFunc(g.Accesses, func(of gateway.Access) bool { return sameAccess(a, of) && !of.Expired(c.now) }) {
		return c.fail("ERR_GROUP_HAS_NO_ACCESS", "the group %s has no access %s: an aclkeeper has to add it first", g.Name, a)
	}
	return nil
}

// sameAccess compares what identifies an access in a list.
func sameAccess(a, b gateway.Access) bool {
	return a.User == b.User && a.Prefix == b.Prefix && a.Port == b.Port && a.Proxy == b.Proxy
}

// limitGuest applies the longest time that g allows: an access without end
// gets it, a longer one is refused.
func (c *call) limitGuest(g *gateway.Group, expires *time.Time) (imposed string, err error) {
	if g.GuestTTLLimit == 0 {
		return "", nil
	}
	end := c.now.Add(g.GuestTTLLimit).Truncate(time.Second)
	switch {
	case expires.IsZero():
		*expires = end
		return ", the longest that the group allows", nil
	case expires.After(end):
		return "", c.fail("ERR_INVALID_PARAMETER", "the group %s allows guest accesses of at most %s", g.Name, span(g.GuestTTLLimit))
	}
	return "", nil
}

func groupDelGuestAccess(ctx context.Context, c *call, r *osh.GroupDelGuestAccess) (osh.Result, error) {
	if err := c.checkAccountName(r.Account); err != nil {
		return osh.Result{}, err
	}
	if r.DB != "" {
		return c.delDatabaseGuest(ctx, r)
	}
	a, _, err := c.access(ctx, r.AccessOptions)
	if err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		if _, err := c.account(tx, r.Account); err != nil {
			return err
		}
		changed, err := tx.DelAccess(store.Owner{Group: r.Group, Guest: r.Account}, a)
		if err == nil && !changed {
			return c.noChange("%s has no such guest access in the group %s.", r.Account, r.Group)
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	var left []osh.RemainingAccess // nil: null
	if g := c.snap.Group(r.Group); g != nil {
		for _, l := range c.listed(g.Guests[r.Account]) {
			left = append(left, osh.RemainingAccess{ListedAccess: l})
		}
	}
	gone := ""
	if len(left) == 0 {
		gone = " and is no longer a guest"
	}
	return c.ok(left, "%s can't reach %s by the group %s any more%s.", r.Account, a, r.Group, gone)
}

func groupListGuestAccesses(ctx context.Context, c *call, r *osh.GroupListGuestAccesses) (osh.Result, error) {
	if _, err := c.named(r.Account); err != nil {
		return osh.Result{}, err
	}
	g, err := c.group(c.state(), r.Group)
	if err != nil {
		return osh.Result{}, err
	}
	if r.Databases {
		return c.listDatabaseGuest(g, r.Account)
	}
	acl := c.listed(g.Guests[r.Account])
	if len(acl) == 0 {
		return osh.Result{}, c.done("OK_EMPTY", nil, "%s has no guest access in the group %s, or none that matches.", r.Account, g.Name)
	}
	note := c.nameAddresses(ctx, r.ReverseDNS, acl)
	return c.ok(acl, "%sWhat %s may reach as a guest of the group %s:", note, r.Account, g.Name)
}
