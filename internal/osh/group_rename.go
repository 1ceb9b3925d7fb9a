package osh

// GroupRename is the request of groupRename.
type GroupRename struct {
	GroupOption
	To string `opt:"to" arg:"GROUP" pos:"true" required:"true" help:"its new name"`
}

// GroupRenameValue is the value of groupRename.
type GroupRenameValue struct {
	Group string `json:"group"` // the new name
	Old   string `json:"old_name"`
}

func groupRenameCommand() *Command {
	return &Command{
		Name:       "groupRename",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "give a group another name",
		Long: "Roles, servers, guests, policy and egress keys stay, and live sessions go on. The keys keep their\n" +
			"comments, which have the old name, so that nothing changes on the servers. Scripts and people that\n" +
			"name the group must use the new name; the old one is free.",
		Examples: []string{"groupRename --group web --to frontends"},
		New:      func() any { return new(GroupRename) },
	}
}
