package programs

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

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
			requireProgram(t, test.script)
			uids(t, func(t *testing.T, f *fixture) {
				if err := os.WriteFile(filepath.Join(filepath.Dir(f.dir), "other"), []byte(secret), 0o644); err != nil {
					t.Fatal(err)
				}
				vars := fmt.Sprintf("DATA=%s DIR=%s PARENT=%d\n", f.data, f.dir, os.Getpid())
				got := f.Active(t.Context(), f.script(t, vars+test.script+"\ncode=$?; echo ran >&2; [ $code = 0 ] || exit 4"), "alice")
				if got.Verdict != Unknown || !strings.HasSuffix(got.Text, "ran") || strings.Contains(got.Text, secret) {
					t.Errorf("Run = %+v, log %v", got, f.logs.All())
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
		{"curl", `curl -sS -o /dev/null -m 1 http://127.0.0.1:` + port + `/ ; [ $? != 7 ]`},
		{"perl", `perl -e 'use Socket; exit 0'`},
		{"resolve", `python3 -c 'import socket; socket.getaddrinfo("localhost",80)'`},
		{"threads", `python3 -c 'import threading; t=[threading.Thread(target=print) for i in range(20)]; [x.start() for x in t]'`},
		{"random", `head -c 8 /dev/urandom >/dev/null`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			requireProgram(t, test.script)
			uids(t, func(t *testing.T, f *fixture) {
				if err := os.WriteFile(filepath.Join(f.dir, "settings"), []byte("yes\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				got := f.Active(t.Context(), f.script(t, "("+test.script+") || exit 4"), "alice")
				if got.Verdict != Active {
					t.Errorf("Run = %+v, log %v", got, f.logs.All())
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
		if got := f.Active(t.Context(), inside, "alice"); got.Verdict != Active {
			t.Errorf("Run = %+v, log %v", got, f.logs.All())
			f.checkLog(t, "-")
		}
	})
}

// What is hidden stays so in a folder that programs may read otherwise.
func TestHiddenBeneath(t *testing.T) {
	requireLandlock(t)
	f := newFixture(t, 0)
	f.hidden = func() []string { return []string{"/etc/ssl", "/usr/share/doc"} }
	got := f.Active(t.Context(), f.script(t, `! ls /etc/ssl && ! ls /usr/share/doc && cat /etc/passwd || exit 4`), "alice")
	if got.Verdict != Active {
		t.Errorf("Run = %+v, log %v", got, f.logs.All())
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

// requireProgram skips a script whose interpreter is not on this system.
func requireProgram(t *testing.T, script string) {
	t.Helper()
	name, _, _ := strings.Cut(script, " ")
	switch name {
	case "python3", "perl", "curl", "prlimit", "renice", "unshare", "setsid":
		if _, err := os.Stat("/usr/bin/" + name); err != nil {
			t.Skipf("no /usr/bin/%s", name)
		}
	}
}
