package osh

import (
	"encoding/json"
	"fmt"
	"io"
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
}

// AccessList is the accesses of one way: personal, group-member, group-guest.
type AccessList struct {
	ACL   []ListedAccess `json:"acl"`
	Group string         `json:"group,omitempty"`
	Type  string         `json:"type"`
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
	}
	return nil
}

// writeAccesses writes one access a line.
func writeAccesses(w io.Writer, acl []ListedAccess) {
	for _, a := range acl {
		fmt.Fprintf(w, "  %s@%s:%s", orAny(a.User), a.IP, orAny(a.Port))
		if a.ReverseDNS != nil {
			fmt.Fprintf(w, " (%s)", *a.ReverseDNS)
		}
		if a.ProxyIP != nil {
			fmt.Fprintf(w, " via %s@%s:%s", orAny(a.ProxyUser), *a.ProxyIP, orAny(a.ProxyPort))
		}
		fmt.Fprintf(w, "  added by %s on %s", a.AddedBy, a.AddedDate)
		if a.Expiry != nil {
			fmt.Fprintf(w, "  until %s", time.Unix(*a.Expiry, 0).UTC().Format(time.DateTime))
		}
		if a.ForceKey != nil {
			fmt.Fprintf(w, "  with %s", *a.ForceKey)
		}
		if a.ForcePassword != nil {
			fmt.Fprintf(w, "  with the password %s", *a.ForcePassword)
		}
		if a.UserComment != nil {
			fmt.Fprintf(w, "  # %s", *a.UserComment)
		}
		fmt.Fprintln(w)
	}
}

func orAny(s *string) string {
	if s == nil {
		return "*"
	}
	return *s
}
