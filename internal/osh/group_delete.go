package osh

// GroupDelete is the request of groupDelete and groupDestroy.
type GroupDelete struct {
	GroupOption
	ConfirmOption
}

// GroupDeleteValue is the value of groupDelete and groupDestroy.
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

func groupDestroyCommand() *Command {
	cmd := groupDeleteCommand()
	cmd.Name, cmd.Category = "groupDestroy", GroupOwner
	cmd.Summary = "delete a group that you own"
	cmd.Examples = []string{"groupDestroy --group web"}
	return cmd
}
