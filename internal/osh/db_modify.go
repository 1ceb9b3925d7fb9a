package osh

// DBModify is the request of dbModify.
type DBModify struct {
	DatabaseName
	DatabaseSettings
	NoPassword      bool `opt:"no-password" help:"forget the password"`
	NoClearPassword bool `opt:"no-clear-password" help:"only prove it to the server"`
	NoHook          bool `opt:"no-hook" help:"ask no program for a password"`
	NoClientCert    bool `opt:"no-client-cert" help:"forget the client certificate and its key"`
	NoCA            bool `opt:"no-ca" help:"trust what the node trusts"`
	NoRole          bool `opt:"no-role" help:"take no role on"`
	NoTTL           bool `opt:"no-ttl" help:"offer it without end"`
	NoComment       bool `opt:"no-comment" help:"remove the comment"`
}

// needs implements partly: what is not given stays as it is.
func (*DBModify) needs(option string) bool { return option == "group" || option == "name" }

func dbModifyCommand() *Command {
	return &Command{
		Name:       "dbModify",
		Category:   GroupKeepers,
		MasterOnly: true,
		Summary:    "change a database of a group, or its credential",
		Long: "What is not given stays as it is. Who changes where the password is sent (--host, --port, --user, --tls,\n" +
			"--ca-stdin, --no-ca, --clear-password) has to give it again in the same call, or to remove it with --no-password. Live\n" +
			"sessions end that were opened with something else.",
		Examples: []string{
			"dbModify --group web --name orders --password-stdin <password",
			"dbModify --group web --name orders --db-allow read --row-limit 10000 --statement-timeout 30",
		},
		New:   func() any { return new(DBModify) },
		Local: databaseLocal("dbModify"),
	}
}
