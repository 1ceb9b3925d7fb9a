package osh

// GroupAddServer is the request of groupAddServer.
type GroupAddServer struct {
	GroupOption
	AccessOptions
	NewAccessOptions
}

// GroupAccessChange is the value of the commands that add or remove a server
// of a group.
type GroupAccessChange struct {
	Action        string  `json:"action"` // add, del
	Comment       *string `json:"comment"`
	ForceKey      *string `json:"forceKey"`
	ForcePassword *string `json:"forcePassword"`
	Group         string  `json:"group"`
	IP            string  `json:"ip"`
	Port          *int    `json:"port"`
	ProxyIP       *string `json:"proxyIp"`
	ProxyPort     *int    `json:"proxyPort"`
	ProxyUser     *string `json:"proxyUser"`
	TTL           *int64  `json:"ttl"` // seconds
	User          *string `json:"user"`
}

func groupAddServerCommand() *Command {
	return &Command{
		Name:       "groupAddServer",
		Category:   GroupAclkeeper,
		MasterOnly: true,
		Summary:    "add a server to a group, for its members to reach",
		Long: "The gateway first logs in to the target with the group's egress keys, so that a missing key is\n" +
			"found now; --force skips that, and it is not done for prefixes, user patterns, rights to transfer files and forced passwords.",
		Examples: []string{
			"groupAddServer --group web --host 192.0.2.7 --user root --port 22",
			"groupAddServer --group web --host 192.0.2.0/24 --user '*' --port '*' --ttl 8h",
		},
		New: func() any { return new(GroupAddServer) },
	}
}
