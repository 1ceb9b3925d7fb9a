package osh

// AdminMaintenance is the request of adminMaintenance.
type AdminMaintenance struct {
	Lock    bool   `opt:"lock" help:"let nobody but administrators log in"`
	Message string `opt:"message" arg:"TEXT" help:"with --lock: what those who are refused are told"`
	Unlock  bool   `opt:"unlock" help:"let everybody log in again"`
}

// AdminMaintenanceValue is the value of adminMaintenance.
type AdminMaintenanceValue struct {
	Action  string  `json:"action"` // lock, unlock
	Message *string `json:"message"`
}

func adminMaintenanceCommand() *Command {
	return &Command{
		Name:     "adminMaintenance",
		Category: Admin,
		Summary:  "refuse new logins of all but administrators",
		Long: "It counts at login, on this node: connections that are open go on, with what is started in them\n" +
			"later. Administrators are let in, with a warning.",
		Examples: []string{
			"adminMaintenance --lock --message 'back at 18:00'",
			"adminMaintenance --unlock",
		},
		New: func() any { return new(AdminMaintenance) },
	}
}
