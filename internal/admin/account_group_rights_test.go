package admin_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
)

// Who may use which command: each request is one that changes nothing, so that
// every answer but a refusal says that the right was there.
func TestRightsOfAccountAndGroupCommands(t *testing.T) {
	w := newWorld(t)
	ghost := osh.AccountOption{Account: "ghost"}
	web := osh.GroupOption{Group: "web"}
	nowhere := osh.AccessOptions{Host: "?", User: "root", Port: "22"}
	role := osh.GroupAccount{GroupOption: web, AccountOption: ghost}
	restricted := []string{"granted", "local"}
	owners := []string{"owner", "super", "boss", "local"}
	gatekeepers := []string{"gatekeeper", "super", "boss", "local"}
	aclkeepers := []string{"aclkeeper", "super", "boss", "local"}
	everybody := []string{"owner", "gatekeeper", "aclkeeper", "member", "guest", "zoe", "granted", "super", "boss", "eve", "local"}
	for _, tt := range []struct {
		command string
		req     any
		allowed []string
		refused string
	}{
		{"accountCreate", osh.AccountCreate{AccountOption: ghost}, restricted, ""},
		{"accountDelete", osh.AccountDelete{AccountOption: ghost}, restricted, ""},
		{"accountInfo", osh.AccountInfo{Account: "ghost"}, restricted, ""},
		{"accountList", osh.AccountList{}, restricted, ""},
		{"accountFreeze", osh.AccountFreeze{AccountOption: ghost}, restricted, ""},
		{"accountUnfreeze", osh.AccountUnfreeze{AccountOption: ghost}, restricted, ""},
		{"accountAddPersonalAccess", osh.AccountAddPersonalAccess{AccountOption: ghost, AccessOptions: nowhere}, restricted, ""},
		{"accountDelPersonalAccess", osh.AccountDelPersonalAccess{AccountOption: ghost, AccessOptions: nowhere}, restricted, ""},
		{"accountListAccesses", osh.AccountListAccesses{AccountOption: ghost}, restricted, ""},
		{"accountGrantCommand", osh.AccountGrantCommand{AccountOption: ghost}, restricted, ""},
		{"accountRevokeCommand", osh.AccountRevokeCommand{AccountOption: ghost, Command: "x"}, restricted, ""},
		{"groupDelete", osh.GroupDelete{GroupOption: web}, restricted, ""},
		{"whoHasAccessTo", osh.WhoHasAccessTo{Host: "?"}, restricted, ""},
		{"groupAddOwner", role, owners, "ERR_NOT_GROUP_OWNER"},
		{"groupDelOwner", role, owners, "ERR_NOT_GROUP_OWNER"},
		{"groupAddGatekeeper", role, owners, "ERR_NOT_GROUP_OWNER"},
		{"groupDelGatekeeper", role, owners, "ERR_NOT_GROUP_OWNER"},
		{"groupAddAclkeeper", role, owners, "ERR_NOT_GROUP_OWNER"},
		{"groupDelAclkeeper", role, owners, "ERR_NOT_GROUP_OWNER"},
		{"groupAddMember", role, gatekeepers, "ERR_NOT_GROUP_GATEKEEPER"},
		{"groupDelMember", role, gatekeepers, "ERR_NOT_GROUP_GATEKEEPER"},
		{"groupAddServer", osh.GroupAddServer{GroupOption: web, AccessOptions: nowhere}, aclkeepers, "ERR_NOT_GROUP_ACLKEEPER"},
		{"groupDelServer", osh.GroupDelServer{GroupOption: web, AccessOptions: nowhere}, aclkeepers, "ERR_NOT_GROUP_ACLKEEPER"},
		{"groupListServers", osh.GroupListServers{GroupOption: web},
			[]string{"member", "aclkeeper", "super", "boss", "eve", "local"}, "KO_ACCESS_DENIED"},
		{"groupInfo", osh.GroupInfo{Group: "web"}, everybody, ""},
		{"groupList", osh.GroupList{}, everybody, ""},
	} {
		refused := tt.refused
		if refused == "" {
			refused = "KO_RESTRICTED_COMMAND"
		}
		w.account("granted")
		w.grant("granted", tt.command)
		for _, who := range everybody {
			r := w.runAs(actor(who), tt.command, tt.req)
			if got, want := r.Code != refused, slices.Contains(tt.allowed, who); got != want {
				t.Errorf("%s by %s: %s (%s), want allowed %v", tt.command, who, r.Code, r.Message, want)
			}
			override := strings.HasPrefix(tt.command, "group") && tt.command != "groupDelete" && tt.command != "groupList"
			byOverride := override && (who == "super" || slices.Contains([]string{"boss", "local"}, who) && tt.refused != "KO_ACCESS_DENIED" && tt.refused != "")
			if got := strings.Contains(r.Message, "OVERRIDE"); got != byOverride || w.last().Override != byOverride {
				t.Errorf("%s by %s: override told %v, recorded %v, want %v", tt.command, who, got, w.last().Override, byOverride)
			}
		}
		for who, want := range map[string]string{"frozen": "KO_ACCOUNT_FROZEN", "stranger": "KO_ACCOUNT_INVALID"} {
			if r := w.run(who, tt.command, tt.req); r.Code != want || r.Command != nil || r.Exit == 0 {
				t.Errorf("%s by %s: %s exit %d, want %s", tt.command, who, r.Code, r.Exit, want)
			}
		}
		w.local("OK", "accountDelete", osh.AccountDelete{
			AccountOption: osh.AccountOption{Account: "granted"}, ConfirmOption: osh.ConfirmOption{NoConfirm: true},
		})
	}
}

