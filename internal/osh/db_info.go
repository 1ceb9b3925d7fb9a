package osh

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// DBInfo is the request of dbInfo.
type DBInfo struct {
	Name string `opt:"name" arg:"NAME" pos:"true" required:"true" help:"name that the gateway offers the database by"`
}

func dbInfoCommand() *Command {
	return &Command{
		Name:     "dbInfo",
		Category: Open,
		Summary:  "where a database is, and what may be done there",
		Long: "For those who may use it; aclkeepers, gatekeepers and owners of its group, superowners and auditors also see\n" +
			"its guests. Nobody sees its password or key.",
		Examples: []string{"dbInfo --name orders"},
		New:      func() any { return new(DBInfo) },
		Text:     dbInfoText,
	}
}

func dbInfoText(w io.Writer, r Result) error {
	var d Database
	if err := json.Unmarshal(r.Value, &d); err != nil {
		return err
	}
	writeDatabase(w, &d)
	return nil
}

// writeDatabase writes all that is known of one.
func writeDatabase(w io.Writer, d *Database) {
	writeHeading(w, heading, "Database "+d.Name+" of the group "+d.Group)
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-12s %s\n", what+":", text)
		}
	}
	line("target", d.at())
	line("TLS", d.TLS)
	line("rights", d.Allow)
	line("limits", strings.Join(d.limits(), ", "))
	if d.Way != nil {
		line("you use it", "as "+strings.TrimPrefix(*d.Way, "group-")+" of the group")
	}
	if d.Comment != nil {
		line("comment", *d.Comment)
	}
	if d.DatabaseDetails == nil {
		return
	}
	orNone := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	line("role", orNone(d.Role))
	credentials := strings.Join(d.Credentials, ", ")
	if credentials == "" {
		credentials = "none"
	}
	line("credential", credentials)
	line("hook", orNone(d.Hook))
	line("certificate", orNone(d.Certificate))
	for _, ca := range d.CA {
		line("CA", ca)
	}
	line("recorded", fmt.Sprintf("parameters: %s, rows of a result: %d", d.Parameters, d.Results))
	line("added", "by "+d.AddedBy+" on "+d.AddedDate)
	if len(d.Guests) > 0 {
		writeHeading(w, heading, "Guests:")
		writeDatabaseGuests(w, d.Guests)
	}
}
