package admin

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"gateway"
	"gateway/internal/osh"
)

func selfListAccesses(ctx context.Context, c *call, r *osh.SelfListAccesses) (osh.Result, error) {
	me, err := c.self(c.state())
	if err != nil {
		return osh.Result{}, err
	}
	return c.listAccesses(ctx, me, r.ListAccessesOptions)
}

// listAccesses lists what the account may reach, by way.
func (c *call) listAccesses(ctx context.Context, a *gateway.Account, o osh.ListAccessesOptions) (osh.Result, error) {
	lists := []osh.AccessList{}
	add := func(kind gateway.WayKind, group string, accesses []gateway.Access, databases []osh.Database) {
		if acl := c.listed(accesses); len(acl) > 0 || len(databases) > 0 {
			lists = append(lists, osh.AccessList{ACL: acl, Group: group, Type: string(kind), Databases: databases})
		}
	}
	add(gateway.WayPersonal, "", a.Personal, nil)
	if !o.HideGroups {
		for _, m := range c.snap.GroupsOf(a.Name, c.now) {
			databases := c.databasesOf(m.Group, a.Name, false)
			if m.Group.Has(gateway.Member, a.Name, c.now) {
				add(gateway.WayGroupMember, m.Group.Name, m.Group.Accesses, databases)
				databases = nil
			}
			add(gateway.WayGroupGuest, m.Group.Name, m.Group.Guests[a.Name], databases)
		}
	}
	if len(lists) == 0 {
		return osh.Result{}, c.done("OK_EMPTY", nil, "%s has no access, or none that matches.", a.Name)
	}
	acls := make([][]osh.ListedAccess, len(lists))
	for i, l := range lists {
		acls[i] = l.ACL
	}
	note := c.nameAddresses(ctx, o.ReverseDNS, acls...)
	return c.ok(lists, "%s", cmp.Or(strings.TrimSpace(note), "OK"))
}

// listed shows the accesses that have not expired and match.
func (c *call) listed(accesses []gateway.Access) []osh.ListedAccess {
	acl := []osh.ListedAccess{}
	for _, a := range accesses {
		if a.Expired(c.now) || !c.page.take(a.String(), a.Comment) {
			continue
		}
		acl = append(acl, listedAccess(a))
	}
	return acl
}

// listedAccess shows one access.
func listedAccess(a gateway.Access) osh.ListedAccess {
	shown := osh.ListedAccess{
		AddedBy:       a.AddedBy,
		AddedDate:     a.AddedAt.UTC().Format(time.DateTime),
		ForceKey:      optional(a.ForceKey),
		ForcePassword: optional(a.ForcePassword),
		IP:            gateway.NetworkText(a.Prefix),
		User:          optional(a.User),
		UserComment:   optional(a.Comment),
		Profile:       a.Profile,
		Legacy:        a.Legacy,
		NETCONF:       a.NETCONF,
	}
	shown.Port = portText(a.Port)
	if !a.Proxy.IsZero() {
		shown.ProxyIP, shown.ProxyPort, shown.ProxyUser = optional(a.Proxy.Addr.String()), portText(a.Proxy.Port), optional(a.Proxy.User)
	}
	if !a.Expires.IsZero() {
		expiry := a.Expires.Unix()
		shown.Expiry = &expiry
	}
	return shown
}

// portText gives nil for "any", as JSON null.
func portText(port uint16) *string {
	if port == 0 {
		return nil
	}
	return optional(strconv.Itoa(int(port)))
}
