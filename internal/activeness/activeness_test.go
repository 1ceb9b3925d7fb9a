package activeness

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"gateway/internal/jail"
)

// TestMain is the helper too: the tests' own program confines itself and
// becomes the one to run.
func TestMain(m *testing.M) {
	if len(os.Args) >= 4 && os.Args[1] == "program" {
		err := jail.Exec(jail.Program{Path: os.Args[2], Args: os.Args[3:4], Hidden: os.Args[4:], Status: 3, File: 4})
		_, _ = os.NewFile(3, "status").WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
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
	self, err := os.Executable()
	if err != nil {
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
	f.Runner, f.logs = New(zap.New(core), self, identity, func() []string { return []string{f.data} }), logs
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
				if got := f.Run(t.Context(), f.script(t, test.script), "alice"); got != test.want {
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

// A program can't read what is the gateway's, write anywhere, or touch another
// process. Each line of shell must fail; what it says shows that it ran.
func TestHostile(t *testing.T) {
	requireLandlock(t)
	tests := []struct{ name, script string }{
		{"read the master key", `cat $DATA/master.key >&2`},
		{"list the data folder", `ls $DATA >&2`},
		{"read it by another way", `cat $DIR/../data/master.key >&2`},
		{"read other temporary files", `cat $DIR/../other >&2`},
		{"write /tmp", `echo x >/tmp/active-hostile-$$`},
		{"write its folder", `echo x >$DIR/new`},
		{"write itself", `echo x >>$0`},
		{"remove", `rm $DATA/master.key`},
		{"change a mode", `chmod 777 $DATA/master.key`},
		{"change a time", `touch -c -d 2001-01-01 $DATA/master.key`},
		{"make a link", `ln -s /etc/passwd $DIR/link`},
		{"make a folder", `mkdir /dev/shm/active-hostile-$$`},
		{"kill the gateway", `kill -9 $PARENT`},
		{"probe the gateway", `kill -0 $PARENT`},
		{"see its memory map", `cat /proc/$PARENT/maps >&2`},
		{"see its command line", `cat /proc/$PARENT/cmdline >&2`},
		{"daemonise", `setsid sleep 1`},
		{"be another", `su nobody -s /bin/sh -c true`},
		{"a namespace", `unshare -U true`},
		{"limits of the gateway", `prlimit --pid $PARENT --nofile=3`},
		{"priority of the gateway", `renice 19 $PARENT`},
		{"trace the gateway", `python3 -c 'import ctypes,sys; l=ctypes.CDLL(None,use_errno=True); sys.exit(0 if l.ptrace(16,'$PARENT',0,0)==0 else 9)'`},
		{"local socket", `python3 -c 'import socket; socket.socket(socket.AF_UNIX)'`},
		{"netlink", `python3 -c 'import socket; socket.socket(socket.AF_NETLINK,socket.SOCK_RAW)'`},
		{"shared memory", `python3 -c 'import os; os.memfd_create("x")'`},
		{"leave the group", `python3 -c 'import os; os.setpgid(0,0)'`},
		{"fill memory", `python3 -c 'b=bytearray(600<<20)'`},
		{"fill shared memory", `python3 -c 'import mmap; b=mmap.mmap(-1,5<<30)'`},
		{"become readable", `echo >/proc/self/oom_score_adj`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			uids(t, func(t *testing.T, f *fixture) {
				if err := os.WriteFile(filepath.Join(filepath.Dir(f.dir), "other"), []byte(secret), 0o644); err != nil {
					t.Fatal(err)
				}
				vars := fmt.Sprintf("DATA=%s DIR=%s PARENT=%d\n", f.data, f.dir, os.Getpid())
				got := f.Run(t.Context(), f.script(t, vars+test.script+"\ncode=$?; echo ran >&2; [ $code = 0 ] || exit 4"), "alice")
				if got.Verdict != Unknown || !strings.HasSuffix(got.Text, "ran") || strings.Contains(got.Text, secret) {
					t.Errorf("Run = %+v", got)
				}
				if b, err := os.ReadFile(filepath.Join(f.data, "master.key")); err != nil || string(b) != secret {
					t.Errorf("the key is %q, %v now", b, err)
				}
			})
		})
	}
}

// What an honest program needs works.
func TestAllowed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() }) // after the parallel tests
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	tests := []struct{ name, script string }{
		{"read the system", `grep -q root /etc/passwd && ls /usr/bin >/dev/null && cat /etc/resolv.conf >/dev/null`},
		{"pipes and children", `[ "$(echo a b | tr a-z A-Z | cut -d' ' -f2)" = B ]`},
		{"kill its child", `sleep 60 & kill $! && ! wait $!`},
		{"read beside itself", `[ "$(cat ${0%/*}/settings)" = yes ]`},
		{"connect", `python3 -c 'import socket; socket.create_connection(("127.0.0.1",` + port + `)).close()'`},
		{"resolve", `python3 -c 'import socket; socket.getaddrinfo("localhost",80)'`},
		{"threads", `python3 -c 'import threading; t=[threading.Thread(target=print) for i in range(20)]; [x.start() for x in t]'`},
		{"random", `head -c 8 /dev/urandom >/dev/null`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			uids(t, func(t *testing.T, f *fixture) {
				if err := os.WriteFile(filepath.Join(f.dir, "settings"), []byte("yes\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				got := f.Run(t.Context(), f.script(t, "("+test.script+") || exit 4"), "alice")
				if got.Verdict != Active {
					t.Errorf("Run = %+v", got)
				}
			})
		})
	}
}

// A program inside of what is hidden may be run, also where its uid can't walk
// to, and sees nothing else there.
func TestInsideHidden(t *testing.T) {
	requireLandlock(t)
	uids(t, func(t *testing.T, f *fixture) {
		inside := filepath.Join(f.data, "active")
		script := "#!/bin/sh\n! cat " + f.data + "/master.key && ! ls " + f.data + " || exit 4\n"
		if err := os.WriteFile(inside, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(f.data, 0o700); err != nil {
			t.Fatal(err)
		}
		if got := f.Run(t.Context(), inside, "alice"); got.Verdict != Active {
			t.Errorf("Run = %+v", got)
			f.checkLog(t, "-")
		}
	})
}

// What is hidden stays so in a folder that programs may read otherwise.
func TestHiddenBeneath(t *testing.T) {
	requireLandlock(t)
	f := newFixture(t, 0)
	f.hidden = func() []string { return []string{"/etc/ssl", "/usr/share/doc"} }
	got := f.Run(t.Context(), f.script(t, `! ls /etc/ssl && ! ls /usr/share/doc && cat /etc/passwd || exit 4`), "alice")
	if got.Verdict != Active {
		t.Errorf("Run = %+v", got)
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
				got := f.Run(t.Context(), program, "alice")
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
			if got := f.Run(t.Context(), test.program, "alice"); got.Verdict != Unknown {
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
	if got := f.Run(t.Context(), program, "alice"); got.Verdict != Unknown {
		t.Errorf("Run = %+v", got)
	}
	f.checkLog(t, "no such file")
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
		if got, err := r.run(ctx, program, "alice"); got.Verdict != Unknown || err == nil {
			t.Errorf("run = %+v, %v while all turns are taken", got, err)
		}
	})
	done := make(chan Answer)
	go func() { done <- f.Run(t.Context(), program, "alice") }()
	<-f.slots
	if got := <-done; got.Verdict != Active {
		t.Errorf("Run = %+v when it was its turn", got)
	}
}

// requireLandlock skips on a kernel without it.
func requireLandlock(t *testing.T) {
	t.Helper()
	const version = 1
	if abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, version); errno != 0 || abi < 6 {
		t.Skipf("this kernel has Landlock %d", abi)
	}
}
