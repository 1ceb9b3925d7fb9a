package admin

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"gateway/internal/osh"
)

func selfForgetHostKey(ctx context.Context, c *call, r *osh.SelfForgetHostKey) (osh.Result, error) {
	target, n, err := c.forgetHostKeys(ctx, c.actor.Account, *r)
	if err != nil {
		return osh.Result{}, err
	}
	name := hostKeyName(target)
	if n == 0 {
		return osh.Result{}, c.noChange("No host key of %s was known.", name)
	}
	return c.ok(map[string]osh.ForgottenHostKey{name: {Action: "removed"}},
		"The host key of %s is forgotten.", net.JoinHostPort(r.Host, strconv.Itoa(int(target.Port()))))
}

// forgetHostKeys drops what the account knows about the target, or everybody
// for "", and says how many accounts knew it.
func (c *call) forgetHostKeys(ctx context.Context, account string, r osh.SelfForgetHostKey) (netip.AddrPort, int, error) {
	port := uint16(22)
	if r.Port != "" {
		var err error
		if port, err = c.port(r.Port); err != nil {
			return netip.AddrPort{}, 0, err
		}
	}
	addr, _, err := c.host(ctx, r.Host)
	if err != nil {
		return netip.AddrPort{}, 0, err
	}
	if err := c.announce(ctx); err != nil {
		return netip.AddrPort{}, 0, err
	}
	n, err := c.e.Store.ForgetHostKeys(ctx, account, addr, port)
	if err != nil {
		return netip.AddrPort{}, 0, fmt.Errorf("forget host key: %w", err)
	}
	return netip.AddrPortFrom(addr, port), n, nil
}

// hostKeyName is how known_hosts files write a target.
func hostKeyName(t netip.AddrPort) string {
	return "[" + t.Addr().String() + "]:" + strconv.Itoa(int(t.Port()))
}
