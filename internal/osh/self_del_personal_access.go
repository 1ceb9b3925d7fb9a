package osh

// SelfDelPersonalAccess is the request of selfDelPersonalAccess.
type SelfDelPersonalAccess struct{ AccessOptions }

func selfDelPersonalAccessCommand() *Command {
	return &Command{
		Name:       "selfDelPersonalAccess",
		Aliases:    []string{"selfDelPrivateAccess"},
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "remove a personal access of yours",
		Long:       "The options must name exactly what was added. Live sessions that depended on it end.",
		Examples:   []string{"selfDelPersonalAccess --host 192.0.2.7 --user root --port 22"},
		New:        func() any { return new(SelfDelPersonalAccess) },
	}
}
