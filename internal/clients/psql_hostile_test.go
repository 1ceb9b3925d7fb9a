package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// psqlEscapes are what somebody might type at psql's prompt, as a script. SECRET
// is a file of the host's that everybody may read, MARK one that is never to
// be. In the end psql has to be there still and say "alive".
var psqlEscapes = []struct {
	name, script string
	says         string // on standard error; empty: nothing
}{
	{`\!`, `\! id`, ""},
	{`\! with a shell`, `\! /bin/sh -c "id; touch MARK"`, ""},
	{`\! alone`, `\!`, ""},
	{`\! in the background`, `\! id & touch MARK`, ""},
	{`\! of psql itself`, `\! /usr/bin/psql --version`, ""},
	{"fork bomb", `\! :(){ :|:& };:`, ""},
	{"backticks", "\\echo `id` `cat SECRET`", "id: "},
	{"backticks in set", "\\set x `touch MARK; id`\n\\echo :x", "touch MARK; id: "},
	{"prompt with a command", "\\set PROMPT1 '%`id`%/%R%# '\n\\set PROMPT2 '%`touch MARK`'", ""},
	{`\copy from a file`, "create temp table t1 (a text);\n\\copy t1 from 'SECRET'\ntable t1;", "SECRET: No such file or directory"},
	{`\copy from /etc/passwd`, "create temp table t2 (a text);\n\\copy t2 from /etc/passwd\ntable t2;", "/etc/passwd: No such file or directory"},
	{`\copy from the environment`, "create temp table t3 (a text);\n\\copy t3 from /proc/self/environ\ntable t3;", "/proc/self/environ: No such file or directory"},
	{`\copy from a folder`, "create temp table t4 (a text);\n\\copy t4 from /\ntable t4;", "Permission denied"},
	{`\copy to a file`, `\copy (select 1) to 'MARK'`, "No such file or directory"},
	{`\copy to the root`, `\copy (select 1) to '/x'`, "Read-only file system"},
	{`\copy from a program`, "create temp table t5 (a text);\n\\copy t5 from program 'id'\ntable t5;", `could not execute command "id"`},
	{`\copy to a program`, `\copy (select 1) to program 'cat > MARK'`, `could not execute command "cat > MARK"`},
	{`\i`, `\i /etc/passwd`, "/etc/passwd: No such file or directory"},
	{`\i of a secret`, `\i SECRET`, "No such file or directory"},
	{`\ir`, `\ir ../../../../etc/shadow`, "No such file or directory"},
	{`\include_relative of /proc`, `\include_relative /proc/1/environ`, "No such file or directory"},
	{`\i of a device`, `\i /dev/tty`, "No such file or directory"},
	{`\g to a command`, `select 1 \g | cat > MARK`, "| cat > MARK: "},
	{`\g to a file`, `select 1 \g MARK`, "No such file or directory"},
	{`\gx to a command`, `select 1 \gx | id`, "| id: "},
	{`\o to a command`, "\\o | cat > MARK\nselect 1;", "| cat > MARK: "},
	{`\o to a file`, "\\o /etc/x\nselect 1;\n\\o", "/etc/x: Read-only file system"},
	{`\o to the program`, "\\o /usr/bin/psql\nselect 1;\n\\o", "Read-only file system"},
	{`\o to the socket`, "\\o /run/gateway/.s.PGSQL.5432\nselect 1;\n\\o", "Permission denied"},
	{`\o to other descriptors`, "\\o /dev/fd/3\nselect 1;\n\\o", "No such file or directory"},
	{`\w to a file`, "select 1\n\\w MARK\n;", "No such file or directory"},
	{`\w to a command`, "select 1\n\\w | cat > MARK\n;", "| cat > MARK: "},
	{`\e`, "\\setenv PSQL_EDITOR /bin/sh\n\\e", ""},
	{`\e of a file`, `\e SECRET`, "SECRET: No such file or directory"},
	{`\e with a line`, "\\setenv PSQL_EDITOR_LINENUMBER_ARG '; touch MARK;'\nselect 1\n\\e 1\n;", ""},
	{`\ef`, "\\setenv EDITOR 'touch MARK;'\n\\ef", ""},
	{`\ev`, "\\setenv VISUAL 'touch MARK;'\n\\ev pg_user", ""},
	{"pager", "\\setenv PAGER 'touch MARK; id; cat'\n\\setenv PSQL_PAGER 'touch MARK; id; cat'\n\\pset pager always\nselect 1;", ""},
	{`pager of \?`, "\\setenv PSQL_PAGER 'touch MARK'\n\\pset pager always\n\\? variables\n\\h select", ""},
	{`pager of \watch`, "\\setenv PSQL_WATCH_PAGER 'touch MARK'\nselect 1/0 \\watch 1", "division by zero"},
	{"shell", "\\setenv SHELL /tmp/x\n\\! id", ""},
	{"LD_PRELOAD", "\\setenv LD_PRELOAD /tmp/evil.so\n\\! /usr/bin/psql", ""},
	{"PATH", "\\setenv PATH /tmp:/usr/bin\n\\! psql", ""},
	{`\cd`, "\\cd /etc\n\\i passwd", "No such file or directory"},
	{`\cd to the root`, "\\cd /\n\\i etc/passwd", "etc/passwd: No such file or directory"},
	{"loopback", `\c "host=127.0.0.1 port=PORT user=postgres"`, "could not create socket: Operation not permitted"},
	{"a name to resolve", `\c "host=localhost port=PORT user=postgres"`, "could not translate host name"},
	{"hostaddr", `\c "host=x hostaddr=127.0.0.1 port=PORT"`, "could not create socket: Operation not permitted"},
	{"another socket", `\c "host=SOCKETS port=PORT user=postgres"`, "No such file or directory"},
	{"usual socket", `\c "host=/var/run/postgresql user=postgres"`, "No such file or directory"},
	{"abstract socket", `\c "host=@/tmp/clients user=postgres"`, "failed"},
	{"service file", "\\setenv PGSERVICEFILE SECRET\n\\c service=x", `service file "SECRET" not found`},
	{"password file", `\c "passfile=SECRET dbname=none"`, `database "none" does not exist`},
	{"key of TLS", `\c "host=127.0.0.1 sslmode=require sslcert=SECRET sslkey=/etc/ssl/private/ssl-cert-snakeoil.key"`, "Operation not permitted"},
	{"kerberos", "\\setenv KRB5_CONFIG SECRET\n\\c \"host=127.0.0.1 gssencmode=require\"", "failed"},
	{`\lo_import`, `\lo_import /etc/passwd`, "No such file or directory"},
	{`\lo_export`, "select lo_create(4711);\n\\lo_export 4711 MARK", "No such file or directory"},
	{`\lo_export to the library`, `\lo_export 4711 /lib/x86_64-linux-gnu/libc.so.6`, "could not open file"},
	{`\gexec`, `select '\! id' \gexec`, "syntax error"},
	{`\if`, "\\if `id`\n\\echo yes\n\\endif", "id: "},
	{"log file", "\\set HISTFILE MARK", ""},
	{"init file that includes", "\\o ~/.psqlrc\n\\qecho '\\\\! id'\n\\o\n\\i ~/.psqlrc", ""},
	{"endless includes", "\\o /tmp/loop\n\\qecho '\\\\i /tmp/loop'\n\\o\n\\i /tmp/loop", "Too many open files"},
	{"full disk", `\copy (select repeat('x', 1000000) from generate_series(1, 40)) to '/tmp/full'`, "could not write"},
	{"memory", "select repeat('x', 60000000) from generate_series(1, 10) \\g /tmp/y", "out of memory"},
	{"source of a function", `\sf pg_sleep`, ""},
	{"crosstab", `select 1 as a, 2 as b, 3 as c \crosstabview`, ""},
}