func actor(name string) admin.Actor {
	a := admin.Actor{Account: name, From: netip.MustParseAddrPort("198.51.100.9:40000")}
	if name == "local" {
		a.Account, a.Local = "", true
	}
	return a
}

// A change is refused on a node that only reads, and one that can't be
// recorded is not made.
func TestChangesNeedTheMasterAndARecord(t *testing.T) {
	w := newWorld(t)
	req := osh.GroupAccount{GroupOption: osh.GroupOption{Group: "web"}, AccountOption: osh.AccountOption{Account: "zoe"}}
	w.set.ReadOnly = true
	if r := w.want("KO_READ_ONLY", "gatekeeper", "groupAddMember", req); r.Exit != gateway.RefusalReadOnly.Code {
		t.Errorf("exit %d on a read-only node, want %d", r.Exit, gateway.RefusalReadOnly.Code)
	}
	w.set.ReadOnly = false
	w.noAudit = true
	w.want("KO_OUT_OF_SPACE", "gatekeeper", "groupAddMember", req)
	if w.live.Load().Group("web").Has(gateway.Member, "zoe", w.now) || w.deps.rechecks != 0 {
		t.Error("a change that was not recorded was made")
	}
	w.noAudit = false
	w.want("OK", "gatekeeper", "groupAddMember", req)
	if !w.last().Change || w.deps.rechecks != 1 {
		t.Errorf("after a change: record %+v, %d rechecks", w.last(), w.deps.rechecks)
	}
}

// The right is checked again on the state that the change is made to.
func TestRightLostMeanwhile(t *testing.T) {
	w := newWorld(t)
	lost := false
	w.network.probing = func() { // between the first check and the change
		if !lost {
			lost = true
			w.change(removeAclkeeper)
		}
	}
	w.want("ERR_NOT_GROUP_ACLKEEPER", "aclkeeper", "groupAddServer", osh.GroupAddServer{
		GroupOption:   osh.GroupOption{Group: "web"},
		AccessOptions: osh.AccessOptions{Host: "192.0.2.9", User: "root", Port: "22"},
	})
	if n := len(w.live.Load().Group("web").Accesses); n != 1 {
		t.Errorf("the group has %d accesses, want 1", n)
	}
}
