package postgres

import (
	"strings"

	"gateway"
)

// setting is for SET and RESET.
func (s *statement) setting() {
	reset := s.head[0].is("reset")
	rest := s.head[1:s.n]
	if !reset && len(rest) > 1 && rest[0].is("session", "local") && !s.l.punct(rest[1], '=') && !rest[1].is("to") {
		if rest[0].is("session") && rest[1].is("characteristics") {
			return // for later transactions, which are held as each is
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return // not a command
	}
	name, rest := rest[0], rest[1:]
	if name.kind != wordToken && name.kind != nameToken {
		s.v.need(gateway.DatabaseAll, "SET of that name")
		return
	}
	switch {
	case name.is("transaction"):
		if s.write {
			s.v.need(gateway.DatabaseWrite, "READ WRITE")
		}
	case name.is("session", "authorization"):
		s.v.need(gateway.DatabaseAll, "SESSION AUTHORIZATION")
	case name.is("all", "constraints", "schema", "xml", "seed"):
	case name.is("time") && len(rest) > 0 && rest[0].is("zone"):
	case name.is("names"):
		s.set("client_encoding", rest)
	default:
		if len(rest) > 0 && (s.l.punct(rest[0], '=') || rest[0].is("to")) {
			rest = rest[1:]
		} else if len(rest) > 0 && s.l.punct(rest[0], '.') {
			return // an extension's or a program's own
		}
		s.set(name.word, rest)
	}
}

// set judges a change of a setting; value is empty where it is reset.
func (s *statement) set(name string, value []token) {
	if name == "role" {
		name = "ROLE"
	}
	to := ""
	if len(value) == 1 {
		to = strings.ToLower(strings.Trim(s.l.text[value[0].start:value[0].end], `'"`))
	}
	if class := settingRights(strings.ToLower(name), to); class != gateway.DatabaseRead {
		s.v.need(class, "SET "+name)
	}
}

// settingRights gives the right that a change of a setting needs.
func settingRights(name, value string) gateway.DatabaseRights {
	switch name {
	case "role", "session_authorization", "session_replication_role", "local_preload_libraries",
		"session_preload_libraries", "dynamic_library_path", "is_superuser":
		return gateway.DatabaseAll
	case "transaction_read_only": // the default is not what holds, and pools set it
		if value != "on" && value != "true" {
			return gateway.DatabaseWrite
		}
	case "standard_conforming_strings":
		if value != "on" && value != "true" {
			return gateway.DatabaseAll // texts could not be told apart any more
		}
	case "client_encoding":
		if !singleBytes(value) {
			return gateway.DatabaseAll // likewise
		}
	}
	return gateway.DatabaseRead
}

// singleBytes reports whether no byte of a character that is not ASCII looks
// like ASCII in an encoding, table 24.3.
func singleBytes(encoding string) bool {
	e := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(encoding))
	if strings.HasPrefix(e, "latin") || strings.HasPrefix(e, "iso8859") || strings.HasPrefix(e, "euc") {
		return true
	}
	switch e {
	case "utf8", "unicode", "sqlascii", "koi8", "koi8r", "koi8u", "win866", "win874", "win", "alt":
		return true
	}
	return strings.HasPrefix(e, "win125") || strings.HasPrefix(e, "windows125")
}

// configCall follows a call of set_config, whose first argument must be a plain
// string, and the second too where it counts: pg_dump, for one, uses it so.
type configCall struct {
	state int // 0: none; 1: the name of the function; 2: its parenthesis; 3: the setting; 4: a comma, and the value counts
	name  string
	any   bool // the setting is that of a row
}

// dumped is the value that pg_dump gives whichever setting a query found. None
// of those that count takes it.
const dumped = "'view, foreign-table'"

// begun reports whether there is a call that was not understood.
func (c *configCall) begun() bool { return c.state != 0 }

func (c *configCall) take(s *statement, t token) {
	switch {
	case c.state == 0:
		if (t.kind == wordToken || t.kind == nameToken) && t.word == "set_config" {
			c.state, c.any = 1, false
		}
	case c.state == 1 && s.l.punct(t, '('):
		c.state = 2
	case c.state == 2 && t.is("name"):
		c.state, c.any = 3, true
	case c.state == 4 && c.any && s.plain(t) && s.l.text[t.start:t.end] == dumped:
		c.state = 0
	case c.state == 3 && s.l.punct(t, ','):
		c.state = 4
		if !c.any && settingRights(c.name, "") == gateway.DatabaseRead {
			c.state = 0
		}
	case c.state == 2 && s.plain(t):
		c.state, c.name = 3, strings.ToLower(s.l.text[t.start+1:t.end-1])
	case c.state == 4 && !c.any && s.plain(t):
		if class := settingRights(c.name, strings.ToLower(s.l.text[t.start+1:t.end-1])); class != gateway.DatabaseRead {
			s.v.need(class, "SET "+clipWord(c.name))
		}
		c.state = 0
	default:
		s.v.need(gateway.DatabaseAll, "set_config")
		c.state = 0
	}
}

// plain reports whether t is a string in single quotes that means what it says.
func (s *statement) plain(t token) bool {
	text := s.l.text[t.start:t.end]
	return t.kind == stringToken && text[0] == '\'' && len(text) > 1 && text[len(text)-1] == '\'' &&
		!strings.ContainsAny(text[1:len(text)-1], `'\`)
}

// functionRights gives the right that a call of a function of the server's
// needs beyond its own checks. Those that run a text may do whatever that says;
// what others do is not undone by the end of a transaction, nor refused in one
// that is read-only.
func functionRights(name string) gateway.DatabaseRights {
	switch name {
	case "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "ts_stat", "connectby", "xpath_table",
		"pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf", "pg_promote", "pg_switch_wal",
		"pg_create_restore_point", "pg_start_backup", "pg_stop_backup", "pg_stat_file", "pg_stat_statements_reset",
		"pg_log_backend_memory_contexts", "pg_log_standby_snapshot", "pg_import_system_collations",
		"pg_extension_config_dump", "pg_sync_replication_slots", "pg_drop_replication_slot",
		"pg_create_logical_replication_slot", "pg_create_physical_replication_slot", "lo_import", "lo_export":
		return gateway.DatabaseAll
	case "lo_creat", "lo_create", "lo_unlink", "lowrite", "lo_put", "lo_from_bytea", "lo_truncate", "lo_truncate64",
		"nextval", "setval", "pg_notify":
		return gateway.DatabaseWrite
	case "brin_summarize_new_values", "brin_summarize_range", "brin_desummarize_range", "gin_clean_pending_list":
		return gateway.DatabaseDDL
	}
	for _, prefix := range []string{
		"dblink", "crosstab", "pg_read_", "pg_ls_", "pg_file_", "pg_rotate_logfile", "pg_backup_", "pg_wal_replay_", "pg_logical_",
		"pg_replication_", "pg_copy_", "pg_stat_reset", "pg_restore_", "pg_clear_", "binary_upgrade_",
	} {
		if strings.HasPrefix(name, prefix) {
			return gateway.DatabaseAll
		}
	}
	return gateway.DatabaseRead
}
