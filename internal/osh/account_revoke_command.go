package osh

// AccountRevokeCommand is the request of accountRevokeCommand.
type AccountRevokeCommand struct {
	AccountOption
	Command string `opt:"command" arg:"COMMAND" pos:"true" required:"true" complete:"command" help:"restricted command, or auditor"`
}

func accountRevokeCommandCommand() *Command {
	return &Command{
		Name:       "accountRevokeCommand",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "take the right to use a restricted command away",
		Long:       "Only administrators revoke accountGrantCommand.",
		Examples:   []string{"accountRevokeCommand --account alice --command accountCreate"},
		New:        func() any { return new(AccountRevokeCommand) },
	}
}
