package osh

// GroupDelete is the request of groupDelete.
type GroupDelete struct {
	GroupOption
	ConfirmOption
}

// GroupDeleteValue is the value of groupDelete.
type GroupDeleteValue struct {
	Errors    int    `json:"errors"`
	Group     string `json:"group"`
	Operation string `json:"operation"` // deleted
}

func groupDeleteCommand() *Command {
	return &Command{
		Name:       "groupDelete",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "delete a group, with its accesses and keys",
		Long: "Live sessions that only the group allowed end. The group's egress keys are destroyed:\n" +
			"they can't be had back.",
		Examples: []string{"groupDelete --group web"},
		New:      func() any { return new(GroupDelete) },
		Local:    confirmed,
	}
}