// TestPsqlEscapes has one psql for each attempt.
func TestPsqlEscapes(t *testing.T) {
	if testing.Short() {
		t.Skip("one psql for each attempt")
	}
	w := newWorld(t)
	dir, err := os.MkdirTemp("", "clients-host-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	secret, mark := filepath.Join(dir, "secret"), filepath.Join(dir, "mark")
	if err := os.WriteFile(secret, []byte("topsecret\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("SECRET", secret, "MARK", mark, "SOCKETS", w.server.Dir, "PORT", itoa(w.server.Port))
	for _, attempt := range psqlEscapes {
		t.Run(attempt.name, func(t *testing.T) {
			got := w.run(t, names.Replace(attempt.script)+"\n\\o\n\\echo alive\n\\q\n", "-X")
			says := names.Replace(attempt.says)
			if !strings.Contains(got.err, says) || says == "" && got.err != "" {
				t.Errorf("psql says %q, want %q", got.err, says)
			}
			for _, sign := range []string{"topsecret", "uid=", "root:", "/usr/bin:"} {
				if strings.Contains(got.out+got.err, sign) {
					t.Errorf("there is %q in what it shows:\n%s%s", sign, got.out, got.err)
				}
			}
			// A script ends where it loses its connection.
			lost := strings.Contains(got.err, `\connect: `) && got.status == "exit 2\n"
			if !lost && (!strings.HasSuffix(got.out, "alive\n") || got.status != "exit 0\n") {
				t.Errorf("psql is gone, with %q:\n%s%s", got.status, got.out, got.err)
			}
			if _, err := os.Lstat(mark); err == nil {
				t.Error("it made a file on the host")
				os.Remove(mark)
			}
		})
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "topsecret\n" {
		t.Errorf("the host's file is %q, %v", b, err)
	}
}
