package ingress

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"gateway/protocols"
	"gateway/recorder"
)

func env(name, value string) *ssh.Request {
	return &ssh.Request{Type: "env", Payload: ssh.Marshal(struct{ Name, Value string }{name, value})}
}

func pty(term, modes string, cols, rows uint32) *ssh.Request {
	return &ssh.Request{Type: "pty-req", Payload: ssh.Marshal(struct {
		Term                      string
		Cols, Rows, Width, Height uint32
		Modes                     string
	}{term, cols, rows, 0, 0, modes})}
}

func window(cols, rows uint32) *ssh.Request {
	return &ssh.Request{Type: "window-change", Payload: ssh.Marshal(struct{ Cols, Rows, Width, Height uint32 }{cols, rows, 0, 0})}
}

func signal(name string) *ssh.Request {
	return &ssh.Request{Type: "signal", Payload: ssh.Marshal(struct{ Name string }{name})}
}

func sendBreak(ms uint32) *ssh.Request {
	return &ssh.Request{Type: "break", Payload: ssh.Marshal(struct{ MS uint32 }{ms})}
}

func TestFanciness(t *testing.T) {
	for term, want := range map[string]string{"xterm-256color": "basic", "vt100": "basic", "dumb": "none", "": "none"} {
		if got := fanciness("basic", term); got != want {
			t.Errorf("on %q: %s, want %s", term, got, want)
		}
	}
}

func TestEnvironmentIsAllowed(t *testing.T) {
	for _, test := range []struct {
		name, value string
		want        bool
	}{
		{"LANG", "C", true},
		{"LANG", "", true},
		{"LC_ALL", "de_DE.UTF-8", true},
		{"TERM_PROGRAM", "x", true},
		{"LANGUAGE", "de", false},
		{"lang", "C", false},
		{"PATH", "/evil", false},
		{"LD_PRELOAD", "/evil.so", false},
		{"", "x", false},
		{"LC_A=B", "x", false},
		{"LC_\x00", "x", false},
		{"LC_ALL", "a\x00b", false},
		{"LC_BASTION", "root", false}, // the gateway's own word to the target
		{"LC_BASTION_DETAILS", "{}", false},
		{"LC_ALL", strings.Repeat("x", maxEnvBytes), false},
	} {
		c := newClient(nil, []string{"LANG", "LC_*", "TERM_?ROGRAM", "[", "\\"})
		if got := c.control(env(test.name, test.value)); got != test.want || (len(c.Env()) == 1) != test.want {
			t.Errorf("env %q=%.20q: %v, kept %q, want %v", test.name, test.value, got, c.Env(), test.want)
		}
	}
}

func TestEnvironmentIsBounded(t *testing.T) {
	c := newClient(nil, []string{"*"})
	for i := range maxEnv {
		if !c.control(env(fmt.Sprint("V", i), "x")) {
			t.Fatalf("variable %d was refused", i)
		}
	}
	if c.control(env("ONE", "more")) {
		t.Errorf("more than %d variables were taken", maxEnv)
	}
	c = newClient(nil, []string{"*"})
	if c.control(env("", "x")) {
		t.Error("a variable without a name was taken")
	}
	half := strings.Repeat("x", maxEnvBytes/2-1)
	if !c.control(env("A", half)) || !c.control(env("B", half)) || c.control(env("C", "")) {
		t.Errorf("not exactly %d bytes were taken", maxEnvBytes)
	}
}

func TestRequestsBeforeAndAfterStart(t *testing.T) {
	for _, test := range []struct {
		name          string
		request       *ssh.Request
		before, after bool // without a terminal
		withPTY       bool // after the start, with one
	}{
		{"env", env("LANG", "C"), true, false, false},
		{"pty-req", pty("xterm", "", 80, 24), true, false, false},
		{"window-change", window(80, 24), false, false, true},
		{"signal", signal("INT"), true, true, true},
		{"signal with a lower-case name", signal("int"), false, false, false},
		{"signal of nobody's", signal("STOP"), false, false, false},
		{"break", sendBreak(500), true, true, true},
		{"malformed env", &ssh.Request{Type: "env", Payload: []byte{1}}, false, false, false},
		{"malformed pty-req", &ssh.Request{Type: "pty-req", Payload: []byte{0, 0, 0, 9}}, false, false, false},
		{"malformed window-change", &ssh.Request{Type: "window-change", Payload: make([]byte, 15)}, false, false, false},
		{"longer window-change", &ssh.Request{Type: "window-change", Payload: make([]byte, 17)}, false, false, false},
		{"malformed signal", &ssh.Request{Type: "signal"}, false, false, false},
		{"malformed break", &ssh.Request{Type: "break", Payload: []byte{1, 2, 3}}, false, false, false},
		{"agent", &ssh.Request{Type: "auth-agent-req@openssh.com"}, false, false, false},
		{"X11", &ssh.Request{Type: "x11-req"}, false, false, false},
		{"keepalive", &ssh.Request{Type: "keepalive@openssh.com"}, false, false, false},
		{"nothing", &ssh.Request{}, false, false, false},
	} {
		c := newClient(nil, []string{"*"})
		if got := c.control(test.request); got != test.before {
			t.Errorf("%s: %v before the start, want %v", test.name, got, test.before)
		}
		c = newClient(nil, []string{"*"})
		c.started = true
		if got := c.control(test.request); got != test.after {
			t.Errorf("%s: %v after the start, want %v", test.name, got, test.after)
		}
		c = newClient(nil, []string{"*"})
		if !c.control(pty("xterm", "", 1, 1)) {
			t.Fatal("no terminal")
		}
		c.started = true
		if got := c.control(test.request); got != test.withPTY {
			t.Errorf("%s: %v with a terminal, want %v", test.name, got, test.withPTY)
		}
	}
}

