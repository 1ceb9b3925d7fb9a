package osh

// AccountListAccesses is the request of accountListAccesses.
type AccountListAccesses struct {
	AccountOption
	ListAccessesOptions
}

func accountListAccessesCommand() *Command {
	return &Command{
		Name:     "accountListAccesses",
		Category: Restricted,
		Summary:  "everything an account can reach, and through what",
		Examples: []string{"accountListAccesses --account alice", "accountListAccesses --account alice --include '192.0.2.*'"},
		New:      func() any { return new(AccountListAccesses) },
		Text:     accessListsText,
	}
}
