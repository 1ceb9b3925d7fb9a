package clients

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestInside looks at a jail from outside and from inside.
func TestInside(t *testing.T) {
	p := newCaller(t, New(helper), needCaller(t), nil)
	proc := fmt.Sprintf("/proc/%d/", p.r.process.Pid)
	for _, ns := range []string{"mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		ours, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.Readlink(proc + "ns/" + ns)
		if err != nil || ours == theirs {
			t.Errorf("%s namespace: ours is %s, the client's %s (%v)", ns, ours, theirs, err)
		}
	}
	status := read(t, proc+"status")
	for _, want := range []string{
		"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
		"CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n", "Threads:\t1\n",
		fmt.Sprintf("Uid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n", hostUID()),
	} {
		if !strings.Contains(status, want) {
			t.Errorf("no %q in its status:\n%s", want, status)
		}
	}
	limits := read(t, proc+"limits")
	for name, want := range map[string]string{
		"core file size": "1", "open files": "64", "address space": "536870912", "processes": "1", "cpu time": "3600",
	} {
		if !regexp.MustCompile("(?m)^Max " + name + " +" + want + " +" + want + " ").MatchString(limits) {
			t.Errorf("%s is not limited to %s:\n%s", name, want, limits)
		}
	}
	if env := read(t, proc+"environ"); strings.Contains(env, "PATH=") || !strings.HasPrefix(env, "PGHOST=/run/gateway\x00") {
		t.Errorf("environment %q", env)
	}
	for _, line := range strings.Split(strings.TrimSpace(read(t, proc+"mountinfo")), "\n") {
		f := strings.Fields(line)
		writable := f[4] == "/tmp" || f[4] == "/home"
		if !strings.Contains(f[5], "nosuid") || writable == strings.HasPrefix(f[5], "ro") || writable && !strings.Contains(f[5], "noexec") {
			t.Errorf("mount %s", line)
		}
	}
	for fd := 3; fd < 256; fd++ {
		if got := p.does(unix.SYS_FCNTL, fd, unix.F_GETFD); got != "EBADF" {
			t.Errorf("descriptor %d: %s", fd, got)
		}
	}
	if n, err := p.call(unix.SYS_GETPID); n != 1 || err != nil {
		t.Errorf("its number is %d, %v", n, err)
	}
}

