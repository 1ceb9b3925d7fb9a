// Package config loads, checks, prints and edits gateway.yaml, the one file
// that configures a node.
//
// A file goes through three steps: Default gives every value, Load lays the
// file over it, Validate names everything that is wrong at once. A Watcher
// keeps the last good configuration in force while the file changes.
package config

import "net/netip"

// FileName is the file's name in the data folder.
const FileName = "gateway.yaml"

// Config is gateway.yaml. The keys are The Bastion's where it has them. The
// comment of a field goes to docs/config.md and, commented out, to the file
// that init writes; sections are the lines that start with "Section".
// Everything is optional.
type Config struct {
	// Section: Main

	// The name shown to the people who log in and written in recordings and audit records.
	// Letters, digits, '.', '-' and '_'.
	BastionName string `yaml:"bastionName"`
	// How people reach the gateway, as info and accountCreate tell them. ACCOUNT or USER, BASTIONNAME
	// and HOSTNAME stand for the account, bastionName and the node's name.
	// Empty: ssh USER@HOSTNAME -t -- with the port of the first address in listen.
	BastionCommand string `yaml:"bastionCommand"`
	// The addresses to listen on, IP:PORT each. Port 0 takes a free one.
	// Taken up at start only.
	Listen []string `yaml:"listen"`
	// The accounts that may run the administrator's commands.
	AdminAccounts []string `yaml:"adminAccounts"`
	// The accounts that may act as owner, gatekeeper and aclkeeper of every group.
	SuperOwnerAccounts []string `yaml:"superOwnerAccounts"`
	// Refuse every change on this node; sessions go on.
	ReadOnlySlaveMode bool `yaml:"readOnlySlaveMode"`
	// Where people find help. Shown by the command help.
	DocumentationURL string `yaml:"documentationURL"`

	// Section: Keys

	// The types of key that people may log in with: rsa, ecdsa, ed25519, ecdsa-sk, ed25519-sk.
	AllowedIngressSSHAlgorithms []string `yaml:"allowedIngressSshAlgorithms"`
	// The smallest RSA key, in bits, that may be added as an ingress key: 2048 to 16384.
	MinimumIngressRSAKeySize int `yaml:"minimumIngressRsaKeySize"`
	// The largest RSA key, in bits, that may be added as an ingress key: 2048 to 16384.
	MaximumIngressRSAKeySize int `yaml:"maximumIngressRsaKeySize"`
	// The types of egress key that may be generated: rsa, ecdsa, ed25519.
	AllowedEgressSSHAlgorithms []string `yaml:"allowedEgressSshAlgorithms"`
	// The smallest RSA egress key, in bits, that may be generated: 2048 to 8192.
	MinimumEgressRSAKeySize int `yaml:"minimumEgressRsaKeySize"`
	// The largest RSA egress key, in bits, that may be generated: 2048 to 8192.
	MaximumEgressRSAKeySize int `yaml:"maximumEgressRsaKeySize"`
	// The type of the egress key that a new account gets: rsa, ecdsa or ed25519.
	DefaultAccountEgressKeyAlgorithm string `yaml:"defaultAccountEgressKeyAlgorithm"`
	// Its size in bits: 256 for ed25519, 256, 384 or 521 for ecdsa.
	DefaultAccountEgressKeySize int `yaml:"defaultAccountEgressKeySize"`

	// Section: Networks

	// DNS: 0 never, 1 for names that people typed, 2 for the names of addresses too, where --reverse-dns asks for them.
	DNSSupportLevel int `yaml:"dnsSupportLevel"`
	// If not empty, targets must be in one of these networks, whatever accesses say.
	AllowedNetworks []netip.Prefix `yaml:"allowedNetworks"`
	// Targets must not be in one of these networks. Stronger than allowedNetworks.
	ForbiddenNetworks []netip.Prefix `yaml:"forbiddenNetworks"`
	// Rules of the form [[FROM, …], [TO, …], ACTION]; the first that matches decides.
	// ACTION is ALLOW, DENY, or ALLOW-EXCLUSIVE: allow, and deny every other target to these sources.
	IngressToEgressRules []IngressRule `yaml:"ingressToEgressRules"`
	// Targets may have IPv4 addresses.
	IPv4Allowed bool `yaml:"IPv4Allowed"`
	// Targets may have IPv6 addresses.
	IPv6Allowed bool `yaml:"IPv6Allowed"`

	// Section: Logging

	// The audit log, a path that starts in the data folder; "-" is standard output.
	// A session whose record can't be written is refused. Taken up at start only.
	AuditFile string `yaml:"auditFile"`
	// Send each audit record to syslog too. Taken up at start only, as the three that follow.
	EnableSyslog bool `yaml:"enableSyslog"`
	// unix:///PATH, udp://HOST:PORT or tcp://HOST:PORT; RFC 5424.
	SyslogAddress string `yaml:"syslogAddress"`
	// user, daemon, auth, authpriv, or local0 to local7.
	SyslogFacility string `yaml:"syslogFacility"`
	// The program name of the lines.
	SyslogDescription string `yaml:"syslogDescription"`

	// Section: Ingress

	// The networks put on new ingress keys: the only ones that they are accepted from. Empty: any.
	IngressKeysFrom []netip.Prefix `yaml:"ingressKeysFrom"`
	// A from="…" that comes with the key replaces ingressKeysFrom.
	IngressKeysFromAllowOverride bool `yaml:"ingressKeysFromAllowOverride"`
	// The names of environment variables that a client may set; '*' and '?' are wildcards.
	AcceptEnv []string `yaml:"acceptEnv"`
	// Seconds in which a client must have logged in: 1 to 600.
	LoginGraceTime int `yaml:"loginGraceTime"`
	// Connections at the same time: 1 to 60000. Half of them are kept for people who have logged in.
	MaxConnections int `yaml:"maxConnections"`
	// Connections that have not logged in, at the same time, of one address (IPv6: one /64): 1 to 10000.
	MaxConnectionsPerSource int `yaml:"maxConnectionsPerSource"`
	// Sessions at the same time in one connection: 1 to 100.
	SessionsPerConnection int `yaml:"sessionsPerConnection"`
	// Connections to databases that are forwarded at the same time on one ingress connection, 1 to 1000.
	ForwardsPerConnection int `yaml:"forwardsPerConnection"`
	// Seconds between the questions whether the client is still there; it is dropped after three
	// without an answer. 0: never asked.
	ClientKeepAlive int `yaml:"clientKeepAlive"`

	// Section: Egress

	// The login at the target when none is given. Empty: the account's name.
	DefaultLogin string `yaml:"defaultLogin"`
	// The networks written as from="…" in front of public egress keys: the gateway's addresses
	// as targets see them. Empty: nothing is written.
	EgressKeysFrom []netip.Prefix `yaml:"egressKeysFrom"`
	// People may reach a target through a jump host of the target's side (-J).
	EgressProxyJumpAllowed bool `yaml:"egressProxyJumpAllowed"`
	// Targets may be reached over telnet (ssh … -- -e USER@HOST), which nothing protects on its way.
	TelnetAllowed bool `yaml:"telnetAllowed"`
	// Targets may ask for more than a key, and the person answers (ssh … -- --kbd-interactive USER@HOST).
	KeyboardInteractiveAllowed bool `yaml:"keyboardInteractiveAllowed"`
	// People may type the password of a login at a target where no key opens it.
	PasswordAllowed bool `yaml:"passwordAllowed"`
	// The program that gives the short-lived passwords of databases (dbAdd --hook): an absolute path;
	// $BASEDIR at its start stands for the data folder. Empty: none.
	DatabasePasswordProgram string `yaml:"databasePasswordProgram"`
	// Seconds to wait for a target to accept the connection: 1 to 300.
	ConnectTimeout int `yaml:"connectTimeout"`

	// Section: Sessions

	// Show at login when the account was last seen.
	DisplayLastLogin bool `yaml:"displayLastLogin"`
	// What the gateway's own text looks like on a terminal. none: text only. basic: colours.
	// full: colours, and a sign before success and failure. Without a terminal and with --quiet always none.
	Fanciness string `yaml:"fanciness"`
	// The interactive mode may be used (ssh … -- -i).
	InteractiveModeAllowed bool `yaml:"interactiveModeAllowed"`
	// Seconds without input after which the interactive mode ends; 0: never.
	InteractiveModeTimeout int `yaml:"interactiveModeTimeout"`
	// A connection that asks for nothing gets the interactive mode, when allowed, not the help.
	InteractiveModeByDefault bool `yaml:"interactiveModeByDefault"`
	// Seconds without input after which the session of a terminal is locked: hidden and refusing input,
	// while the target goes on. 0: never. Groups may have their own.
	IdleLockTimeout int `yaml:"idleLockTimeout"`
	// Seconds without input after which such a session is ended; 0: never. More than idleLockTimeout.
	IdleKillTimeout int `yaml:"idleKillTimeout"`
	// Seconds before the lock at which the person is warned; 0: not at all.
	WarnBeforeLockSeconds int `yaml:"warnBeforeLockSeconds"`
	// Seconds before the end at which the person is warned; 0: not at all.
	WarnBeforeKillSeconds int `yaml:"warnBeforeKillSeconds"`

	// Section: Accounts

	// Days without login after which an account is refused; 0: never.
	AccountMaxInactiveDays int `yaml:"accountMaxInactiveDays"`
	// What an account is told that is refused for its inactivity; #DAYS# stands for the days since
	// its last login. Empty: a text of the gateway.
	AccountExpiredMessage string `yaml:"accountExpiredMessage"`
	// The program that says at each login whether an account is active: an absolute path; $BASEDIR
	// at its start stands for the data folder. Empty: none.
	AccountExternalValidationProgram string `yaml:"accountExternalValidationProgram"`
	// Refuse the login when that program fails or does not know.
	AccountExternalValidationDenyOnFailure bool `yaml:"accountExternalValidationDenyOnFailure"`
	// The accounts that the program is not asked about.
	AlwaysActiveAccounts []string `yaml:"alwaysActiveAccounts"`
	// Second factors. disabled: none is ever asked for. enabled: who has set one up, or has to, is asked.
	// password-required, totp-required, any-required: every account has to have that one.
	AccountMFAPolicy string `yaml:"accountMFAPolicy"`
	// The lowest UID of a new account: 100 or more.
	AccountUIDMin int `yaml:"accountUidMin"`
	// The highest UID of a new account: at least 1000 above accountUidMin.
	AccountUIDMax int `yaml:"accountUidMax"`
	// The restricted commands that each new account is granted, "osh-COMMAND" or "COMMAND".
	AccountCreateSupplementaryGroups []string `yaml:"accountCreateSupplementaryGroups"`
	// The personal accesses of each new account, [USER@]IP[/LEN][:PORT], an IPv6 address in brackets
	// when a port follows. The user ACCOUNT stands for the account's name.
	AccountCreateDefaultPersonalAccesses []string `yaml:"accountCreateDefaultPersonalAccesses"`

	// Section: Commands

	// The settings of single commands, {NAME: {SETTING: VALUE, …}, …}. What there is to set: below.
	Commands map[string]CommandSettings `yaml:"commands"`

	// Section: Protection

	// enforce: use every protection the kernel has, warn at start about what is missing.
	// require: refuse to start, and to serve, when one is missing.
	Sandbox string `yaml:"sandbox"`

	lines map[string]int // where a path was met in the file
	known []Command      // the commands that may be in Commands
}

