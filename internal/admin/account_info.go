package admin

import (
	"context"
	"slices"
	"strconv"

	"gateway"
	"gateway/internal/osh"
)

func accountInfo(ctx context.Context, c *call, r *osh.AccountInfo) (osh.Result, error) {
	details := c.isAuditor(c.me())
	switch {
	case r.All && !details:
		return osh.Result{}, c.fail("ERR_ACCESS_DENIED", "only auditors may ask about all accounts")
	case r.All && r.Account != "":
		return osh.Result{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--account and --all exclude each other")
	case !r.All && r.Account == "":
		return osh.Result{}, c.fail("ERR_MISSING_PARAMETER", "option --account is missing")
	}
	one := func(a *gateway.Account, active Activeness) osh.AccountInfoValue {
		v := c.accountInfo(a, active)
		if choose(r.WithGroups, r.WithoutGroups, r.WithEverything, r.WithoutEverything, true) {
			v.Groups = rolesByGroup(c.snap.GroupsOf(a.Name, c.now))
		}
		if choose(r.WithEgressKeys, r.WithoutEgressKeys, r.WithEverything, r.WithoutEverything, false) {
			v.EgressKeys = c.egressKeys(a.EgressKeys)
		}
		if details {
			v.AccountDetails = c.accountDetails(a)
		}
		return v
	}
	if !r.All {
		a, err := c.named(r.Account)
		if err != nil {
			return osh.Result{}, err
		}
		return c.ok(one(a, c.e.Deps.Active(ctx, a)), "")
	}
	var accounts []*gateway.Account
	for a := range c.snap.Accounts() {
		if c.page.take(a.Name) {
			accounts = append(accounts, a)
		}
	}
	all := map[string]osh.AccountInfoValue{}
	for i, active := range c.active(ctx, accounts) {
		all[accounts[i].Name] = one(accounts[i], active)
	}
	return c.ok(all, "")
}

func (c *call) accountInfo(a *gateway.Account, active Activeness) osh.AccountInfoValue {
	v := osh.AccountInfoValue{
		Account:         a.Name,
		AllowedCommands: list(slices.Sorted(slices.Values(a.Grants))),
		CanConnect:      flag(c.canConnect(a, active)),
		Groups:          map[string]osh.GroupFlags{},
		IsActive:        flag(active.Active),
		ActiveUnknown:   flag(active.Unknown),
		IsExpired:       flag(c.inactive(a)),
		IsFrozen:        flag(a.Freeze != nil),
		IsTTLExpired:    flag(c.ttlExpired(a)),
		IsTTLSet:        flag(!a.Expires.IsZero()),
		OSHOnly:         flag(a.OSHOnly),
	}
	if active.Always != "" {
		v.AlwaysActive, v.AlwaysReason = 1, active.Always
	}
	if !a.Expires.IsZero() {
		at := a.Expires.Unix()
		v.TTLTimestamp = &at
	}
	return v
}

// accountDetails are for auditors. No factor can be set up yet and PIV is not
// offered: their fields say so.
func (c *call) accountDetails(a *gateway.Account) *osh.AccountDetails {
	d := &osh.AccountDetails{
		EgressSSHConfig:     egressSSHConfig(a),
		AlreadySeenBefore:   flag(!a.LastLogin.IsZero()),
		IdleIgnore:          flag(a.IdleIgnore),
		ImmutableKeys:       flag(a.ImmutableKeys),
		MFAPasswordBypass:   flag(a.MFAPassword == gateway.FactorBypass),
		MFAPasswordRequired: flag(a.MFAPassword == gateway.FactorRequired),
		MFATOTPBypass:       flag(a.MFATOTP == gateway.FactorBypass),
		MFATOTPRequired:     flag(a.MFATOTP == gateway.FactorRequired),
		PAMAuthBypass:       flag(a.PAMAuthBypass),
		PersonalEgressMFA:   a.PersonalMFA.String(),
		PubkeyAuthOptional:  flag(a.PubkeyAuthOptional),
	}
	if !a.Created.IsZero() {
		d.Creation = &osh.Creation{Version: a.CreatedWith, By: a.CreatedBy, Comment: optional(a.Comment), Moment: c.moment(a.Created)}
	}
	if f := a.Freeze; f != nil {
		d.Freeze = &osh.FreezeInfo{By: f.By, Reason: f.Reason, Moment: c.moment(f.At)}
	}
	if !a.LastLogin.IsZero() {
		d.LastActivity = &osh.LastActivity{Ago: ago(c.now.Sub(a.LastLogin)), Moment: c.moment(a.LastLogin)}
	}
	if a.MaxInactiveDays != nil {
		days := strconv.Itoa(*a.MaxInactiveDays)
		d.MaxInactiveDays = &days
	}
	return d
}

// egressSSHConfig is what the account has of its own, in the words of
// ssh_config(5).
func egressSSHConfig(a *gateway.Account) osh.EgressSSHConfig {
	items := map[string]string{}
	switch a.HostKeyPolicy {
	case gateway.HostKeyDefault:
	case gateway.HostKeyBypass:
		items["stricthostkeychecking"], items["userknownhostsfile"] = "no", "/dev/null"
	default:
		items["stricthostkeychecking"] = string(a.HostKeyPolicy)
	}
	if a.Multiplexing != "" {
		items["controlmaster"] = a.Multiplexing
	}
	if len(items) == 0 {
		return osh.EgressSSHConfig{Type: "default"}
	}
	return osh.EgressSSHConfig{Type: "custom", Items: items}
}
