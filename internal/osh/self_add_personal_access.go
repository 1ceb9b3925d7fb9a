package osh

// AccessOptions name one entry of a list of accesses.
type AccessOptions struct {
	Host     string `opt:"host,h" arg:"HOST" pos:"true" required:"true" help:"host name, IP address or CIDR prefix"`
	User     string `opt:"user,u,l" arg:"USER" help:"login at the target; * and ? match anything, * alone any user"`
	UserAny  bool   `opt:"user-any" help:"same as --user '*'"`
	Port     string `opt:"port,p" arg:"PORT" help:"port of the target; * for any"`
	PortAny  bool   `opt:"port-any" help:"same as --port '*'"`
	Protocol string `opt:"protocol" arg:"PROTOCOL" help:"instead of --user, the right to transfer files: scpupload, scpdownload, sftp, rsync"`
	ProxyOptions
}

// ProxyOptions name the egress jump host of an access: all of them, or none.
type ProxyOptions struct {
	ProxyHost string `opt:"proxy-host" arg:"HOST" help:"the access is through this jump host: a name or an IP address"`
	ProxyPort string `opt:"proxy-port" arg:"PORT" help:"port of the jump host; * for any"`
	ProxyUser string `opt:"proxy-user" arg:"USER" help:"login at the jump host; * and ? match anything, * alone any user"`
}

// NewAccessOptions are what else an access may have when it is added.
type NewAccessOptions struct {
	TTL           string `opt:"ttl" arg:"DURATION" help:"it ends after that long: seconds, or 1d7h8m"`
	Comment       string `opt:"comment" arg:"TEXT" help:"why it is there"`
	Force         bool   `opt:"force" help:"don't try to connect first"`
	ForceKey      string `opt:"force-key" arg:"FINGERPRINT" help:"use only that egress key"`
	ForcePassword string `opt:"force-password" arg:"HASH" help:"use only the egress password that has this hash"`
	Profile       string `opt:"profile" arg:"PROFILE" help:"the device profile of logins with a password; found out if not given"`
	Legacy        bool   `opt:"legacy" help:"permit algorithms of SSH that are insecure today, for old gear"`
	NETCONF       string `opt:"netconf-allow" arg:"RIGHTS" help:"for NETCONF only, and there only this: OPERATION[:DATASTORE],..., read, edit, commit:confirmed-SECONDS"`
}

// SelfAddPersonalAccess is the request of selfAddPersonalAccess.
type SelfAddPersonalAccess struct {
	AccessOptions
	NewAccessOptions
}

// AccessChange is the value of the commands that add or remove a personal access.
type AccessChange struct {
	Account   string  `json:"account"`
	Action    string  `json:"action"` // add, del
	Comment   *string `json:"comment"`
	IP        string  `json:"ip"`
	Port      *int    `json:"port"`
	ProxyIP   *string `json:"proxyIp"`
	ProxyPort *int    `json:"proxyPort"`
	ProxyUser *string `json:"proxyUser"`
	TTL       *int64  `json:"ttl"` // seconds
	User      *string `json:"user"`
}

func selfAddPersonalAccessCommand() *Command {
	return &Command{
		Name:       "selfAddPersonalAccess",
		Aliases:    []string{"selfAddPrivateAccess"},
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "let yourself reach a target with your keys",
		Long: "The gateway first logs in to the target, so that a missing key is found now; --force skips that,\n" +
			"and it is not done for prefixes, user patterns, rights to transfer files and forced passwords.",
		Examples: []string{
			"selfAddPersonalAccess --host 192.0.2.7 --user root --port 22",
			"selfAddPersonalAccess --host 192.0.2.0/24 --user '*' --port '*' --ttl 8h --comment 'migration'",
		},
		New:      func() any { return new(SelfAddPersonalAccess) },
		Settings: boundsOfAccess(),
	}
}
