package osh

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
)

// GroupList is the request of groupList.
type GroupList struct {
	All bool `opt:"all" help:"every group, not only those where you have a role"`
	FilterOptions
}

// GroupFlags are the roles of an account in a group: owner, gatekeeper,
// aclkeeper, member, guest, or no-access alone.
type GroupFlags struct {
	Flags []string `json:"flags"`
}

func groupListCommand() *Command {
	return &Command{
		Name:     "groupList",
		Category: Open,
		Summary:  "the groups, and your roles in them",
		Examples: []string{"groupList", "groupList --all --include web"},
		New:      func() any { return new(GroupList) },
		Text:     groupListText,
	}
}

func groupListText(w io.Writer, r Result) error {
	var v map[string]GroupFlags
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	writeGroups(w, v)
	return nil
}

func writeGroups(w io.Writer, groups map[string]GroupFlags) {
	rows := [][]string{{"GROUP", "ROLES"}}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		rows = append(rows, []string{name, strings.Join(groups[name].Flags, " ")})
	}
	writeTable(w, rows)
}
