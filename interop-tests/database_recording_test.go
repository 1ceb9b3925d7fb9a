package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"gateway/interop-tests/pgserver"
)

// events are the requests and replies of a recording, one a line, without what
// differs each time.
func (d *databases) events(id string) (all []string) {
	d.t.Helper()
	out, err := d.g.run("recording", "export", "--format", "jsonl", id)
	d.check(err)
	differs := regexp.MustCompile(`"ms":[0-9.]+`)
	// When the state of the transaction comes by itself, it may be recorded so.
	state := regexp.MustCompile(`,"tx":"."`)
	for line := range strings.Lines(out) {
		var e struct{ Event, Name, Text string }
		d.check(json.Unmarshal([]byte(line), &e))
		if e.Event != "request" && e.Event != "reply" {
			continue
		}
		if !json.Valid([]byte(e.Text)) {
			d.t.Errorf("a text that is no JSON: %s", e.Text)
		}
		if e.Name != "ready" {
			all = append(all, e.Event+" "+e.Name+" "+state.ReplaceAllString(differs.ReplaceAllString(e.Text, `"ms":#`), ""))
		}
	}
	return all
}

// session waits for the end of the session at a database that was forwarded
// last, and finds its recording.
func (d *databases) session(before map[string]bool) string {
	d.t.Helper()
	var id string
	d.check(eventually(func() error {
		list, err := d.g.run("recording", "list", "--limit", "0")
		if err != nil {
			return err
		}
		for line := range strings.Lines(list) {
			word, _, _ := strings.Cut(line, " ")
			if strings.Contains(line, " postgres ") && !strings.Contains(line, "not sealed") && !before[word] {
				id, before[word] = word, true
				return nil
			}
		}
		return fmt.Errorf("no recording of a database session that has ended:\n%s", list)
	}))
	return id
}

// TestDatabaseRecording looks at what is recorded of each statement.
func TestDatabaseRecording(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	d.add("hashed", pgserver.Login, "--parameters", "hash", "--results", "2")
	d.add("dropped", pgserver.Login, "--parameters", "drop")
	seen := map[string]bool{}
	for name, want := range map[string]struct{ params, rows, empty string }{
		"sales":   {`["42","näme \"x\"",null]`, "", ""},
		"hashed":  {`[{"hmac":"#"},{"hmac":"#"},null]`, "reply row {\"n\":3,\"row\":[\"1\"]}\nreply row {\"n\":3,\"row\":[\"2\"]}\n", "reply row {\"n\":5,\"row\":[]}\n"},
		"dropped": {`3`, "", ""},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c := pgxConnect(ctx, t, d.forward(name, 5432), pgx.QueryExecModeExec)
		if _, err := c.Exec(ctx, "select g from generate_series(1, 3) g where $1 <> 0 and $2 <> '' and $3::text is null", 42, `näme "x"`, nil); err != nil {
			t.Error(err)
		}
		c.Exec(ctx, "select 1/0", pgx.QueryExecModeSimpleProtocol)
		c.Exec(ctx, "begin; select", pgx.QueryExecModeSimpleProtocol)
		c.Exec(ctx, "alter role app password 'hunter2'", pgx.QueryExecModeSimpleProtocol)
		c.Close(ctx)
		id := d.session(seen)
		got := strings.Join(d.events(id), "\n") + "\n"
		got = regexp.MustCompile(`"hmac":"[0-9a-f]{32}"`).ReplaceAllString(got, `"hmac":"#"`)
		wanted := `request parse {"n":1,"sql":"select g from generate_series(1, 3) g where $1 <> 0 and $2 <> '' and $3::text is null"}
request bind {"n":2,"params":` + want.params + `}
request execute {"n":3}
` + want.rows + `reply execute {"n":3,"statement":1,"bind":2,"rows":3,"bytes":21,"ms":#,"tag":"SELECT 3"}
request query {"n":4,"sql":"select 1/0"}
reply query {"n":4,"rows":0,"bytes":0,"ms":#,"sqlstate":"22012"}
request query {"n":5,"sql":"begin; select"}
reply query {"n":5,"rows":0,"bytes":0,"ms":#,"tag":"BEGIN"}
` + want.empty + `reply query {"n":5,"rows":1,"bytes":2,"ms":#,"tag":"SELECT 1"}
request query {"n":6,"sql":"alter role app password '***'"}
reply query {"n":6,"rows":0,"bytes":0,"ms":#,"tag":"ALTER ROLE"}
`
		if all, err := d.g.run("recording", "export", "--format", "jsonl", id); err != nil || !strings.Contains(all, `\"tx\":\"T\"`) {
			t.Errorf("%s: the state of the transaction is not on record, %v", name, err)
		}
		if diff := cmp.Diff(lines(wanted), lines(got)); diff != "" {
			t.Errorf("%s is recorded so (-want +got):\n%s", name, diff)
		}
	}
}

