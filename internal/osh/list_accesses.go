package osh

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// ListAccessesOptions are what selfListAccesses and accountListAccesses share.
type ListAccessesOptions struct {
	HideGroups bool `opt:"hide-groups" help:"only the personal accesses"`
	ReverseDNS bool `opt:"reverse-dns" help:"look up the names of the addresses"`
	FilterOptions
}

// SelfListAccesses is the request of selfListAccesses.
type SelfListAccesses struct{ ListAccessesOptions }

// ListedAccess is one access in a listing.
type ListedAccess struct {
	AddedBy       string  `json:"addedBy"`
	AddedDate     string  `json:"addedDate"`
	Comment       *string `json:"comment"`
	Expiry        *int64  `json:"expiry"`
	ForceKey      *string `json:"forceKey"`
	ForcePassword *string `json:"forcePassword"`
	IP            string  `json:"ip"`
	Port          *string `json:"port"`
	ProxyIP       *string `json:"proxyIp"`
	ProxyPort     *string `json:"proxyPort"`
	ProxyUser     *string `json:"proxyUser"`
	ReverseDNS    *string `json:"reverseDns"`
	User          *string `json:"user"`
	UserComment   *string `json:"userComment"`

	// What The Bastion does not have is there when it is set.
	Profile string `json:"profile,omitempty"`
	Legacy  bool   `json:"legacy,omitempty"`
	NETCONF string `json:"netconfAllow,omitempty"`
}

// AccessList is the accesses of one way: personal, group-member, group-guest.
type AccessList struct {
	ACL   []ListedAccess `json:"acl"`
	Group string         `json:"group,omitempty"`
	Type  string         `json:"type"`
	// Databases are those that this way gives, where there are any.
	Databases []Database `json:"databases,omitempty"`
}

func selfListAccessesCommand() *Command {
	return &Command{
		Name:     "selfListAccesses",
		Aliases:  []string{"selfListAccess"},
		Category: Open,
		Summary:  "list what you may reach, and through what",
		Examples: []string{"selfListAccesses --hide-groups", "selfListAccesses --include '192.0.2.*' --reverse-dns"},
		New:      func() any { return new(SelfListAccesses) },
		Text:     accessListsText,
	}
}

func accessListsText(w io.Writer, r Result) error {
	var v []AccessList
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	for _, l := range v {
		title := l.Type
		if l.Group != "" {
			title += " of " + l.Group
		}
		writeHeading(w, heading, title+":")
		writeAccesses(w, l.ACL)
		writeDatabases(w, l.Databases)
	}
	return nil
}

// writeAccesses writes one access a line.
func writeAccesses(w io.Writer, acl []ListedAccess) {
	if len(acl) == 0 {
		return
	}
	rows := [][]string{{"  TARGET", "ADDED BY", "ON (UTC)", "REMARKS"}}
	for _, a := range acl {
		rows = append(rows, []string{"  " + accessText(a.User, a.IP, a.Port), a.AddedBy, a.AddedDate, strings.Join(a.remarks(), ", ")})
	}
	writeTable(w, rows)
}

// writeAccess writes a single access, and ends the line.
func writeAccess(w io.Writer, a *ListedAccess) {
	fmt.Fprintf(w, "%s, added by %s on %s", accessText(a.User, a.IP, a.Port), a.AddedBy, a.AddedDate)
	for _, r := range a.remarks() {
		fmt.Fprintf(w, ", %s", r)
	}
	fmt.Fprintln(w)
}

// remarks are what an access has besides its target.
func (a *ListedAccess) remarks() []string {
	var is []string
	if a.ReverseDNS != nil {
		is = append(is, "("+*a.ReverseDNS+")")
	}
	if a.ProxyIP != nil {
		is = append(is, "via "+accessText(a.ProxyUser, *a.ProxyIP, a.ProxyPort))
	}
	if a.Expiry != nil {
		is = append(is, "until "+time.Unix(*a.Expiry, 0).UTC().Format(time.DateTime))
	}
	if a.ForceKey != nil {
		is = append(is, "with "+*a.ForceKey)
	}
	if a.ForcePassword != nil {
		is = append(is, "with the password "+*a.ForcePassword)
	}
	if a.Profile != "" {
		is = append(is, "as "+a.Profile)
	}
	if a.Legacy {
		is = append(is, "with old algorithms")
	}
	if a.NETCONF != "" {
		is = append(is, "NETCONF "+a.NETCONF)
	}
	if a.UserComment != nil {
		is = append(is, "# "+*a.UserComment)
	}
	return is
}

// accessText writes a target as it is typed: nil is any.
func accessText(user *string, ip string, port *string) string {
	return orAny(user) + "@" + hostPort(ip, port)
}

// hostPort puts an IPv6 address into brackets, as everywhere.
func hostPort(ip string, port *string) string {
	if strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	return ip + ":" + orAny(port)
}

func orAny(s *string) string {
	if s == nil {
		return "*"
	}
	return *s
}
