package osh

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WhyAccess is the request of whyAccess.
type WhyAccess struct {
	Host      string `opt:"host,h" arg:"[USER@]HOST[:PORT]" pos:"true" required:"true" complete:"host" help:"the target"`
	User      string `opt:"user,u,l" arg:"USER" help:"login at the target, if not in the target"`
	Port      string `opt:"port,p" arg:"PORT" help:"port of the target, 22 if not given, or 830 for netconf"`
	Account   string `opt:"account" arg:"ACCOUNT" complete:"account" help:"ask about that account; for auditors"`
	Protocol  string `opt:"protocol" arg:"PROTOCOL" help:"ssh, telnet, netconf, or a right to transfer files: scpupload, scpdownload, sftp, rsync"`
	From      string `opt:"from" arg:"IP" help:"as if coming from there; otherwise from where you are"`
	ProxyHost string `opt:"proxy-host" arg:"HOST" help:"through that egress jump host"`
	ProxyPort string `opt:"proxy-port" arg:"PORT" help:"its port, 22 if not given"`
	Password  string `opt:"password" arg:"GROUP" complete:"group" help:"with the egress password of that group, instead of keys"`
	Self      bool   `opt:"self-password,P" help:"with the account's own egress password, instead of keys"`
	ProxyUser string `opt:"proxy-user" arg:"USER" help:"the login there; the one at the target if not given"`
	DB        string `opt:"db" arg:"NAME" complete:"database" help:"instead of a target, a database"`
}

// needs implements partly: a database has no host to be given.
func (r *WhyAccess) needs(option string) bool { return option != "host" || r.DB == "" }

// WhyAccessValue is the value of whyAccess.
type WhyAccessValue struct {
	Account   string        `json:"account"`
	Allowed   bool          `json:"allowed"`
	From      *string       `json:"from"`
	Host      string        `json:"host"`
	IP        string        `json:"ip"`
	Port      int           `json:"port"`
	Protocol  string        `json:"protocol"`
	User      string        `json:"user"`
	ProxyIP   *string       `json:"proxyIp"`
	ProxyPort *int          `json:"proxyPort"`
	ProxyUser *string       `json:"proxyUser"`
	Database  string        `json:"database,omitempty"` // the name that the gateway offers it by
	Decisions []WhyDecision `json:"decisions"`          // all must allow
}

// WhyDecision is one question put to policy: the login, and then the right to
// transfer files if that was asked.
type WhyDecision struct {
	User        string          `json:"user"` // as accesses name it
	Allowed     bool            `json:"allowed"`
	Reason      *string         `json:"reason"` // nil: allowed
	MFARequired string          `json:"mfa_required"`
	Checks      []WhyCheck      `json:"checks"`
	Lists       []WhyList       `json:"lists"`
	Credentials []WhyCredential `json:"credentials"` // in the order in which they are tried
}

// WhyCheck is one condition that comes before accesses.
type WhyCheck struct {
	Check string  `json:"check"`
	OK    bool    `json:"ok"`
	Rule  *string `json:"rule"` // the one that decided
}

// WhyList is one list of accesses: whether it grants, and why not.
type WhyList struct {
	Type   string        `json:"type"`
	Group  *string       `json:"group"`
	Grants bool          `json:"grants"`
	Access *ListedAccess `json:"access"` // the one that counts
	// Database is the one that is asked for, as this list gives it.
	Database *Database `json:"database,omitempty"`
	Because  *string   `json:"because"`
	Misses   []WhyMiss `json:"misses"` // accesses for that address that are for something else
}

// WhyMiss is an access that does not cover what is asked.
type WhyMiss struct {
	Access  string `json:"access"`
	Because string `json:"because"`
}

// WhyCredential is one egress key, or the egress password of that number, the
// current one being 0; its algorithm is "password". Of a database it is one of
// password, hook and certificate, without any of that.
type WhyCredential struct {
	Type        string  `json:"type"`
	Group       *string `json:"group"`
	Algorithm   string  `json:"algorithm"`
	Fingerprint string  `json:"fingerprint"`
	Password    *int    `json:"password,omitempty"`
}