// TestDatabaseRecordingOfPrograms runs the verbs on recordings of psql and
// pgbench, forwarded and in the jail.
func TestDatabaseRecordingOfPrograms(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	relayed := through(d.forward("sales", 5432))
	seen := map[string]bool{}
	var sessions []string
	passwords := d.client(relayed, "psql", "-X")
	passwords.Stdin = strings.NewReader(`select 'a mark' as mark, 'and a row that is not on record';
create table t (n int);
copy t from stdin;
4711
4712
\.
select count(*) as counted from t;
create role new_role password 'hunter2';
create user mapping for app server none options (user 'x', password 'hunter2');
select * from dblink('host=x password=hunter2', 'select 1') as t (n int);
select * from dblink('postgresql://u:hunter2@host/db', 'select 1') as t (n int);
select nothing;
`)
	d.says(passwords)
	sessions = append(sessions, d.session(seen))
	d.says(d.client(relayed, "pgbench", "-i", "-q"))
	sessions = append(sessions, d.session(seen))
	jailed := d.psql("select 'in the jail' as mark;\nselect 1/0;\n\\c\nselect 'after \\c' as mark;\n", "-X")
	d.want(0, jailed)
	sessions = append(sessions, d.session(seen))

	first := strings.Join(d.events(sessions[0]), "\n")
	for _, want := range []string{
		`request query {"n":1,"sql":"select 'a mark' as mark, 'and a row that is not on record';"}`,
		`reply query {"n":3,"rows":0,"bytes":13,"ms":#,"tag":"COPY 2"}`,
		`reply query {"n":4,"rows":1,`,
		`"sqlstate":"42703"`,
		`password '***'`, `password=***`,
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %s in\n%s", want, first)
		}
	}
	if strings.Contains(first, "hunter2") || strings.Contains(first, "4711") {
		t.Errorf("on record:\n%s", first)
	}
	last := strings.Join(d.events(sessions[2]), "\n")
	for _, want := range []string{`in the jail`, `"sqlstate":"22012"`, `"c":2,"sql":"select 'after \\c' as mark;"`} {
		if !strings.Contains(last, want) {
			t.Errorf("no %s in\n%s", want, last)
		}
	}
	for i, id := range sessions {
		for _, verb := range [][]string{
			{"play", "--speed", "1000", id}, {"show", "--sql", id}, {"verify", id},
			{"export", "--format", "text", id}, {"export", "--format", "asciicast", id}, {"export", "--format", "ttyrec", id},
		} {
			out, err := d.g.run(append([]string{"recording"}, verb...)...)
			if err != nil || strings.Contains(out, "hunter2") {
				t.Errorf("%v of session %d: %v\n%s", verb, i, err, out)
			}
			if verb[0] == "show" {
				t.Logf("%v:\n%.2000s", verb, out)
			}
		}
	}
	if text, err := d.g.run("recording", "export", "--format", "text", sessions[2]); err != nil || !strings.Contains(text, "in the jail") {
		t.Errorf("the screen of psql is not on record: %v\n%s", err, text)
	}
}