func hostUID() int {
	if u := uid(); u != 0 {
		return int(u)
	}
	return os.Getuid()
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestExhaustion uses up what a client has.
func TestExhaustion(t *testing.T) {
	program := needCaller(t)
	s := New(helper)
	open := func(p *caller, path string) (uint64, error) {
		return p.call(unix.SYS_OPENAT, cwd, path, unix.O_CREAT|unix.O_RDWR, 0o600)
	}
	repeat := func(p *caller, most int, do func(i int) error) (int, string) {
		for i := range most {
			if err := do(i); err != nil {
				return i, p.named(err)
			}
		}
		return most, "done"
	}
	t.Run("disk", func(t *testing.T) {
		p := newCaller(t, s, program, nil)
		written := 0
		for _, path := range []string{"/tmp/a", "/tmp/b", "/home/a"} {
			fd, err := open(p, path)
			if err != nil {
				t.Fatal(err)
			}
			_, why := repeat(p, 1000, func(int) error {
				n, err := p.raw(unix.SYS_WRITE, [6]uint64{fd, callerMemory, 1 << 19})
				written += int(n)
				return err
			})
			if why != "ENOSPC" && why != "EFBIG" {
				t.Errorf("%s: filled until %s", path, why)
			}
		}
		if written > 19<<20 {
			t.Errorf("wrote %d bytes", written)
		}
	})
	t.Run("files", func(t *testing.T) {
		for dir, most := range map[string]int{"/tmp": 256, "/home": 16} {
			p := newCaller(t, s, program, nil)
			n, why := repeat(p, 1000, func(i int) error {
				fd, err := open(p, dir+"/"+itoa(i))
				if err != nil {
					return err
				}
				_, err = p.call(unix.SYS_CLOSE, fd)
				return err
			})
			if n > most || why != "ENOSPC" {
				t.Errorf("%s: made %d files until %s", dir, n, why)
			}
		}
	})
	t.Run("descriptors", func(t *testing.T) {
		p := newCaller(t, s, program, nil)
		n, why := repeat(p, 1000, func(int) error { _, err := p.call(unix.SYS_DUP, 0); return err })
		if n != 61 || why != "EMFILE" {
			t.Errorf("opened %d until %s", n, why)
		}
	})
	t.Run("memory", func(t *testing.T) {
		p := newCaller(t, s, program, nil)
		n, why := repeat(p, 1000, func(int) error {
			_, err := p.call(unix.SYS_MMAP, 0, 8<<20, 3, anon|unix.MAP_POPULATE, -1, 0)
			return err
		})
		if n > 64 || why != "ENOMEM" {
			t.Errorf("took %d times 8 MiB until %s", n, why)
		}
	})
	t.Run("code from a file", func(t *testing.T) {
		p := newCaller(t, s, program, nil)
		fd, err := open(p, "/tmp/code")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.call(unix.SYS_WRITE, fd, make([]byte, 4096), 4096); err != nil {
			t.Fatal(err)
		}
		if got := p.does(unix.SYS_MMAP, 0, 4096, code, unix.MAP_PRIVATE, fd, 0); got != "EPERM" {
			t.Errorf("mapped code: %s", got)
		}
		if got := p.does(unix.SYS_EXECVEAT, fd, "", 0, 0, unix.AT_EMPTY_PATH); got != "EPERM" {
			t.Errorf("executed: %s", got)
		}
	})
}

// TestKill ends clients that would not end.
func TestKill(t *testing.T) {
	p := newCaller(t, New(helper), needCaller(t), nil)
	p.r.Kill()
	if err := p.r.Wait(); err != nil {
		t.Error(err)
	}
	if got := p.named(errEnded); got != "SIGKILL" {
		t.Errorf("ended with %s", got)
	}
	p.r.Kill() // once more does no harm
}

// TestTypeForThePerson tries to type on the real terminal.
func TestTypeForThePerson(t *testing.T) {
	p := newCaller(t, New(helper), needCaller(t), &Size{Columns: 80, Rows: 24})
	raw, err := unix.IoctlGetTermios(int(p.r.Terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	raw.Lflag, raw.Iflag, raw.Oflag = 0, 0, 0
	if err := unix.IoctlSetTermios(int(p.r.Terminal.Fd()), unix.TCSETS, raw); err != nil {
		t.Fatal(err)
	}
	if got := p.does(unix.SYS_IOCTL, 0, unix.TIOCSTI, "x"); got != "EPERM" {
		t.Errorf("typed: %s", got)
	}
	if got := p.does(unix.SYS_OPENAT, cwd, "/dev/tty", 2); got != "done" {
		t.Errorf("own terminal: %s", got)
	}
	if got := p.does(unix.SYS_IOCTL, 3, unix.TIOCSTI, "x"); got != "EPERM" {
		t.Errorf("typed on /dev/tty: %s", got)
	}
	if got := p.does(unix.SYS_OPENAT, cwd, "/dev/pts/0", 2); got != "ENOENT" {
		t.Errorf("another's terminal: %s", got)
	}
}

func TestRefusesWhatItCantRun(t *testing.T) {
	s := New(helper)
	script := t.TempDir() + "/script"
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{script, "/nowhere/psql"} {
		c := PsqlClient(program, PsqlSession{})
		c.UID = uid()
		if r, err := s.Start(t.Context(), c); err == nil {
			r.Kill()
			t.Errorf("%s was started", program)
		}
	}
	c := PsqlClient(needCaller(t), PsqlSession{Term: "x\x00y"})
	c.UID = uid()
	if _, err := s.Start(t.Context(), c); !errors.Is(err, ErrNoJail) {
		t.Errorf("environment with a zero byte: %v", err)
	}
}
