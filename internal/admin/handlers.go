package admin

import (
	"gateway"
	"gateway/internal/osh"
)

// handlers gives for each command what executes it: a table, so its length is
// that of the list of commands.
func handlers() map[string]handler {
	all := map[string]handler{
		"accountAddPersonalAccess": handle(accountAddPersonalAccess),
		"accountCreate":            handle(accountCreate),
		"accountDelPersonalAccess": handle(accountDelPersonalAccess),
		"accountDelete":            handle(accountDelete),
		"accountFreeze":            handle(accountFreeze),
		"accountGeneratePassword":  handle(accountGeneratePassword),
		"accountGrantCommand":      handle(accountGrantCommand),
		"accountInfo":              handle(accountInfo),
		"accountList":              handle(accountList),
		"accountListAccesses":      handle(accountListAccesses),
		"accountListArchives":      handle(accountListArchives),
		"accountListEgressKeys":    handle(accountListEgressKeys),
		"accountListIngressKeys":   handle(accountListIngressKeys),
		"accountListPasswords":     handle(accountListPasswords),
		"accountModify":            handle(accountModify),
		"accountPurgeArchive":      handle(accountPurgeArchive),
		"accountRename":            handle(accountRename),
		"accountRestore":           handle(accountRestore),
		"accountRevokeCommand":     handle(accountRevokeCommand),
		"accountUnexpire":          handle(accountUnexpire),
		"accountUnfreeze":          handle(accountUnfreeze),
		"accountUnlock":            handle(accountUnlock),
		"adminMaintenance":         handle(adminMaintenance),
		"adminSudo":                handle(adminSudo),
		"alive":                    handle(alive),
		"assetForgetHostKey":       handle(assetForgetHostKey),
		"batch":                    handle(batch),
		"clush":                    handle(clush),
		"db":                       handle(db),
		"groupAddAclkeeper":        addRole(gateway.Aclkeeper),
		"groupAddGatekeeper":       addRole(gateway.Gatekeeper),
		"groupAddGuestAccess":      handle(groupAddGuestAccess),
		"groupAddMember":           addRole(gateway.Member),
		"groupAddOwner":            addRole(gateway.Owner),
		"groupAddServer":           handle(groupAddServer),
		"groupCreate":              handle(groupCreate),
		"groupDelAclkeeper":        delRole(gateway.Aclkeeper),
		"groupDelEgressKey":        handle(groupDelEgressKey),
		"groupDelGatekeeper":       delRole(gateway.Gatekeeper),
		"groupDelGuestAccess":      handle(groupDelGuestAccess),
		"groupDelMember":           delRole(gateway.Member),
		"groupDelOwner":            delRole(gateway.Owner),
		"groupDelServer":           handle(groupDelServer),
		"groupDelete":              handle(groupDelete),
		"groupDestroy":             handle(groupDelete),
		"groupGenerateEgressKey":   handle(groupGenerateEgressKey),
		"groupGeneratePassword":    handle(groupGeneratePassword),
		"groupInfo":                handle(groupInfo),
		"groupList":                handle(groupList),
		"groupListGuestAccesses":   handle(groupListGuestAccesses),
		"groupListPasswords":       handle(groupListPasswords),
		"groupListServers":         handle(groupListServers),
		"groupModify":              handle(groupModify),
		"groupRename":              handle(groupRename),
		"groupSetServers":          handle(groupSetServers),
		"groupTransmitOwnership":   handle(groupTransmitOwnership),
		"help":                     handle(help),
		"info":                     handle(info),
		"mtr":                      handle(mtr),
		"nc":                       handle(nc),
		"ping":                     handle(ping),
		"profileList":              handle(profileList),
		"profileTest":              handle(profileTest),
		"rootListIngressKeys":      handle(rootListIngressKeys),
		"selfAddIngressKey":        handle(selfAddIngressKey),
		"selfAddPersonalAccess":    handle(selfAddPersonalAccess),
		"selfDelIngressKey":        handle(selfDelIngressKey),
		"selfDelPersonalAccess":    handle(selfDelPersonalAccess),
		"selfForgetHostKey":        handle(selfForgetHostKey),
		"selfGenerateEgressKey":    handle(selfGenerateEgressKey),
		"selfGeneratePassword":     handle(selfGeneratePassword),
		"selfListAccesses":         handle(selfListAccesses),
		"selfListEgressKeys":       handle(selfListEgressKeys),
		"selfListIngressKeys":      handle(selfListIngressKeys),
		"selfListPasswords":        handle(selfListPasswords),
		"selfListSessions":         handle(selfListSessions),
		"selfPlaySession":          handle(selfPlaySession),
		"whoHasAccessTo":           handle(whoHasAccessTo),
		"whyAccess":                handle(whyAccess),
	}
	for _, cmd := range osh.Commands() {
		if cmd.NotYet && all[cmd.Name] == nil {
			all[cmd.Name] = notYet
		}
	}
	return all
}
