package osh

// AccountRename is the request of accountRename.
type AccountRename struct {
	AccountOption
	To string `opt:"to" arg:"ACCOUNT" pos:"true" required:"true" help:"its new name"`
}

// AccountRenameValue is the value of accountRename.
type AccountRenameValue struct {
	Account string `json:"account"` // the new name
	Old     string `json:"old_name"`
}

func accountRenameCommand() *Command {
	return &Command{
		Name:       "accountRename",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "give an account another name",
		Long: "It keeps its uid, keys, accesses, roles, known host keys and its list of sessions. Its live\n" +
			"sessions end. The keys keep their comments, which have the old name, so that nothing changes on\n" +
			"the targets. An account that the gateway's settings name can't be renamed, nor to such a name.",
		Examples: []string{"accountRename --account alice --to alice.b"},
		New:      func() any { return new(AccountRename) },
	}
}
