package programs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"gateway/internal/jail"
)

// helper is the real one: this program, with the race detector in it, could not
// live within the limits.
var helper string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "activeness-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		helper = filepath.Join(dir, "gateway-session")
		if out, err := exec.Command("go", "build", "-o", helper, "gateway/cmd/gateway-session").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
			return 1
		}
		return m.Run()
	}())
}

// fixture is a Runner with a folder that programs must not read, and one for
// programs; both can be walked to by any user.
type fixture struct {
	*Runner
	data, dir string
	logs      *observer.ObservedLogs
}

const secret = "the-master-key"

func newFixture(t *testing.T, uid uint32) *fixture {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{data: filepath.Join(base, "data"), dir: filepath.Join(base, "programs")}
	for _, dir := range []string{filepath.Dir(base), base, f.data, f.dir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Readable by all, so that only the jail keeps programs from it.
	if err := os.WriteFile(filepath.Join(f.data, "master.key"), []byte(secret), 0o644); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	identity := func() (*syscall.SysProcAttr, func(), error) {
		attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
		if uid != 0 {
			attr.Credential = &syscall.Credential{Uid: uid, Gid: uid, Groups: []uint32{}}
		}
		return attr, func() {}, nil
	}
	f.Runner, f.logs = New(zap.New(core), helper, identity, func() []string { return []string{f.data} }), logs
	return f
}

// script makes a program of lines of shell.
func (f *fixture) script(t *testing.T, lines string) string {
	t.Helper()
	file, err := os.CreateTemp(f.dir, "active-")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("#!/bin/sh\n" + lines + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Chmod(0o755); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// uids are the identities to test with: one of its own is for root to give.
func uids(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Run("same uid", func(t *testing.T) { test(t, newFixture(t, 0)) })
	if os.Geteuid() == 0 {
		t.Run("own uid", func(t *testing.T) { test(t, newFixture(t, jail.FirstUID+uint32(os.Getpid()%1000))) })
	}
}

func TestVerdicts(t *testing.T) {
	tests := []struct {
		name, script string
		want         Answer
		log          string // in the operators' log; empty: nothing is
	}{
		{"active", `exit 0`, Answer{Verdict: Active}, ""},
		{"inactive", `exit 1`, Answer{Verdict: Inactive}, ""},
		{"unknown", `echo quiet >&2; exit 2`, Answer{}, ""},
		{"unknown, logged", `printf 'no LDAP\nat \033[31mall\n' >&2; exit 3`, Answer{}, `no LDAP / at \x1b[31mall`},
		{"unknown, shown", `echo "ask HR" >&2; exit 4`, Answer{Text: "ask HR"}, "ask HR"},
		{"another status", `exit 5`, Answer{Verdict: Inactive}, ""},
		{"not found by the shell", `no-such-program`, Answer{Verdict: Inactive}, ""},
		{"killed", `kill -9 $$`, Answer{}, "signal: killed"},
		{"its argument", `[ "$*" = alice ]`, Answer{Verdict: Active}, ""},
		{"its environment", `[ "$(env | grep -cvE '^(PATH|LANG|PWD|_|SHLVL|OLDPWD)=')" = 0 ] && [ $LANG = C ]`, Answer{Verdict: Active}, ""},
		{"nothing to read", `[ -z "$(cat)" ]`, Answer{Verdict: Active}, ""},
		{"output is nobody's", `echo hello`, Answer{Verdict: Active}, ""},
		{"long message", `head -c 1000000 /dev/zero | tr '\0' x >&2; exit 4`, Answer{Text: strings.Repeat("x", maxText)}, "xxx"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			uids(t, func(t *testing.T, f *fixture) {
				if got := f.Active(t.Context(), f.script(t, test.script), "alice"); got != test.want {
					t.Errorf("Run = %+v, want %+v", got, test.want)
				}
				f.checkLog(t, test.log)
			})
		})
	}
}

// checkLog looks for text in the operators' log.
func (f *fixture) checkLog(t *testing.T, text string) {
	t.Helper()
	var all []string
	for _, e := range f.logs.All() {
		all = append(all, fmt.Sprint(e.Message, e.ContextMap()))
	}
	logged := strings.Join(all, "\n")
	if text == "" && logged != "" || !strings.Contains(logged, text) {
		t.Errorf("operators' log is %q, want %q in it", logged, text)
	}
}

func TestPasses(t *testing.T) {
	tests := []struct {
		verdict     Verdict
		admin, deny bool
		want        bool
	}{
		{Active, false, true, true},
		{Inactive, true, false, false},
		{Unknown, false, true, false},
		{Unknown, false, false, true},
		{Unknown, true, true, true},
	}
	for _, test := range tests {
		if got := (Answer{Verdict: test.verdict}).Passes(test.admin, test.deny); got != test.want {
			t.Errorf("%+v: Passes = %v", test, got)
		}
	}
}

// Programs that don't end are killed, with all that they started.
func TestEnds(t *testing.T) {
	tests := []struct{ name, script, log string }{
		{"hangs", `sleep 300`, "no answer"},
		{"ignores SIGTERM", `trap '' TERM INT HUP; while :; do sleep 1; done`, "no answer"},
		{"burns", `while :; do :; done`, "no answer"},
		{"fork bomb", `b() { b | b & b; }; b 2>/dev/null; sleep 300`, ""},
		{"leaves something behind", `sleep 300 & exit 2`, ""},
		{"leaves much behind", `(trap '' TERM HUP; sleep 300 & (sleep 300 &) & wait) & exit 2`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			uids(t, func(t *testing.T, f *fixture) {
				f.timeout = 500 * time.Millisecond
				program := f.script(t, test.script)
				got := f.Active(t.Context(), program, "alice")
				if got.Verdict == Active || got.Text != "" {
					t.Errorf("Run = %+v", got)
				}
				if test.log != "" {
					f.checkLog(t, test.log)
				}
				if left := running(t, program); left > 0 {
					t.Errorf("%d processes are left", left)
				}
			})
		})
	}
}

// running counts live processes that were started as program.
func running(t *testing.T, program string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		b, err := os.ReadFile("/proc/" + e.Name() + "/cmdline") // empty for what is dead
		if err == nil && strings.Contains(string(b), program) {
			n++
		}
	}
	return n
}

