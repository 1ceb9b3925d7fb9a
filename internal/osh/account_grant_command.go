package osh

// AccountGrantCommand is the request of accountGrantCommand.
type AccountGrantCommand struct {
	AccountOption
	Command string `opt:"command" arg:"COMMAND" pos:"true" complete:"command" help:"restricted command, or auditor; without it, list them"`
}

func accountGrantCommandCommand() *Command {
	return &Command{
		Name:       "accountGrantCommand",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "let an account use a restricted command",
		Long: "The command auditor stands for the right to see more in listings. Only administrators grant\n" +
			"accountGrantCommand itself.",
		Examples: []string{"accountGrantCommand --account alice --command accountCreate"},
		New:      func() any { return new(AccountGrantCommand) },
	}
}
