package admin_test

import (
	"slices"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
)

func TestAccountDelete(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountDelete")
	req := func(name, typed string, noConfirm bool) osh.AccountDelete {
		return osh.AccountDelete{AccountOption: osh.AccountOption{Account: name},
			ConfirmOption: osh.ConfirmOption{NoConfirm: noConfirm, Confirm: typed}}
	}
	w.want("ERR_MISSING_PARAMETER", "zoe", "accountDelete", req("", "", true))
	w.want("KO_NOT_FOUND", "zoe", "accountDelete", req("ghost", "", true))
	w.want("KO_FORBIDDEN_PREFIX", "zoe", "accountDelete", req("realm_acme", "", true))
	w.want("ERR_INVALID_PARAMETER", "zoe", "accountDelete", req("a\x1b", "", true))
	w.want("ERR_OPERATOR_IS_DRUNK", "zoe", "accountDelete", req("member", "yes", false))
	if len(w.deps.ended) != 0 {
		t.Error("sessions were ended without confirmation")
	}
	w.golden("accountDelete", w.want("OK", "zoe", "accountDelete", req("member", "Yes, delete the account member", false)))
	if s := w.live.Load(); s.Account("member") != nil || s.Group("web").Has(gateway.Member, "member", w.now) {
		t.Error("the account is still there, or its role is")
	}
	if len(w.deps.ended) != 1 || w.deps.ended[0] != "member" || w.deps.rechecks != 1 {
		t.Errorf("ended %v, %d rechecks", w.deps.ended, w.deps.rechecks)
	}
	if want := []string{"egress-key:account:member"}; !slices.Equal(w.vault.forgotten, want) {
		t.Errorf("the vault forgot %v, want %v", w.vault.forgotten, want)
	}
	w.want("KO_NOT_FOUND", "zoe", "accountDelete", req("member", "", true))
	// One of the same name has nothing of the old one.
	w.account("member")
	if w.live.Load().Group("web").Has(gateway.Member, "member", w.now) {
		t.Error("the new account has the role of the old one")
	}
}

func TestAccountFreezeAndUnfreeze(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountFreeze", "accountUnfreeze")
	freeze := func(name, reason string) osh.AccountFreeze {
		return osh.AccountFreeze{AccountOption: osh.AccountOption{Account: name}, Reason: reason}
	}
	unfreeze := func(name string) osh.AccountUnfreeze {
		return osh.AccountUnfreeze{AccountOption: osh.AccountOption{Account: name}}
	}
	for name, want := range map[string]string{
		"": "ERR_MISSING_PARAMETER", "ghost": "KO_NOT_FOUND", "key": "KO_FORBIDDEN_PREFIX", "a\x1b": "ERR_INVALID_PARAMETER",
	} {
		printable(t, w.want(want, "zoe", "accountFreeze", freeze(name, "")))
		printable(t, w.want(want, "zoe", "accountUnfreeze", unfreeze(name)))
	}
	w.want("ERR_INVALID_PARAMETER", "zoe", "accountFreeze", freeze("zoe", ""))
	w.grant("alice", "accountFreeze")
	if r := w.runAs(admin.Actor{Account: "boss"}.Sudo("alice"), "accountFreeze", freeze("boss", "")); r.Code != "ERR_INVALID_PARAMETER" {
		t.Errorf("an administrator, as another one, freezes oneself: %s", r.Code)
	}
	w.want("ERR_SECURITY_VIOLATION", "zoe", "accountFreeze", freeze("boss", ""))
	w.want("OK_NO_CHANGE", "zoe", "accountUnfreeze", unfreeze("member"))
	w.golden("accountFreeze", w.want("OK", "zoe", "accountFreeze", freeze("member", "lost \x1b[2J\"laptop\"")))
	if why := w.live.Load().Login("member", w.now); why != gateway.ReasonFrozen || len(w.deps.ended) != 1 || w.deps.rechecks != 1 {
		t.Errorf("login: %q, ended %v, %d rechecks", why, w.deps.ended, w.deps.rechecks)
	}
	w.want("OK_NO_CHANGE", "zoe", "accountFreeze", freeze("member", "again"))
	if want := "account frozen: lost _x1b[2J_laptop_"; w.deps.reasons[0] != want {
		t.Errorf("sessions ended with %q, want %q", w.deps.reasons[0], want)
	}
	if by := w.live.Load().Account("member").Freeze; by.By != "zoe" || by.Reason == "again" || len(w.deps.ended) != 1 {
		t.Errorf("freezing twice changed %+v, ended %v", by, w.deps.ended)
	}
	w.golden("accountUnfreeze", w.want("OK", "zoe", "accountUnfreeze", unfreeze("member")))
	if why := w.live.Load().Login("member", w.now); why != "" {
		t.Errorf("login: %q", why)
	}
	w.local("OK", "accountFreeze", freeze("boss", strings.Repeat("long ", 1000)))
	if f := w.live.Load().Account("boss").Freeze; len(f.Reason) > 255 || f.By != "root" {
		t.Errorf("a reason of %d bytes was kept, by %q", len(f.Reason), f.By)
	}
}

