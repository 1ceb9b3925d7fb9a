package admin

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"gateway/internal/osh"
)

func selfForgetHostKey(ctx context.Context, c *call, r *osh.SelfForgetHostKey) (osh.Result, error) {
	port := uint16(22)
	if r.Port != "" {
		var err error
		if port, err = c.port(r.Port); err != nil {
			return osh.Result{}, err
		}
	}
	addr, _, err := c.host(ctx, r.Host)
	if err != nil {
		return osh.Result{}, err
	}
	if err := c.announce(ctx); err != nil {
		return osh.Result{}, err
	}
	n, err := c.e.Store.ForgetHostKeys(ctx, c.actor.Account, addr, port)
	if err != nil {
		return osh.Result{}, fmt.Errorf("forget host key: %w", err)
	}
	name := "[" + addr.String() + "]:" + strconv.Itoa(int(port))
	if n == 0 {
		return osh.Result{}, c.noChange("No host key of %s was known.", name)
	}
	return c.ok(map[string]osh.ForgottenHostKey{name: {Action: "removed"}},
		"The host key of %s is forgotten.", net.JoinHostPort(r.Host, strconv.Itoa(int(port))))
}
