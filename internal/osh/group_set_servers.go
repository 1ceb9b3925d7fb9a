package osh

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// GroupSetServers is the request of groupSetServers.
type GroupSetServers struct {
	GroupOption
	DryRun     bool `opt:"dry-run" help:"only say what the list would be"`
	SkipErrors bool `opt:"skip-errors" help:"leave out the lines that are wrong"`
	Lines      string
}

// maxServerLines bounds the JSON form of the lines, so that the request stays
// below what the monitor reads.
const maxServerLines = 1000 << 10

// GroupSetServersValue is the value of groupSetServers, also of its failure.
type GroupSetServersValue struct {
	ACL         []ServerLine `json:"ACL"`
	DryRun      bool         `json:"dryrun"`
	Errors      []string     `json:"errors"`
	Group       string       `json:"group,omitempty"` // when it was changed
	ParsedLines string       `json:"parsedLines"`     // a number
}

// ServerLine is one access of a list that was set.
type ServerLine struct {
	Comment *string `json:"comment"`
	IP      string  `json:"ip"`
	Port    *string `json:"port"`
	User    *string `json:"user"`
}

func groupSetServersCommand() *Command {
	return &Command{
		Name:       "groupSetServers",
		Category:   GroupAclkeeper,
		MasterOnly: true,
		Summary:    "replace the whole list of a group's servers",
		Long: "The new list is read from standard input, lines of [USER@]HOST[:PORT][ COMMENT]; without a user or\n" +
			"a port, any is meant. Empty lines and those that start with # are skipped. All is changed at once,\n" +
			"or nothing. An access that is listed again stays as it was, unless it had an end, a forced key or\n" +
			"password, or another comment; accesses through jump hosts can't be listed, and go. No server is\n" +
			"tried. Live sessions end that the new list does not allow.",
		Examples: []string{"groupSetServers --group web --dry-run <servers", "groupSetServers --group web --skip-errors <servers"},
		New:      func() any { return new(GroupSetServers) },
		Local:    groupSetServersLocal,
		Text:     groupSetServersText,
	}
}

func groupSetServersLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r := req.(*GroupSetServers)
	text, err := env.askLines("The new list, one server a line, and then a line with a dot alone:\n")
	if err != nil {
		return Fail("groupSetServers", "ERR_INVALID_PARAMETER", "the list could not be read to its end, so nothing was changed: "+err.Error(), nil), nil
	}
	if raw, err := json.Marshal(text); err != nil || len(raw) > maxServerLines {
		return Fail("groupSetServers", "ERR_INVALID_PARAMETER", fmt.Sprintf("the list is longer than %d KiB", maxServerLines>>10), nil), nil
	}
	r.Lines = text
	return run(ctx, r)
}

func groupSetServersText(w io.Writer, r Result) error {
	var v GroupSetServersValue
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	for _, e := range v.Errors {
		fmt.Fprintf(w, "  left out: %s\n", e)
	}
	for _, l := range v.ACL {
		fmt.Fprintf(w, "  %s", accessText(l.User, l.IP, l.Port))
		if l.Comment != nil {
			fmt.Fprintf(w, "  # %s", *l.Comment)
		}
		fmt.Fprintln(w)
	}
	return nil
}
