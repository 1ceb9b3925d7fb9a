package gateway

// Exit is how a session ended at the target.
type Exit struct {
	Code   int    // exit status; meaningless when Signal is set
	Signal string // without "SIG", as in RFC 4254 section 6.10; empty: none
	Core   bool   // a core was dumped
	Text   string // the signal's message
}

// Refusal is a reason not to serve, with the exit status and the error_code
// that scripts written for The Bastion expect (its section "Exit codes").
type Refusal struct {
	Code int    // exit status of the ssh client
	Name string // error_code is "KO_" + Name
}

// The refusals before anything runs. Codes and names are The Bastion's.
var (
	RefusalPlugin          = Refusal{100, "PLUGIN_ERROR"}
	RefusalInactive        = Refusal{101, "ACCOUNT_INACTIVE"}
	RefusalHostNotFound    = Refusal{102, "HOST_NOT_FOUND"}
	RefusalReadOnly        = Refusal{103, "READ_ONLY"}
	RefusalUnknownCommand  = Refusal{104, "UNKNOWN_COMMAND"}
	RefusalExecFailed      = Refusal{105, "EXEC_FAILED"}
	RefusalRestricted      = Refusal{106, "RESTRICTED_COMMAND"}
	RefusalTelnet          = Refusal{107, "TELNET_DENIED"}
	RefusalKeyboard        = Refusal{107, "KBD_INTERACTIVE_DENIED"}
	RefusalNoPassword      = Refusal{108, "PASSFILE_NOT_FOUND"}
	RefusalAccessDenied    = Refusal{107, "ACCESS_DENIED"}
	RefusalSSHAs           = Refusal{107, "SSHAS_DENIED"}
	RefusalNoSpace         = Refusal{109, "OUT_OF_SPACE"}
	RefusalOptions         = Refusal{111, "OPTIONS_ERROR"}
	RefusalNoHost          = Refusal{112, "NO_HOST"}
	RefusalExpired         = Refusal{113, "ACCOUNT_EXPIRED"}
	RefusalNoInteractive   = Refusal{114, "INTERACTIVE_DISABLED"}
	RefusalConflictOptions = Refusal{115, "CONFLICTING_OPTIONS"}
	RefusalMaintenance     = Refusal{118, "MAINTENANCE"}
	RefusalAccountInvalid  = Refusal{120, "ACCOUNT_INVALID"}
	RefusalTTL             = Refusal{121, "TTL_EXPIRED"}
	RefusalSignal          = Refusal{117, "SIGNAL"}
	RefusalMFAPassword     = Refusal{122, "MFA_PASSWORD_SETUP_REQUIRED"}
	RefusalMFATOTP         = Refusal{123, "MFA_TOTP_SETUP_REQUIRED"}
	RefusalMFAAny          = Refusal{124, "MFA_ANY_SETUP_REQUIRED"}
	RefusalRecorder        = Refusal{126, "RECORDER_FAILED"}
	RefusalRemoteUser      = Refusal{127, "INVALID_REMOTE_USER"}
	RefusalRemoteHost      = Refusal{128, "INVALID_REMOTE_HOST"}
	RefusalForcedPassword  = Refusal{130, "FORCED-PASSWORD-NOT-FOUND"}
	RefusalFrozen          = Refusal{131, "ACCOUNT_FROZEN"}
	RefusalDNS             = Refusal{132, "DNS_DISABLED"}
	RefusalIPVersion       = Refusal{133, "IP_VERSION_DISABLED"}
	RefusalPort            = Refusal{134, "INVALID_PORT"}
	RefusalProxyJump       = Refusal{135, "PROXYJUMP_DENIED"}
	RefusalBind            = Refusal{111, "INVALID_BIND"}
)

// Exit statuses of connections that were allowed and did not come to be.
const (
	ExitLoginFailed    = 255 // the target refused every credential, or the connection broke
	ExitConnectTimeout = 124
)
