package programs

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var ask = PasswordQuestion{Name: "orders", Host: "pg.example.org", Port: 5432, Database: "app", User: "web", Account: "alice", Session: "0123456789abcdef01234567"}

func TestPassword(t *testing.T) {
	const line = `{"name":"orders","host":"pg.example.org","port":5432,"database":"app","user":"web","account":"alice","session":"0123456789abcdef01234567"}`
	for _, test := range []struct{ name, script, want, err string }{
		{"one line", `echo hunter2`, "hunter2", ""},
		{"no end of line", `printf 'hunter2'`, "hunter2", ""},
		{"more lines", `printf 'hunter2\r\nvalid 3600\n'`, "hunter2", ""},
		{"any characters", `printf ' p w\303\274 \t\n'`, " p wü \t", ""},
		{"its argument", `[ "$*" = short ] && echo yes`, "yes", ""},
		{"its question", `[ "$(cat)" = '` + line + `' ] && echo yes`, "yes", ""},
		{"a question that it does not read", `exec echo yes`, "yes", ""},
		{"nothing", `:`, "", "no password"},
		{"an empty line", `echo; echo secret-later`, "", "no password"},
		{"a NUL", `printf 'secret\0word\n'`, "", "no password"},
		{"too long", `head -c 1025 /dev/zero | tr '\0' s`, "", "no password"},
		{"much", `echo yes; head -c 1000000 /dev/zero`, "yes", ""},
		{"failure", `echo secret; echo secret >&2; exit 3`, "", "exit status 3"},
		{"killed", `echo secret; echo secret >&2; kill -9 $$`, "", "killed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			uids(t, func(t *testing.T, f *fixture) {
				got, err := f.Password(t.Context(), f.script(t, test.script), "short", ask)
				if string(got.Reveal()) != test.want || (err == nil) != (test.err == "") {
					t.Fatalf("Password = %q, %v", got.Reveal(), err)
				}
				if err != nil && (!strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "secret")) {
					t.Errorf("error is %q, want %q in it and nothing that the program wrote", err, test.err)
				}
				f.checkLog(t, "")
			})
		})
	}
}

// A program that does not end is killed, and one that can't run says why.
func TestPasswordFails(t *testing.T) {
	f := newFixture(t, 0)
	program := f.script(t, "echo secret; sleep 300")
	e, err := f.run(t.Context(), question{program: program, timeout: 300 * time.Millisecond, secret: true})
	if err == nil || !strings.Contains(err.Error(), "no answer") || e.stdout != nil {
		t.Errorf("run = %+v, %v", e, err)
	}
	if left := running(t, program); left > 0 {
		t.Errorf("%d processes are left", left)
	}
	if _, err := f.Password(t.Context(), "relative", "short", ask); err == nil || !strings.Contains(err.Error(), "starts with /") {
		t.Errorf("Password = %v", err)
	}
	long := ask
	long.Host = strings.Repeat("h", maxInput)
	if _, err := f.Password(t.Context(), program, "short", long); err == nil {
		t.Error("a question that does not fit was asked")
	}
	f.helper = f.script(t, "echo secret >&2; exit 1")
	if _, err := f.Password(t.Context(), program, "short", ask); err == nil || strings.Contains(fmt.Sprint(err), "secret") {
		t.Errorf("a helper that dies: %v", err)
	}
}
