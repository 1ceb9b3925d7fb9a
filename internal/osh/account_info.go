package osh

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// AccountInfo is the request of accountInfo.
type AccountInfo struct {
	Account                string `opt:"account" arg:"ACCOUNT" pos:"true" complete:"account" help:"name of the account"`
	All                    bool   `opt:"all" help:"every account; for auditors"`
	WithGroups             bool   `opt:"with-groups" help:"with its roles in groups (the default for one account)"`
	WithoutGroups          bool   `opt:"without-groups" help:"without them"`
	WithMFAPasswordInfo    bool   `opt:"with-mfa-password-info" help:"accepted: there is no such information"`
	WithoutMFAPasswordInfo bool   `opt:"without-mfa-password-info" help:"accepted: there is no such information"`
	WithEgressKeys         bool   `opt:"with-egress-keys" help:"with its public egress keys"`
	WithoutEgressKeys      bool   `opt:"without-egress-keys" help:"without them (the default)"`
	WithEverything         bool   `opt:"with-everything" help:"with all there is"`
	WithoutEverything      bool   `opt:"without-everything" help:"with nothing that can be left out"`
	FilterOptions
}

// AccountInfoValue is the value of accountInfo, or one of its values with
// --all.
type AccountInfoValue struct {
	Account         string                `json:"account"`
	AllowedCommands []string              `json:"allowed_commands"`
	AlwaysActive    int                   `json:"always_active,omitempty"`
	AlwaysReason    string                `json:"always_active_reason,omitempty"`
	CanConnect      int                   `json:"can_connect"`
	Groups          map[string]GroupFlags `json:"groups"`
	IsActive        int                   `json:"is_active"`
	ActiveUnknown   int                   `json:"is_active_unknown,omitempty"` // then the configuration decides is_active
	IsExpired       int                   `json:"is_expired"`
	IsFrozen        int                   `json:"is_frozen"`
	IsTTLExpired    int                   `json:"is_ttl_expired"`
	IsTTLSet        int                   `json:"is_ttl_set"`
	OSHOnly         int                   `json:"osh_only"`
	TTLTimestamp    *int64                `json:"ttl_timestamp"`
	EgressKeys      map[string]Key        `json:"egress_keys,omitzero"` // by fingerprint
	*AccountDetails
}

// AccountDetails is what auditors see in addition.
type AccountDetails struct {
	EgressSSHConfig     EgressSSHConfig `json:"account_egress_ssh_config"`
	AlreadySeenBefore   int             `json:"already_seen_before"`
	Creation            *Creation       `json:"creation_information,omitempty"`
	EffectivePIV        int             `json:"effective_ingress_piv_policy"`
	Freeze              *FreezeInfo     `json:"freeze_info,omitempty"`
	GlobalIngressPolicy int             `json:"global_ingress_policy"`
	IdleIgnore          int             `json:"idle_ignore"`
	ImmutableKeys       int             `json:"immutable_keys"`
	PIVEnforced         int             `json:"ingress_piv_enforced"`
	PIVGrace            struct {
		Enabled int `json:"enabled"`
	} `json:"ingress_piv_grace"`
	PIVPolicy             *string       `json:"ingress_piv_policy"`
	LastActivity          *LastActivity `json:"last_activity,omitempty"`
	MaxInactiveDays       *string       `json:"max_inactive_days"` // nil: the global setting
	MFAPasswordBypass     int           `json:"mfa_password_bypass"`
	MFAPasswordConfigured int           `json:"mfa_password_configured"`
	MFAPasswordRequired   int           `json:"mfa_password_required"`
	MFATOTPBypass         int           `json:"mfa_totp_bypass"`
	MFATOTPConfigured     int           `json:"mfa_totp_configured"`
	MFATOTPRequired       int           `json:"mfa_totp_required"`
	PAMAuthBypass         int           `json:"pam_auth_bypass"`
	PersonalEgressMFA     string        `json:"personal_egress_mfa_required"`
	PubkeyAuthOptional    int           `json:"pubkey_auth_optional"`
}

// EgressSSHConfig says what the account has of its own for connections.
type EgressSSHConfig struct {
	Items map[string]string `json:"items,omitempty"`
	Type  string            `json:"type"` // default, custom
}

// Moment is one time in the forms that scripts read.
type Moment struct {
	Local     string `json:"datetime_local"`
	UTC       string `json:"datetime_utc"`
	Timestamp int64  `json:"timestamp"`
}

// Creation says who created an account, and when.
type Creation struct {
	Version string  `json:"bastion_version"`
	By      string  `json:"by"`
	Comment *string `json:"comment"`
	Moment
}

// FreezeInfo says who froze an account, when and why.
type FreezeInfo struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
	Moment
}

