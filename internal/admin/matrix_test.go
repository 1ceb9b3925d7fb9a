package admin_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// matrix says who may run what, apart from the declarations: the lists of The
// Bastion's documentation, and what this gateway adds. A command that is not
// here fails the test.
var matrix = map[osh.Category]string{
	osh.Open: `alive batch clush db dbInfo dbList groupInfo groupList groupListPasswords groupListServers help info lock mtr nc ping profileList rsync scp
		selfAddIngressKey selfDelIngressKey selfForgetHostKey selfGenerateEgressKey selfGeneratePassword selfGenerateProxyPassword
		selfListAccesses selfListEgressKeys selfListIngressKeys selfListPasswords selfListSessions selfMFAResetPassword selfMFAResetTOTP
		selfMFASetupPassword selfMFASetupTOTP selfPlaySession sftp unlock whyAccess`,
	osh.GroupAclkeeper:  `groupAddServer groupDelServer groupSetServers`,
	osh.GroupKeepers:    `dbAdd dbDel dbModify`,
	osh.GroupGatekeeper: `groupAddGuestAccess groupAddMember groupDelGuestAccess groupDelMember groupListGuestAccesses`,
	osh.GroupOwner: `groupAddAclkeeper groupAddGatekeeper groupAddOwner groupDelAclkeeper groupDelEgressKey groupDelGatekeeper groupDelOwner
		groupDestroy groupGenerateEgressKey groupGeneratePassword groupModify groupTransmitOwnership`,
	osh.Restricted: `accountAddPersonalAccess accountCreate accountDelPersonalAccess accountDelete accountFreeze accountGeneratePassword
		accountGrantCommand accountInfo accountList accountListAccesses accountListArchives accountListEgressKeys accountListIngressKeys
		accountListPasswords accountMFAResetPassword accountMFAResetTOTP accountModify accountPIV accountRename
		accountRestore accountRevokeCommand accountUnexpire accountUnfreeze accountUnlock assetForgetHostKey groupCreate groupDelete
		groupRename profileTest realmCreate realmDelete realmInfo realmList rootListIngressKeys selfAddPersonalAccess selfDelPersonalAccess whoHasAccessTo`,
	osh.Admin: `accountPurgeArchive adminMaintenance adminSudo`,
}

// onSlaves are the commands that a read-only node runs too.
const onSlaves = `accountInfo accountList accountListAccesses accountListArchives accountListEgressKeys accountListIngressKeys
	accountListPasswords accountUnexpire adminMaintenance adminSudo alive assetForgetHostKey batch clush db dbInfo dbList groupInfo groupList
	groupListGuestAccesses groupListPasswords groupListServers help info lock mtr nc ping profileList profileTest realmInfo realmList rootListIngressKeys rsync
	scp selfForgetHostKey selfListAccesses selfListEgressKeys selfListIngressKeys selfListPasswords selfListSessions selfPlaySession
	sftp unlock whoHasAccessTo whyAccess`

// actors is everybody who may ask, and the categories that they get in the
// group web. "granted" holds the command in question.
var actors = map[string][]osh.Category{
	"zoe":        {osh.Open},
	"robot":      {osh.Open}, // may run commands only
	"member":     {osh.Open},
	"guest":      {osh.Open},
	"over":       {osh.Open}, // held every role, until just now
	"other":      {osh.Open}, // holds every role of another group
	"eve":        {osh.Open}, // auditor
	"aclkeeper":  {osh.Open, osh.GroupAclkeeper, osh.GroupKeepers},
	"gatekeeper": {osh.Open, osh.GroupGatekeeper},
	"owner":      {osh.Open, osh.GroupOwner, osh.GroupKeepers},
	"granted":    {osh.Open, osh.Restricted},
	"super":      {osh.Open, osh.GroupOwner, osh.GroupGatekeeper, osh.GroupAclkeeper, osh.GroupKeepers},
	"boss":       {osh.Open, osh.GroupOwner, osh.GroupGatekeeper, osh.GroupAclkeeper, osh.GroupKeepers, osh.Admin},
	"frozen":     {},
	"expired":    {},
	"nobody":     {},
}

// refusals are the answers to those who have no right.
var refusals = map[osh.Category]string{
	osh.GroupOwner: "ERR_NOT_GROUP_OWNER", osh.GroupGatekeeper: "ERR_NOT_GROUP_GATEKEEPER", osh.GroupAclkeeper: "ERR_NOT_GROUP_ACLKEEPER",
	osh.GroupKeepers: "ERR_NOT_GROUP_ACLKEEPER",
	osh.Restricted:   "KO_RESTRICTED_COMMAND", osh.Admin: "KO_RESTRICTED_COMMAND",
}

