package admin

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gateway"
	"gateway/internal/crypt"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// access reads the options that name an entry of a list of accesses. Host
// names are resolved now; the target's is returned beside.
func (c *call) access(ctx context.Context, o osh.AccessOptions) (gateway.Access, string, error) {
	var a gateway.Access
	var err error
	if a.User, err = c.accessUser(o); err != nil {
		return a, "", err
	}
	if a.Port, err = c.accessPort(o); err != nil {
		return a, "", err
	}
	if a.Proxy, err = c.proxyLogin(o.ProxyOptions); err != nil {
		return a, "", err
	}
	prefix, name, err := c.accessHost(ctx, o.Host)
	if err != nil {
		return a, "", err
	}
	a.Prefix = prefix
	a.Proxy.Addr, err = c.proxyAddr(ctx, o.ProxyHost)
	return a, name, err
}

func (c *call) accessUser(o osh.AccessOptions) (string, error) {
	switch {
	case o.Protocol != "" && (o.User != "" || o.UserAny):
		return "", c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--protocol and --user exclude each other: a right to transfer files is for every user")
	case o.Protocol != "":
		return c.right(o.Protocol)
	case o.User != "" && o.UserAny && o.User != "*":
		return "", c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--user and --user-any exclude each other")
	case o.User == "" && !o.UserAny:
		return "", c.fail("ERR_MISSING_PARAMETER", "option --user is missing; --user '*' means any")
	case o.User == "*" || o.UserAny:
		return "", nil
	}
	user, err := gateway.ParseUserPattern(o.User)
	if err != nil {
		return "", c.fail("ERR_INVALID_PARAMETER", "user %q is not valid", gateway.Printable(clip(o.User)))
	}
	if right, ok := strings.CutPrefix(user, "!"); ok {
		return c.right(right)
	}
	return user, nil
}

// right gives the user that stands for the right to transfer files.
func (c *call) right(protocol string) (string, error) {
	user, ok := gateway.RightUser(protocol)
	if !ok {
		return "", c.fail("ERR_INVALID_PARAMETER", "protocol %q is not valid: scpupload, scpdownload, sftp or rsync", gateway.Printable(clip(protocol)))
	}
	return user, nil
}

func (c *call) accessPort(o osh.AccessOptions) (uint16, error) {
	switch {
	case o.Port != "" && o.PortAny && o.Port != "*":
		return 0, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--port and --port-any exclude each other")
	case o.Port == "" && !o.PortAny:
		return 0, c.fail("ERR_MISSING_PARAMETER", "option --port is missing; --port '*' means any")
	case o.Port == "*" || o.PortAny:
		return 0, nil
	}
	return c.port(o.Port)
}

// port reads a port number.
func (c *call) port(s string) (uint16, error) {
	n, err := gateway.ParsePort(s)
	if err != nil {
		return 0, c.fail("ERR_INVALID_PARAMETER", "port %q is not valid: it goes from 1 to 65535", gateway.Printable(clip(s)))
	}
	return n, nil
}

// accessHost reads a prefix, an address or a host name, which is returned too.
func (c *call) accessHost(ctx context.Context, host string) (netip.Prefix, string, error) {
	if written, err := netip.ParsePrefix(host); err == nil {
		p, err := gateway.ParseNetwork(host)
		if err != nil {
			return p, "", c.fail("ERR_INVALID_PARAMETER", "%s is no network address", host)
		}
		if p != written { // granting more than somebody thought of is no guess to make
			return p, "", c.fail("ERR_INVALID_PARAMETER", "%s is no network address (did you mean %s?)", host, p)
		}
		return p, "", nil
	}
	addr, name, err := c.host(ctx, host)
	if err != nil {
		return netip.Prefix{}, "", err
	}
	return netip.PrefixFrom(addr, addr.BitLen()), name, nil
}

