package osh

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Info is the request of info.
type Info struct{}

// InfoValue is the value of info. Numbers that scripts expect as text are text.
type InfoValue struct {
	Account                string   `json:"account"`
	AccountExpirationDays  string   `json:"account_expiration_days"`
	AdminAccounts          []string `json:"adminAccounts,omitempty"`
	AllowedNetworks        []string `json:"allowed_networks_list"`
	AliasCommand           string   `json:"bastion_alias_command,omitempty"`
	BastionName            string   `json:"bastion_name"`
	EgressIPs              []string `json:"egress_ip_list"`
	EgressRSAMax           string   `json:"egress_rsa_max_size"`
	EgressRSAMin           string   `json:"egress_rsa_min_size"`
	EgressAlgorithms       []string `json:"egress_ssh_key_algorithms"`
	ForbiddenNetworks      []string `json:"forbidden_networks_list"`
	Fortune                string   `json:"fortune"`
	Hostname               string   `json:"hostname"`
	IdleKillTimeout        string   `json:"idle_kill_timeout"`
	IdleLockTimeout        string   `json:"idle_lock_timeout"`
	IngressKeysFrom        []string `json:"ingress_keys_from_ip_list"`
	IngressRSAMax          string   `json:"ingress_rsa_max_size"`
	IngressRSAMin          string   `json:"ingress_rsa_min_size"`
	IngressAlgorithms      []string `json:"ingress_ssh_key_algorithms"`
	InteractiveModeAllowed int      `json:"interactive_mode_allowed"`
	IsAdmin                int      `json:"is_admin,omitempty"`
	IsAuditor              int      `json:"is_auditor,omitempty"`
	IsSuperowner           int      `json:"is_superowner,omitempty"`
	MFAPasswordBypass      int      `json:"mfa_password_bypass"`
	MFAPasswordConfigured  int      `json:"mfa_password_configured"`
	MFAPasswordRequired    int      `json:"mfa_password_required"`
	MFATOTPBypass          int      `json:"mfa_totp_bypass"`
	MFATOTPConfigured      int      `json:"mfa_totp_configured"`
	MFATOTPRequired        int      `json:"mfa_totp_required"`
	MoshAllowed            int      `json:"mosh_allowed"`
	RegisteredAccounts     int      `json:"registered_accounts"`
	RegisteredGroups       int      `json:"registered_groups"`
	SlaveMode              int      `json:"slave_mode"`
	SuperOwnerAccounts     []string `json:"superOwnerAccounts,omitempty"`
	SystemInfo             []string `json:"system_info,omitempty"`
}

func infoCommand() *Command {
	return &Command{
		Name:          "info",
		Aliases:       []string{"helloWorld"},
		Category:      Open,
		WithoutFactor: true,
		Summary:       "who you are here, and what this gateway is set to",
		New:           func() any { return new(Info) },
		Text:          infoText,
		Settings:      []string{"admin_show_system_info", "show_fortune"},
	}
}

func infoText(w io.Writer, r Result) error {
	var v InfoValue
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	writeHeading(w, heading, "You are "+v.Account+" on "+v.BastionName+".")
	for _, is := range []struct {
		yes  int
		what string
	}{{v.IsAdmin, "an administrator"}, {v.IsSuperowner, "a superowner"}, {v.IsAuditor, "an auditor"}} {
		if is.yes == 1 {
			fmt.Fprintf(w, "You are %s.\n", is.what)
		}
	}
	if v.AliasCommand != "" {
		fmt.Fprintf(w, "Reach it with: %s\n", v.AliasCommand)
	}
	if v.SlaveMode == 1 {
		fmt.Fprintln(w, "This node is read-only: changes are made on the master.")
	}
	fmt.Fprintf(w, "It knows %s and %s.\n", counted(v.RegisteredAccounts, "account"), counted(v.RegisteredGroups, "group"))
	for _, list := range []struct {
		what  string
		items []string
		none  string
	}{
		{"Ingress key types", v.IngressAlgorithms, "none"},
		{"Egress key types", v.EgressAlgorithms, "none"},
		{"Connections come from", v.EgressIPs, "(as the network decides)"},
		{"Allowed networks", v.AllowedNetworks, "all"},
		{"Forbidden networks", v.ForbiddenNetworks, "none"},
	} {
		text := list.none
		if len(list.items) > 0 {
			text = strings.Join(list.items, ", ")
		}
		fmt.Fprintf(w, "%s: %s\n", list.what, text)
	}
	if v.AccountExpirationDays != "0" {
		fmt.Fprintf(w, "Accounts expire after %s days without login.\n", v.AccountExpirationDays)
	}
	for _, s := range v.SystemInfo {
		fmt.Fprintf(w, "This node: %s\n", s)
	}
	if v.Fortune != "" {
		fmt.Fprintf(w, "\nHint: %s.\n", v.Fortune)
	}
	return nil
}
