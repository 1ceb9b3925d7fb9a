package osh

// GroupDelEgressKey is the request of groupDelEgressKey.
type GroupDelEgressKey struct {
	GroupOption
	ID string `opt:"id" arg:"ID" required:"true" help:"of the key, as groupInfo shows it; or its fingerprint"`
}

func groupDelEgressKeyCommand() *Command {
	return &Command{
		Name:       "groupDelEgressKey",
		Category:   GroupOwner,
		MasterOnly: true,
		Summary:    "delete an egress key of a group",
		Long: "The key is destroyed: it can't be had back. Live sessions that were opened with it end. The last key\n" +
			"may go too.",
		Examples: []string{"groupDelEgressKey --group web --id idb8d94e9a"},
		New:      func() any { return new(GroupDelEgressKey) },
	}
}
