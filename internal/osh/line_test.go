package osh_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gateway"
	"gateway/internal/osh"
)

func sameLine(a, b osh.Line) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
}

func TestParseLine(t *testing.T) {
	for _, test := range []struct {
		raw  string
		want osh.Line
	}{
		{"", osh.Line{}},
		{"  --quiet ", osh.Line{Quiet: true}},
		{"-i", osh.Line{Action: osh.Interactive}},
		{"root@srv", osh.Line{Action: osh.Connect, User: "root", Host: "srv"}},
		{"srv -p 2222 -l root", osh.Line{Action: osh.Connect, User: "root", Host: "srv", Port: 2222}},
		{"--host=srv --user root --port=22", osh.Line{Action: osh.Connect, User: "root", Host: "srv", Port: 22}},
		{"a@b@srv", osh.Line{Action: osh.Connect, User: "a@b", Host: "srv"}},
		{"root@[2001:db8::1]", osh.Line{Action: osh.Connect, User: "root", Host: "2001:db8::1"}},
		{"-t -q srv --timeout 7 --bind ::ffff:192.0.2.1 --use-key SHA256:x --wait", osh.Line{
			Action: osh.Connect, Host: "srv", TTY: osh.TTYForce, Quiet: true, Timeout: 7 * time.Second,
			Bind: netip.MustParseAddr("192.0.2.1"), UseKey: "SHA256:x", Wait: true,
		}},
		{"root@srv -J hop", osh.Line{Action: osh.Connect, User: "root", Host: "srv", Jump: gateway.Target{Host: "hop", Port: 22}}},
		{"-J me@hop:2222 srv", osh.Line{Action: osh.Connect, Host: "srv", Jump: gateway.Target{User: "me", Host: "hop", Port: 2222}}},
		{"srv -J a@b@192.0.2.1", osh.Line{Action: osh.Connect, Host: "srv", Jump: gateway.Target{User: "a@b", Host: "192.0.2.1", Port: 22}}},
		{"srv -J 2001:db8::1", osh.Line{Action: osh.Connect, Host: "srv", Jump: gateway.Target{Host: "2001:db8::1", Port: 22}}},
		{"srv -J [2001:db8::1]", osh.Line{Action: osh.Connect, Host: "srv", Jump: gateway.Target{Host: "2001:db8::1", Port: 22}}},
		{"srv -J me@[2001:db8::1]:23", osh.Line{Action: osh.Connect, Host: "srv", Jump: gateway.Target{User: "me", Host: "2001:db8::1", Port: 23}}},
		{"srv ssh -J hop x", osh.Line{Action: osh.Connect, Host: "srv", Remote: "ssh -J hop x"}},

		// What follows -- is the target's, byte for byte.
		{`root@srv -- echo "a  b"  'c'`, osh.Line{Action: osh.Connect, User: "root", Host: "srv", Remote: `echo "a  b"  'c'`}},
		{`srv --   ls -l --json "unclosed`, osh.Line{Action: osh.Connect, Host: "srv", Remote: `ls -l --json "unclosed`}},
		{"srv -- a\xff\nb ", osh.Line{Action: osh.Connect, Host: "srv", Remote: "a\xff\nb "}},
		{"srv -- -- x", osh.Line{Action: osh.Connect, Host: "srv", Remote: "-- x"}},
		{"srv --", osh.Line{Action: osh.Connect, Host: "srv"}},
		// So is the first word after the host that is no option, and the rest.
		{`srv uname  -a -- "b`, osh.Line{Action: osh.Connect, Host: "srv", Remote: `uname  -a -- "b`}},
		{`srv -q uname -q`, osh.Line{Action: osh.Connect, Host: "srv", Quiet: true, Remote: `uname -q`}},

		{"--osh info --json", osh.Line{Action: osh.Run, Command: "info", JSON: osh.JSON}},
		{"--osh helloWorld --json-greppable -q", osh.Line{Action: osh.Run, Command: "info", JSON: osh.JSONGreppable, Quiet: true}},
		{"--json-pretty --osh=info", osh.Line{Action: osh.Run, Command: "info", JSON: osh.JSONPretty}},
		{"--osh info --help", osh.Line{Action: osh.Run, Command: "info", Help: true}},
		{"--help srv", osh.Line{Help: true}},
		{"--long-help", osh.Line{Help: true, LongHelp: true}},
		// An option of the command hides one of the line; its value is never an option.
		{"--osh selfAddPersonalAccess --comment --json --host h", osh.Line{
			Action: osh.Run, Command: "selfAddPersonalAccess", Args: []string{"--comment", "--json", "--host", "h"},
		}},
		{"root@srv --port 22 --osh nc", osh.Line{
			Action: osh.Run, Command: "nc", Args: []string{"--host", "root@srv", "--port", "22"},
		}},
		{"--osh ping h -t 3 -- --json", osh.Line{
			Action: osh.Run, Command: "ping", Args: []string{"h", "-t", "3", "--", "--json"},
		}},
		{`--osh selfAddIngressKey --public-key 'ssh-ed25519 AAAA it'\''s "me"'`, osh.Line{
			Action: osh.Run, Command: "selfAddIngressKey", Args: []string{"--public-key", `ssh-ed25519 AAAA it's "me"`},
		}},
		{`--osh help ""`, osh.Line{Action: osh.Run, Command: "help", Args: []string{""}}},
	} {
		got, err := osh.ParseLine(test.raw)
		if err != nil {
			t.Errorf("ParseLine(%q) = %v", test.raw, err)
			continue
		}
		if diff := sameLine(test.want, got); diff != "" {
			t.Errorf("ParseLine(%q) (-want +got):\n%s", test.raw, diff)
		}
	}
}

