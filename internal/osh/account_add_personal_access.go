package osh

// AccountAddPersonalAccess is the request of accountAddPersonalAccess.
type AccountAddPersonalAccess struct {
	AccountOption
	AccessOptions
	NewAccessOptions
}

func accountAddPersonalAccessCommand() *Command {
	return &Command{
		Name:       "accountAddPersonalAccess",
		Aliases:    []string{"accountAddPrivateAccess"},
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "let an account reach a target with its egress keys",
		Long: "The gateway first logs in to the target, so that a missing key is found now; --force skips that,\n" +
			"and it is not done for prefixes, user patterns, rights to transfer files and forced passwords.",
		Examples: []string{"accountAddPersonalAccess --account alice --host 192.0.2.7 --user root --port 22"},
		New:      func() any { return new(AccountAddPersonalAccess) },
		Settings: boundsOfAccess(),
	}
}
