package osh

import (
	"encoding/json"
	"io"
)

// DBList is the request of dbList.
type DBList struct {
	Group string `opt:"group" arg:"GROUP" pos:"true" complete:"group" help:"those of that group"`
	All   bool   `opt:"all" help:"those of every group; for auditors"`
	FilterOptions
}

func dbListCommand() *Command {
	return &Command{
		Name:     "dbList",
		Category: Open,
		Summary:  "list the databases that you may use",
		Long: "Guests see the databases that they may use; members, aclkeepers and owners of a group, superowners and\n" +
			"auditors those of the group.",
		Examples: []string{"dbList", "dbList --group web"},
		New:      func() any { return new(DBList) },
		Text:     dbListText,
	}
}

func dbListText(w io.Writer, r Result) error {
	var v []Database
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	writeDatabases(w, v)
	return nil
}
