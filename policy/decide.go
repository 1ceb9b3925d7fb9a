package policy

import (
	"net/netip"
	"time"

	"gateway"
)

// Login says why the account may not log in now; empty means that it may.
func (s *Snapshot) Login(name string, now time.Time) gateway.Reason {
	a := s.Account(name)
	switch {
	case a == nil:
		return gateway.ReasonUnknownAccount
	case a.Freeze != nil:
		return gateway.ReasonFrozen
	case !a.Expires.IsZero() && !now.Before(a.Expires):
		return gateway.ReasonExpired
	case s.rules.inactive(a, now):
		return gateway.ReasonInactive
	}
	return ""
}

// inactive counts from the last login, or from the creation if there was none
// yet. When neither is known, a limit can't be shown to be kept.
func (r *rules) inactive(a *gateway.Account, now time.Time) bool {
	limit := r.maxInactiveDays
	if a.MaxInactiveDays != nil {
		limit = *a.MaxInactiveDays
	}
	if limit <= 0 || a.AlwaysActive {
		return false
	}
	seen := a.LastLogin
	if seen.IsZero() {
		seen = a.Created
	}
	return seen.IsZero() || now.Sub(seen).Hours() > 24*float64(limit)
}

// MissingFactor says which second factor the account must enrol before it may
// do anything, whoever wants it: its own settings or those of all accounts. No
// factor can be enrolled yet, so that what is required is always missing.
func (s *Snapshot) MissingFactor(a *gateway.Account) gateway.MFA {
	need := s.rules.accountMFA.RequiredOf(a)
	if a.MFAPassword == gateway.FactorRequired {
		need = need.Stricter(gateway.MFAPassword)
	}
	if a.MFATOTP == gateway.FactorRequired {
		need = need.Stricter(gateway.MFATOTP)
	}
	return s.Factor(a, need)
}

// Factor says what is left of a requirement of second factors for the account.
func (s *Snapshot) Factor(a *gateway.Account, need gateway.MFA) gateway.MFA {
	if s.rules.noMFA {
		return gateway.MFANone
	}
	return need.RequiredOf(a)
}

// Network says which of the rules forbids to go from there to there; empty
// means none.
func (s *Snapshot) Network(from, to netip.Addr) gateway.Reason {
	return s.rules.network(from, to)
}

// Decide answers r: the state of the account, then the rules, then every way
// that grants it: personal, then the groups by name. A database has a way of
// its own: no access is one, and no database grants anything else.
func (s *Snapshot) Decide(r gateway.Request, now time.Time) gateway.Decision {
	deny := func(why gateway.Reason) gateway.Decision { return gateway.Decision{Reason: why} }
	if r.Principal.Realm != "" {
		return deny(gateway.ReasonUnknownAccount) // "realm/alice" is not our alice
	}
	if why := s.Login(r.Principal.Account, now); why != "" {
		return deny(why)
	}
	a, _ := s.accounts.get(r.Principal.Account)
	if a.OSHOnly {
		return deny(gateway.ReasonOSHOnly)
	}
	if why := s.rules.network(r.From.Addr(), r.Target.Addr); why != "" {
		return deny(why)
	}
	if r.Jump != (gateway.Target{}) {
		if why := s.rules.network(r.From.Addr(), r.Jump.Addr); why != "" {
			return deny(why)
		}
		r.Jump.Addr = r.Jump.Addr.Unmap()
	}
	r.Target.Addr = r.Target.Addr.Unmap()
	if r.Protocol == gateway.Postgres {
		return s.decideDatabase(a, &r, now)
	}

	w := ways{account: a.Account, protocol: r.Protocol, useKey: r.UseKey, password: r.Password, wanted: wanted{r.Target, r.Jump, now}}
	if found := a.personal.find(&w.wanted); found != nil {
		w.add(gateway.WayPersonal, "", *found, a.EgressKeys, nil, a.PersonalMFA)
	}
	seats, _ := s.seats.get(a.Name)
	for _, seat := range seats {
		if seat.member || seat.guest {
			g, _ := s.groups.get(seat.group)
			w.group(g, seat)
		}
	}
	switch {
	case len(w.list) > 0:
		return gateway.Decision{Ways: w.list, MFA: s.Factor(a.Account, w.mfa)}
	case w.forced:
		return deny(gateway.ReasonForcedPassword)
	case w.keyless && r.Password.Asked():
		return deny(gateway.ReasonNoPassword)
	case w.keyless:
		return deny(gateway.ReasonNoKey)
	case w.other:
		return deny(gateway.ReasonNETCONFOnly)
	}
	return deny(gateway.ReasonNoAccess)
}

// forProtocol reports whether a is for that protocol. A shell at a device could
// do all that a list of NETCONF rights leaves out: an access that has one is
// for nothing else.
func forProtocol(a gateway.Access, p gateway.Protocol) bool {
	return a.NETCONF == "" || p == gateway.NETCONF
}

