package gateway

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseAccess reads what Access.String prints, [USER@]IP[/LEN][:PORT]. A
// missing user or port, or "*", is any. An IPv6 network before a port is in
// brackets.
func ParseAccess(s string) (Access, error) {
	var a Access
	user, host, port, err := SplitTarget(s)
	if err != nil {
		return Access{}, fmt.Errorf("access %w", err)
	}
	if a.User, err = ParseUserPattern(user); err != nil {
		return Access{}, err
	}
	if a.Port, err = ParsePortPattern(port); err != nil {
		return Access{}, err
	}
	if a.Prefix, err = ParseNetwork(host); err != nil {
		return Access{}, err
	}
	return a, nil
}

// SplitTarget takes [USER@]HOST[:PORT] apart, where an IPv6 address before a
// port is in brackets. What is left out is empty, what is written is not; that
// the parts are a user, a host and a port is for others to check.
func SplitTarget(s string) (user, host, port string, err error) {
	invalid := func(why string) (string, string, string, error) {
		return "", "", "", fmt.Errorf("%q: %s: %w", clip(s), why, ErrInvalid)
	}
	host = s
	// A user may hold '@' and ':', a host holds no '@'.
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		if user, host = s[:i], s[i+1:]; user == "" {
			return invalid("empty user")
		}
	}
	hasPort := false
	if rest, ok := strings.CutPrefix(host, "["); ok {
		var after string
		host, after, ok = strings.Cut(rest, "]")
		port, hasPort = strings.CutPrefix(after, ":")
		if !ok || !strings.Contains(host, ":") || !hasPort && after != "" {
			return invalid("want [IPv6]:PORT")
		}
	} else if strings.Count(host, ":") == 1 {
		host, port, hasPort = strings.Cut(host, ":")
	}
	if hasPort && port == "" {
		return invalid("empty port")
	}
	return user, host, port, nil
}

// String gives the identity of a as USER@IP[/LEN]:PORT: "*" is any, the length
// is left out for one address, an IPv6 network is in brackets. A jump host
// follows in the same form, after " via ".
func (a Access) String() string {
	s := accessText(a.User, a.Prefix, a.Port)
	if !a.Proxy.IsZero() {
		s += " via " + accessText(a.Proxy.User, netip.PrefixFrom(a.Proxy.Addr, a.Proxy.Addr.BitLen()), a.Proxy.Port)
	}
	return s
}

func accessText(user string, p netip.Prefix, n uint16) string {
	port := "*"
	if user == "" {
		user = "*"
	}
	if n != 0 {
		port = strconv.Itoa(int(n))
	}
	host := NetworkText(p)
	if p.Addr().Is6() {
		host = "[" + host + "]"
	}
	return Printable(user) + "@" + host + ":" + port
}

// ParseUser checks a login at a target: 1 to 128 letters, digits and "._-@!:".
func ParseUser(s string) (string, error) { return parseUser(s, "._-@!:") }

// ParseUserPattern is ParseUser with the wildcards '*' and '?'. Nothing, or
// "*", gives the empty pattern, which is any user.
func ParseUserPattern(s string) (string, error) {
	if s == "" || s == "*" {
		return "", nil
	}
	return parseUser(s, "._-@!:*?")
}

func parseUser(s, others string) (string, error) {
	if len(s) < 1 || len(s) > 128 {
		return "", fmt.Errorf("remote user %q: want 1 to 128 characters: %w", clip(s), ErrInvalid)
	}
	for _, c := range []byte(s) {
		if !alphanumeric(c) && strings.IndexByte(others, c) < 0 {
			return "", fmt.Errorf("remote user %q: want letters, digits and %q only: %w", clip(s), others, ErrInvalid)
		}
	}
	return s, nil
}

// ParsePort reads a port from 1 to 65535.
func ParsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '0' {
		return 0, fmt.Errorf("port %q: want 1 to 65535: %w", clip(s), ErrInvalid)
	}
	return uint16(n), nil
}

// ParsePortPattern is ParsePort where nothing, or "*", is any: 0.
func ParsePortPattern(s string) (uint16, error) {
	if s == "" || s == "*" {
		return 0, nil
	}
	return ParsePort(s)
}

// ParseNetwork reads an address or a network in CIDR form. Host bits are
// dropped and IPv4-mapped IPv6 becomes IPv4, so that equal networks are equal
// values. Zones are refused: they mean nothing on another machine.
func ParseNetwork(s string) (netip.Prefix, error) {
	invalid := func() (netip.Prefix, error) {
		return netip.Prefix{}, fmt.Errorf("network %q: want an IP address or CIDR: %w", clip(s), ErrInvalid)
	}
	if len(s) > 64 {
		return invalid()
	}
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return invalid()
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return invalid()
	}
	p, ok := NormalNetwork(p)
	if !ok {
		return invalid()
	}
	return p, nil
}

// NetworkText writes a network; the length is left out for one address.
func NetworkText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// NormalNetwork gives the one form in which networks are compared: masked, and
// IPv4 when it was IPv4-mapped IPv6. It is false for a prefix that is invalid
// or mixes both families.
func NormalNetwork(p netip.Prefix) (netip.Prefix, bool) {
	if !p.IsValid() {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// maxNetworks bounds a list that a person may attach to a key.
const maxNetworks = 256

// ParseNetworks reads a list like that of --from: networks separated by
// commas. Nothing gives an empty list.
func ParseNetworks(s string) ([]netip.Prefix, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	if n := strings.Count(s, ",") + 1; n > maxNetworks {
		return nil, fmt.Errorf("%d networks: want at most %d: %w", n, maxNetworks, ErrInvalid)
	}
	var list []netip.Prefix
	for part := range strings.SplitSeq(s, ",") {
		p, err := ParseNetwork(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}
