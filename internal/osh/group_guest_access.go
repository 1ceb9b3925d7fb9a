package osh

import (
	"encoding/json"
	"io"
)

// GroupAddGuestAccess is the request of groupAddGuestAccess.
type GroupAddGuestAccess struct {
	GroupOption
	AccountOption
	AccessOptions
	DB      string `opt:"db" arg:"NAME" complete:"database" help:"instead of a server, a database of the group"`
	DBAllow string `opt:"db-allow" arg:"RIGHTS" help:"with --db, no more than read, write, ddl or all (the default) of what the group may there"`
	TTL     string `opt:"ttl" arg:"DURATION" help:"it ends after that long: seconds, or 1d7h8m"`
	Comment string `opt:"comment" arg:"TEXT" help:"why it is there"`
}

// needs implements partly: a database has no host to be given.
func (r *GroupAddGuestAccess) needs(option string) bool { return option != "host" || r.DB == "" }

func groupAddGuestAccessCommand() *Command {
	return &Command{
		Name:       "groupAddGuestAccess",
		Category:   GroupGatekeeper,
		MasterOnly: true,
		Summary:    "let an account reach one of the group's servers",
		Long: "The group must have this very access (same user, host and port); it serves the guest for as long\n" +
			"as the group has it. Where the group limits guest accesses in time, one without --ttl gets that\n" +
			"limit, and a longer --ttl is refused. A member can't be a guest too.",
		Examples: []string{
			"groupAddGuestAccess --group web --account alice --host 192.0.2.7 --user root --port 22 --ttl 8h",
			"groupAddGuestAccess --group web --account alice --db orders --db-allow read --ttl 8h",
		},
		New: func() any { return new(GroupAddGuestAccess) },
	}
}

// GroupDelGuestAccess is the request of groupDelGuestAccess.
type GroupDelGuestAccess struct {
	GroupOption
	AccountOption
	AccessOptions
	DB string `opt:"db" arg:"NAME" complete:"database" help:"instead of a server, a database of the group"`
}

// needs implements partly: a database has no host to be given.
func (r *GroupDelGuestAccess) needs(option string) bool { return option != "host" || r.DB == "" }

// RemainingAccess is an access that a guest still has, in the value of
// groupDelGuestAccess: as in a listing, but without the name of the host.
type RemainingAccess struct {
	ListedAccess
	ReverseDNS *string `json:"reverseDns,omitempty"` // hides that of the listing
}

func groupDelGuestAccessCommand() *Command {
	return &Command{
		Name:       "groupDelGuestAccess",
		Category:   GroupGatekeeper,
		MasterOnly: true,
		Summary:    "take an access away from a guest of the group",
		Long: "It removes exactly the access that was given with these options, and ends live sessions that only\n" +
			"that access allowed. The value is what the guest still has.",
		Examples: []string{"groupDelGuestAccess --group web --account alice --host 192.0.2.7 --user root --port 22"},
		New:      func() any { return new(GroupDelGuestAccess) },
	}
}

// GroupListGuestAccesses is the request of groupListGuestAccesses.
type GroupListGuestAccesses struct {
	GroupAccount
	Databases  bool `opt:"databases" help:"the databases instead of the servers"`
	ReverseDNS bool `opt:"reverse-dns" help:"look up the names of the addresses"`
	FilterOptions
}

func groupListGuestAccessesCommand() *Command {
	return &Command{
		Name:     "groupListGuestAccesses",
		Category: GroupGatekeeper,
		Summary:  "list what an account may reach as a guest",
		Long:     "With --databases the value is a list of databases.",
		Examples: []string{"groupListGuestAccesses --group web --account alice"},
		New:      func() any { return new(GroupListGuestAccesses) },
		Text:     groupListGuestAccessesText,
	}
}

func groupListGuestAccessesText(w io.Writer, r Result) error {
	var databases []DatabaseGuest // an access has no name
	if err := json.Unmarshal(r.Value, &databases); err == nil && len(databases) > 0 && databases[0].Database != "" {
		writeDatabaseGuests(w, databases)
		return nil
	}
	var v []ListedAccess
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	writeAccesses(w, v)
	return nil
}
