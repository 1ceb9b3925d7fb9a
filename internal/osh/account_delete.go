package osh

// AccountDelete is the request of accountDelete.
type AccountDelete struct {
	AccountOption
	ConfirmOption
}

// AccountDeleteValue is the value of accountDelete.
type AccountDeleteValue struct {
	Account   string `json:"account"`
	Errors    int    `json:"errors"`
	Operation string `json:"operation"` // deleted
	TTYGroup  string `json:"ttygroup"`
}

func accountDeleteCommand() *Command {
	return &Command{
		Name:       "accountDelete",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "delete an account, with its accesses, roles and keys",
		Long: "Its live sessions end. Its egress keys are destroyed: they can't be had back. Recordings and\n" +
			"audit records stay. An administrator's account is deleted by an administrator only.",
		Examples: []string{"accountDelete --account alice"},
		New:      func() any { return new(AccountDelete) },
		Local:    confirmed,
	}
}
