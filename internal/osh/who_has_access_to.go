package osh

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
)

// WhoHasAccessTo is the request of whoHasAccessTo.
type WhoHasAccessTo struct {
	Host           string   `opt:"host,h" arg:"HOST" pos:"true" required:"true" help:"host name, IP address or CIDR prefix"`
	User           string   `opt:"user,u,l" arg:"USER" help:"login at the target; any if not given"`
	Port           string   `opt:"port,p" arg:"PORT" help:"port of the target; any if not given"`
	IgnorePersonal bool     `opt:"ignore-personal" help:"leave personal accesses out"`
	IgnoreGroup    []string `opt:"ignore-group" arg:"GROUP" complete:"group" help:"leave that group out"`
	ShowWildcards  bool     `opt:"show-wildcards" help:"also accesses to everywhere (0.0.0.0/0, ::/0)"`
	DB             string   `opt:"db" arg:"NAME" complete:"database" help:"instead of a target, a database"`
	ProxyOptions
	FilterOptions
}

// needs implements partly: a database has no host to be given.
func (r *WhoHasAccessTo) needs(option string) bool { return option != "host" || r.DB == "" }

// AccountWays says through what an account has an access.
type AccountWays struct {
	GroupAccess    []string `json:"group_access"`
	PersonalAccess int      `json:"personal_access"`
}

func whoHasAccessToCommand() *Command {
	return &Command{
		Name:     "whoHasAccessTo",
		Category: Restricted,
		Summary:  "the accounts that have an access to a target",
		Long: "It compares with the accesses that were declared and tries none. Accounts that may not log in\n" +
			"now, and networks that the settings forbid, make no difference.",
		Examples: []string{"whoHasAccessTo --host 192.0.2.7", "whoHasAccessTo --host 192.0.2.7 --user root --port 22", "whoHasAccessTo --db orders"},
		New:      func() any { return new(WhoHasAccessTo) },
		Text:     whoHasAccessToText,
	}
}

func whoHasAccessToText(w io.Writer, r Result) error {
	var v map[string]AccountWays
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	rows := [][]string{{"ACCOUNT", "PERSONAL", "GROUPS"}}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		personal := "-"
		if v[name].PersonalAccess == 1 {
			personal = "yes"
		}
		rows = append(rows, []string{name, personal, strings.Join(v[name].GroupAccess, " ")})
	}
	writeTable(w, rows)
	return nil
}
