package admin

import (
	"context"
	"net/netip"

	"gateway/internal/osh"
)

// nameAddresses puts the names of single addresses into lists that
// --reverse-dns was given for. It returns what the message begins with then.
func (c *call) nameAddresses(ctx context.Context, wanted bool, lists ...[]osh.ListedAccess) string {
	if !wanted {
		return ""
	}
	if !c.set.ReverseDNS {
		return "The names of addresses are not looked up: reverse lookups are disabled on this gateway.\n"
	}
	var addrs []netip.Addr
	for _, acl := range lists {
		for _, a := range acl {
			if addr, err := netip.ParseAddr(a.IP); err == nil { // not a network
				addrs = append(addrs, addr)
			}
		}
	}
	names := c.e.Deps.ReverseNames(ctx, addrs)
	for _, acl := range lists {
		for i := range acl {
			if addr, err := netip.ParseAddr(acl[i].IP); err == nil {
				acl[i].ReverseDNS = optional(names[addr])
			}
		}
	}
	return ""
}
