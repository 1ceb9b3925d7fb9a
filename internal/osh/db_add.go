package osh

// DBAdd is the request of dbAdd.
type DBAdd struct {
	DatabaseName
	DatabaseSettings
}

func dbAddCommand() *Command {
	return &Command{
		Name:       "dbAdd",
		Category:   GroupKeepers,
		MasterOnly: true,
		Summary:    "offer a PostgreSQL database to a group",
		Long: "Members use it with --osh db --name NAME, or through a forwarded port (ssh -N -L 5000:NAME:5432); nobody\n" +
			"learns its password, and every statement is on record. What is secret comes on standard input, one of\n" +
			"them at a time: dbModify adds the others.",
		Examples: []string{
			"dbAdd --group web --name orders --host pg.example.org --database orders --user web --password-stdin <password",
			"dbAdd --group web --name orders-ro --host 192.0.2.5 --database orders --user web_ro --db-allow read --ca-stdin <ca.pem",
		},
		New:   func() any { return new(DBAdd) },
		Local: databaseLocal("dbAdd"),
	}
}
