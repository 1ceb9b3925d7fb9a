package osh

// GroupModify is the request of groupModify.
type GroupModify struct {
	GroupOption
	MFARequired   string `opt:"mfa-required" arg:"FACTOR" help:"of each connection through the group: password, totp, any or none"`
	GuestTTLLimit string `opt:"guest-ttl-limit" arg:"DURATION" help:"longest guest access: seconds, or 1d7h8m; 0 for no limit"`
	IdleLock      string `opt:"idle-lock-timeout" arg:"DURATION" help:"instead of the gateway's own; 0 for never, -1 for the gateway's"`
	IdleKill      string `opt:"idle-kill-timeout" arg:"DURATION" help:"likewise"`
}

// GroupModifyValue is the value of groupModify: what became of each option
// that was given.
type GroupModifyValue struct {
	GuestTTLLimit *Modified `json:"guest_ttl_limit,omitempty"`
	IdleKill      *Modified `json:"idle_kill_timeout,omitempty"`
	IdleLock      *Modified `json:"idle_lock_timeout,omitempty"`
	MFARequired   *Modified `json:"mfa_required,omitempty"`
}

// Modified is the answer about one of several options.
type Modified struct {
	Code    string    `json:"error_code"` // OK, OK_NO_CHANGE
	Message string    `json:"error_message"`
	Value   *struct{} `json:"value"` // always null
}

func groupModifyCommand() *Command {
	return &Command{
		Name:       "groupModify",
		Category:   GroupOwner,
		MasterOnly: true,
		Summary:    "change the policy of a group",
		Long: "Either all that is given is changed, or nothing. --guest-ttl-limit is for guest accesses that are\n" +
			"added from now on. The idle timeouts are for sessions that the group lets in, from their start, in place\n" +
			"of the gateway's; of several groups, and the gateway, the shortest counts. A group with an access to every\n" +
			"address has no say in this.",
		Examples: []string{
			"groupModify --group web --mfa-required totp --guest-ttl-limit 7d",
			"groupModify --group web --idle-lock-timeout 10m --idle-kill-timeout -1",
		},
		New: func() any { return new(GroupModify) },
	}
}
