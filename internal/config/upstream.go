package config

import (
	"slices"
	"strings"
)

// upstreamFile is one configuration file of The Bastion. docs/settings.md is
// made from the list of them.
type upstreamFile struct {
	name string
	rows []upstreamRow
}

// upstreamRow says what became of settings of The Bastion.
type upstreamRow struct {
	keys   string // apart by blanks
	status upstreamStatus
	note   string
}

type upstreamStatus string

// What can become of a setting. Those of same and better are keys of Config.
const (
	same          upstreamStatus = "same"
	better        upstreamStatus = "better"
	later         upstreamStatus = "not offered yet"
	notApplicable upstreamStatus = "not applicable"
)

// elsewhere says why a key of bastion.conf is none of gateway.yaml; empty when
// it is no such key.
func elsewhere(key string) string {
	for _, row := range bastionConf() {
		if slices.Contains(strings.Fields(row.keys), key) && row.status != same && row.status != better {
			return "it is The Bastion's, and " + string(row.status) + " here: " + row.note
		}
	}
	return ""
}

func bastionConf() []upstreamRow {
	return slices.Concat(mainRows(), networkRows(), loggingRows(), sessionRows(), accountRows(), otherRows())
}

func mainRows() []upstreamRow {
	return []upstreamRow{
		{"bastionName", same, "the default is `gateway`"},
		{"bastionCommand", same, "empty: made of the node's name and the port that it listens on"},
		{"readOnlySlaveMode", same, ""},
		{"adminAccounts superOwnerAccounts", better, "the list is enough: no system group has to agree with it"},
		{"allowedIngressSshAlgorithms allowedEgressSshAlgorithms", same, ""},
		{"minimumIngressRsaKeySize maximumIngressRsaKeySize minimumEgressRsaKeySize maximumEgressRsaKeySize", better,
			"fewer than 2048 bits can't be allowed; a minimum above the maximum is refused, not corrected silently"},
		{"defaultAccountEgressKeyAlgorithm defaultAccountEgressKeySize", same,
			"the default is ed25519 with 256 bits; a size that does not suit is refused, not changed"},
		{"moshAllowed moshTimeoutNetwork moshTimeoutSignal moshCommandLine", later, "comes with mosh"},
		{"egressProxyJumpAllowed", same, ""},
	}
}

func networkRows() []upstreamRow {
	return []upstreamRow{
		{"dnsSupportLevel", same, ""},
		{"allowedNetworks forbiddenNetworks", better, "a changed list ends the live sessions that it no longer allows"},
		{"ingressToEgressRules", better, "a malformed rule is refused with its line when the file is read, so no session meets one"},
		{"IPv4Allowed IPv6Allowed", better, "both false is refused, as nothing could be reached"},
	}
}

func loggingRows() []upstreamRow {
	return []upstreamRow{
		{"enableSyslog syslogFacility syslogDescription", better,
			"off by default, as the audit log is always written; RFC 5424, also to another machine (`syslogAddress`)"},
		{"enableGlobalAccessLog enableAccountAccessLog enableGlobalSqlLog enableAccountSqlLog", notApplicable,
			"one audit log (auditFile) and one index of sessions are always written: selfListSessions needs no setting"},
		{"ttyrecFilenameFormat ttyrecDirectPathFormat ttyrecViaPathFormat", notApplicable,
			"a recording is named by its session; gateway recording list finds it by account, selfListSessions by target and time"},
		{"ttyrecAdditionalParameters", notApplicable, "there is no ttyrec program; recordings are always compressed"},
		{"ttyrecStealthStdoutPattern", notApplicable, "everything is recorded"},
	}
}

func sessionRows() []upstreamRow {
	return []upstreamRow{
		{"ingressKeysFrom ingressKeysFromAllowOverride", same, ""},
		{"defaultLogin", same, ""},
		{"egressKeysFrom", same, "empty writes nothing in front of the keys: addresses are not guessed"},
		{"keyboardInteractiveAllowed passwordAllowed", same, "both off by default; what is typed is not recorded"},
		{"telnetAllowed", same, ""},
		{"displayLastLogin", same, ""},
		{"fanciness", better, "only where the client asked for a terminal, which is not dumb, and never with --quiet"},
		{"interactiveModeAllowed interactiveModeTimeout interactiveModeByDefault", same, ""},
		{"interactiveModeProactiveMFAenabled interactiveModeProactiveMFAexpiration", later, "comes with second factors"},
		{"idleLockTimeout idleKillTimeout", better, "over telnet too, and not without a terminal; an end that is not after the lock is refused when the file is read"},
		{"warnBeforeLockSeconds warnBeforeKillSeconds", same, ""},
		{"accountExternalValidationProgram accountExternalValidationDenyOnFailure alwaysActiveAccounts", same,
			"left out, it denies: The Bastion's code allows then"},
	}
}

func accountRows() []upstreamRow {
	return []upstreamRow{
		{"accountMaxInactiveDays accountExpiredMessage", same, ""},
		{"accountCreateSupplementaryGroups", same, "the restricted commands among them, as there are no system groups"},
		{"accountCreateDefaultPersonalAccesses", better, "also with IPv6; a wrong entry is refused with its line when the file is read"},
		{"ingressRequirePIV", later, "comes with PIV"},
		{"accountMFAPolicy", same, ""},
		{"MFAPasswordMinDays MFAPasswordMaxDays MFAPasswordWarnDays MFAPasswordInactiveDays MFAPostCommand TOTPProvider", later,
			"comes with second factors"},
		{"accountUidMin accountUidMax", same, "the number is shown and kept unique; no Unix account has it"},
	}
}

func otherRows() []upstreamRow {
	return []upstreamRow{
		{"groupGidMin ttyrecGroupIdOffset", notApplicable, "there are no Unix groups"},
		{"documentationURL", same, "empty by default: shown when set"},
		{"debug", notApplicable, "the node's log has what operators need, always"},
		{"remoteCommandEscapeByDefault", notApplicable, "a command is passed on as it was typed"},
		{"sshClientDebugLevel sshClientHasOptionE", notApplicable, "no ssh program is started: the gateway speaks SSH itself"},
		{"sshAddKeysToAgentAllowed", notApplicable,
			"a target with a forwarded agent could use the group's key elsewhere, and nothing would record that"},
	}
}