// host gives the address of a host, and its name if it was not an address.
func (c *call) host(ctx context.Context, host string) (netip.Addr, string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return addr, "", c.fail("ERR_INVALID_PARAMETER", "an address with a zone can't be a target")
		}
		return addr.Unmap(), "", nil
	}
	if !gateway.IsHostname(host) {
		return netip.Addr{}, "", c.fail("ERR_INVALID_PARAMETER", "host %q is not valid", gateway.Printable(clip(host)))
	}
	addr, err := c.e.Deps.Resolve(ctx, host)
	switch {
	case errors.Is(err, gateway.ErrDenied):
		return netip.Addr{}, "", c.fail("ERR_HOST_NOT_FOUND", "host names are not resolved by this gateway: give an address")
	case err != nil:
		return netip.Addr{}, "", c.fail("ERR_HOST_NOT_FOUND", "host %s can't be resolved", host)
	}
	return addr.Unmap(), host, nil
}

// newAccess reads the options of an access to be added. keys are the ones that
// it will be used with.
func (c *call) newAccess(ctx context.Context, o osh.AccessOptions, n osh.NewAccessOptions, keys []gateway.EgressKey) (gateway.Access, error) {
	if n.ForceKey != "" && n.ForcePassword != "" {
		return gateway.Access{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--force-key and --force-password exclude each other")
	}
	if o.ProxyHost != "" && !c.set.ProxyJump {
		return gateway.Access{}, c.fail("ERR_INVALID_PARAMETER", "--proxy-host: egress jump hosts are not allowed by the configuration of this gateway")
	}
	a, name, err := c.access(ctx, o)
	if err != nil {
		return a, err
	}
	if n.ForcePassword != "" && !crypt.Valid(n.ForcePassword) {
		return a, c.fail("ERR_INVALID_PARAMETER", "--force-password wants the hash of a password: md5crypt ($1$), sha256crypt ($5$), sha512crypt ($6$), or Cisco's type 8 or 9")
	}
	a.ForcePassword = n.ForcePassword
	if a.Expires, err = c.expiry(n.TTL); err != nil {
		return a, err
	}
	if n.ForceKey != "" {
		if !slices.ContainsFunc(keys, func(k gateway.EgressKey) bool { return k.Fingerprint == n.ForceKey }) {
			return a, c.fail("KO_NO_MATCHING_KEY", "no egress key has the fingerprint %s", gateway.Printable(clip(n.ForceKey)))
		}
		a.ForceKey = n.ForceKey
	}
	if n.Profile != "" {
		set, err := c.e.Profiles()
		if err != nil {
			return a, err
		}
		if err := c.checkProfile(set, n.Profile); err != nil {
			return a, err
		}
	}
	a.Profile, a.Legacy = n.Profile, n.Legacy
	if n.NETCONF != "" {
		if strings.HasPrefix(a.User, "!") {
			return a, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--netconf-allow is not for a right to transfer files")
		}
		rights, err := gateway.ParseNETCONFRights(n.NETCONF)
		if err != nil {
			return a, c.fail("ERR_INVALID_PARAMETER", "--netconf-allow: %s", what(err, gateway.ErrInvalid))
		}
		a.NETCONF = rights.String()
	}
	a.Comment = cleanComment(n.Comment)
	if a.Comment == "" && name != "" {
		a.Comment = hostnameComment + name
	}
	a.AddedBy, a.AddedAt = c.actor.Account, c.now
	return a, nil
}

// expiry gives the end of a --ttl that begins now: zero if there is none.
func (c *call) expiry(ttl string) (time.Time, error) {
	if ttl == "" {
		return time.Time{}, nil
	}
	d, err := gateway.ParseTTL(ttl)
	if err != nil || d == 0 {
		return time.Time{}, c.fail("ERR_INVALID_PARAMETER", "ttl %q is not valid: seconds, or 1d7h8m", gateway.Printable(clip(ttl)))
	}
	return c.now.Add(d).Truncate(time.Second), nil
}

// hostnameComment begins the comment of an access for a name that was resolved.
const hostnameComment = "hostname="

// maxComment bounds the comment of an access.
const maxComment = 255

// cleanComment replaces what would break a list that is shown or exported.
func cleanComment(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("#<>\\\"'", r) {
			return '_'
		}
		return r
	}, gateway.Printable(s))
	if len(s) > maxComment {
		s = strings.ToValidUTF8(s[:maxComment], "")
	}
	return s
}