// ways collects.
type ways struct {
	account  *gateway.Account
	protocol gateway.Protocol
	useKey   string
	password gateway.PasswordOf
	wanted   wanted
	list     []gateway.Way
	mfa      gateway.MFA // the strictest that they want of the account
	keyless  bool        // an access matched, but its keys or passwords are not those asked for
	forced   bool        // an access matched, and the password that it forces is not there
	other    bool        // an access matched, and is for NETCONF only
}

// group adds the way through g that the account has as a member or guest.
func (w *ways) group(g *group, s seat) {
	found := g.accesses.find(&w.wanted)
	if found == nil {
		return
	}
	if s.member && g.Has(gateway.Member, w.account.Name, w.wanted.now) {
		w.add(gateway.WayGroupMember, g.Name, *found, g.Keys, g.Passwords, g.MFARequired)
		return
	}
	own := g.guests[w.account.Name]
	guest := own.find(&w.wanted)
	if guest == nil {
		return
	}
	if both, ok := narrow(*guest, *found); ok {
		w.add(gateway.WayGroupGuest, g.Name, both, g.Keys, g.Passwords, g.MFARequired)
	} else {
		w.keyless = true
	}
}

// narrow gives a guest's access within the group's: what the group's forces is
// forced on the guest too, and it lasts no longer. It is false when the two
// force different credentials.
func narrow(guest, of gateway.Access) (gateway.Access, bool) {
	if of.ForceKey != "" && guest.ForceKey != "" && of.ForceKey != guest.ForceKey ||
		of.ForcePassword != "" && guest.ForcePassword != "" && of.ForcePassword != guest.ForcePassword {
		return gateway.Access{}, false
	}
	if guest.ForceKey == "" {
		guest.ForceKey = of.ForceKey
	}
	if guest.ForcePassword == "" {
		guest.ForcePassword = of.ForcePassword
	}
	if guest.Expires.IsZero() || !of.Expires.IsZero() && of.Expires.Before(guest.Expires) {
		guest.Expires = of.Expires
	}
	guest.Legacy = guest.Legacy || of.Legacy
	if guest.Profile == "" {
		guest.Profile = of.Profile
	}
	switch {
	case guest.NETCONF == "":
		guest.NETCONF = of.NETCONF
	case of.NETCONF != "" && of.NETCONF != guest.NETCONF:
		guest.NETCONF += ";" + of.NETCONF
	}
	return guest, true
}

// add appends the way with its credentials: keys, or the passwords of whom was
// asked for. A way that has none of those that the access or the request insists
// on is left out; one that forces a password has no keys.
func (w *ways) add(kind gateway.WayKind, group string, a gateway.Access, keys []gateway.EgressKey, passwords []gateway.EgressPassword, mfa gateway.MFA) {
	way := gateway.Way{Kind: kind, Group: group, Access: a}
	if !forProtocol(a, w.protocol) {
		w.other = true
		return
	}
	if w.password.Asked() {
		if way.Passwords = w.passwords(&way, passwords); len(way.Passwords) == 0 {
			return
		}
	} else {
		if a.ForcePassword != "" {
			keys = nil
		}
		for _, want := range []string{a.ForceKey, w.useKey} {
			if want == "" {
				continue
			}
			if keys = only(keys, want); len(keys) == 0 {
				w.keyless = true
				return
			}
		}
		way.Keys = keys[:len(keys):len(keys)] // shared with the snapshot: clipped, so that appending makes a copy
	}
	w.mfa = w.mfa.Stricter(mfa.RequiredOf(w.account))
	w.list = append(w.list, way)
}

// passwords gives those that were asked for. A group's are for its own accesses
// only: whoever is at the other end learns them. A key that is forced or asked
// for is no password.
func (w *ways) passwords(way *gateway.Way, ofGroup []gateway.EgressPassword) []gateway.EgressPassword {
	var list []gateway.EgressPassword
	switch {
	case way.Access.ForceKey != "" || w.useKey != "":
	case w.password.Self:
		list = w.account.Passwords
	case way.Group == w.password.Group:
		list = ofGroup
	}
	if len(list) == 0 {
		w.keyless = true
		return nil
	}
	forced := way.Access.ForcePassword
	if forced == "" {
		return list[:len(list):len(list)]
	}
	for i := range list {
		if list[i].Hashes.Has(forced) {
			return list[i : i+1 : i+1]
		}
	}
	w.forced = true
	return nil
}

// only gives the part of keys with that fingerprint, without copying.
func only(keys []gateway.EgressKey, fingerprint string) []gateway.EgressKey {
	for i := range keys {
		if keys[i].Fingerprint == fingerprint {
			return keys[i : i+1]
		}
	}
	return nil
}
