package admin

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"gateway"
	"gateway/internal/osh"
	"gateway/policy"
)

func whyAccess(ctx context.Context, c *call, r *osh.WhyAccess) (osh.Result, error) {
	account, err := c.whyAccount(r)
	if err != nil {
		return osh.Result{}, err
	}
	if r.DB != "" {
		return c.whyDatabase(ctx, account, r)
	}
	q, err := c.whyRequest(ctx, account, r)
	if err != nil {
		return osh.Result{}, err
	}
	v := osh.WhyAccessValue{
		Account: account, Host: q.Target.Host, IP: q.Target.Addr.String(), Port: int(q.Target.Port), User: q.Target.User,
		Protocol: string(q.Protocol), Allowed: true,
	}
	if q.From.IsValid() {
		v.From = optional(q.From.Addr().String())
	}
	if q.Jump.Addr.IsValid() {
		v.ProxyIP, v.ProxyPort, v.ProxyUser = optional(q.Jump.Addr.String()), number(q.Jump.Port), optional(q.Jump.User)
	}
	users := []string{q.Target.User}
	if r.Protocol != "" && r.Protocol != v.Protocol {
		right, ok := gateway.RightUser(r.Protocol)
		if !ok {
			return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "protocol %s: want ssh, telnet, netconf, scpupload, scpdownload, sftp or rsync",
				gateway.Printable(clip(r.Protocol)))
		}
		v.Protocol, users = r.Protocol, append(users, right) // a transfer needs the login too
	}
	for _, user := range users {
		asked := q
		asked.Target.User = user
		d := c.why(account, user, c.snap.Explain(asked, c.now))
		if off := c.switchedOff(asked); off != "" && d.Allowed {
			d.Allowed, d.Reason = false, &off
		}
		v.Decisions, v.Allowed = append(v.Decisions, d), v.Allowed && d.Allowed
	}
	if v.Allowed {
		return c.ok(v, "%s may reach %s over %s.", account, q.Target, v.Protocol)
	}
	return c.ok(v, "%s may NOT reach %s over %s.", account, q.Target, v.Protocol)
}

// switchedOff names the setting that keeps everybody from what is asked.
func (c *call) switchedOff(q gateway.Request) string {
	switch {
	case q.Protocol == gateway.Telnet && !c.set.Telnet:
		return "the setting telnetAllowed is off"
	case q.Jump.Addr.IsValid() && !c.set.ProxyJump:
		return "the setting egressProxyJumpAllowed is off"
	}
	return ""
}

// whyAccount is the account that is asked about: others are for auditors.
func (c *call) whyAccount(r *osh.WhyAccess) (string, error) {
	if r.Account == "" || r.Account == c.actor.Account {
		_, err := c.self(c.state())
		return c.actor.Account, err
	}
	if !c.isAuditor(c.me()) {
		return "", c.fail("ERR_ACCESS_DENIED", "only auditors may ask about other accounts")
	}
	a, err := c.named(r.Account)
	if err != nil {
		return "", err
	}
	return a.Name, nil
}

// whyRequest reads the question as a connection would put it.
func (c *call) whyRequest(ctx context.Context, account string, r *osh.WhyAccess) (gateway.Request, error) {
	q := gateway.Request{Principal: gateway.Principal{Account: account}, Protocol: gateway.SSH, From: c.actor.From}
	user, host, port, err := c.whyTarget(r)
	if err != nil {
		return q, err
	}
	switch gateway.Protocol(r.Protocol) {
	case gateway.NETCONF:
		q.Protocol, port = gateway.NETCONF, cmp.Or(port, "830")
	case gateway.Telnet:
		q.Protocol, port = gateway.Telnet, cmp.Or(port, "23")
	}
	if q.Password = (gateway.PasswordOf{Self: r.Self, Group: r.Password}); r.Self && r.Password != "" {
		return q, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--password and --self-password exclude each other")
	}
	if r.Password != "" {
		if _, err := c.group(c.state(), r.Password); err != nil {
			return q, err
		}
	}
	user = cmp.Or(user, c.set.DefaultLogin, account)
	if q.Target, err = c.whyHost(ctx, user, host, port); err != nil {
		return q, err
	}
	switch {
	case r.ProxyHost != "":
		if r.ProxyUser != "" {
			user = r.ProxyUser
		}
		if q.Jump, err = c.whyHost(ctx, user, r.ProxyHost, r.ProxyPort); err != nil {
			return q, err
		}
	case r.ProxyPort != "" || r.ProxyUser != "":
		return q, c.fail("ERR_MISSING_PARAMETER", "option --proxy-host is missing")
	}
	err = c.whyFrom(r, &q)
	return q, err
}

