package osh

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// GroupInfo is the request of groupInfo.
type GroupInfo struct {
	Group             string `opt:"group" arg:"GROUP" pos:"true" complete:"group" help:"name of the group"`
	All               bool   `opt:"all" help:"every group; for auditors"`
	WithKeys          bool   `opt:"with-keys" help:"with the public egress keys (the default)"`
	WithoutKeys       bool   `opt:"without-keys" help:"without them"`
	WithEverything    bool   `opt:"with-everything" help:"with all there is"`
	WithoutEverything bool   `opt:"without-everything" help:"with nothing that can be left out"`
	FilterOptions
}

// GroupInfoValue is the value of groupInfo, or one of its values with --all.
// Who belongs to the group is there for those who belong to it, superowners
// and auditors.
type GroupInfoValue struct {
	Aclkeepers  []string `json:"aclkeepers"`
	Gatekeepers []string `json:"gatekeepers"`
	Group       string   `json:"group"`
	*GroupPeople
	Keys        map[string]Key `json:"keys,omitzero"` // by fingerprint
	MFARequired string         `json:"mfa_required,omitempty"`
	Owners      []string       `json:"owners"`
	// The policy of the group, where it has one; seconds.
	GuestTTLLimit int64  `json:"guest_ttl_limit,omitempty"`
	IdleKill      *int64 `json:"idle_kill_timeout,omitempty"` // 0: never
	IdleLock      *int64 `json:"idle_lock_timeout,omitempty"` // 0: never
}

// GroupPeople are the accounts that reach the servers of a group.
type GroupPeople struct {
	Guests         []string       `json:"guests"`
	GuestsAccesses map[string]int `json:"guests_accesses"` // how many, by account
	Inactive       []string       `json:"inactive"`        // those of all roles that may not log in for inactivity
	Members        []string       `json:"members"`
	// The databases that the group offers, and how many each guest may use.
	Databases       []string       `json:"databases,omitempty"`
	GuestsDatabases map[string]int `json:"guests_databases,omitempty"`
	// Expiries are the roles that end, by role and account, seconds since 1970.
	Expiries map[string]map[string]int64 `json:"role_expiries,omitempty"`
}

func groupInfoCommand() *Command {
	return &Command{
		Name:     "groupInfo",
		Category: Open,
		Summary:  "the roles and public egress keys of a group",
		Long:     "Members and guests are shown to those who have a role in the group, superowners and auditors.",
		Examples: []string{"groupInfo --group web", "groupInfo --all --without-keys --json"},
		New:      func() any { return new(GroupInfo) },
		Text:     groupInfoText,
	}
}

func groupInfoText(w io.Writer, r Result) error {
	// With --all the value is a map of groups; a single one has its own name in it.
	var one GroupInfoValue
	if err := json.Unmarshal(r.Value, &one); err == nil && one.Group != "" {
		writeGroupInfo(w, one)
		return nil
	}
	var all map[string]GroupInfoValue
	if err := json.Unmarshal(r.Value, &all); err != nil {
		return err
	}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if i > 0 {
			fmt.Fprintln(w)
		}
		writeGroupInfo(w, all[name])
	}
	return nil
}

func writeGroupInfo(w io.Writer, v GroupInfoValue) {
	writeHeading(w, heading, "Group "+v.Group)
	people := func(what string, names []string) {
		if v.GroupPeople != nil {
			names = withEnds(names, v.Expiries[strings.TrimSuffix(what, "s")])
		}
		none := "-"
		if len(names) > 0 {
			none = strings.Join(names, " ")
		}
		fmt.Fprintf(w, "  %-12s %s\n", what+":", none)
	}
	people("owners", v.Owners)
	people("gatekeepers", v.Gatekeepers)
	people("aclkeepers", v.Aclkeepers)
	if v.GroupPeople != nil {
		people("members", v.Members)
		var guests []string
		for _, name := range v.Guests {
			guests = append(guests, fmt.Sprintf("%s (%d)", name, v.GuestsAccesses[name]+v.GuestsDatabases[name]))
		}
		people("guests", guests)
		if len(v.Databases) > 0 {
			people("databases", v.Databases)
		}
		if len(v.Inactive) > 0 {
			people("inactive", v.Inactive)
		}
	} else {
		fmt.Fprintln(w, "  To be let in, ask one of the gatekeepers or owners.")
	}
	writeGroupPolicy(w, v)
	writeKeys(w, "Egress keys, for the authorized_keys of its servers:", v.Keys)
}

// withEnds adds to names when what they have ends, if it does.
func withEnds(names []string, ends map[string]int64) []string {
	var out []string
	for _, name := range names {
		if end, ok := ends[name]; ok {
			name += " (until " + time.Unix(end, 0).UTC().Format(time.DateTime) + ")"
		}
		out = append(out, name)
	}
	return out
}

// writeGroupPolicy writes what was set by groupModify.
func writeGroupPolicy(w io.Writer, v GroupInfoValue) {
	if v.MFARequired != "" && v.MFARequired != "none" {
		fmt.Fprintf(w, "  connections need a second factor: %s\n", v.MFARequired)
	}
	if v.GuestTTLLimit != 0 {
		fmt.Fprintf(w, "  guest accesses last at most %d s\n", v.GuestTTLLimit)
	}
	timeout := func(what string, s *int64) {
		switch {
		case s == nil:
		case *s == 0:
			fmt.Fprintf(w, "  idle %s: never\n", what)
		default:
			fmt.Fprintf(w, "  idle %s: after %d s\n", what, *s)
		}
	}
	timeout("lock", v.IdleLock)
	timeout("kill", v.IdleKill)
}

// writeKeys writes the lines of keys, if there are any.
func writeKeys(w io.Writer, title string, keys map[string]Key) {
	if len(keys) == 0 {
		return
	}
	writeHeading(w, heading, title)
	for _, fp := range slices.Sorted(maps.Keys(keys)) {
		k := keys[fp]
		fmt.Fprintf(w, "%s  %s %d  %s\n%s\n", k.ID, k.Family, k.Size, k.Fingerprint, k.Line)
	}
}