// IngressRule is one of IngressToEgressRules.
type IngressRule struct {
	From, To []netip.Prefix
	Action   RuleAction
}

// RuleAction is what an IngressRule does.
type RuleAction string

// The actions of a rule.
const (
	RuleAllow          RuleAction = "ALLOW"
	RuleDeny           RuleAction = "DENY"
	RuleAllowExclusive RuleAction = "ALLOW-EXCLUSIVE"
)

// The values of Config.Fanciness.
const (
	FancinessNone  = "none"
	FancinessBasic = "basic"
	FancinessFull  = "full"
)

// MFADisabled is the value of Config.AccountMFAPolicy that asks for nothing.
const MFADisabled = "disabled"

// The values of Config.Sandbox.
const (
	SandboxEnforce = "enforce"
	SandboxRequire = "require"
)

// Default returns the configuration of an empty file.
func Default() *Config {
	return &Config{
		BastionName: "gateway",
		Listen:      []string{"127.0.0.1:2222"},

		AllowedIngressSSHAlgorithms:      []string{"rsa", "ecdsa", "ed25519", "ecdsa-sk", "ed25519-sk"},
		MinimumIngressRSAKeySize:         2048,
		MaximumIngressRSAKeySize:         8192,
		AllowedEgressSSHAlgorithms:       []string{"rsa", "ecdsa", "ed25519"},
		MinimumEgressRSAKeySize:          2048,
		MaximumEgressRSAKeySize:          8192,
		DefaultAccountEgressKeyAlgorithm: "ed25519",
		DefaultAccountEgressKeySize:      256,

		DNSSupportLevel: 2,
		IPv4Allowed:     true,

		AuditFile:         "audit.jsonl",
		SyslogAddress:     "unix:///dev/log",
		SyslogFacility:    "local7",
		SyslogDescription: "bastion",

		AcceptEnv:               []string{"LANG", "LC_*"},
		LoginGraceTime:          30,
		MaxConnections:          1000,
		MaxConnectionsPerSource: 20,
		SessionsPerConnection:   10,
		ForwardsPerConnection:   256,
		ClientKeepAlive:         60,

		ConnectTimeout: 10,

		DisplayLastLogin:         true,
		Fanciness:                FancinessFull,
		InteractiveModeAllowed:   true,
		InteractiveModeTimeout:   60,
		InteractiveModeByDefault: true,

		AccountExternalValidationDenyOnFailure: true,
		AccountMFAPolicy:                       "enabled",
		AccountUIDMin:                          2000,
		AccountUIDMax:                          99999,

		Sandbox: SandboxEnforce,
	}
}
