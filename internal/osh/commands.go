package osh

import "slices"

// Commands returns the declaration of every command, sorted by name. It is a
// table, so its length is that of the list.
func Commands() []*Command {
	all := []*Command{
		accountAddPersonalAccessCommand(),
		accountCreateCommand(),
		accountDelPersonalAccessCommand(),
		accountDeleteCommand(),
		accountFreezeCommand(),
		accountGeneratePasswordCommand(),
		accountGrantCommandCommand(),
		accountInfoCommand(),
		accountListAccessesCommand(),
		accountListArchivesCommand(),
		accountListCommand(),
		accountListEgressKeysCommand(),
		accountListIngressKeysCommand(),
		accountListPasswordsCommand(),
		accountModifyCommand(),
		accountPurgeArchiveCommand(),
		accountRenameCommand(),
		accountRestoreCommand(),
		accountRevokeCommandCommand(),
		accountUnexpireCommand(),
		accountUnfreezeCommand(),
		accountUnlockCommand(),
		adminMaintenanceCommand(),
		adminSudoCommand(),
		aliveCommand(),
		assetForgetHostKeyCommand(),
		batchCommand(),
		clushCommand(),
		dbCommand(),
		dbAddCommand(),
		dbDelCommand(),
		dbInfoCommand(),
		dbListCommand(),
		dbModifyCommand(),
		groupAddAclkeeperCommand(),
		groupAddGatekeeperCommand(),
		groupAddGuestAccessCommand(),
		groupAddMemberCommand(),
		groupAddOwnerCommand(),
		groupAddServerCommand(),
		groupCreateCommand(),
		groupDelAclkeeperCommand(),
		groupDelEgressKeyCommand(),
		groupDelGatekeeperCommand(),
		groupDelGuestAccessCommand(),
		groupDelMemberCommand(),
		groupDelOwnerCommand(),
		groupDelServerCommand(),
		groupDeleteCommand(),
		groupDestroyCommand(),
		groupGenerateEgressKeyCommand(),
		groupGeneratePasswordCommand(),
		groupInfoCommand(),
		groupListCommand(),
		groupListGuestAccessesCommand(),
		groupListPasswordsCommand(),
		groupListServersCommand(),
		groupModifyCommand(),
		groupRenameCommand(),
		groupSetServersCommand(),
		groupTransmitOwnershipCommand(),
		helpCommand(),
		infoCommand(),
		lockCommand(),
		mtrCommand(),
		ncCommand(),
		pingCommand(),
		profileListCommand(),
		profileTestCommand(),
		rootListIngressKeysCommand(),
		selfAddIngressKeyCommand(),
		selfAddPersonalAccessCommand(),
		selfDelIngressKeyCommand(),
		selfDelPersonalAccessCommand(),
		selfForgetHostKeyCommand(),
		selfGenerateEgressKeyCommand(),
		selfGeneratePasswordCommand(),
		selfListAccessesCommand(),
		selfListEgressKeysCommand(),
		selfListIngressKeysCommand(),
		selfListPasswordsCommand(),
		selfListSessionsCommand(),
		selfPlaySessionCommand(),
		unlockCommand(),
		whoHasAccessToCommand(),
		whyAccessCommand(),
	}
	all = append(all, notYetCommands()...)
	slices.SortFunc(all, func(a, b *Command) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// Lookup finds a command by its name or by an older one.
func Lookup(name string) (*Command, bool) {
	for _, c := range Commands() {
		if c.Name == name || slices.Contains(c.Aliases, name) {
			return c, true
		}
	}
	return nil, false
}

// names returns what a person may type as a command.
func names() []string {
	var names []string
	for _, c := range Commands() {
		names = append(names, c.Name)
	}
	return names
}
