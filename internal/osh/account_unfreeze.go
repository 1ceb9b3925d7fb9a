package osh

// AccountUnfreeze is the request of accountUnfreeze.
type AccountUnfreeze struct{ AccountOption }

// AccountUnfreezeValue is the value of accountUnfreeze.
type AccountUnfreezeValue struct {
	Account string `json:"account"`
}

func accountUnfreezeCommand() *Command {
	return &Command{
		Name:       "accountUnfreeze",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "let a frozen account log in again",
		Examples:   []string{"accountUnfreeze --account alice"},
		New:        func() any { return new(AccountUnfreeze) },
	}
}
