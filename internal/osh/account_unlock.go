package osh

// AccountUnlock is the request of accountUnlock.
type AccountUnlock struct{ AccountOption }

// AccountUnlockValue is the value of accountUnlock.
type AccountUnlockValue struct {
	Account string `json:"account"`
}

func accountUnlockCommand() *Command {
	return &Command{
		Name:       "accountUnlock",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "reset its count of failed second factors",
		Long: "No account of this gateway is locked out for failed second factors, as none can be set up yet:\n" +
			"it succeeds and changes nothing. See accountUnfreeze and accountUnexpire.",
		Examples: []string{"accountUnlock --account alice"},
		New:      func() any { return new(AccountUnlock) },
	}
}
