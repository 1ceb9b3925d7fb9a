package osh

type (
	Lock   struct{} // Lock is the request of lock.
	Unlock struct{} // Unlock is the request of unlock.
)

// Locked is the value of lock and unlock.
type Locked struct {
	Sessions int `json:"sessions"` // that were told
}

func lockCommand() *Command {
	return &Command{
		Name:     "lock",
		Category: Open,
		Summary:  "lock your sessions on this node",
		Long: "Those with targets, on a terminal: they are hidden and refuse what is typed, while the targets go on and are\n" +
			"recorded, until unlock.",
		Examples: []string{"lock"},
		New:      func() any { return new(Lock) },
	}
}

func unlockCommand() *Command {
	return &Command{
		Name:     "unlock",
		Category: Open,
		Summary:  "unlock your sessions on this node",
		Long: "Log in anew for it: the sessions of the connection that it is run over stay locked, so that nobody who finds\n" +
			"a locked screen unlocks it. With ControlMaster in your ssh: ssh -S none.",
		Examples: []string{"unlock"},
		New:      func() any { return new(Unlock) },
	}
}
