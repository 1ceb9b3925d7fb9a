package main

import (
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/config"
	"gateway/internal/monitor"
	"gateway/internal/osh"
	"gateway/policy"
)

func rules(c *config.Config) policy.Rules {
	r := policy.Rules{
		Forbidden: c.ForbiddenNetworks, Allowed: c.AllowedNetworks, IPv4: c.IPv4Allowed, IPv6: c.IPv6Allowed,
		MaxInactiveDays: c.AccountMaxInactiveDays, AccountMFA: accountMFA(c.AccountMFAPolicy),
		NoMFA: c.AccountMFAPolicy == config.MFADisabled,
	}
	for _, rule := range c.IngressToEgressRules {
		action := policy.Deny
		switch rule.Action {
		case config.RuleAllow:
			action = policy.Allow
		case config.RuleAllowExclusive:
			action = policy.AllowExclusive
		}
		r.Ingress = append(r.Ingress, policy.IngressRule{From: rule.From, To: rule.To, Action: action})
	}
	return r
}

// accountMFA gives what accountMFAPolicy requires of every account.
func accountMFA(mode string) gateway.MFA {
	factor, _ := strings.CutSuffix(mode, "-required")
	m, err := gateway.ParseMFA(factor)
	if err != nil {
		return gateway.MFANone // enabled or disabled
	}
	return m
}

// monitorSettings gives the monitor what it works by; data is the absolute
// path of the data folder.
func monitorSettings(c *config.Config, data string) monitor.Settings {
	return monitor.Settings{
		Name: c.BastionName, KeyTypes: signatureAlgorithms(c.AllowedIngressSSHAlgorithms), AcceptEnv: c.AcceptEnv,
		DefaultLogin: c.DefaultLogin, DNS: c.DNSSupportLevel, IPv4: c.IPv4Allowed, IPv6: c.IPv6Allowed,
		LoginGrace: seconds(c.LoginGraceTime), ConnectTimeout: seconds(c.ConnectTimeout), KeepAlive: seconds(c.ClientKeepAlive),
		MaxConnections: c.MaxConnections, MaxPerSource: c.MaxConnectionsPerSource, SessionsPerConn: c.SessionsPerConnection, ForwardsPerConn: c.ForwardsPerConnection,
		Interactive: c.InteractiveModeAllowed, InteractiveByDefault: c.InteractiveModeByDefault,
		InteractiveTimeout: seconds(c.InteractiveModeTimeout),
		IdleLock:           seconds(c.IdleLockTimeout), IdleKill: seconds(c.IdleKillTimeout),
		WarnBeforeLock: seconds(c.WarnBeforeLockSeconds), WarnBeforeKill: seconds(c.WarnBeforeKillSeconds), DisplayLastLogin: c.DisplayLastLogin, Fanciness: c.Fanciness,
		ProxyJump: c.EgressProxyJumpAllowed, Telnet: c.TelnetAllowed,
		KeyboardInteractive: c.KeyboardInteractiveAllowed, TypedPassword: c.PasswordAllowed, ActivenessProgram: c.ActivenessProgram(data),
		ActivenessDenyOnFailure: c.AccountExternalValidationDenyOnFailure, AlwaysActive: c.AlwaysActiveAccounts,
		ExpiredMessage: c.AccountExpiredMessage,
		ReadOnly:       c.ReadOnlySlaveMode, RequireSandbox: c.Sandbox == config.SandboxRequire, Admins: c.AdminAccounts,
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// signatureAlgorithms gives the SSH names for the families of the settings.
func signatureAlgorithms(families []string) []string {
	names := map[string][]string{
		"rsa":        {ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512},
		"ecdsa":      {ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521},
		"ed25519":    {ssh.KeyAlgoED25519},
		"ecdsa-sk":   {ssh.KeyAlgoSKECDSA256},
		"ed25519-sk": {ssh.KeyAlgoSKED25519},
	}
	var all []string
	for _, f := range families {
		all = slices.Concat(all, names[f])
	}
	return all
}

func adminSettings(c *config.Config) admin.Settings {
	host, err := os.Hostname()
	if err != nil {
		host = c.BastionName
	}
	alias := c.BastionCommand
	if alias == "" {
		alias = "ssh USER@HOSTNAME -t -- "
		if _, port, err := net.SplitHostPort(c.Listen[0]); err == nil && port != "22" && port != "0" {
			alias = "ssh -p " + port + " USER@HOSTNAME -t -- "
		}
	}
	commands := make(map[string]admin.CommandSettings, len(c.Commands))
	for name, s := range c.Commands {
		commands[name] = admin.CommandSettings{
			Disabled: s.Disabled, MFARequired: gateway.MFA(strings.TrimPrefix(s.MFARequired, "none")), WidestV4: s.WidestV4Prefix, WidestV6: s.WidestV6Prefix,
			SelfRemoteUserOnly: s.SelfRemoteUserOnly, MinPasswordSize: s.MinPasswordSize, AdminShowSystemInfo: s.AdminShowSystemInfo, ShowFortune: s.ShowFortune,
		}
	}
	return admin.Settings{
		Name: c.BastionName, Hostname: host, AliasCommand: alias, DocumentationURL: c.DocumentationURL, ReadOnly: c.ReadOnlySlaveMode,
		Admins: c.AdminAccounts, SuperOwners: c.SuperOwnerAccounts, Telnet: c.TelnetAllowed, DatabaseHooks: c.DatabasePasswordProgram != "", AlwaysActive: c.AlwaysActiveAccounts,
		IngressAlgorithms: c.AllowedIngressSSHAlgorithms, EgressAlgorithms: c.AllowedEgressSSHAlgorithms,
		IngressRSAMin: c.MinimumIngressRSAKeySize, IngressRSAMax: c.MaximumIngressRSAKeySize,
		EgressRSAMin: c.MinimumEgressRSAKeySize, EgressRSAMax: c.MaximumEgressRSAKeySize,
		DefaultAlgorithm: c.DefaultAccountEgressKeyAlgorithm, DefaultSize: c.DefaultAccountEgressKeySize,
		IngressKeysFrom: c.IngressKeysFrom, IngressKeysFromAllowOverride: c.IngressKeysFromAllowOverride,
		EgressKeysFrom: c.EgressKeysFrom, AllowedNetworks: c.AllowedNetworks, ForbiddenNetworks: c.ForbiddenNetworks,
		ReverseDNS:   c.DNSSupportLevel >= 2,
		DefaultLogin: c.DefaultLogin, MaxInactiveDays: c.AccountMaxInactiveDays, UIDMin: c.AccountUIDMin, UIDMax: c.AccountUIDMax,
		SupplementaryGroups: c.AccountCreateSupplementaryGroups, DefaultPersonalAccesses: c.AccountCreateDefaultPersonalAccesses,
		IdleLock: c.IdleLockTimeout, IdleKill: c.IdleKillTimeout,
		InteractiveAllowed: c.InteractiveModeAllowed, ProxyJump: c.EgressProxyJumpAllowed, Version: version, Commands: commands,
	}
}

// knownCommands lists the commands that gateway.yaml can say something about.
func knownCommands() []config.Command {
	var all []config.Command
	for _, c := range osh.Commands() {
		all = append(all, config.Command{Name: c.Name, Aliases: c.Aliases, Settings: c.Settings})
	}
	return all
}