func TestPTYBounds(t *testing.T) {
	for _, test := range []struct {
		term, modes string
		want        bool
	}{
		{"xterm", "\x00", true},
		{"", "", true},
		{strings.Repeat("x", 64), strings.Repeat("m", 1024), true},
		{strings.Repeat("x", 65), "", false},
		{"xterm", strings.Repeat("m", 1025), false},
	} {
		c := newClient(nil, nil)
		if got := c.control(pty(test.term, test.modes, 80, 24)); got != test.want || c.pty != test.want {
			t.Errorf("pty-req with a name of %d and modes of %d bytes: %v, want %v", len(test.term), len(test.modes), got, test.want)
		}
	}
	c := newClient(nil, nil)
	if !c.control(pty("xterm", "a", 80, 24)) || c.control(pty("vt100", "b", 1, 1)) {
		t.Error("not exactly one terminal was given")
	}
	if term, size, modes := (terminal{c}).Term(); term != "xterm" || modes != "a" || size != (recorder.Resize{Cols: 80, Rows: 24}) {
		t.Errorf("terminal is %q, %+v, %q: not the first one", term, size, modes)
	}
}

func TestNewestSizeIsKept(t *testing.T) {
	c := newClient(nil, nil)
	c.control(pty("xterm", "", 80, 24))
	for i := range uint32(100) { // nobody reads
		if !c.control(window(100+i, 50)) {
			t.Fatalf("size %d was refused", i)
		}
	}
	want := recorder.Resize{Cols: 199, Rows: 50}
	if got := <-(terminal{c}).Resizes(); got != want {
		t.Errorf("next size is %+v, want %+v", got, want)
	}
	if _, got, _ := (terminal{c}).Term(); got != want {
		t.Errorf("size is %+v, want %+v", got, want)
	}
}

func TestSignals(t *testing.T) {
	c := newClient(nil, nil)
	c.control(signal("TERM"))
	c.control(sendBreak(500))
	c.control(sendBreak(1 << 30)) // no longer than three seconds
	want := []protocols.Signal{{Name: "TERM"}, {BreakMS: 500}, {BreakMS: 3000}}
	if got := []protocols.Signal{<-c.Signals(), <-c.Signals(), <-c.Signals()}; !cmp.Equal(got, want) {
		t.Errorf("signals are %+v, want %+v", got, want)
	}
	for range cap(c.signals) {
		if !c.control(signal("INT")) {
			t.Error("a signal was refused while there is room")
		}
	}
	if c.control(signal("INT")) {
		t.Error("a signal that nobody takes was accepted")
	}
}

func TestStartLine(t *testing.T) {
	exec := func(line string) *ssh.Request {
		return &ssh.Request{Type: "exec", Payload: ssh.Marshal(struct{ Command string }{line})}
	}
	for _, test := range []struct {
		request *ssh.Request
		line    string
		starts  bool
	}{
		{&ssh.Request{Type: "shell"}, "", true},
		{&ssh.Request{Type: "shell", Payload: []byte("ignored")}, "", true},
		{exec("--osh info"), "--osh info", true},
		{exec(""), "", true},
		{exec("a\x00b\xff"), "a\x00b\xff", true},
		{&ssh.Request{Type: "exec"}, "", false},
		{&ssh.Request{Type: "exec", Payload: []byte{0, 0, 0, 9, 'x'}}, "", false},
		{&ssh.Request{Type: "exec", Payload: append(exec("x").Payload, 0)}, "", false},
		{&ssh.Request{Type: "subsystem", Payload: exec("sftp").Payload}, "", false},
		{&ssh.Request{Type: "subsystem", Payload: exec("netconf ").Payload}, "", false},
		{&ssh.Request{Type: "subsystem"}, "", false},
		{&ssh.Request{Type: "EXEC", Payload: exec("x").Payload}, "", false},
	} {
		if what, starts := startOf(test.request); what != (start{line: test.line}) || starts != test.starts {
			t.Errorf("startOf(%s %q) = %q, %v, want %q, %v", test.request.Type, test.request.Payload, what, starts, test.line, test.starts)
		}
	}
	netconf := &ssh.Request{Type: "subsystem", Payload: exec("netconf").Payload}
	if what, starts := startOf(netconf); what != (start{subsystem: "netconf"}) || !starts {
		t.Errorf("startOf(netconf) = %q, %v", what, starts)
	}
}

// FuzzControl: whatever a client sends is bounded and does not panic.
func FuzzControl(f *testing.F) {
	for _, r := range []*ssh.Request{env("LANG", "C"), pty("xterm", "m", 80, 24), window(1, 2), signal("INT"), sendBreak(1)} {
		f.Add(r.Type, r.Payload, r.Type, r.Payload)
		f.Add("pty-req", pty("vt100", "", 1, 1).Payload, r.Type, r.Payload)
	}
	f.Fuzz(func(t *testing.T, type1 string, payload1 []byte, type2 string, payload2 []byte) {
		c := newClient(nil, []string{"*"})
		for range 3 {
			c.control(&ssh.Request{Type: type1, Payload: payload1})
			c.control(&ssh.Request{Type: type2, Payload: payload2})
		}
		if len(c.term) > 64 || len(c.modes) > 1024 || c.envBytes > maxEnvBytes {
			t.Errorf("kept %d bytes of a name, %d of modes, %d of environment", len(c.term), len(c.modes), c.envBytes)
		}
		for _, v := range c.Env() {
			if name, _, ok := strings.Cut(v, "="); !ok || strings.HasPrefix(name, "LC_BASTION") || strings.Contains(v, "\x00") {
				t.Errorf("kept %q", v)
			}
		}
	})
}
