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
		Long: "Its live sessions end. All that it had is kept in an archive until an administrator purges it:\n" +
			"see accountRestore and accountListArchives. Recordings and audit records stay. An administrator's\n" +
			"account is deleted by an administrator only.",
		Examples: []string{"accountDelete --account alice"},
		New:      func() any { return new(AccountDelete) },
		Local:    confirmed,
	}
}
