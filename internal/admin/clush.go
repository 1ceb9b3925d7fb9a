package admin

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"gateway"
	"gateway/internal/osh"
)

// maxClushHosts bounds one run of clush.
const maxClushHosts = 1000

// clush checks what is asked. Each host is then a connection, which is decided
// when it is opened.
func clush(_ context.Context, c *call, r *osh.Clush) (osh.Result, error) {
	plan := osh.ClushPlan{Port: 22}
	if r.User != "" {
		if _, err := gateway.ParseUser(r.User); err != nil {
			return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "user %q is not valid", gateway.Printable(clip(r.User)))
		}
	}
	if r.Port != "" {
		var err error
		if plan.Port, err = c.port(r.Port); err != nil {
			return osh.Result{}, err
		}
	}
	for host := range strings.SplitSeq(r.List, ",") {
		host = strings.TrimSpace(host)
		if host == "" {
			continue
		}
		if _, err := netip.ParseAddr(host); err != nil && !gateway.IsHostname(host) {
			return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "host %q is not valid", gateway.Printable(clip(host)))
		}
		if !slices.Contains(plan.Hosts, host) {
			plan.Hosts = append(plan.Hosts, host)
		}
		if len(plan.Hosts) > maxClushHosts {
			return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "at most %d hosts can be in --list", maxClushHosts)
		}
	}
	if len(plan.Hosts) == 0 {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "--list names no host")
	}
	if strings.ContainsRune(r.Command, 0) {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "the remote command holds a NUL")
	}
	return c.ok(plan, "")
}

// batch only answers that it may be tried: its lines are requests of their own.
func batch(_ context.Context, c *call, _ *osh.Batch) (osh.Result, error) { return c.ok(nil, "") }
