package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/config"
)

func TestLoad(t *testing.T) {
	const file = `
bastionName: edge-1   # in the rack by the door
listen: ["0.0.0.0:22", "[::]:22"]
adminAccounts:
- alice
allowedNetworks: [10.1.2.3/8, 192.0.2.7, "::ffff:198.51.100.0/120", 2001:db8::/32]
ingressToEgressRules:
  - [[10.0.0.0/8], [0.0.0.0/0, 192.0.2.1], ALLOW-EXCLUSIVE]
enableSyslog: true
forbiddenNetworks:
IPv6Allowed: True
accountCreateDefaultPersonalAccesses: ["ACCOUNT@10.0.0.1:22", "10.0.0.0/8", "root@[2001:db8::1]:22", "2001:db8::/32"]
`
	c, err := config.Load(strings.NewReader(file), commands())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, key := range []string{"bastionName", "listen", "allowedNetworks", "ingressToEgressRules", "IPv6Allowed", "connectTimeout"} {
		s, err := c.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		got[key] = s.Text()
	}
	want := map[string]string{
		"bastionName":          "edge-1",
		"listen":               "['0.0.0.0:22', '[::]:22']",
		"allowedNetworks":      "[10.0.0.0/8, 192.0.2.7, 198.51.100.0/24, '2001:db8::/32']",
		"ingressToEgressRules": "[[[10.0.0.0/8], [0.0.0.0/0, 192.0.2.1], ALLOW-EXCLUSIVE]]",
		"IPv6Allowed":          "true",
		"connectTimeout":       "10",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var object map[string]any
	if b, err := json.Marshal(c); err != nil || json.Unmarshal(b, &object) != nil || len(object) != len(config.Keys()) {
		t.Errorf("Marshal = %s, %v", b, err)
	}
}

func TestLoadNamesEveryProblem(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown key", "listten: []\n", "gateway.yaml:1: unknown key listten; did you mean listen?"},
		{"twice", "sandbox: enforce\nsandbox: require\n",
			"gateway.yaml:2: key sandbox is here for the second time, first in line 1"},
		{"types", "listen: 127.0.0.1:22\nIPv4Allowed: \"yes\"\nconnectTimeout: 1.5\nbastionName: [a]\n",
			`gateway.yaml:1: listen: want a list: [a, b]
gateway.yaml:2: IPv4Allowed: want true or false
gateway.yaml:3: connectTimeout: want a whole number
gateway.yaml:4: bastionName: want a text`},
		{"items", "allowedNetworks:\n- 10.0.0.0/8\n- nowhere\n- fe80::1%eth0\ningressToEgressRules:\n- [[], []]\n- [[x], [], MAYBE]\n",
			`gateway.yaml:3: allowedNetworks[1]: want an IP address or a network such as 10.0.0.0/8
gateway.yaml:4: allowedNetworks[2]: want an IP address or a network such as 10.0.0.0/8
gateway.yaml:6: ingressToEgressRules[0]: want [[FROM, …], [TO, …], ACTION]
gateway.yaml:7: ingressToEgressRules[1][0][0]: want an IP address or a network such as 10.0.0.0/8
gateway.yaml:7: ingressToEgressRules[1][2]: want ALLOW, DENY or ALLOW-EXCLUSIVE`},
		{"values", "listen:\n- 127.0.0.1:22\n- localhost:22\nmaxConnections: 0\nminimumEgressRsaKeySize: 4096\nmaximumEgressRsaKeySize: 2048\nsandbox: off\n" +
			"accountUidMin: 99999\nsyslogAddress: http://a\nadminAccounts: [\"a/b\"]\n",
			`gateway.yaml: accountUidMax: 99999: want at least accountUidMin + 1000, 100999
gateway.yaml:3: listen[1]: "localhost:22": want IP:PORT such as 0.0.0.0:22 or [::]:22
gateway.yaml:4: maxConnections: 0 is not between 1 and 60000
gateway.yaml:5: minimumEgressRsaKeySize: 4096 is above maximumEgressRsaKeySize, 2048
gateway.yaml:7: sandbox: want enforce or require
gateway.yaml:9: syslogAddress: "http://a": want unix:///PATH, udp://HOST:PORT or tcp://HOST:PORT
gateway.yaml:10: adminAccounts[0]: "a/b": want an account's name`},
		{"accesses", `accountCreateDefaultPersonalAccesses: [x, "a b@10.0.0.1", "10.0.0.1:0", "::1:22x", "[10.0.0.1]:22", "10.0.0.1:"]`,
			strings.TrimSuffix(strings.Join([]string{
				`gateway.yaml:1: accountCreateDefaultPersonalAccesses[0]: "x": want [USER@]IP[/LEN][:PORT]`,
				`gateway.yaml:1: accountCreateDefaultPersonalAccesses[1]: "a b@10.0.0.1": want [USER@]IP[/LEN][:PORT]`,
				`gateway.yaml:1: accountCreateDefaultPersonalAccesses[2]: "10.0.0.1:0": want [USER@]IP[/LEN][:PORT]`,
				`gateway.yaml:1: accountCreateDefaultPersonalAccesses[3]: "::1:22x": want [USER@]IP[/LEN][:PORT]`,
				`gateway.yaml:1: accountCreateDefaultPersonalAccesses[4]: "[10.0.0.1]:22": want [USER@]IP[/LEN][:PORT]`,
				`gateway.yaml:1: accountCreateDefaultPersonalAccesses[5]: "10.0.0.1:": want [USER@]IP[/LEN][:PORT]`,
			}, "\n"), "\n")},
		{"accounts", "accountExternalValidationProgram: bin/check\naccountMFAPolicy: required\nalwaysActiveAccounts: [\"a b\"]\n" +
			"fanciness: some\naccountExternalValidationDenyOnFailure: maybe\negressProxyJumpAllowed: 1\naccountExpiredMessage: " + strings.Repeat("x", 1025) + "\n",
			`gateway.yaml:1: accountExternalValidationProgram: "bin/check": want an absolute path without '.', '..' and a slash at the end; $BASEDIR at its start stands for the data folder
gateway.yaml:2: accountMFAPolicy: "required": want disabled, enabled, password-required, totp-required or any-required
gateway.yaml:3: alwaysActiveAccounts[0]: "a b": want an account's name
gateway.yaml:4: fanciness: "some": want none, basic or full
gateway.yaml:5: accountExternalValidationDenyOnFailure: want true or false
gateway.yaml:6: egressProxyJumpAllowed: want true or false
gateway.yaml:7: accountExpiredMessage: longer than 1024 bytes`},
		{"program", "accountExternalValidationProgram: \"/bin/\\tcheck\"\n", "gateway.yaml:1: accountExternalValidationProgram: contains a control character"},
		{"The Bastion's", "moshAllowed: true\nsshClientHasOptionE: false\nTOTPProvider: duo\n",
			`gateway.yaml:1: unknown key moshAllowed; it is The Bastion's, and not offered yet here: comes with mosh
gateway.yaml:2: unknown key sshClientHasOptionE; it is The Bastion's, and not applicable here: no ssh program is started: the gateway speaks SSH itself
gateway.yaml:3: unknown key TOTPProvider; it is The Bastion's, and not offered yet here: comes with second factors`},
		{"control character", "bastionName: \"a\\e[31m\"\n", "gateway.yaml:1: bastionName: contains a control character"},
		{"syntax", "a: b\n\tc: d\n", "gateway.yaml:2: found a tab character that violates indentation"},
		{"not a mapping", "- a\n", "gateway.yaml:1: want lines of the form KEY: VALUE"},
		{"documents", "sandbox: enforce\n---\nsandbox: enforce\n", "gateway.yaml: more than one document: remove the line ---"},
		{"alias", "adminAccounts: &a [x]\nsuperOwnerAccounts: *a\n", "gateway.yaml:2: superOwnerAccounts: want a list: [a, b]"},
		{"size", strings.Repeat("#", 1<<20+1), "gateway.yaml: larger than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Load(strings.NewReader(tt.file), commands())
			if !errors.Is(err, gateway.ErrInvalid) {
				t.Fatalf("Load = %v, want ErrInvalid", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestActivenessProgram(t *testing.T) {
	for written, want := range map[string]string{
		"": "", "/opt/check": "/opt/check", "$BASEDIR/bin/check": "/data/bin/check",
		"check": "-", "./check": "-", "$BASEDIR": "-", "$BASEDIRS/check": "-", "$BASEDIR/../check": "-", "/opt/../check": "-",
		"/opt/": "-", "/": "-", "$BASEDIR/": "-", "/opt/$BASEDIR/check": "/opt/$BASEDIR/check",
	} {
		c, err := config.Load(strings.NewReader("accountExternalValidationProgram: '"+written+"'\n"), nil)
		got := "-"
		if err == nil {
			got = c.ActivenessProgram("/data")
		}
		if got != want {
			t.Errorf("%q: %q, %v, want %q", written, got, err, want)
		}
	}
}

func TestDefaultIsValid(t *testing.T) {
	if err := config.Default().Validate(); err != nil {
		t.Error(err)
	}
	for _, empty := range []string{"", "\n", "# nothing\n", "---\n"} {
		if _, err := config.Load(strings.NewReader(empty), commands()); err != nil {
			t.Errorf("Load(%q) = %v", empty, err)
		}
	}
}

func TestSet(t *testing.T) {
	tests := []struct {
		name, before, key, value, want string
		wantErr                        error
	}{
		{"below its default", "# Seconds.\n#connectTimeout: 10\n\n# More.\n", "connectTimeout", "5",
			"# Seconds.\n#connectTimeout: 10\nconnectTimeout: 5\n\n# More.\n", nil},
		{"in its place", "\n# first\nconnectTimeout:   7  # slow network\n\n# second\nsandbox: require\n", "connectTimeout", "20",
			"# first\nconnectTimeout: 20 # slow network\n\n# second\nsandbox: require\n", nil},
		{"at the end", "sandbox: require", "listen", "10.0.0.1:22, [::1]:22",
			"sandbox: require\nlisten: ['10.0.0.1:22', '[::1]:22']\n", nil},
		{"block list", "adminAccounts:\n- alice # boss\n# the night shift\n- bob\n\n# then\nsandbox: require\n", "adminAccounts", "[carol]",
			"# the night shift\nadminAccounts: [carol]\n\n# then\nsandbox: require\n", nil},
		{"flow list over lines", "adminAccounts: [\n alice,\n\n bob\n]\nsandbox: require\n", "adminAccounts", "",
			"adminAccounts: []\nsandbox: require\n", nil},
		{"rules", "", "ingressToEgressRules", "[[[10.0.0.0/8], [0.0.0.0/0], DENY]]",
			"ingressToEgressRules: [[[10.0.0.0/8], [0.0.0.0/0], DENY]]\n", nil},
		{"text is taken as it is", "", "auditFile", "a: #b", "auditFile: 'a: #b'\n", nil},
		{"unknown", "", "sandbx", "require", "", gateway.ErrNotFound},
		{"bad value", "", "connectTimeout", "soon", "", gateway.ErrInvalid},
		{"out of range", "", "connectTimeout", "0", "", gateway.ErrInvalid},
		{"contradiction", "", "minimumEgressRsaKeySize", "8193", "", gateway.ErrInvalid},
		{"new line", "", "auditFile", "a\nsandbox: require", "", gateway.ErrInvalid},
		{"broken before", "nonsense: 1\n", "connectTimeout", "5", "", gateway.ErrInvalid},
		{"one line", "{sandbox: require, connectTimeout: 6}", "connectTimeout", "5", "", gateway.ErrConflict},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), config.FileName)
			if err := os.WriteFile(path, []byte(tt.before), 0o640); err != nil {
				t.Fatal(err)
			}
			err := config.Set(path, commands(), tt.key, tt.value)
			want := tt.want
			if tt.wantErr != nil {
				want = tt.before
			}
			if !errors.Is(err, tt.wantErr) {
				t.Errorf("Set = %v, want %v", err, tt.wantErr)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Error(diff)
			}
			info, _ := os.Stat(path)
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 || info.Mode().Perm() != 0o640 {
				t.Errorf("left %v, mode %v", entries, info.Mode())
			}
		})
	}
}

// What Get prints, Set takes and gives the same again.
func TestSetTakesWhatGetPrints(t *testing.T) {
	path := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(path, config.InitialFile("edge"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := config.LoadFile(path, commands())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range before.List() {
		if err := config.Set(path, commands(), s.Key, s.Text()); err != nil {
			t.Fatalf("Set(%s, %q) = %v", s.Key, s.Text(), err)
		}
	}
	after, err := config.LoadFile(path, commands())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.List(), after.List()); diff != "" {
		t.Error(diff)
	}
	data, _ := os.ReadFile(path)
	if n := strings.Count(string(data), "\n#"); n < len(config.Keys()) {
		t.Errorf("only %d comments are left", n)
	}
}

func TestWatcher(t *testing.T) {
	path := filepath.Join(t.TempDir(), config.FileName)
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := config.Watch(path, commands(), nil); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Watch of nothing = %v", err)
	}
	var calls int
	var last error
	write("connectTimeout: 5\n")
	w, err := config.Watch(path, commands(), func(_ *config.Config, err error) { calls++; last = err })
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name string
		do   func()
		want int
		bad  bool
	}{
		{"changed", func() { write("connectTimeout: 6\n") }, 6, false},
		{"broken", func() { write("connectTimeout: soon\n") }, 6, true},
		{"good again", func() { write("connectTimeout: 7\n") }, 7, false},
		{"gone", func() { os.Remove(path) }, 7, true},
		{"back", func() { write("connectTimeout: 8\n") }, 8, false},
		{"in place", func() { os.WriteFile(path, []byte("connectTimeout: 9\n"), 0o600) }, 9, false},
		{"writable by all", func() { os.Chmod(path, 0o666) }, 9, true},
		{"a folder", func() { os.Remove(path); os.Mkdir(path, 0o700) }, 9, true},
	}
	for _, s := range steps {
		calls, last = 0, nil
		s.do()
		for range 3 {
			if got := w.Current().ConnectTimeout; got != s.want {
				t.Errorf("%s: connectTimeout = %d, want %d", s.name, got, s.want)
			}
		}
		if calls != 1 || (last != nil) != s.bad {
			t.Errorf("%s: told %d times, error %v", s.name, calls, last)
		}
	}
}