// may gives the answer that actor must have to a command of the category; empty
// is any that is not about rights.
func may(actor string, c osh.Category) string {
	switch actor {
	case "frozen":
		return "KO_ACCOUNT_FROZEN"
	case "expired":
		return "KO_TTL_EXPIRED"
	case "nobody":
		return "KO_ACCOUNT_INVALID"
	}
	if slices.Contains(actors[actor], c) {
		return ""
	}
	return refusals[c]
}

func newMatrix(t *testing.T, cmd *osh.Command) *world {
	w := newWorld(t)
	for _, name := range []string{"robot", "over", "other", "granted", "expired"} {
		w.account(name)
	}
	w.group("db", nil)
	w.change(func(tx store.Tx) error {
		for _, role := range []gateway.Role{gateway.Owner, gateway.Gatekeeper, gateway.Aclkeeper, gateway.Member} {
			if _, err := tx.AddRole("web", role, "over", w.now, w.now.Add(-time.Second)); err != nil {
				return err
			}
			if _, err := tx.AddRole("db", role, "other", time.Time{}, w.now); err != nil {
				return err
			}
		}
		for name, set := range map[string]func(*gateway.Account){
			"robot": func(a *gateway.Account) { a.OSHOnly = true }, "expired": func(a *gateway.Account) { a.Expires = w.now },
		} {
			a, err := tx.Account(name)
			if err != nil {
				return err
			}
			set(a)
			if err := tx.UpdateAccount(a); err != nil {
				return err
			}
		}
		if cmd.Category != osh.Restricted {
			return nil
		}
		_, err := tx.Grant("granted", cmd.Name)
		return err
	})
	return w
}

// TestMatrix puts every command to everybody. Who has no right learns that and
// nothing else, it is recorded, and nothing changes. Who has it gets further.
func TestMatrix(t *testing.T) {
	category := map[string]osh.Category{}
	for c, names := range matrix {
		for _, name := range strings.Fields(names) {
			category[name] = c
		}
	}
	slaves := strings.Fields(onSlaves)
	for _, cmd := range osh.Commands() {
		if want, ok := category[cmd.Name]; !ok || want != cmd.Category {
			t.Errorf("%s: category %s, the matrix says %q", cmd.Name, cmd.Category, want)
		}
		if master := !slices.Contains(slaves, cmd.Name); master != cmd.MasterOnly {
			t.Errorf("%s: master only: %v, the matrix says %v", cmd.Name, cmd.MasterOnly, master)
		}
		delete(category, cmd.Name)
		t.Run(cmd.Name+" refused", func(t *testing.T) {
			w := newMatrix(t, cmd)
			before := w.live.Load()
			for actor := range actors {
				if code := may(actor, cmd.Category); code != "" {
					w.refused(actor, cmd, code)
				}
			}
			if w.live.Load() != before || w.deps.rechecks != 0 {
				t.Error("who was refused changed something")
			}
		})
		if !cmd.MasterOnly { // nobody is in the way of the next
			t.Run(cmd.Name, func(t *testing.T) { newMatrix(t, cmd).get(cmd, slices.Collect(maps.Keys(actors))...) })
			continue
		}
		for actor := range actors {
			t.Run(cmd.Name+" by "+actor, func(t *testing.T) {
				if may(actor, cmd.Category) == "" {
					newMatrix(t, cmd).get(cmd, actor)
				}
			})
		}
	}
	for name := range category {
		t.Errorf("the matrix has %s, which is no command", name)
	}
}

func (w *world) refused(actor string, cmd *osh.Command, code string) {
	w.t.Helper()
	r := w.run(actor, cmd.Name, filled(cmd, "web"))
	if r.Code != code || len(r.Value) > 0 && string(r.Value) != "null" || r.Exit == 0 {
		w.t.Errorf("%s: %s %s with value %s and exit %d, want %s", actor, r.Code, r.Message, r.Value, r.Exit, code)
	}
	if rec := w.last(); rec.Code != code || rec.Actor.Account != actor {
		w.t.Errorf("%s: recorded as %s of %s", actor, rec.Code, rec.Actor.Account)
	}
}

// get has those of the actors run cmd who may.
func (w *world) get(cmd *osh.Command, actors ...string) {
	w.t.Helper()
	for _, actor := range actors {
		if may(actor, cmd.Category) != "" {
			continue
		}
		r := w.run(actor, cmd.Name, filled(cmd, "web"))
		for _, refusal := range refusals {
			if r.Code == refusal {
				w.t.Errorf("%s may run it and gets %s: %s", actor, r.Code, r.Message)
			}
		}
		override := actor == "super" || actor == "boss"
		if strings.HasPrefix(string(cmd.Category), "group-") &&
			(override != w.last().Override || override != strings.Contains(r.Message, "OVERRIDE")) {
			w.t.Errorf("%s: recorded with override %v, message %s", actor, w.last().Override, r.Message)
		}
	}
}
