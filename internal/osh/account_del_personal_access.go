package osh

// AccountDelPersonalAccess is the request of accountDelPersonalAccess.
type AccountDelPersonalAccess struct {
	AccountOption
	AccessOptions
}

func accountDelPersonalAccessCommand() *Command {
	return &Command{
		Name:       "accountDelPersonalAccess",
		Aliases:    []string{"accountDelPrivateAccess"},
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "remove a personal access of an account",
		Long:       "It removes exactly the access that was added with these options, and ends live sessions that only\nthat access allowed.",
		Examples:   []string{"accountDelPersonalAccess --account alice --host 192.0.2.7 --user root --port 22"},
		New:        func() any { return new(AccountDelPersonalAccess) },
	}
}
