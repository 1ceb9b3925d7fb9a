package osh

// AccountUnexpire is the request of accountUnexpire.
type AccountUnexpire struct{ AccountOption }

// AccountUnexpireValue is the value of accountUnexpire: the state before.
type AccountUnexpireValue struct {
	Account string `json:"account"`
	Seen    string `json:"already_seen_before,omitempty"` // "1" if it ever logged in
	Days    string `json:"days"`                          // since the last login
	Info    string `json:"info,omitempty"`
	Seconds int64  `json:"seconds,omitempty"` // since the last login
}

func accountUnexpireCommand() *Command {
	return &Command{
		Name:     "accountUnexpire",
		Category: Restricted,
		Summary:  "forget that an account was inactive for too long",
		Long: "Its inactivity counts anew from now. This is not about the end that --ttl of accountCreate set:\n" +
			"that stays. It works on a read-only node too, for logins there.",
		Examples: []string{"accountUnexpire --account alice"},
		New:      func() any { return new(AccountUnexpire) },
	}
}
