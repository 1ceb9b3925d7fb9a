package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/config"
	"gateway/internal/osh"
	"gateway/policy"
)

// What a command declares to have must be something that the file can set, and
// the other way round.
func TestSettingsOfCommands(t *testing.T) {
	unused := []string{}
	for f := range reflect.TypeFor[config.CommandSettings]().Fields() {
		unused = append(unused, f.Tag.Get("yaml"))
	}
	declared := []string{"disabled", "mfa_required"}
	for _, c := range osh.Commands() {
		for _, key := range c.Settings {
			if !slices.Contains(unused, key) && !slices.Contains(declared, key) {
				t.Errorf("%s: config.CommandSettings has no key %s", c.Name, key)
			}
			declared = append(declared, key)
		}
	}
	unused = slices.DeleteFunc(unused, func(key string) bool { return slices.Contains(declared, key) })
	if len(unused) > 0 {
		t.Errorf("no command has %v", unused)
	}
}

func TestSettingsReachThePackages(t *testing.T) {
	c, err := config.Load(strings.NewReader(`
bastionCommand: ssh USER@gw.example.com --
listen: ["[::]:2022"]
accountExternalValidationProgram: $BASEDIR/hooks/active
alwaysActiveAccounts: [robot]
accountMFAPolicy: any-required
egressProxyJumpAllowed: true
fanciness: basic
commands:
  selfAddPrivateAccess: {widest_v4_prefix: 20, widest_v6_prefix: 56, self_remote_user_only: true}
  groupGeneratePassword: {minPasswordSize: 20}
  helloWorld: {disabled: true, mfa_required: any, admin_show_system_info: true, show_fortune: true}
`), knownCommands())
	if err != nil {
		t.Fatal(err)
	}
	m, a := monitorSettings(c, "/srv/data"), adminSettings(c)
	if m.ActivenessProgram != "/srv/data/hooks/active" || !m.ActivenessDenyOnFailure || !slices.Equal(m.AlwaysActive, []string{"robot"}) ||
		!m.ProxyJump || m.Fanciness != "basic" {
		t.Errorf("monitor: %+v", m)
	}
	if a.AliasCommand != "ssh USER@gw.example.com --" || !a.ProxyJump || rules(c).AccountMFA != gateway.MFAAny || rules(c).NoMFA {
		t.Errorf("admin: %+v", a)
	}
	if s := a.Commands["selfAddPersonalAccess"]; s.WidestV4 != 20 || s.WidestV6 != 56 || !s.SelfRemoteUserOnly {
		t.Errorf("selfAddPersonalAccess: %+v", s)
	}
	if s := a.Commands["groupGeneratePassword"]; s.MinPasswordSize != 20 {
		t.Errorf("groupGeneratePassword: %+v", s)
	}
	if s := a.Commands["info"]; !s.Disabled || s.MFARequired != "any" || !s.AdminShowSystemInfo || !s.ShowFortune {
		t.Errorf("info: %+v", s)
	}
	for mode, want := range map[string]policy.Rules{
		"disabled": {NoMFA: true}, "enabled": {}, "password-required": {AccountMFA: gateway.MFAPassword}, "totp-required": {AccountMFA: gateway.MFATOTP},
	} {
		c.AccountMFAPolicy = mode
		if r := rules(c); r.AccountMFA != want.AccountMFA || r.NoMFA != want.NoMFA {
			t.Errorf("%s: %q, %v", mode, r.AccountMFA, r.NoMFA)
		}
	}
	c.BastionCommand = ""
	if got, want := adminSettings(c).AliasCommand, "ssh -p 2022 USER@HOSTNAME -t -- "; got != want {
		t.Errorf("alias = %q, want %q", got, want)
	}
}
