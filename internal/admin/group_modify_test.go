package admin_test

import (
	"testing"
	"time"

	"gateway"
	"gateway/internal/osh"
)

func TestGroupModify(t *testing.T) {
	w := newWorld(t)
	all := osh.GroupModify{GroupOption: web, MFARequired: "totp", GuestTTLLimit: "7d", IdleLock: "10m", IdleKill: "0"}
	w.golden("groupModify", w.want("OK", "owner", "groupModify", all))
	g := w.live.Load().Group("web")
	if g.MFARequired != gateway.MFATOTP || g.GuestTTLLimit != 7*day || *g.IdleLock != 10*time.Minute || *g.IdleKill != 0 || g.CreatedBy != "init" {
		t.Errorf("the group is %+v", g)
	}
	w.golden("groupInfo-policy", w.want("OK", "owner", "groupInfo", osh.GroupInfo{Group: "web", WithoutKeys: true}))
	rechecks := w.deps.rechecks
	w.golden("groupModify-same", w.want("OK", "owner", "groupModify", all))
	if w.deps.rechecks != rechecks {
		t.Error("nothing was changed, and sessions were decided again")
	}
	none := osh.GroupModify{GroupOption: web, MFARequired: "none", GuestTTLLimit: "0", IdleLock: "-1", IdleKill: "-1"}
	w.want("OK", "super", "groupModify", none)
	if !w.last().Override {
		t.Error("the superowner's right is not recorded")
	}
	g = w.live.Load().Group("web")
	if g.MFARequired != gateway.MFANone || g.GuestTTLLimit != 0 || g.IdleLock != nil || g.IdleKill != nil {
		t.Errorf("the group is %+v", g)
	}
	w.golden("groupInfo-noPolicy", w.want("OK", "owner", "groupInfo", osh.GroupInfo{Group: "web", WithoutKeys: true}))
}

// What is partly wrong changes nothing.
func TestGroupModifyBad(t *testing.T) {
	w := newWorld(t)
	w.want("ERR_MISSING_PARAMETER", "owner", "groupModify", osh.GroupModify{GroupOption: web})
	w.want("ERR_MISSING_PARAMETER", "owner", "groupModify", osh.GroupModify{MFARequired: "any"})
	for _, bad := range []osh.GroupModify{
		{MFARequired: "yes"}, {MFARequired: "to\x1btp"},
		{GuestTTLLimit: "soon\x1b"}, {GuestTTLLimit: "-1"}, {GuestTTLLimit: "99999999999999999999"},
		{IdleLock: "-2"}, {IdleLock: "x\x1b"}, {IdleKill: "1x"}, {IdleKill: "--"},
	} {
		bad.Group = "web"
		if bad.MFARequired == "" {
			bad.MFARequired = "any"
		}
		printable(t, w.want("ERR_INVALID_PARAMETER", "owner", "groupModify", bad))
	}
	for _, account := range []string{"gatekeeper", "aclkeeper", "member", "guest", "zoe", "eve"} {
		w.want("ERR_NOT_GROUP_OWNER", account, "groupModify", osh.GroupModify{GroupOption: web, MFARequired: "any"})
	}
	if g := w.live.Load().Group("web"); g.MFARequired != gateway.MFANone {
		t.Errorf("the group is %+v", g)
	}
}

func TestTransmitOwnership(t *testing.T) {
	w := newWorld(t)
	is := func(account string, want bool) {
		t.Helper()
		if got := w.live.Load().Group("web").Has(gateway.Owner, account, w.now); got != want {
			t.Errorf("%s is owner: %v", account, got)
		}
	}
	const transmit = "groupTransmitOwnership"
	w.want("ERR_NOT_GROUP_OWNER", "zoe", transmit, roleRequest("web", "zoe"))
	w.want("OK_NO_CHANGE", "owner", transmit, roleRequest("web", "owner"))
	w.want("KO_NOT_FOUND", "owner", transmit, roleRequest("web", "ghost"))
	w.want("ERR_REALM_USER", "owner", transmit, roleRequest("web", "acme/zoe"))
	w.want("KO_GROUP_NOT_FOUND", "owner", transmit, roleRequest("none", "zoe"))
	w.golden(transmit, w.want("OK", "owner", transmit, roleRequest("web", "zoe")))
	is("zoe", true)
	is("owner", false)
	w.want("ERR_NOT_GROUP_OWNER", "owner", transmit, roleRequest("web", "zoe"))

	// A superowner gives it without having it; then it is there already.
	w.want("OK", "super", transmit, roleRequest("web", "carol"))
	w.want("OK_NO_CHANGE", "super", transmit, roleRequest("web", "carol"))
	is("zoe", true)

	// Who had it for a time has it for good.
	w.want("OK", "zoe", "groupAddOwner", osh.GroupAddRole{GroupAccount: roleRequest("web", "bob"), TTL: "1h"})
	w.want("OK", "zoe", transmit, roleRequest("web", "bob"))
	w.now = w.now.Add(day)
	is("bob", true)
	is("zoe", false)
	// On the node, there is nobody to leave.
	w.local("OK", transmit, roleRequest("web", "zoe"))
}

func TestGroupDestroy(t *testing.T) {
	w := newWorld(t)
	req := osh.GroupDelete{GroupOption: web}
	w.want("ERR_NOT_GROUP_OWNER", "gatekeeper", "groupDestroy", req)
	w.want("ERR_OPERATOR_IS_DRUNK", "owner", "groupDestroy", req)
	req.Confirm = "Yes, delete the group web"
	w.golden("groupDestroy", w.want("OK", "owner", "groupDestroy", req))
	w.want("KO_GROUP_NOT_FOUND", "owner", "groupDestroy", req)
}
