package osh

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// AccountModify is the request of accountModify: one field per property, empty
// for those that stay as they are.
type AccountModify struct {
	AccountOption
	PAMAuthBypass       string `opt:"pam-auth-bypass" arg:"yes|no" help:"never ask for a second factor at login"`
	MFAPasswordRequired string `opt:"mfa-password-required" arg:"yes|no|bypass" help:"the password factor must be set up; bypass: it is never asked, whoever requires it"`
	MFATOTPRequired     string `opt:"mfa-totp-required" arg:"yes|no|bypass" help:"likewise for one-time passwords (TOTP)"`
	HostKeyChecking     string `opt:"egress-strict-host-key-checking" arg:"POLICY" help:"what to do with a target's host key that is not known: yes (refuse), accept-new (learn a first one), no (learn, only warn of a changed one), ask, default (accept-new), or bypass (neither check nor learn)"`
	Multiplexing        string `opt:"egress-session-multiplexing" arg:"yes|no|default" help:"kept and shown only: each session has a connection of its own"`
	PersonalMFA         string `opt:"personal-egress-mfa-required" arg:"password|totp|any|none" help:"second factor for each connection by a personal access"`
	AlwaysActive        string `opt:"always-active" arg:"yes|no" help:"never inactive, whatever the gateway's settings are"`
	IdleIgnore          string `opt:"idle-ignore" arg:"yes|no" help:"never locked or ended for being idle"`
	MaxInactiveDays     *int   `opt:"max-inactive-days" arg:"N" help:"refuse login after that many days without; 0: never, -1: as the gateway's settings say"`
	OSHOnly             string `opt:"osh-only" arg:"yes|no" help:"may run commands, may connect nowhere"`
	PubkeyAuthOptional  string `opt:"pubkey-auth-optional" arg:"yes|no" help:"second factors may stand in for the key at login"`
}

func accountModifyCommand() *Command {
	return &Command{
		Name:       "accountModify",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "change the properties of an account",
		Long: "Any of the options, at least one; all of them are changed, or none. Live sessions are decided\n" +
			"again by the new state. An administrator's account is for administrators only.",
		Examples: []string{
			"accountModify --account alice --egress-strict-host-key-checking ask",
			"accountModify --account robot --osh-only yes --max-inactive-days 0",
		},
		New:  func() any { return new(AccountModify) },
		Text: modifiedText,
	}
}

// modifiedText writes what became of each property.
func modifiedText(w io.Writer, r Result) error {
	var v map[string]Modified
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		fmt.Fprintf(w, "- %s: %s\n", name, v[name].Message)
	}
	return nil
}
