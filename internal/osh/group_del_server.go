package osh

// GroupDelServer is the request of groupDelServer.
type GroupDelServer struct {
	GroupOption
	AccessOptions
}

func groupDelServerCommand() *Command {
	return &Command{
		Name:       "groupDelServer",
		Category:   GroupAclkeeper,
		MasterOnly: true,
		Summary:    "remove a server from a group",
		Long:       "It removes exactly the access that was added with these options, and ends live sessions that only\nthat access allowed.",
		Examples:   []string{"groupDelServer --group web --host 192.0.2.7 --user root --port 22"},
		New:        func() any { return new(GroupDelServer) },
	}
}
