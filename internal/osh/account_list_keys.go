package osh

// AccountListEgressKeys is the request of accountListEgressKeys.
type AccountListEgressKeys struct {
	AccountOption
	FilterOptions
}

func accountListEgressKeysCommand() *Command {
	return &Command{
		Name:     "accountListEgressKeys",
		Category: Restricted,
		Summary:  "list the keys that the gateway uses for an account",
		Long:     "Only their public halves, which are put on targets.",
		Examples: []string{"accountListEgressKeys --account alice"},
		New:      func() any { return new(AccountListEgressKeys) },
		Text:     egressKeysText,
	}
}

// AccountListIngressKeys is the request of accountListIngressKeys.
type AccountListIngressKeys struct {
	AccountOption
	FilterOptions
}

func accountListIngressKeysCommand() *Command {
	return &Command{
		Name:     "accountListIngressKeys",
		Category: Restricted,
		Summary:  "list the keys that an account may log in with",
		Examples: []string{"accountListIngressKeys --account alice"},
		New:      func() any { return new(AccountListIngressKeys) },
		Text:     ingressKeysText,
	}
}

// RootListIngressKeys is the request of rootListIngressKeys.
type RootListIngressKeys struct{ FilterOptions }

func rootListIngressKeysCommand() *Command {
	return &Command{
		Name:     "rootListIngressKeys",
		Category: Restricted,
		Summary:  "list the keys that may log in as root here",
		Long:     "They are read from root's authorized_keys and authorized_keys2, and have nothing to do with accounts.",
		Examples: []string{"rootListIngressKeys --json"},
		New:      func() any { return new(RootListIngressKeys) },
		Text:     ingressKeysText,
	}
}
