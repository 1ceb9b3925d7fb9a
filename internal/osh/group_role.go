package osh

// GroupAddRole is the request of the commands that give a role of a group to
// an account.
type GroupAddRole struct {
	GroupAccount
	TTL string `opt:"ttl" arg:"DURATION" help:"the role ends after that long: seconds, or 1d7h8m"`
}

// GroupAccount is the request of the commands that take a role of a group away
// from an account, and of others about both.
type GroupAccount struct {
	GroupOption
	AccountOption
}

// roleCommand declares one of the commands that give a role or take it away.
func roleCommand(name string, c Category, aliases []string, summary, long string) *Command {
	return &Command{
		Name:       name,
		Aliases:    aliases,
		Category:   c,
		MasterOnly: true,
		Summary:    summary,
		Long:       long,
		Examples:   []string{name + " --group web --account alice"},
		New:        func() any { return new(GroupAccount) },
	}
}

func addRoleCommand(name string, c Category, aliases []string, summary, long string) *Command {
	cmd := roleCommand(name, c, aliases, summary, long)
	cmd.Examples = append(cmd.Examples, cmd.Examples[0]+" --ttl 30d")
	cmd.New = func() any { return new(GroupAddRole) }
	return cmd
}

func groupAddOwnerCommand() *Command {
	return addRoleCommand("groupAddOwner", GroupOwner, nil, "let an account manage the group's roles and keys",
		"Roles are independent: an owner who is no member can't connect to the group's servers.")
}

func groupDelOwnerCommand() *Command {
	return roleCommand("groupDelOwner", GroupOwner, nil, "take the role of owner away",
		"Other roles that the account has in the group stay.")
}

func groupAddGatekeeperCommand() *Command {
	return addRoleCommand("groupAddGatekeeper", GroupOwner, nil, "let an account manage the group's members and guests", "")
}

func groupDelGatekeeperCommand() *Command {
	return roleCommand("groupDelGatekeeper", GroupOwner, nil, "take the role of gatekeeper away", "")
}

func groupAddAclkeeperCommand() *Command {
	return addRoleCommand("groupAddAclkeeper", GroupOwner, nil, "let an account manage the group's servers", "")
}

func groupDelAclkeeperCommand() *Command {
	return roleCommand("groupDelAclkeeper", GroupOwner, nil, "take the role of aclkeeper away", "")
}

func groupAddMemberCommand() *Command {
	return addRoleCommand("groupAddMember", GroupGatekeeper, []string{"groupAddFullGroupAccess"},
		"let an account reach every server of the group", "That includes the servers that are added later. Guest accesses stay, and count again when the membership\nends.")
}

func groupDelMemberCommand() *Command {
	return roleCommand("groupDelMember", GroupGatekeeper, []string{"groupDelFullGroupAccess"},
		"take the membership of the group away",
		"Live sessions that only the membership allowed end. Guest accesses, if any, stay.")
}
