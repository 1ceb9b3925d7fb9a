package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/interop-tests/pgserver"
)

// databaseWithdrawals are the ways in which what allowed a live session with a
// database goes away. In a line PERSON, GROUP and NAME are those of the session.
// A line that is empty is time passing.
var databaseWithdrawals = []struct{ name, give, line, reason string }{
	{"frozen", "member", "accountFreeze --account PERSON --reason out-of-office", "account frozen: out-of-office"},
	{"osh-only", "member", "accountModify --account PERSON --osh-only yes", "withdrawn or has expired"},
	{"member", "member", "groupDelMember --group GROUP --account PERSON", "withdrawn or has expired"},
	{"member-ttl", "member --ttl 6", "", "withdrawn or has expired"},
	{"guest", "guest", "groupDelGuestAccess --group GROUP --account PERSON --db NAME", "withdrawn or has expired"},
	{"guest-ttl", "guest --ttl 6", "", "withdrawn or has expired"},
	{"deleted", "member", "dbDel --group GROUP --name NAME", "withdrawn or has expired"},
	{"ttl", "member", "dbModify --group GROUP --name NAME --ttl 1", "withdrawn or has expired"},
	{"lesser rights", "member", "dbModify --group GROUP --name NAME --db-allow read", "withdrawn or has expired"},
	{"elsewhere", "guest", "dbModify --group GROUP --name NAME --host localhost --no-password", "withdrawn or has expired"},
	{"group", "guest", "groupDelete --group GROUP --no-confirm", "withdrawn or has expired"},
}

// TestDatabaseRightNow takes away what allowed a live session with a database, in
// every way, and wants it to end soon, statements that are running included.
func TestDatabaseRightNow(t *testing.T) {
	t.Parallel()
	d := newDatabases(t, "maxConnectionsPerSource=100")
	key, err := os.ReadFile(shared.key + ".pub")
	d.check(err)
	for i := range databaseWithdrawals {
		person, group, name := fmt.Sprintf("p%02d", i), fmt.Sprintf("g%02d", i), fmt.Sprintf("d%02d", i)
		for _, words := range [][]string{
			{"accountCreate", "--account", person, "--uid-auto", "--public-key", strings.TrimSpace(string(key))},
			{"groupCreate", "--group", group, "--owner", admin, "--algo", "ed25519"},
		} {
			_, err := d.g.osh(words...)
			d.check(err)
		}
		d.addTo(group, name, pgserver.Login)
	}
	var wait sync.WaitGroup
	for i, x := range databaseWithdrawals {
		wait.Go(func() {
			fill := strings.NewReplacer("PERSON", fmt.Sprintf("p%02d", i), "GROUP", fmt.Sprintf("g%02d", i), "NAME", fmt.Sprintf("d%02d", i))
			if err := d.withdraw(fmt.Sprintf("p%02d", i), fmt.Sprintf("d%02d", i), x.give, x.line, x.reason, fill); err != nil {
				t.Errorf("%s: %v", x.name, err)
			}
		})
	}
	wait.Wait()
	d.check(eventually(func() error {
		left := d.server.SQL(t, "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()")
		if strings.TrimSpace(left) != "0" {
			return fmt.Errorf("statements that go on at the server: %s", left)
		}
		return nil
	}))
}

