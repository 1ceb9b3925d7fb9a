package admin

import (
	"context"
	"net/netip"

	"gateway"
	"gateway/internal/osh"
)

// proxyLogin reads the options of a jump host: all of them are given, or none.
// The address comes later, since to resolve a name takes time.
func (c *call) proxyLogin(o osh.ProxyOptions) (gateway.Hop, error) {
	var h gateway.Hop
	if o == (osh.ProxyOptions{}) {
		return h, nil
	}
	if o.ProxyHost == "" || o.ProxyPort == "" || o.ProxyUser == "" {
		return h, c.fail("ERR_MISSING_PARAMETER", "--proxy-host, --proxy-port and --proxy-user go together: '*' is any port, any user")
	}
	var err error
	if h.Port, err = gateway.ParsePortPattern(o.ProxyPort); err != nil {
		return h, c.fail("ERR_INVALID_PARAMETER", "--proxy-port: port %q is not valid", gateway.Printable(clip(o.ProxyPort)))
	}
	if h.User, err = gateway.ParseUserPattern(o.ProxyUser); err != nil || h.User != "" && h.User[0] == '!' {
		return h, c.fail("ERR_INVALID_PARAMETER", "--proxy-user: user %q is not valid", gateway.Printable(clip(o.ProxyUser)))
	}
	return h, nil
}

// proxyAddr gives the address of a jump host; no host is none.
func (c *call) proxyAddr(ctx context.Context, host string) (netip.Addr, error) {
	if host == "" {
		return netip.Addr{}, nil
	}
	if _, err := netip.ParsePrefix(host); err == nil {
		return netip.Addr{}, c.fail("ERR_INVALID_PARAMETER", "--proxy-host: %s is a network, and a jump host is one address", host)
	}
	addr, _, err := c.host(ctx, host)
	return addr, err
}
