package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func groupAddServer(ctx context.Context, c *call, r *osh.GroupAddServer) (osh.Result, error) {
	g, err := c.group(c.state(), r.Group)
	if err != nil {
		return osh.Result{}, err
	}
	owner := store.Owner{Group: g.Name}
	a, err := c.newAccess(ctx, r.AccessOptions, r.NewAccessOptions, g.Keys)
	if err != nil {
		return osh.Result{}, err
	}
	if err := c.probe(ctx, a, r.Force, owner, g.Keys); err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		changed, err := tx.AddAccess(owner, a, c.now)
		if err == nil && !changed {
			return c.noChange("The group %s has this access already.", g.Name)
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(c.groupAccessChange(g.Name, "add", a), "Members of the group %s may now reach %s.", g.Name, a)
}

func groupDelServer(ctx context.Context, c *call, r *osh.GroupDelServer) (osh.Result, error) {
	a, _, err := c.access(ctx, r.AccessOptions)
	if err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		changed, err := tx.DelAccess(store.Owner{Group: r.Group}, a)
		if err == nil && !changed {
			return c.noChange("The group %s has no such access.", r.Group)
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(c.groupAccessChange(r.Group, "del", a), "The group %s can't reach %s any more.", r.Group, a)
}

// groupAccessChange is the value of adding or removing a server.
func (c *call) groupAccessChange(group, action string, a gateway.Access) osh.GroupAccessChange {
	v := accessChange("", action, a, c.now)
	return osh.GroupAccessChange{
		Action:        v.Action,
		Comment:       v.Comment,
		ForceKey:      optional(a.ForceKey),
		ForcePassword: optional(a.ForcePassword),
		Group:         group,
		IP:            v.IP,
		Port:          v.Port,
		ProxyIP:       v.ProxyIP,
		ProxyPort:     v.ProxyPort,
		ProxyUser:     v.ProxyUser,
		TTL:           v.TTL,
		User:          v.User,
	}
}