// withdraw has a statement run, takes away what allows it and looks at its end.
func (d *databases) withdraw(person, name, give, line, reason string, fill *strings.Replacer) error {
	kind, more, _ := strings.Cut(give, " ")
	given := map[string]string{
		"member": "groupAddMember --group GROUP --account PERSON ",
		"guest":  "groupAddGuestAccess --group GROUP --account PERSON --db NAME ",
	}[kind] + more
	port := d.forward(name, 5432, "-l", person)
	if _, err := d.g.osh(strings.Fields(fill.Replace(given))...); err != nil {
		return err
	}
	over := time.Now().Add(6 * time.Second)
	program, err := pgserver.Program("psql")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-AtX", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "whoever", name)
	cmd.Stdin = strings.NewReader("select 'up';\nselect pg_sleep(60);\n")
	var out, errs transcript
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return err
	}
	err = eventually(func() error {
		if !strings.Contains(out.String(), "up") {
			return fmt.Errorf("no session: %s", errs.String())
		}
		return nil
	})
	if err == nil && line != "" {
		over = time.Now()
		_, err = d.g.osh(strings.Fields(fill.Replace(line))...)
	}
	code, waitErr := exitCode(cmd.Wait())
	switch {
	case err != nil:
		return err
	case waitErr != nil || code == 0:
		return fmt.Errorf("psql exits with %d, %v: %s", code, waitErr, errs.String())
	}
	ended, why, err := d.closedAt(person, "postgres")
	if late := ended.Sub(over); err != nil || !strings.Contains(why, reason) || late > endsWithin+time.Second || late < -endsWithin {
		return fmt.Errorf("ended %v after what allowed it was gone (%v), with the reason %q and told %q; want %q", late, err, why, errs.String(), reason)
	}
	return nil
}

// TestDatabaseHook logs in with short-lived passwords, each asked for anew, and
// is refused when there is none.
func TestDatabaseHook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path := dir; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "password")
	d := newDatabases(t, "databasePasswordProgram="+program)
	write := func(script string) {
		t.Helper()
		d.check(os.WriteFile(program+".new", []byte("#!/bin/sh\n"+script+"\n"), 0o755))
		d.check(os.Chmod(program+".new", 0o755))
		d.check(os.Rename(program+".new", program))
	}
	write("exit 1")
	d.osh("", "dbModify", "--group", "data", "--name", "sales", "--hook", "short", "--no-password")
	port := d.forward("sales", 5432)
	want := func(ok bool) {
		t.Helper()
		out, err := d.tool(port, "psql", "", "-Atc", "select 6*7")
		if ok && (err != nil || out != "42\n") || !ok && err == nil {
			t.Errorf("psql gives %q, %v", out, err)
		}
	}
	want(false)
	good := `[ "$1" = short ] && read -r q && case $q in *'"name":"sales"'*'"account":"` + admin + `"'*) echo ` + d.server.Password + `;; esac`
	write(good)
	want(true)
	write("echo wrong-" + d.server.Password)
	want(false)
	write(good)
	want(true)
	if text := d.g.text(); strings.Contains(text, d.server.Password) {
		t.Error("the log has the password")
	}
}

// A password or key that an administrator gives is nowhere on the gateway but
// sealed: no recording, no log, no index has it.
func TestDatabaseSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	const secret = "Xyzzy-hunter2-0815"
	d.osh(secret+"\n", "dbModify", "--group", "data", "--name", "sales", "--password-stdin")
	d.osh(d.server.ClientCert+d.server.ClientKey, "dbModify", "--group", "data", "--name", "sales", "--client-cert-stdin")
	c := d.ssh([]string{"-tt"}, "--osh", "dbModify", "--group", "data", "--name", "sales", "--password-stdin")
	c.Stdin = strings.NewReader("\n")
	d.want(100, c) // what is typed at a terminal would be recorded
	d.osh(secret+"\n", "adminSudo", "--sudo-as", admin, "--sudo-cmd", "dbModify", "--", "--group", "data", "--name", "sales", "--password-stdin")
	for _, format := range []string{"jsonl", "text"} {
		out, err := d.g.run("recording", "list", "--json")
		d.check(err)
		for line := range strings.Lines(out) {
			_, id, _ := strings.Cut(line, `"id":"`)
			id, _, _ = strings.Cut(id, `"`)
			if id == "" {
				continue
			}
			text, err := d.g.run("recording", "export", id, "--format", format)
			d.check(err)
			if strings.Contains(text, secret) || strings.Contains(text, "PRIVATE KEY") {
				t.Errorf("recording %s has it: %s", id, text)
			}
		}
	}
	d.check(filepath.WalkDir(d.g.data, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && (strings.Contains(string(b), secret) || strings.Contains(string(b), "BEGIN PRIVATE")) && !strings.HasSuffix(path, "_key") {
			t.Errorf("%s has it", path)
		}
		return err
	}))
	if text := d.g.text(); strings.Contains(text, secret) {
		t.Error("the log has it")
	}
}
