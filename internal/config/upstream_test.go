package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// otherFiles are The Bastion's files besides bastion.conf. Nobody writes their
// keys into gateway.yaml, so the page alone has them.
func otherFiles() []upstreamFile {
	return []upstreamFile{
		{"plugin.NAME.conf (here: `commands: {NAME: {…}}`)", []upstreamRow{
			{"disabled", better, "also hides the command in help and completion; an unreadable file changes nothing, instead of disabling"},
			{"mfa_required", same, ""},
			{"widest_v4_prefix", better, "`widest_v6_prefix` is its twin; the answer names the limit"},
			{"self_remote_user_only", same, ""},
			{"minPasswordSize", better, "the default length follows it; refused if it is outside 8 to 128"},
			{"admin_show_system_info", same, ""},
			{"show_fortune", better, "a hint about the gateway, without a program that has to be installed"},
			{"master_only terminal_mode execution_mode execution_mode_on_OS stealth_stdout stealth_stderr force_stderr " +
				"jit_mfa jit_mfa_allow_no_host mfa_setup_not_required", notApplicable,
				"belongs to the command itself, where The Bastion does not let the file change it either"},
			{"idle_lock_timeout idle_kill_timeout", notApplicable, "commands of the gateway are neither locked nor ended; interactiveModeTimeout is for its prompt"},
		}},
		{"osh-http-proxy.conf", []upstreamRow{
			{"enabled port ssl_certificate ssl_key ciphers insecure timeout log_request_response log_request_response_max_size " +
				"allowed_methods allowed_egress_protocols", later, "comes with HTTPS device APIs"},
			{"min_servers max_servers min_spare_servers max_spare_servers", notApplicable, "there is no pool of processes to size"},
		}},
		{"osh-encrypt-rsync.conf", []upstreamRow{
			{"signing_key signing_key_passphrase", notApplicable, "every recording is sealed with the node's own key as it ends"},
			{"recipients encrypt_and_move_to_directory encrypt_and_move_ttyrec_delay_days", later, "comes with encryption to auditors and retention"},
			{"encrypt_and_move_user_logs_delay_days encrypt_and_move_user_sqlites_delay_days", notApplicable, "there are no files per account"},
			{"rsync_destination rsync_rsh rsync_delay_before_remove_days", later, "comes with shipping of recordings"},
			{"logfile syslog_facility verbose", notApplicable, "no such job runs"},
		}},
		{"osh-backup-acl-keys.conf", []upstreamRow{
			{"ENABLED DESTDIR DAYSTOKEEP GPGKEYS SIGNING_KEY SIGNING_KEY_PASSPHRASE PUSH_REMOTE PUSH_OPTIONS", later, "comes with gateway backup"},
			{"LOGFILE LOG_FACILITY", notApplicable, "no such job runs"},
		}},
		{"osh-sync-watcher.sh", []upstreamRow{
			{"enabled timeout rshcmd remoteuser remotehostlist", later, "comes with several nodes, which will share a database instead of copying files"},
			{"logdir syslog", notApplicable, "no such job runs"},
		}},
		{"osh-lingering-sessions-reaper.conf", []upstreamRow{
			{"MAX_AGE", notApplicable, "a session's process ends with its connection, and with the monitor"},
		}},
		{"osh-cleanup-guest-key-access.conf", []upstreamRow{
			{"enabled syslog_facility", notApplicable, "guests get no copy of a key, so nothing is left to be removed when an access runs out"},
		}},
		{"osh-piv-grace-reaper.conf", []upstreamRow{
			{"enabled syslog_facility", notApplicable, "what has an end is compared with the clock at each use: no job has to act on time"},
		}},
		{"osh-orphaned-homedir.conf", []upstreamRow{
			{"enabled syslog_facility", notApplicable, "accounts have no home folder"},
		}},
		{"osh-remove-empty-folders.conf", []upstreamRow{
			{"enabled syslog_facility MTIME_DAYS", notApplicable, "recordings make no folder per target"},
		}},
		{"crontab", []upstreamRow{
			{"guests piv-grace orphaned-homes rotation encryption backup empty-folders", notApplicable, "nothing has to be installed beside the gateway"},
		}},
	}
}

// ours are the keys of gateway.yaml that The Bastion has not.
func ours() []string {
	return []string{"listen", "auditFile", "syslogAddress", "acceptEnv", "loginGraceTime", "maxConnections", "maxConnectionsPerSource",
		"sessionsPerConnection", "forwardsPerConnection", "clientKeepAlive", "databasePasswordProgram", "connectTimeout",
		"commands", "sandbox"}
}

// A key of Config must be in the rows of what is the same or better, and the
// other way round: who adds a setting says what became of The Bastion's.
func TestEverySettingIsOnThePage(t *testing.T) {
	checkRows(t, bastionConf(), Keys(), ours())
	checkRows(t, otherFiles()[0].rows, keys(reflect.TypeFor[CommandSettings]()), []string{"widest_v6_prefix"})
}

func checkRows(t *testing.T, rows []upstreamRow, keys, ours []string) {
	t.Helper()
	have := map[string]upstreamStatus{}
	for _, row := range rows {
		for _, key := range strings.Fields(row.keys) {
			if have[key] != "" {
				t.Errorf("%s is there twice", key)
			}
			have[key] = row.status
			if here := row.status == same || row.status == better; here != slices.Contains(keys, key) {
				t.Errorf("the page says %q of %s; a setting of gateway.yaml: %v. Correct internal/config/upstream.go",
					row.status, key, !here)
			}
		}
		if row.note == "" && row.status != same {
			t.Errorf("%s: %s, and not why or how", row.keys, row.status)
		}
	}
	for _, key := range keys {
		if (have[key] == "") != slices.Contains(ours, key) {
			t.Errorf("%s is missing in, or has to leave, internal/config/upstream.go or the list of our own settings", key)
		}
	}
}

// settingsPage is docs/settings.md.
func settingsPage() []byte {
	var b strings.Builder
	b.WriteString(`# The Bastion's settings

Generated from ` + "`internal/config/upstream.go`" + ` and its test by ` + "`go generate ./internal/config`" + `.

What became of every setting of The Bastion. Same: the name and the meaning are kept, in [gateway.yaml](config.md).
Better: the name is kept, and it does more. Not offered yet: it comes with the feature that it belongs to. Not
applicable: what it is about does not exist here. The last two are refused in ` + "`gateway.yaml`" + `, with the reason.

Everywhere: an unknown key, a value of the wrong type or out of range, and values that contradict each other are named
with their line, and leave the last good configuration in force. The Bastion falls back to a default instead.
`)
	for _, f := range append([]upstreamFile{{"bastion.conf", bastionConf()}}, otherFiles()...) {
		fmt.Fprintf(&b, "\n## %s\n\n| setting | here | |\n|---|---|---|\n", f.name)
		for _, row := range f.rows {
			for _, key := range strings.Fields(row.keys) {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, row.status, row.note)
			}
		}
	}
	fmt.Fprintf(&b, "\n## Only here\n\n`%s`, and of commands `widest_v6_prefix`: see [gateway.yaml](config.md).\n", strings.Join(ours(), "`, `"))
	return []byte(b.String())
}
