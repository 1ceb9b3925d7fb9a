package admin_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
)

func TestDisabledCommand(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountList")
	w.set.Commands = map[string]admin.CommandSettings{
		"ping": {Disabled: true}, "accountList": {Disabled: true}, "groupAddServer": {Disabled: true}, "nc": {},
	}
	const text = "is disabled by the configuration of this gateway"
	for _, who := range []admin.Actor{{Account: "zoe"}, {Account: "boss"}, {Account: "frozen"}, {Local: true}} {
		for command, req := range map[string]any{"ping": &osh.Ping{Host: "192.0.2.1"}, "accountList": &osh.AccountList{}, "groupAddServer": &osh.GroupAddServer{}} {
			r := w.runAs(who, command, req)
			if r.Code != "KO_RESTRICTED_COMMAND" || r.Exit != gateway.RefusalRestricted.Code || !strings.Contains(r.Message, text) {
				t.Errorf("%s as %v = %s, %s", command, who, r.Code, r.Message)
			}
			if last := w.last(); last.Code != r.Code || last.Command != command {
				t.Errorf("recorded %v", last)
			}
		}
	}
	var v osh.HelpValue
	if err := json.Unmarshal(w.runAs(admin.Actor{Account: "boss"}, "help", &osh.Help{}).Value, &v); err != nil {
		t.Fatal(err)
	}
	for name := range w.set.Commands {
		if got, want := slices.Contains(v.Allowed, name), name == "nc"; got != want {
			t.Errorf("help lists %s: %v", name, got)
		}
		if got, want := len(w.exec.Complete(admin.Actor{Account: "boss"}, "command", name)) > 0, name == "nc"; got != want {
			t.Errorf("completion knows %s: %v", name, got)
		}
	}
}

func TestBoundsOfPersonalAccesses(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "selfAddPersonalAccess")
	w.grant("zoe", "accountAddPersonalAccess")
	w.set.Commands = map[string]admin.CommandSettings{
		"selfAddPersonalAccess":    {WidestV4: 24, WidestV6: 64},
		"accountAddPersonalAccess": {SelfRemoteUserOnly: true},
	}
	add := func(host, user string) (string, string) {
		r := w.runAs(admin.Actor{Account: "zoe"}, "selfAddPersonalAccess", &osh.SelfAddPersonalAccess{
			AccessOptions: osh.AccessOptions{Host: host, User: user, Port: "22"}, NewAccessOptions: osh.NewAccessOptions{Force: true},
		})
		printable(t, r)
		return r.Code, r.Message
	}
	for host, want := range map[string]string{
		"192.0.2.0/23":      "192.0.2.0/23 is too wide: selfAddPersonalAccess may add IPv4 networks of at most /24 here",
		"0.0.0.0/0":         "0.0.0.0/0 is too wide: selfAddPersonalAccess may add IPv4 networks of at most /24 here",
		"192.0.2.0/24":      "",
		"192.0.2.9":         "",
		"web1":              "",
		"2001:db8::/63":     "2001:db8::/63 is too wide: selfAddPersonalAccess may add IPv6 networks of at most /64 here",
		"::/0":              "::/0 is too wide: selfAddPersonalAccess may add IPv6 networks of at most /64 here",
		"2001:db8::/64":     "",
		"::ffff:10.0.0.1":   "",
		"::ffff:10.0.0.0/1": "::ffff:10.0.0.0/1 is no network address",
	} {
		code, message := add(host, "root")
		if want == "" && code != "OK" || want != "" && (code != "ERR_INVALID_PARAMETER" || !strings.HasPrefix(message, want)) {
			t.Errorf("%s: %s, %s", host, code, message)
		}
	}
	for user, want := range map[string]string{"carol": "OK", "root": "ERR_INVALID_PARAMETER", "*": "ERR_INVALID_PARAMETER", "car?l": "ERR_INVALID_PARAMETER", "!sftp": "OK"} {
		r := w.runAs(admin.Actor{Account: "zoe"}, "accountAddPersonalAccess", &osh.AccountAddPersonalAccess{
			AccountOption: osh.AccountOption{Account: "carol"}, AccessOptions: osh.AccessOptions{Host: "10.0.0.0/8", User: user, Port: "22"},
		})
		if r.Code != want || want != "OK" && r.Message != "the remote user has to be carol: accountAddPersonalAccess may add no other here" {
			t.Errorf("user %s: %s, %s", user, r.Code, r.Message)
		}
	}
	if n := len(w.live.Load().Account("carol").Personal); n != 2 {
		t.Errorf("carol has %d accesses", n)
	}
	// The owner of the node is bound by the configuration too, and by its own rights to nothing else.
	w.local("ERR_INVALID_PARAMETER", "accountAddPersonalAccess", &osh.AccountAddPersonalAccess{
		AccountOption: osh.AccountOption{Account: "carol"}, AccessOptions: osh.AccessOptions{Host: "10.0.0.1", User: "root", Port: "22"},
	})
}

func TestInfoSettings(t *testing.T) {
	w := newWorld(t)
	w.set.AliasCommand = "gw BASTIONNAME ACCOUNT@HOSTNAME USER"
	w.set.Hostname = "USER.example" // what is put in is not looked at again
	info := func(a admin.Actor) osh.InfoValue {
		t.Helper()
		var v osh.InfoValue
		if err := json.Unmarshal(w.runAs(a, "info", &osh.Info{}).Value, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	boss, zoe := admin.Actor{Account: "boss"}, admin.Actor{Account: "zoe"}
	if v := info(boss); v.SystemInfo != nil || v.Fortune != "" || v.AliasCommand != "gw gw boss@USER.example boss" {
		t.Errorf("by default: %v, %q, %q", v.SystemInfo, v.Fortune, v.AliasCommand)
	}
	if v := info(admin.Actor{Local: true}); v.AliasCommand != "gw gw ACCOUNT@USER.example ACCOUNT" {
		t.Errorf("on the node: %q", v.AliasCommand)
	}
	w.set.Commands = map[string]admin.CommandSettings{"info": {AdminShowSystemInfo: true, ShowFortune: true}}
	if v := info(boss); len(v.SystemInfo) == 0 || v.Fortune == "" {
		t.Errorf("an administrator: %v, %q", v.SystemInfo, v.Fortune)
	}
	if v := info(zoe); v.SystemInfo != nil || v.Fortune == "" {
		t.Errorf("others: %v, %q", v.SystemInfo, v.Fortune)
	}
}