func TestAccountGrantAndRevokeCommand(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountGrantCommand", "accountRevokeCommand")
	w.grant("boss", "accountGrantCommand", "accountRevokeCommand")
	grant := func(name, command string) osh.AccountGrantCommand {
		return osh.AccountGrantCommand{AccountOption: osh.AccountOption{Account: name}, Command: command}
	}
	revoke := func(name, command string) osh.AccountRevokeCommand {
		return osh.AccountRevokeCommand{AccountOption: osh.AccountOption{Account: name}, Command: command}
	}
	granted := func(command string) bool { return w.live.Load().Account("member").Granted(command) }
	for _, tt := range []struct{ name, command, want string }{
		{"", "accountCreate", "ERR_MISSING_PARAMETER"},
		{"ghost", "accountCreate", "KO_NOT_FOUND"},
		{"a\x1b", "accountCreate", "ERR_INVALID_PARAMETER"},
		{"realm_x", "accountCreate", "KO_FORBIDDEN_PREFIX"},
		{"member", "groupInfo", "ERR_INVALID_PARAMETER"},
		{"member", "groupAddMember", "ERR_INVALID_PARAMETER"},
		{"member", "\x1b[2J", "ERR_INVALID_PARAMETER"},
		{"member", strings.Repeat("x", 1<<16), "ERR_INVALID_PARAMETER"},
		{"member", "accountGrantCommand", "ERR_SECURITY_VIOLATION"},
		{"zoe", "accountGrantCommand", "ERR_SECURITY_VIOLATION"},
	} {
		printable(t, w.want(tt.want, "zoe", "accountGrantCommand", grant(tt.name, tt.command)))
		printable(t, w.want(tt.want, "zoe", "accountRevokeCommand", revoke(tt.name, tt.command)))
	}
	for _, command := range []string{"accountCreate", "auditor"} {
		w.want("OK_NO_CHANGE", "zoe", "accountRevokeCommand", revoke("member", command))
		w.golden("accountGrantCommand-"+command, w.want("OK", "zoe", "accountGrantCommand", grant("member", command)))
		if !granted(command) {
			t.Errorf("%s is not granted", command)
		}
		w.want("OK_NO_CHANGE", "zoe", "accountGrantCommand", grant("member", command))
		before := w.deps.rechecks
		w.golden("accountRevokeCommand-"+command, w.want("OK", "zoe", "accountRevokeCommand", revoke("member", command)))
		if granted(command) || w.deps.rechecks != before+1 {
			t.Errorf("%s is still granted, or %d rechecks", command, w.deps.rechecks-before)
		}
	}
	// An old name grants the command of today.
	w.want("OK", "zoe", "accountGrantCommand", grant("member", "selfAddPrivateAccess"))
	if !granted("selfAddPersonalAccess") {
		t.Error("the old name granted nothing")
	}
	w.want("OK", "boss", "accountGrantCommand", grant("member", "accountGrantCommand"))
	w.want("OK", "boss", "accountRevokeCommand", revoke("member", "accountGrantCommand"))
	w.want("ERR_MISSING_PARAMETER", "zoe", "accountRevokeCommand", revoke("member", ""))
	if r := w.want("OK", "zoe", "accountGrantCommand", grant("member", "")); !strings.Contains(r.Message, "whoHasAccessTo\nauditor") {
		t.Errorf("the list is %q", r.Message)
	}
}
