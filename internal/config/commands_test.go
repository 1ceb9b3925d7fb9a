package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/config"
)

func commands() []config.Command {
	return []config.Command{
		{Name: "ping"},
		{Name: "info", Aliases: []string{"helloWorld"}, Settings: []string{"admin_show_system_info", "show_fortune"}},
		{Name: "selfAddPersonalAccess", Aliases: []string{"selfAddPrivateAccess"},
			Settings: []string{"widest_v4_prefix", "widest_v6_prefix", "self_remote_user_only"}},
	}
}

func TestCommands(t *testing.T) {
	c, err := config.Load(strings.NewReader(`
commands:
  ping: {disabled: true, mfa_required: totp}
  helloWorld:
    show_fortune: true
  selfAddPrivateAccess:
    widest_v4_prefix: 24
    self_remote_user_only: true
`), commands())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]config.CommandSettings{
		"ping":                  {Disabled: true, MFARequired: "totp"},
		"info":                  {ShowFortune: true},
		"selfAddPersonalAccess": {WidestV4Prefix: 24, SelfRemoteUserOnly: true},
	}
	if diff := cmp.Diff(want, c.Commands); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]string{
		"commands.ping.disabled":                          "true",
		"commands.selfAddPrivateAccess.widest_v4_prefix":  "24",
		"commands.selfAddPersonalAccess.widest_v6_prefix": "0",
		"commands.info": `{admin_show_system_info: false, disabled: false, mfa_required: "", show_fortune: true}`,
		"commands": "{info: {show_fortune: true}, ping: {disabled: true, mfa_required: totp}, " +
			"selfAddPersonalAccess: {self_remote_user_only: true, widest_v4_prefix: 24}}",
	} {
		if s, err := c.Get(key); err != nil || s.Text() != want {
			t.Errorf("Get(%s) = %s, %v, want %s", key, s.Text(), err, want)
		}
	}
	for key, want := range map[string]string{
		"commands.pin":              "key commands.pin: not found; unknown command pin; did you mean ping?",
		"commands.ping.show":        "key commands.ping.show: not found; the command ping has no setting show; it has disabled, mfa_required",
		"commands.ping.disabled.x":  "key commands.ping.disabled.x: not found; only commands.NAME.SETTING is written with dots",
		"listen.0":                  "key listen.0: not found; only commands.NAME.SETTING is written with dots",
		"enableAccountSqlLog":       "key enableAccountSqlLog: not found; it is The Bastion's, and not applicable here: one audit log (auditFile) and one index of sessions are always written: selfListSessions needs no setting",
		"commands.selfAddPersonalA": "key commands.selfAddPersonalA: not found; unknown command selfAddPersonalA; --osh help lists the commands",
	} {
		if _, err := c.Get(key); !errors.Is(err, gateway.ErrNotFound) || err.Error() != want {
			t.Errorf("Get(%s) = %v, want %s", key, err, want)
		}
	}
}

func TestCommandsNamesEveryProblem(t *testing.T) {
	_, err := config.Load(strings.NewReader(`commands:
  pin: {}
  ping:
    disabled: 1
    widest_v4_prefix: 24
    disabled: true
    mfa_required: fingerprint
  info: [show_fortune]
  helloWorld: {}
  selfAddPersonalAccess:
    widest_v4_prefix: 33
    widest_v6_prefix: -1
    widest_prefix: 24
`), commands())
	want := `gateway.yaml:2: commands: unknown command pin; did you mean ping?
gateway.yaml:4: commands.ping.disabled: want true or false
gateway.yaml:5: commands.ping: the command ping has no setting widest_v4_prefix; it has disabled, mfa_required
gateway.yaml:6: key commands.ping.disabled is here for the second time, first in line 4
gateway.yaml:7: commands.ping.mfa_required: "fingerprint": want none, any, password or totp
gateway.yaml:8: commands.info: want a mapping: {SETTING: VALUE}
gateway.yaml:9: key commands.info is here for the second time, first in line 8
gateway.yaml:11: commands.selfAddPersonalAccess.widest_v4_prefix: 33 is not between 0 and 32
gateway.yaml:12: commands.selfAddPersonalAccess.widest_v6_prefix: -1 is not between 0 and 128
gateway.yaml:13: commands.selfAddPersonalAccess: the command selfAddPersonalAccess has no setting widest_prefix; it has disabled, mfa_required, widest_v4_prefix, widest_v6_prefix, self_remote_user_only`
	if err == nil {
		t.Fatal("it was accepted")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	for _, file := range []string{"commands: [ping]\n", "commands: ping\n", "commands: &a {ping: {}}\nlisten: *a\n"} {
		if _, err := config.Load(strings.NewReader(file), commands()); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("Load(%q) = %v", file, err)
		}
	}
}

func TestSetCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(path, []byte("# first\ncommands:\n  # noisy\n  ping:\n    disabled: true\n\nsandbox: require\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := func(key, value string, wantErr error) {
		t.Helper()
		if err := config.Set(path, commands(), key, value); !errors.Is(err, wantErr) {
			t.Errorf("Set(%s, %s) = %v, want %v", key, value, err, wantErr)
		}
	}
	set("commands.helloWorld.show_fortune", "true", nil)
	set("commands.selfAddPersonalAccess", "{widest_v4_prefix: 24, widest_v6_prefix: 64}", nil)
	set("commands.ping.disabled", "false", nil)
	set("commands.ping.mfa_required", "any", nil)
	set("commands.ping.mfa_required", "eyes", gateway.ErrInvalid)
	set("commands.ping.disabled", "maybe", gateway.ErrInvalid)
	set("commands.ping", "yes", gateway.ErrInvalid)
	set("commands", "a,b", gateway.ErrInvalid)
	set("commands.ping.show_fortune", "true", gateway.ErrNotFound)
	set("commands.selfAddPersonalAccess.widest_v4_prefix", "33", gateway.ErrInvalid)
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "# first\n# noisy\ncommands: {info: {show_fortune: true}, ping: {mfa_required: any}, " +
		"selfAddPersonalAccess: {widest_v4_prefix: 24, widest_v6_prefix: 64}}\n\nsandbox: require\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// A problem in a setting of a command leaves all that was in force.
func TestWatcherKeepsCommands(t *testing.T) {
	path := filepath.Join(t.TempDir(), config.FileName)
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var last error
	write("commands: {ping: {disabled: true}}\nfanciness: none\n")
	w, err := config.Watch(path, commands(), func(_ *config.Config, err error) { last = err })
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{"commands: {ping: {disabled: no way}}\n", "commands: {pong: {disabled: true}}\n",
		"fanciness: some\n", "accountMFAPolicy: maybe\n", "accountExternalValidationProgram: check\n"} {
		write(broken)
		c := w.Current()
		if !c.Commands["ping"].Disabled || c.Fanciness != config.FancinessNone || !errors.Is(last, gateway.ErrInvalid) {
			t.Errorf("%q: %v, %q, told %v", broken, c.Commands, c.Fanciness, last)
		}
	}
	write("commands:\n")
	if c := w.Current(); len(c.Commands) != 0 || last != nil {
		t.Errorf("%v, %v", c.Commands, last)
	}
}
