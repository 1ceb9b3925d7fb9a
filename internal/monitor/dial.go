package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/control"
)

// waitLimit bounds --wait; it tries once a second.
const waitLimit = time.Hour

// dial connects to an authorised target and returns the socket.
func (m *Monitor) dial(ctx context.Context, t gateway.Target, r control.Open, set Settings) (*os.File, error) {
	timeout := set.ConnectTimeout
	if r.Timeout > 0 {
		timeout = min(r.Timeout, waitLimit)
	}
	addr := netip.AddrPortFrom(t.Addr, t.Port)
	f, err := dialOnce(ctx, r.Bind, addr, timeout)
	for end := m.Now().Add(waitLimit); err != nil && r.Wait && m.Now().Before(end); {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Second):
		}
		f, err = dialOnce(ctx, r.Bind, addr, timeout)
	}
	return f, err
}

// dialOnce connects to addr, from bind if that is valid.
func dialOnce(ctx context.Context, bind netip.Addr, addr netip.AddrPort, timeout time.Duration) (*os.File, error) {
	d := net.Dialer{Timeout: timeout, Control: inline}
	if bind.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(bind, 0))
	}
	nc, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	return nc.(*net.TCPConn).File()
}

// inline keeps urgent bytes in their place. Telnet servers mark a place in what
// they say with one, which is half of a command; TCP would take it out.
func inline(_, _ string, socket syscall.RawConn) error {
	var err error
	if controlErr := socket.Control(func(fd uintptr) {
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1))
	}); controlErr != nil {
		return controlErr
	}
	return err
}

// dialText says in words for people why a connection did not come to be.
func dialText(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to host"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	case errors.Is(err, context.Canceled):
		return "given up"
	}
	return "the connection failed"
}

// lookup turns what a person wrote into one address: an address as it is, a
// name through DNS if the settings allow it.
func (m *Monitor) lookup(ctx context.Context, host string, set Settings) (netip.Addr, *control.Refusal) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return netip.Addr{}, &control.Refusal{Refusal: gateway.RefusalRemoteHost, Text: "addresses with a zone are not accepted"}
		}
		return addr.Unmap(), nil
	}
	if !gateway.IsHostname(host) {
		return netip.Addr{}, &control.Refusal{Refusal: gateway.RefusalRemoteHost,
			Text: fmt.Sprintf("%s is neither an address nor a host name", strconv.QuoteToASCII(clip(host, 64)))}
	}
	if set.DNS == 0 {
		return netip.Addr{}, &control.Refusal{Refusal: gateway.RefusalDNS, Text: "host names are disabled here, use an address"}
	}
	ctx, cancel := context.WithTimeout(ctx, set.ConnectTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err == nil {
		for _, a := range addrs {
			a = a.Unmap()
			if a.Is4() && set.IPv4 || a.Is6() && set.IPv6 {
				return a.WithZone(""), nil
			}
		}
	}
	return netip.Addr{}, &control.Refusal{Refusal: gateway.RefusalHostNotFound,
		Text: fmt.Sprintf("host %s: unable to resolve", gateway.Printable(host))}
}
