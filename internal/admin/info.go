package admin

import (
	"context"
	"net/netip"
	"strconv"
	"strings"

	"gateway"
	"gateway/internal/osh"
)

func info(_ context.Context, c *call, _ *osh.Info) (osh.Result, error) {
	me, err := c.self(c.state())
	if err != nil && !c.actor.Local {
		return osh.Result{}, err
	}
	name := "ACCOUNT" // the owner of the node has none
	if me != nil {
		name = me.Name
	}
	v := osh.InfoValue{
		Account:                c.actor.Account,
		AccountExpirationDays:  strconv.Itoa(c.set.MaxInactiveDays),
		AllowedNetworks:        texts(c.set.AllowedNetworks),
		AliasCommand:           c.alias(name),
		BastionName:            c.set.Name,
		EgressIPs:              texts(c.set.EgressKeysFrom),
		EgressRSAMax:           strconv.Itoa(c.set.EgressRSAMax),
		EgressRSAMin:           strconv.Itoa(c.set.EgressRSAMin),
		EgressAlgorithms:       list(c.set.EgressAlgorithms),
		ForbiddenNetworks:      texts(c.set.ForbiddenNetworks),
		Hostname:               c.set.Hostname,
		IdleKillTimeout:        strconv.Itoa(c.set.IdleKill),
		IdleLockTimeout:        strconv.Itoa(c.set.IdleLock),
		IngressKeysFrom:        texts(c.set.IngressKeysFrom),
		IngressRSAMax:          strconv.Itoa(c.set.IngressRSAMax),
		IngressRSAMin:          strconv.Itoa(c.set.IngressRSAMin),
		IngressAlgorithms:      list(c.set.IngressAlgorithms),
		InteractiveModeAllowed: flag(c.set.InteractiveAllowed),
		IsAdmin:                flag(c.isAdmin()),
		IsAuditor:              flag(c.isAuditor(me)),
		IsSuperowner:           flag(c.isSuperowner()),
		RegisteredAccounts:     c.snap.NumAccounts(),
		RegisteredGroups:       c.snap.NumGroups(),
		SlaveMode:              flag(c.set.ReadOnly),
	}
	if me != nil {
		v.MFAPasswordBypass, v.MFAPasswordRequired = flag(me.MFAPassword == gateway.FactorBypass), flag(me.MFAPassword == gateway.FactorRequired)
		v.MFATOTPBypass, v.MFATOTPRequired = flag(me.MFATOTP == gateway.FactorBypass), flag(me.MFATOTP == gateway.FactorRequired)
	}
	if c.isAdmin() {
		v.AdminAccounts, v.SuperOwnerAccounts = c.set.Admins, c.set.SuperOwners
	}
	if c.isAdmin() && c.settings().AdminShowSystemInfo {
		v.SystemInfo = systemInfo()
	}
	if c.settings().ShowFortune {
		v.Fortune = hint(c.now)
	}
	return c.ok(v, "")
}

// alias tells how an account reaches this gateway.
func (c *call) alias(account string) string {
	return strings.NewReplacer("ACCOUNT", account, "USER", account, "BASTIONNAME", c.set.Name, "HOSTNAME", c.set.Hostname).
		Replace(c.set.AliasCommand)
}

func help(_ context.Context, c *call, _ *osh.Help) (osh.Result, error) {
	return c.ok(osh.HelpValue{Allowed: c.allowed(), Documentation: c.set.DocumentationURL}, "")
}

// allowed lists the commands that the actor may use.
func (c *call) allowed() []string {
	me, _ := c.state().Account(c.actor.Account)
	names := []string{}
	for _, cmd := range osh.Commands() {
		if c.may(cmd, me) {
			names = append(names, cmd.Name)
		}
	}
	return names
}

// flag is a boolean as scripts expect it.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// texts writes prefixes; single addresses without their length.
func texts(prefixes []netip.Prefix) []string {
	out := []string{}
	for _, p := range prefixes {
		out = append(out, gateway.NetworkText(p))
	}
	return out
}
