package osh

import (
	"encoding/json"
	"io"
)

// GroupListServers is the request of groupListServers.
type GroupListServers struct {
	GroupOption
	ReverseDNS bool `opt:"reverse-dns" help:"look up the names of the addresses"`
	FilterOptions
}

func groupListServersCommand() *Command {
	return &Command{
		Name:     "groupListServers",
		Category: Open,
		Summary:  "list the servers of a group",
		Long:     "For members and aclkeepers of the group, superowners and auditors.",
		Examples: []string{"groupListServers --group web"},
		New:      func() any { return new(GroupListServers) },
		Text:     groupListServersText,
	}
}

func groupListServersText(w io.Writer, r Result) error {
	var v []ListedAccess
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	writeAccesses(w, v)
	return nil
}
