package admin

import (
	"context"
	"net"
	"strconv"

	"gateway/internal/osh"
)

func assetForgetHostKey(ctx context.Context, c *call, r *osh.AssetForgetHostKey) (osh.Result, error) {
	addr, n, err := c.forgetHostKeys(ctx, "", r.SelfForgetHostKey)
	if err != nil {
		return osh.Result{}, err
	}
	v := osh.AssetForgetHostKeyValue{ChangedFiles: strconv.Itoa(n)}
	if n == 0 {
		return osh.Result{}, c.done("OK_NO_CHANGE", v, "Nobody knew a host key of %s.", hostKeyName(addr))
	}
	return c.ok(v, "The host key of %s is forgotten, for %s.", net.JoinHostPort(r.Host, strconv.Itoa(int(addr.Port()))), count(n, "account"))
}