func whyAccessCommand() *Command {
	return &Command{
		Name:     "whyAccess",
		Category: Open,
		Summary:  "why a target can be reached, or can't",
		Long: "It asks what every session asks, connects nowhere, and shows the rule that grants or denies: the state\n" +
			"of the account, the rules of the networks, each list of accesses, second factors, the end of what is\n" +
			"granted for a time, and the egress keys in the order in which they would be tried. Auditors may ask\n" +
			"about others.",
		Examples: []string{
			"whyAccess root@192.0.2.7",
			"whyAccess root@[2001:db8::7]:2222 --account alice --from 198.51.100.4",
			"whyAccess 192.0.2.7 --user www --protocol sftp --json",
			"whyAccess --db orders",
		},
		New:  func() any { return new(WhyAccess) },
		Text: whyAccessText,
	}
}

func whyAccessText(w io.Writer, r Result) error {
	var v WhyAccessValue
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	for _, d := range v.Decisions {
		if len(v.Decisions) > 1 {
			fmt.Fprintf(w, "\nAs %s:\n", d.User)
		}
		writeWhy(w, d)
	}
	return nil
}

func writeWhy(w io.Writer, d WhyDecision) {
	if d.Reason != nil {
		fmt.Fprintf(w, "Denied: %s\n", *d.Reason)
	}
	for _, c := range d.Checks {
		state := "ok"
		if !c.OK {
			state = "NO"
		}
		fmt.Fprintf(w, "  %-2s  %s", state, c.Check)
		if c.Rule != nil {
			fmt.Fprintf(w, ": %s", *c.Rule)
		}
		fmt.Fprintln(w)
	}
	for _, l := range d.Lists {
		writeWhyList(w, l)
	}
	if !d.Allowed {
		return
	}
	if d.MFARequired != "none" {
		fmt.Fprintf(w, "Second factor required: %s\n", d.MFARequired)
	}
	writeWhyCredentials(w, d)
}

func writeWhyList(w io.Writer, l WhyList) {
	state := "no"
	if l.Grants {
		state = "ok"
	}
	fmt.Fprintf(w, "  %-2s  %s", state, l.Type)
	if l.Group != nil {
		fmt.Fprintf(w, " of %s", *l.Group)
	}
	if l.Because != nil {
		fmt.Fprintf(w, ": %s", *l.Because)
	}
	fmt.Fprintln(w)
	if l.Access != nil {
		fmt.Fprint(w, "      by  ")
		writeAccess(w, l.Access)
	}
	if l.Database != nil {
		fmt.Fprintf(w, "      %s, rights %s\n", l.Database.at(), strings.Join(append([]string{l.Database.Allow}, l.Database.limits()...), ", "))
	}
	for _, m := range l.Misses {
		fmt.Fprintf(w, "      %s: %s\n", m.Access, m.Because)
	}
}

func writeWhyCredentials(w io.Writer, d WhyDecision) {
	if len(d.Credentials) == 0 && d.Lists[0].Database != nil {
		fmt.Fprintln(w, "The database has no credential.")
	} else if len(d.Credentials) == 0 {
		fmt.Fprintln(w, "There is no egress key to try.")
	}
	for i, c := range d.Credentials {
		if c.Password == nil && c.Fingerprint == "" {
			fmt.Fprintf(w, "%d. %s of the database\n", i+1, c.Algorithm)
			continue
		}
		if c.Password != nil {
			fmt.Fprintf(w, "%d. egress password %d\n", i+1, *c.Password)
			continue
		}
		way := c.Type
		if c.Group != nil {
			way += " of " + *c.Group
		}
		fmt.Fprintf(w, "%d. %s key %s, %s\n", i+1, strings.TrimPrefix(c.Algorithm, "ssh-"), c.Fingerprint, way)
	}
}
