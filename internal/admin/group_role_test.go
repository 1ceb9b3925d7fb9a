package admin_test

import (
	"slices"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func removeAclkeeper(tx store.Tx) error {
	_, err := tx.DelRole("web", gateway.Aclkeeper, "aclkeeper")
	return err
}

func roleRequest(group, account string) osh.GroupAccount {
	return osh.GroupAccount{GroupOption: osh.GroupOption{Group: group}, AccountOption: osh.AccountOption{Account: account}}
}

func TestGroupRoles(t *testing.T) {
	for _, tt := range []struct {
		role gateway.Role
		by   string
	}{{gateway.Owner, "owner"}, {gateway.Gatekeeper, "owner"}, {gateway.Aclkeeper, "owner"}, {gateway.Member, "gatekeeper"}} {
		t.Run(string(tt.role), func(t *testing.T) {
			w := newWorld(t)
			name := strings.ToUpper(string(tt.role[:1])) + string(tt.role[1:])
			add, del := "groupAdd"+name, "groupDel"+name
			req := roleRequest("web", "zoe")
			has := func() bool { return w.live.Load().Group("web").Has(tt.role, "zoe", w.now) }

			w.want("OK_NO_CHANGE", tt.by, del, req)
			r := w.want("OK", tt.by, add, req)
			if !has() || string(r.Value) != "null" {
				t.Errorf("after %s: has the role %v, value %s", add, has(), r.Value)
			}
			w.want("OK_NO_CHANGE", tt.by, add, req)
			before := w.deps.rechecks
			w.want("OK", tt.by, del, req)
			if has() || w.deps.rechecks != before+1 {
				t.Errorf("after %s: has the role %v, %d rechecks", del, has(), w.deps.rechecks-before)
			}
			for account, want := range map[string]string{
				"":                         "ERR_MISSING_PARAMETER",
				"ghost":                    "KO_NOT_FOUND",
				"key":                      "KO_FORBIDDEN_PREFIX",
				"realm_acme":               "KO_FORBIDDEN_PREFIX",
				"-x":                       "KO_FORBIDDEN_PREFIX",
				"x-tty":                    "KO_FORBIDDEN_NAME",
				"a\x1b[2J":                 "ERR_INVALID_PARAMETER",
				"a\nb":                     "ERR_INVALID_PARAMETER",
				"x":                        "ERR_INVALID_PARAMETER",
				"ü":                        "ERR_INVALID_PARAMETER",
				strings.Repeat("a", 29):    "ERR_INVALID_PARAMETER",
				strings.Repeat("a", 1<<16): "ERR_INVALID_PARAMETER",
			} {
				for _, command := range []string{add, del} {
					printable(t, w.want(want, tt.by, command, roleRequest("web", account)))
				}
			}
			want := "ERR_REALM_USER"
			if tt.role == gateway.Member {
				want = "ERR_INVALID_PARAMETER"
			}
			w.want(want, tt.by, add, roleRequest("web", "acme/alice"))
			for _, group := range []string{"none", "a\x1b", strings.Repeat("g", 1<<16)} {
				printable(t, w.want("KO_GROUP_NOT_FOUND", tt.by, add, roleRequest(group, "zoe")))
			}
			w.want("ERR_MISSING_PARAMETER", tt.by, add, roleRequest("", "zoe"))
		})
	}
}

func TestLastOwnerIsToldOf(t *testing.T) {
	w := newWorld(t)
	r := w.want("OK", "owner", "groupDelOwner", roleRequest("web", "owner"))
	if !strings.Contains(r.Message, "no owner left") {
		t.Errorf("message %q says nothing of the owner", r.Message)
	}
	w.want("ERR_NOT_GROUP_OWNER", "owner", "groupAddOwner", roleRequest("web", "owner"))
	w.want("OK", "super", "groupAddOwner", roleRequest("web", "owner"))
}

// A guest that becomes a member keeps the guest accesses for afterwards.
func TestMemberKeepsGuestAccesses(t *testing.T) {
	w := newWorld(t)
	w.want("OK", "gatekeeper", "groupAddMember", roleRequest("web", "guest"))
	w.want("OK", "gatekeeper", "groupDelMember", roleRequest("web", "guest"))
	if !w.live.Load().Group("web").Has(gateway.Guest, "guest", w.now) {
		t.Error("the guest accesses are gone")
	}
}

func TestGroupDelete(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "groupDelete")
	req := func(group, typed string, noConfirm bool) osh.GroupDelete {
		return osh.GroupDelete{GroupOption: osh.GroupOption{Group: group},
			ConfirmOption: osh.ConfirmOption{NoConfirm: noConfirm, Confirm: typed}}
	}
	w.want("ERR_MISSING_PARAMETER", "zoe", "groupDelete", req("", "", true))
	w.want("KO_GROUP_NOT_FOUND", "zoe", "groupDelete", req("none", "", true))
	w.want("ERR_OPERATOR_IS_DRUNK", "zoe", "groupDelete", req("web", "", false))
	w.want("ERR_OPERATOR_IS_DRUNK", "zoe", "groupDelete", req("web", "Yes, delete the group we", false))
	if w.live.Load().Group("web") == nil {
		t.Fatal("the group is gone without confirmation")
	}
	w.golden("groupDelete", w.want("OK", "zoe", "groupDelete", req("web", "Yes, delete the group web", false)))
	if w.live.Load().Group("web") != nil || w.deps.rechecks != 1 {
		t.Errorf("the group is still there, or %d rechecks", w.deps.rechecks)
	}
	if want := []string{"egress-key:group:web"}; !slices.Equal(w.vault.forgotten, want) {
		t.Errorf("the vault forgot %v, want %v", w.vault.forgotten, want)
	}
	w.group("web", nil)
	w.want("OK", "zoe", "groupDelete", req("web", "", true))
}
