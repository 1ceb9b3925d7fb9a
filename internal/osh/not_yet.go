package osh

// The commands of The Bastion that this gateway knows and does not offer yet.
// They are declared in full, so that the rights, the options that must be there
// and the help are those of the command; what they answer is CodeNotYet.

// CodeNotYet is the answer of a command that does nothing yet.
const CodeNotYet = "ERR_NOT_IMPLEMENTED"

// notYet completes the declaration of such a command.
func notYet(c Command) *Command {
	c.Summary += " (not yet)"
	c.NotYet = true
	if c.Long != "" {
		c.Long += "\n"
	}
	c.Long += "This gateway does not offer it yet: it changes nothing and answers " + CodeNotYet + "."
	return &c
}

// notYetCommands are all of them.
func notYetCommands() []*Command {
	var all []*Command
	for _, c := range []Command{
		{Name: "rsync", Category: Open, Summary: "the other end of rsync --rsh", Long: "It is run by rsync, and never typed by hand.",
			New: func() any { return new(Rsync) }},
		{Name: "scp", Category: Open, Summary: "print the wrapper for scp -S", New: func() any { return new(SCP) }},
		{Name: "sftp", Category: Open, Summary: "print the wrapper for sftp -S", New: func() any { return new(SFTP) }},
		{Name: "selfGenerateProxyPassword", Category: Open, MasterOnly: true, Summary: "make a new password for the HTTPS proxy",
			New: func() any { return new(SelfGenerateProxyPassword) }},
		{Name: "selfMFASetupPassword", Category: Open, MasterOnly: true, WithoutFactor: true, Summary: "set up a password as second factor",
			New: func() any { return new(SelfMFASetupPassword) }},
		{Name: "selfMFASetupTOTP", Category: Open, MasterOnly: true, WithoutFactor: true, Summary: "set up one-time passwords (TOTP)",
			New: func() any { return new(SelfMFASetupTOTP) }},
		{Name: "selfMFAResetPassword", Category: Open, MasterOnly: true, Summary: "remove your password factor",
			New: func() any { return new(SelfMFAResetPassword) }},
		{Name: "selfMFAResetTOTP", Category: Open, MasterOnly: true, Summary: "remove your one-time password factor",
			New: func() any { return new(SelfMFAResetTOTP) }},
		{Name: "accountMFAResetPassword", Category: Restricted, MasterOnly: true, Summary: "remove an account's password factor",
			New: func() any { return new(AccountMFAReset) }},
		{Name: "accountMFAResetTOTP", Category: Restricted, MasterOnly: true, Summary: "remove its one-time password factor",
			New: func() any { return new(AccountMFAReset) }},
		{Name: "accountPIV", Category: Restricted, MasterOnly: true, Summary: "whether it needs keys in hardware",
			New: func() any { return new(AccountPIV) }},
		{Name: "realmCreate", Category: Restricted, MasterOnly: true, Summary: "let accounts of another gateway in",
			New: func() any { return new(RealmCreate) }},
		{Name: "realmDelete", Category: Restricted, MasterOnly: true, Summary: "delete a realm and what it was granted",
			New: func() any { return new(RealmDelete) }},
		{Name: "realmInfo", Category: Restricted, Summary: "the known accounts of a realm", New: func() any { return new(RealmInfo) }},
		{Name: "realmList", Category: Restricted, Summary: "list the realms", New: func() any { return new(RealmList) }},
	} {
		all = append(all, notYet(c))
	}
	return all
}

// Requests of those that have no options.
type (
	// SelfMFAResetPassword is of selfMFAResetPassword.
	SelfMFAResetPassword struct{}
	// SelfMFAResetTOTP is of selfMFAResetTOTP.
	SelfMFAResetTOTP struct{}
)

// Rsync is the request of rsync: the words of the remote shell.
type Rsync struct {
	Words []string
}

// parseArgs implements ownArgs.
func (r *Rsync) parseArgs(args []string) error {
	r.Words = args
	return nil
}

// TransferOptions are embedded in requests of scp and sftp.
type TransferOptions struct {
	Host     string `opt:"host" arg:"HOST" help:"the target; without it the wrapper is printed"`
	User     string `opt:"user" arg:"USER" help:"login at the target"`
	Port     string `opt:"port" arg:"PORT" help:"port of the target"`
	MFAToken string `opt:"mfa-token" arg:"TOKEN" help:"proof of the second factor, used by the wrapper"`
}

// SCP is the request of scp.
type SCP struct {
	TransferOptions
	Command string `opt:"scp-cmd" arg:"COMMAND" help:"what scp would run at the target, used by the wrapper"`
}

// SFTP is the request of sftp.
type SFTP struct{ TransferOptions }

// SelfGenerateProxyPassword is the request of selfGenerateProxyPassword.
type SelfGenerateProxyPassword struct {
	DoIt bool `opt:"do-it" required:"true" help:"really make it"`
}

// SelfMFASetupPassword is the request of selfMFASetupPassword.
type SelfMFASetupPassword struct {
	Yes bool `opt:"yes" help:"don't ask for a confirmation"`
}

// SelfMFASetupTOTP is the request of selfMFASetupTOTP.
type SelfMFASetupTOTP struct {
	NoConfirm bool `opt:"no-confirm" help:"don't ask for a first code"`
}

// AccountMFAReset is the request of accountMFAResetPassword and accountMFAResetTOTP.
type AccountMFAReset struct{ AccountOption }

// AccountPIV is the request of accountPIV.
type AccountPIV struct {
	AccountOption
	Policy string `opt:"policy" arg:"default|enforce|never|grace" required:"true" help:"grace: not enforced for the time of --ttl"`
	TTL    string `opt:"ttl" arg:"DURATION" help:"with grace: seconds, or 1d7h8m"`
}

// RealmOption is embedded in requests about one realm.
type RealmOption struct {
	Realm string `opt:"realm" arg:"REALM" pos:"true" required:"true" help:"name of the realm"`
}

// RealmCreate is the request of realmCreate.
type RealmCreate struct {
	RealmOption
	From      string `opt:"from" arg:"IP[,NETWORK…]" required:"true" help:"where its gateway connects from"`
	PublicKey string `opt:"public-key" arg:"KEY" help:"the egress key of its group"`
	Comment   string `opt:"comment" arg:"TEXT" help:"who or what it is"`
}

// RealmDelete is the request of realmDelete.
type RealmDelete struct {
	RealmOption
	ConfirmOption
}

// RealmInfo is the request of realmInfo.
type RealmInfo struct{ RealmOption }

// RealmList is the request of realmList.
type RealmList struct {
	Realm string `opt:"realm" arg:"REALM" pos:"true" help:"this one only"`
	FilterOptions
}