func TestParseLineRefusals(t *testing.T) {
	for _, test := range []struct {
		raw  string
		code int
		name string
	}{
		{"--osh nonsense", 104, "UNKNOWN_COMMAND"},
		{"--osh", 111, "OPTIONS_ERROR"},
		{"--nonsense srv", 111, "OPTIONS_ERROR"},
		{"srv --port", 111, "OPTIONS_ERROR"},
		{"srv --quiet=yes", 111, "OPTIONS_ERROR"},
		{"'srv", 111, "OPTIONS_ERROR"},
		{`srv\`, 111, "OPTIONS_ERROR"},
		{"s\xffrv", 111, "OPTIONS_ERROR"},
		{"s\x1brv", 111, "OPTIONS_ERROR"},
		{"srv\nls", 111, "OPTIONS_ERROR"},
		{"srv -- a\x00b", 111, "OPTIONS_ERROR"},
		{strings.Repeat("a", 1<<20+1), 111, "OPTIONS_ERROR"},
		{strings.Repeat("-q ", 5000), 111, "OPTIONS_ERROR"},
		{"srv --timeout 0", 111, "OPTIONS_ERROR"},
		{"srv --bind nowhere", 111, "INVALID_BIND"},
		{"-- ls", 112, "NO_HOST"},
		{"-i --osh info", 115, "CONFLICTING_OPTIONS"},
		{"-i srv", 115, "CONFLICTING_OPTIONS"},
		{"-t -T srv", 115, "CONFLICTING_OPTIONS"},
		{"-T -t srv", 115, "CONFLICTING_OPTIONS"},
		{"root@srv --user me", 115, "CONFLICTING_OPTIONS"},
		{"mosh-server new -s", 116, "MOSH_DISABLED"},
		{"ro$ot@srv", 127, "INVALID_REMOTE_USER"},
		{"@srv", 127, "INVALID_REMOTE_USER"},
		{strings.Repeat("u", 129) + "@srv", 127, "INVALID_REMOTE_USER"},
		{"root@", 128, "INVALID_REMOTE_HOST"},
		{"root@s/rv", 128, "INVALID_REMOTE_HOST"},
		{"root@-srv", 128, "INVALID_REMOTE_HOST"},
		{"''", 128, "INVALID_REMOTE_HOST"},
		{"srv -p 0", 134, "INVALID_PORT"},
		{"srv -p 65536", 134, "INVALID_PORT"},
		{"srv -p +22", 134, "INVALID_PORT"},
		{"srv -p ''", 134, "INVALID_PORT"},
		{"srv --telnet --netconf", 115, "CONFLICTING_OPTIONS"},
		{"srv --telnet -- show version", 115, "CONFLICTING_OPTIONS"},
		{"srv --netconf -- x", 115, "CONFLICTING_OPTIONS"},
		{"srv --telnet -J hop", 115, "CONFLICTING_OPTIONS"},
		{"srv -P -J hop", 115, "CONFLICTING_OPTIONS"},
		{"srv -P --password web", 115, "CONFLICTING_OPTIONS"},
		{"srv --password web --use-key SHA256:x", 115, "CONFLICTING_OPTIONS"},
		{"srv --password keyweb", 111, "OPTIONS_ERROR"},
		{"srv --password ''", 111, "OPTIONS_ERROR"},
		{"srv -P --fallback-password-delay 0", 111, "OPTIONS_ERROR"},
		{"ssh-passwd-root-keyweb@srv", 127, "INVALID_REMOTE_USER"},
		{"srv -J hop,hop2", 111, "OPTIONS_ERROR"},
		{"srv -J hop -J hop2", 111, "OPTIONS_ERROR"},
		{"srv -J", 111, "OPTIONS_ERROR"},
		{"srv -J hop --wait", 115, "CONFLICTING_OPTIONS"},
		{"srv -J @hop", 127, "INVALID_REMOTE_USER"},
		{"srv -J 'a b@hop'", 127, "INVALID_REMOTE_USER"},
		{"srv -J !sftp@hop", 127, "INVALID_REMOTE_USER"},
		{"srv -J ''", 128, "INVALID_REMOTE_HOST"},
		{"srv -J me@", 128, "INVALID_REMOTE_HOST"},
		{"srv -J :22", 128, "INVALID_REMOTE_HOST"},
		{"srv -J -hop", 128, "INVALID_REMOTE_HOST"},
		{"srv -J [hop]:22", 128, "INVALID_REMOTE_HOST"},
		{"srv -J []:22", 128, "INVALID_REMOTE_HOST"},
		{"srv -J [2001:db8::1", 128, "INVALID_REMOTE_HOST"},
		{"srv -J [2001:db8::1]22", 128, "INVALID_REMOTE_HOST"},
		{"srv -J 2001:db8::1::2", 128, "INVALID_REMOTE_HOST"},
		{"srv -J hop:1:2", 128, "INVALID_REMOTE_HOST"},
		{"srv -J ssh://hop", 134, "INVALID_PORT"},
		{"srv -J hop:0", 134, "INVALID_PORT"},
		{"srv -J hop:65536", 134, "INVALID_PORT"},
		{"srv -J hop:", 134, "INVALID_PORT"},
		{"--mfa-token x srv", 125, "MFA_FAILED"},
		{"--ssh-as 'b b' srv", 107, "SSHAS_DENIED"},
		{"--ssh-as bob", 112, "NO_HOST"},
		{"--ssh-as bob -i", 115, "CONFLICTING_OPTIONS"},
		{"--ssh-as bob --osh info", 115, "CONFLICTING_OPTIONS"},
	} {
		_, err := osh.ParseLine(test.raw)
		refused, ok := errors.AsType[*osh.RefusalError](err)
		if !ok {
			t.Errorf("ParseLine(%.40q) = %v, want a refusal", test.raw, err)
			continue
		}
		if refused.Refusal.Code != test.code || refused.Refusal.Name != test.name {
			t.Errorf("ParseLine(%.40q) refuses with %v, want %d %s", test.raw, refused.Refusal, test.code, test.name)
		}
		if len(refused.Text) > 512 {
			t.Errorf("ParseLine(%.40q): the text of the refusal has %d bytes", test.raw, len(refused.Text))
		}
	}
}

// A refusal must come in the form that was asked for, wherever the fault is.
func TestRefusedLineKeepsItsForm(t *testing.T) {
	for _, raw := range []string{"--nonsense --json-greppable", "--json-greppable --osh nonsense", "--port 0 h --json-greppable 'x"} {
		line, err := osh.ParseLine(raw)
		if err == nil || line.JSON != osh.JSONGreppable {
			t.Errorf("ParseLine(%q) = form %v, %v", raw, line.JSON, err)
		}
	}
}

func TestSuggestions(t *testing.T) {
	for raw, want := range map[string]string{
		"--osh selflistaccess":            "selfListAccesses",
		"--osh infos":                     "info",
		"--ost info":                      "--osh",
		"--osh selfAddPersonalAcces -h x": "selfAddPersonalAccess",
	} {
		_, err := osh.ParseLine(raw)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseLine(%q) = %v, want it to suggest %s", raw, err, want)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, seed := range []string{
		"", "-i", "root@srv -- echo 'a b'", "--osh info --json", "--osh nc -h h -p 22 -- x", `"a\"b" c`, "srv ls -l",
		"--osh selfAddPersonalAccess --host 192.0.2.0/24 --user '*' --port '*' --ttl 1d7h --comment \"x y\"",
		"--help srv", "-t -q [::1] --timeout 7 --bind 192.0.2.1 --use-key SHA256:x --wait", "\x00\xff", "--osh=help ''",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		line, err := osh.ParseLine(raw)
		if err != nil {
			if _, ok := errors.AsType[*osh.RefusalError](err); !ok {
				t.Fatalf("ParseLine(%q) = %v, which is no refusal", raw, err)
			}
			return
		}
		again, err := osh.ParseLine(line.String())
		if err != nil {
			t.Fatalf("ParseLine(%q).String() = %q, which gives %v", raw, line.String(), err)
		}
		if diff := sameLine(line, again); diff != "" {
			t.Fatalf("ParseLine(%q).String() = %q, which differs:\n%s", raw, line.String(), diff)
		}
	})
}

// The ways to ask for a login with a password, the oldest ones too.
func TestPasswordLines(t *testing.T) {
	for _, test := range []struct {
		raw, user string
		of        gateway.PasswordOf
		protocol  gateway.Protocol
		delay     time.Duration
	}{
		{"srv -P", "", gateway.PasswordOf{Self: true}, "", 3 * time.Second},
		{"root@srv --password web --fallback-password-delay 9 -e", "root", gateway.PasswordOf{Group: "web"}, gateway.Telnet, 9 * time.Second},
		{"ssh-passwd-root-web@srv", "root", gateway.PasswordOf{Group: "web"}, "", 3 * time.Second},
		{"ssh-password-admin@srv", "admin", gateway.PasswordOf{Group: "admin"}, "", 3 * time.Second},
		{"telnet-passwd-root-web-2@srv", "root", gateway.PasswordOf{Group: "web-2"}, gateway.Telnet, 3 * time.Second},
		{"ssh-passwd-root-web@srv -P", "ssh-passwd-root-web", gateway.PasswordOf{Self: true}, "", 3 * time.Second},
		{"srv --netconf", "", gateway.PasswordOf{}, gateway.NETCONF, 0},
	} {
		l, err := osh.ParseLine(test.raw)
		if err != nil || l.User != test.user || l.Password != test.of || l.Protocol != test.protocol || l.FallbackDelay != test.delay {
			t.Errorf("%s: %+v, %v", test.raw, l, err)
		}
		if again, err := osh.ParseLine(l.String()); err != nil || sameLine(again, l) != "" {
			t.Errorf("%s: %s is read back as %+v, %v", test.raw, l, again, err)
		}
	}
}

// The ways to ask for a second password.
func TestEnableLines(t *testing.T) {
	for _, test := range []struct {
		raw    string
		enable bool
		of     gateway.PasswordOf
	}{
		{"srv -P", false, gateway.PasswordOf{}},
		{"srv -P --enable", true, gateway.PasswordOf{}},
		{"srv -e --password web --enable-password=core", true, gateway.PasswordOf{Group: "core"}},
		{"srv --enable-self-password --enable", true, gateway.PasswordOf{Self: true}},
		{"srv -J hop --enable-password core", true, gateway.PasswordOf{Group: "core"}},
	} {
		l, err := osh.ParseLine(test.raw)
		if err != nil || l.Enable != test.enable || l.EnablePassword != test.of {
			t.Errorf("%s: %+v, %v", test.raw, l, err)
		}
		if again, err := osh.ParseLine(l.String()); err != nil || sameLine(again, l) != "" {
			t.Errorf("%s: %s is read back as %+v, %v", test.raw, l, again, err)
		}
	}
	for raw, want := range map[string]string{
		"srv --enable":                                   "whose password",
		"srv -e --enable-password core":                  "over telnet needs a login",
		"srv -P --enable -- show version":                "for a shell",
		"srv -P --enable --netconf":                      "--enable and --netconf",
		"srv --enable-password a/b":                      "name of a group",
		"srv --enable-password a --enable-self-password": "exclude each other",
	} {
		if _, err := osh.ParseLine(raw); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want one that says %q", raw, err, want)
		}
	}
}