// LastActivity is the last login.
type LastActivity struct {
	Ago string `json:"ago"`
	Moment
}

func accountInfoCommand() *Command {
	return &Command{
		Name:     "accountInfo",
		Category: Restricted,
		Summary:  "the state and the roles of an account",
		Long:     "Auditors see more, and may ask about all accounts at once.",
		Examples: []string{"accountInfo --account alice", "accountInfo --all --without-everything --json"},
		New:      func() any { return new(AccountInfo) },
		Text:     accountInfoText,
	}
}

func accountInfoText(w io.Writer, r Result) error {
	var one AccountInfoValue
	if err := json.Unmarshal(r.Value, &one); err == nil && one.Account != "" {
		writeAccountInfo(w, one)
		return nil
	}
	var all map[string]AccountInfoValue
	if err := json.Unmarshal(r.Value, &all); err != nil {
		return err
	}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if i > 0 {
			fmt.Fprintln(w)
		}
		writeAccountInfo(w, all[name])
	}
	return nil
}

func writeAccountInfo(w io.Writer, v AccountInfoValue) {
	can, s := "can log in", heading
	if v.CanConnect == 0 {
		can, s = "can NOT log in", bad
	}
	writeHeading(w, s, "Account "+v.Account+" "+can+".")
	for _, is := range []struct {
		yes  int
		what string
	}{
		{(1 - v.IsActive) * (1 - v.ActiveUnknown), "It is inactive."},
		{v.ActiveUnknown, "It can't be told now whether it is active."},
		{v.IsFrozen, "It is frozen."},
		{v.IsExpired, "It was inactive for too long."},
		{v.IsTTLExpired, "It has expired."},
		{v.AlwaysActive, "It is never inactive."},
		{v.OSHOnly, "It may run commands, and connect nowhere."},
	} {
		if is.yes == 1 {
			fmt.Fprintln(w, is.what)
		}
	}
	if v.TTLTimestamp != nil && v.IsTTLExpired == 0 {
		fmt.Fprintf(w, "It expires %s.\n", time.Unix(*v.TTLTimestamp, 0).UTC().Format("Mon 2006-01-02 15:04:05 MST"))
	}
	if v.AccountDetails != nil {
		writeAccountDetails(w, v.AccountDetails)
	}
	if len(v.AllowedCommands) > 0 {
		fmt.Fprintf(w, "Restricted commands: %s\n", strings.Join(v.AllowedCommands, " "))
	}
	if len(v.Groups) > 0 {
		writeGroups(w, v.Groups)
	}
	writeKeys(w, "Egress keys:", v.EgressKeys)
}

func writeAccountDetails(w io.Writer, d *AccountDetails) {
	if c := d.Creation; c != nil {
		fmt.Fprintf(w, "Created %s by %s", c.UTC, cmp.Or(c.By, "-"))
		if c.Comment != nil {
			fmt.Fprintf(w, ": %s", *c.Comment)
		}
		fmt.Fprintln(w)
	}
	if d.Freeze != nil {
		fmt.Fprintf(w, "Frozen %s by %s: %s\n", d.Freeze.UTC, d.Freeze.By, cmp.Or(d.Freeze.Reason, "no reason given"))
	}
	if d.LastActivity != nil {
		fmt.Fprintf(w, "Last login %s, %s ago\n", d.LastActivity.UTC, d.LastActivity.Ago)
	} else {
		fmt.Fprintln(w, "Never logged in.")
	}
	if d.MaxInactiveDays != nil {
		fmt.Fprintf(w, "Inactive after %s days without login (0: never).\n", *d.MaxInactiveDays)
	}
	for _, is := range []struct {
		yes  int
		what string
	}{
		{d.ImmutableKeys, "The person can't change its ingress keys."},
		{d.IdleIgnore, "It is never locked or ended for being idle."},
		{d.MFAPasswordRequired, "It must set up a password as second factor."},
		{d.MFAPasswordBypass, "It is never asked for a password as second factor."},
		{d.MFATOTPRequired, "It must set up one-time passwords (TOTP)."},
		{d.MFATOTPBypass, "It is never asked for a one-time password (TOTP)."},
		{d.PAMAuthBypass, "It is asked for no second factor at login."},
		{d.PubkeyAuthOptional, "Second factors may stand in for its key at login."},
	} {
		if is.yes == 1 {
			fmt.Fprintln(w, is.what)
		}
	}
	if d.PersonalEgressMFA != "none" {
		fmt.Fprintf(w, "Its personal accesses need a second factor: %s.\n", d.PersonalEgressMFA)
	}
	for _, key := range slices.Sorted(maps.Keys(d.EgressSSHConfig.Items)) {
		fmt.Fprintf(w, "Connections use %s=%s.\n", key, d.EgressSSHConfig.Items[key])
	}
}