// whyFrom puts the address into q that is asked about in the place of the actor's own.
func (c *call) whyFrom(r *osh.WhyAccess, q *gateway.Request) error {
	if r.From == "" {
		return nil
	}
	from, err := netip.ParseAddr(r.From)
	if err != nil || from.Zone() != "" {
		return c.fail("ERR_INVALID_PARAMETER", "--from %s: want an IP address", gateway.Printable(clip(r.From)))
	}
	q.From = netip.AddrPortFrom(from.Unmap(), 0)
	return nil
}

// whyTarget is what the options name, which may be all in one.
func (c *call) whyTarget(r *osh.WhyAccess) (user, host, port string, err error) {
	user, host, port, err = gateway.SplitTarget(r.Host)
	switch {
	case err != nil:
		err = c.fail("ERR_INVALID_PARAMETER", "%s", what(err, gateway.ErrInvalid))
	case user != "" && r.User != "" && user != r.User:
		err = c.fail("ERR_INCOMPATIBLE_PARAMETERS", "two different users are given")
	case port != "" && r.Port != "" && port != r.Port:
		err = c.fail("ERR_INCOMPATIBLE_PARAMETERS", "two different ports are given")
	}
	return cmp.Or(user, r.User), host, cmp.Or(port, r.Port), err
}

func (c *call) whyHost(ctx context.Context, user, host, port string) (gateway.Target, error) {
	t := gateway.Target{User: user, Host: host, Port: 22}
	var err error
	if _, err = gateway.ParseUser(user); err != nil {
		return t, c.fail("ERR_INVALID_PARAMETER", "%s", what(err, gateway.ErrInvalid))
	}
	if port != "" {
		if t.Port, err = c.port(port); err != nil {
			return t, err
		}
	}
	t.Addr, _, err = c.host(ctx, host)
	return t, err
}

// why writes an explanation as scripts read it.
func (c *call) why(account, user string, e policy.Explanation) osh.WhyDecision {
	d := osh.WhyDecision{
		User: user, Allowed: e.Decision.Allowed(), Reason: optional(string(e.Decision.Reason)), MFARequired: e.Decision.MFA.String(),
		Checks: []osh.WhyCheck{}, Lists: []osh.WhyList{}, Credentials: []osh.WhyCredential{},
	}
	for _, check := range e.Checks {
		d.Checks = append(d.Checks, osh.WhyCheck{Check: check.Name, OK: check.OK, Rule: optional(check.Rule)})
	}
	if d.Allowed {
		if unmet := c.unmet(account, e.Decision); unmet != "" {
			d.Allowed, d.Reason = false, &unmet
		}
	}
	for _, l := range e.Lists {
		if g := c.snap.Group(l.Group); g != nil && l.Kind == gateway.WayGroupGuest && !c.knowsServers(g) {
			l = ofGuest(l, g.Guests[account])
		}
		shown := osh.WhyList{Type: string(l.Kind), Group: optional(l.Group), Grants: l.Why == "", Because: optional(l.Why), Misses: []osh.WhyMiss{}}
		if l.Database != nil {
			database := shownDatabase(l.Group, l.Database, false)
			shown.Database = &database
		}
		if l.Access != nil {
			access := listedAccess(*l.Access)
			shown.Access = &access
		}
		for _, m := range l.Misses {
			shown.Misses = append(shown.Misses, osh.WhyMiss{Access: m.Access.String(), Because: m.Why})
		}
		d.Lists = append(d.Lists, shown)
	}
	for _, w := range e.Decision.Ways {
		if w.Database != nil {
			for _, kind := range credentials(w.Database) {
				d.Credentials = append(d.Credentials, osh.WhyCredential{Type: string(w.Kind), Group: optional(w.Group), Algorithm: kind})
			}
		}
		for i := range w.Passwords {
			d.Credentials = append(d.Credentials, osh.WhyCredential{Type: string(w.Kind), Group: optional(w.Group), Algorithm: "password", Password: &i})
		}
		for _, k := range w.Keys {
			d.Credentials = append(d.Credentials, osh.WhyCredential{
				Type: string(w.Kind), Group: optional(w.Group), Algorithm: k.Type, Fingerprint: k.Fingerprint,
			})
		}
	}
	return d
}

// ofGuest leaves of an explanation what guests know: their own accesses, and
// neither the group's nor the password that it forces.
func ofGuest(l policy.List, own []gateway.Access) policy.List {
	find := func(a gateway.Access) *gateway.Access {
		if i := slices.IndexFunc(own, func(b gateway.Access) bool { return sameAccess(a, b) }); i >= 0 {
			return &own[i]
		}
		return nil
	}
	if l.Access != nil {
		l.Access = find(*l.Access)
	}
	l.Misses = slices.DeleteFunc(slices.Clone(l.Misses), func(m policy.Miss) bool { return find(m.Access) == nil })
	return l
}

// unmet says what else would keep the account from connecting.
func (c *call) unmet(account string, d gateway.Decision) string {
	if missing := c.snap.MissingFactor(c.snap.Account(account)); missing != gateway.MFANone {
		return missing.SetupText()
	}
	_, text, _ := d.Unmet()
	return text
}