func BenchmarkCurrent(b *testing.B) {
	path := filepath.Join(b.TempDir(), config.FileName)
	if err := os.WriteFile(path, config.InitialFile("edge"), 0o600); err != nil {
		b.Fatal(err)
	}
	w, err := config.Watch(path, commands(), nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w.Current()
	}
}

// Whatever is accepted says the same after it was printed and read again.
func FuzzLoad(f *testing.F) {
	f.Add(string(config.InitialFile("edge")))
	f.Add("listen: ['127.0.0.1:1', '[::1]:2']\nallowedNetworks: [10.0.0.0/8]\ningressToEgressRules: [[[::/0], [], DENY]]\n")
	f.Add("commands: {ping: {disabled: true}, selfAddPrivateAccess: {widest_v4_prefix: 24}}\n")
	f.Add("? a\n: b\n")
	f.Add("- &a [*a]\n")
	f.Fuzz(func(t *testing.T, file string) {
		c, err := config.Load(strings.NewReader(file), commands())
		if err != nil {
			if !errors.Is(err, gateway.ErrInvalid) {
				t.Errorf("Load(%q) = %v, want ErrInvalid", file, err)
			}
			return
		}
		var b strings.Builder
		for _, s := range c.List() {
			b.WriteString(s.String() + "\n")
		}
		again, err := config.Load(strings.NewReader(b.String()), commands())
		if err != nil {
			t.Fatalf("printed form of %q: %v\n%s", file, err, b.String())
		}
		if diff := cmp.Diff(c.List(), again.List()); diff != "" {
			t.Error(diff)
		}
	})
}
