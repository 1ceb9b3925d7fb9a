package admin

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"gateway"
	"gateway/internal/osh"
	"gateway/policy"
)

func whoHasAccessTo(ctx context.Context, c *call, r *osh.WhoHasAccessTo) (osh.Result, error) {
	if r.DB != "" {
		return c.whoMayUse(r)
	}
	q, err := c.question(ctx, r)
	if err != nil {
		return osh.Result{}, err
	}
	for _, name := range r.IgnoreGroup {
		if err := gateway.CheckGroupName(name); err != nil {
			return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "--ignore-group: %s", what(err, gateway.ErrInvalid))
		}
	}
	who := map[string]osh.AccountWays{}
	through := func(account, group string) {
		ways, ok := who[account]
		if !ok {
			ways.GroupAccess = []string{}
		}
		if group == "" {
			ways.PersonalAccess = 1
		} else {
			ways.GroupAccess = append(ways.GroupAccess, group)
		}
		who[account] = ways
	}
	if !r.IgnorePersonal {
		for a := range c.snap.Accounts() {
			if q.covered(c, a.Personal) {
				through(a.Name, "")
			}
		}
	}
	for g := range c.snap.Groups() {
		if slices.Contains(r.IgnoreGroup, g.Name) || !q.covered(c, g.Accesses) {
			continue
		}
		for _, name := range g.Holders(gateway.Member, c.now) {
			through(name, g.Name)
		}
		for name, accesses := range g.Guests {
			if !g.Has(gateway.Member, name, c.now) && q.covered(c, accesses) {
				through(name, g.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(who)) {
		if !c.page.take(name) {
			delete(who, name)
		}
	}
	return c.ok(who, "Accounts with a declared access to %s: %d.", gateway.Printable(clip(r.Host)), len(who))
}

// question is what accesses are compared with; the zero values of user, port
// and proxy, and of the proxy's parts, are that they do not matter.
type question struct {
	prefix    netip.Prefix
	user      string
	port      uint16
	proxy     gateway.Hop
	wildcards bool
}

func (c *call) question(ctx context.Context, r *osh.WhoHasAccessTo) (question, error) {
	q := question{wildcards: r.ShowWildcards}
	var err error
	if r.User != "" && r.User != "*" {
		if q.user, err = gateway.ParseUser(r.User); err != nil {
			return q, c.fail("ERR_INVALID_PARAMETER", "%s", what(err, gateway.ErrInvalid))
		}
	}
	if q.port, err = gateway.ParsePortPattern(r.Port); err != nil {
		return q, c.fail("ERR_INVALID_PARAMETER", "%s", what(err, gateway.ErrInvalid))
	}
	if r.ProxyUser != "" && r.ProxyUser != "*" {
		if q.proxy.User, err = gateway.ParseUser(r.ProxyUser); err != nil {
			return q, c.fail("ERR_INVALID_PARAMETER", "--proxy-user: %s", what(err, gateway.ErrInvalid))
		}
	}
	if q.proxy.Port, err = gateway.ParsePortPattern(r.ProxyPort); err != nil {
		return q, c.fail("ERR_INVALID_PARAMETER", "--proxy-port: %s", what(err, gateway.ErrInvalid))
	}
	if q.prefix, _, err = c.accessHost(ctx, r.Host); err != nil {
		return q, err
	}
	q.proxy.Addr, err = c.proxyAddr(ctx, r.ProxyHost)
	return q, err
}

// covered reports whether an access of the list covers what is asked.
func (q question) covered(c *call, list []gateway.Access) bool {
	return slices.ContainsFunc(list, func(a gateway.Access) bool {
		return (q.wildcards || a.Prefix.Bits() > 0) &&
			a.Prefix.Bits() <= q.prefix.Bits() && a.Prefix.Contains(q.prefix.Addr()) &&
			(q.port == 0 || a.Port == 0 || a.Port == q.port) &&
			(q.user == "" || policy.CoversUser(a.User, q.user)) && q.throughProxy(a.Proxy) && !a.Expired(c.now)
	})
}

// throughProxy compares the jump host, as far as one is asked about.
func (q question) throughProxy(h gateway.Hop) bool {
	return q.proxy.IsZero() || !h.IsZero() &&
		(!q.proxy.Addr.IsValid() || h.Addr == q.proxy.Addr) &&
		(q.proxy.Port == 0 || h.Port == 0 || h.Port == q.proxy.Port) &&
		(q.proxy.User == "" || policy.CoversUser(h.User, q.proxy.User))
}