// probe logs in to the target of a with keys, which belong to o, unless it is
// more than one, or not to be logged in to with a key, or force. No password is
// tried: whatever answers there would learn it before anybody wants to go there.
func (c *call) probe(ctx context.Context, a gateway.Access, force bool, o store.Owner, keys []gateway.EgressKey) error {
	several := func(user string, port uint16) bool {
		return user == "" || strings.ContainsAny(user, "*?") || port == 0
	}
	switch {
	case force || a.ForcePassword != "" || strings.HasPrefix(a.User, "!"):
		return nil
	case !a.Prefix.IsSingleIP() || several(a.User, a.Port) || !a.Proxy.IsZero() && several(a.Proxy.User, a.Proxy.Port):
		return nil
	}
	if a.ForceKey != "" {
		keys = slices.DeleteFunc(slices.Clone(keys), func(k gateway.EgressKey) bool { return k.Fingerprint != a.ForceKey })
	}
	if len(keys) == 0 {
		return c.fail("ERR_CONNECTION_FAILED", "can't log in to %s: there is no egress key to try; an access for passwords wants --force, or --force-password", a.String())
	}
	legacy := a.Legacy
	if a.Profile != "" {
		set, err := c.e.Profiles()
		if err != nil {
			return err
		}
		profile, err := set.Get(a.Profile)
		if err != nil {
			return err
		}
		legacy = legacy || profile.Legacy
	}
	p := Probe{Target: gateway.Target{User: a.User, Host: a.Prefix.Addr().String(), Addr: a.Prefix.Addr(), Port: a.Port},
		Owner: o, Keys: keys, Legacy: legacy}
	hops := []gateway.Target{p.Target}
	if !a.Proxy.IsZero() {
		p.Jump = gateway.Target{User: a.Proxy.User, Host: a.Proxy.Addr.String(), Addr: a.Proxy.Addr, Port: a.Proxy.Port}
		hops = append(hops, p.Jump)
	}
	for _, t := range hops {
		if why := c.snap.Network(c.actor.From.Addr(), t.Addr); why != "" && !c.actor.Local {
			return c.fail("ERR_CONNECTION_FAILED", "%s: %s", t, why)
		}
	}
	if err := c.e.Deps.Probe(ctx, c.actor, p); err != nil {
		why := err.Error() // Probe bounds it
		for _, kind := range []error{gateway.ErrDenied, gateway.ErrUnavailable} {
			why = strings.TrimSuffix(why, ": "+kind.Error())
		}
		advice := "--force adds it all the same"
		if errors.Is(err, gateway.ErrDenied) {
			advice = "put the key there, or use --force"
		}
		return c.fail("ERR_CONNECTION_FAILED", "can't log in to %s: %s; %s", a.String(), gateway.Printable(why), advice)
	}
	return nil
}

// number gives nil for "any", as JSON null.
func number(port uint16) *int {
	if port == 0 {
		return nil
	}
	n := int(port)
	return &n
}

// accessChange is the value of adding or removing a personal access.
func accessChange(account, action string, a gateway.Access, now time.Time) osh.AccessChange {
	v := osh.AccessChange{
		Account: account,
		Action:  action,
		IP:      gateway.NetworkText(a.Prefix),
		Port:    number(a.Port),
		User:    optional(a.User),
	}
	if !a.Proxy.IsZero() {
		v.ProxyIP, v.ProxyPort, v.ProxyUser = optional(a.Proxy.Addr.String()), number(a.Proxy.Port), optional(a.Proxy.User)
	}
	if action == "add" {
		v.Comment = optional(a.Comment)
		if !a.Expires.IsZero() {
			ttl := int64(a.Expires.Sub(now.Truncate(time.Second)) / time.Second)
			v.TTL = &ttl
		}
	}
	return v
}