func TestCheck(t *testing.T) {
	f := newFixture(t, 0)
	good := f.script(t, "exit 0")
	link := filepath.Join(f.dir, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(f.dir, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	mode := func(path string, m os.FileMode) string {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, m); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shared := mode(filepath.Join(open, "x"), 0o755)
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ program, want string }{
		{good, ""},
		{link, ""},
		{"active", "starts with /"},
		{f.dir + "/missing", "no such file"},
		{f.dir, "not a program"},
		{mode(filepath.Join(f.dir, "plain"), 0o644), "not a program"},
		{mode(filepath.Join(f.dir, "group"), 0o775), "others may change it"},
		{mode(filepath.Join(f.dir, "others"), 0o757), "others may change it"},
		{shared, "others may change it"},
	}
	for _, test := range tests {
		err := Check(test.program)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("Check(%s) = %v, want %q", test.program, err, test.want)
		}
		if test.want != "" {
			if got := f.Active(t.Context(), test.program, "alice"); got.Verdict != Unknown {
				t.Errorf("Run(%s) = %+v", test.program, got)
			}
		}
	}
	f.checkLog(t, "others may change it")
}

// What can't be started is a failure, not an inactive account.
func TestUnstartable(t *testing.T) {
	f := newFixture(t, 0)
	program := filepath.Join(f.dir, "broken")
	if err := os.WriteFile(program, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := f.Active(t.Context(), program, "alice"); got.Verdict != Unknown {
		t.Errorf("Run = %+v", got)
	}
	f.checkLog(t, "no such file")
}

// Nor is a helper that dies before it is the program an answer.
func TestHelperDies(t *testing.T) {
	f := newFixture(t, 0)
	program := f.script(t, "exit 0")
	for _, status := range []string{"0", "1", "2"} {
		f.helper = f.script(t, "echo out of memory >&2; exit "+status)
		if got := f.Active(t.Context(), program, "alice"); got.Verdict != Unknown {
			t.Errorf("Run = %+v of a helper that exits with %s", got, status)
		}
	}
	f.checkLog(t, "out of memory")
}

// Others wait for their turn, and not beyond their deadline.
func TestTurns(t *testing.T) {
	f := newFixture(t, 0)
	for range maxAtOnce {
		f.slots <- struct{}{}
	}
	program := f.script(t, "exit 0")
	synctest.Test(t, func(t *testing.T) {
		r := *f.Runner
		r.slots = make(chan struct{}, 1)
		r.slots <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got, err := r.active(ctx, program, "alice"); got.Verdict != Unknown || err == nil {
			t.Errorf("run = %+v, %v while all turns are taken", got, err)
		}
	})
	done := make(chan Answer)
	go func() { done <- f.Active(t.Context(), program, "alice") }()
	<-f.slots
	if got := <-done; got.Verdict != Active {
		t.Errorf("Run = %+v when it was its turn", got)
	}
}
