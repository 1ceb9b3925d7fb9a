package admin

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"gateway"
	"gateway/internal/osh"
)

// reachable resolves a host that somebody wants to look at, and applies the
// rules of the network to it.
func (c *call) reachable(ctx context.Context, host string) (netip.Addr, error) {
	addr, _, err := c.host(ctx, host)
	if err != nil {
		return addr, err
	}
	if why := c.snap.Network(c.actor.From.Addr(), addr); why != "" && !c.actor.Local {
		return addr, c.fail("KO_ACCESS_DENIED", "policy forbids to reach %s from here", addr)
	}
	return addr, nil
}

func nc(ctx context.Context, c *call, r *osh.NC) (osh.Result, error) {
	port, err := c.port(r.Port)
	if err != nil {
		return osh.Result{}, err
	}
	wait := r.Timeout
	if wait == 0 {
		wait = 3
	}
	if wait < 1 || wait > 60 {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "-w goes from 1 to 60 seconds")
	}
	addr, err := c.reachable(ctx, r.Host)
	if err != nil {
		return osh.Result{}, err
	}
	state := c.e.Deps.DialCheck(ctx, netip.AddrPortFrom(addr, port), time.Duration(wait)*time.Second)
	v := osh.NCValue{Host: r.Host, Port: int(port), Result: state}
	return c.ok(v, "%s is %s.", net.JoinHostPort(r.Host, strconv.Itoa(int(port))), state)
}

// Bounds of an echo request: enough randomness to know its answer, and no
// fragments by accident on usual networks unless asked for.
const minPingSize, maxPingSize = 16, 9000

func ping(ctx context.Context, c *call, r *osh.Ping) (osh.Result, error) {
	switch {
	case r.TTL < 0 || r.TTL > 255:
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "-t goes from 1 to 255")
	case r.Count < 0 || r.Count > 3600:
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "-c goes from 1 to 3600")
	case r.Size != 0 && (r.Size < minPingSize || r.Size > maxPingSize):
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "-s goes from %d to %d", minPingSize, maxPingSize)
	case r.Timeout < 0 || r.Timeout > 3600:
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "-w goes from 1 to 3600 seconds")
	}
	return c.echoSocket(ctx, r.Host)
}

func alive(ctx context.Context, c *call, r *osh.Alive) (osh.Result, error) {
	return c.echoSocket(ctx, r.Host)
}

func mtr(ctx context.Context, c *call, r *osh.MTR) (osh.Result, error) {
	if r.Cycles < 0 || r.Cycles > osh.MaxMTRCycles {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "-c goes from 1 to %d", osh.MaxMTRCycles)
	}
	return c.echoSocket(ctx, r.Host)
}

// echoSocket answers with a socket that can send echo requests to the host.
func (c *call) echoSocket(ctx context.Context, host string) (osh.Result, error) {
	addr, err := c.reachable(ctx, host)
	if err != nil {
		return osh.Result{}, err
	}
	f, err := c.e.Deps.PingSocket(ctx, addr)
	if errors.Is(err, gateway.ErrUnavailable) {
		return osh.Result{}, c.fail("ERR_UNAVAILABLE", "this gateway can't send echo requests to %s", addr)
	}
	if err != nil {
		return osh.Result{}, err
	}
	res, err := c.ok(osh.EchoTarget{Host: host, Addr: addr}, "")
	res.Files = []*os.File{f}
	return res, err
}
