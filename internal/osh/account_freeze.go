package osh

// AccountFreeze is the request of accountFreeze.
type AccountFreeze struct {
	AccountOption
	Reason string `opt:"reason" arg:"TEXT" help:"why; the account's owner is told at login"`
}

// AccountFreezeValue is the value of accountFreeze.
type AccountFreezeValue struct {
	Account string `json:"account"`
	Reason  string `json:"reason"`
}

func accountFreezeCommand() *Command {
	return &Command{
		Name:       "accountFreeze",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "end the sessions of an account and refuse its logins",
		Long: "Nothing of the account is lost: accountUnfreeze undoes it. Nobody freezes oneself, and an\n" +
			"administrator's account is frozen by an administrator only.",
		Examples: []string{"accountFreeze --account alice --reason 'lost laptop'"},
		New:      func() any { return new(AccountFreeze) },
	}
}
