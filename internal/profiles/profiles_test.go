package profiles_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gateway"
	shipped "gateway/configs/profiles"
	"gateway/internal/dialogue"
	"gateway/internal/profiles"
)

func shippedFile(t testing.TB, name string) string {
	t.Helper()
	b, err := shipped.Files.ReadFile(name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const acme = `name: acme
vendor: ACME switches
detect: ['ACME']
login: ['Login:']
password: ['Password:']
shell: ['acme>']
`

func TestLoad(t *testing.T) {
	broken := strings.Replace(acme, "shell", "shel", 1)
	s, err := profiles.Load(fstest.MapFS{
		"acme.yaml":      {Data: []byte(acme)},
		"cisco-ios.yaml": {Data: []byte(strings.Replace(broken, "name: acme", "name: cisco-ios", 1))},
		"notes.txt":      {Data: []byte("no profile")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if names := s.Names(); !slices.Contains(names, "acme") || !slices.Contains(names, "generic") || slices.Contains(names, "cisco-ios") {
		t.Errorf("Names() = %v, want acme and generic, without the broken cisco-ios", names)
	}
	if !s.Own("acme") || s.Own("generic") {
		t.Errorf("Own(acme), Own(generic) = %v, %v, want true, false", s.Own("acme"), s.Own("generic"))
	}
	for _, name := range []string{"", "acme"} {
		text, _, err := s.Lease(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dialogue.Decode(text); err != nil {
			t.Errorf("Decode(Lease(%q)) = %v", name, err)
		}
	}
	var problem *profiles.Problem
	if _, _, err := s.Lease("cisco-ios"); !errors.As(err, &problem) || !errors.Is(err, gateway.ErrInvalid) || problem.Line != 6 {
		t.Errorf("Lease(cisco-ios) = %v, want the problem in line 6", err)
	}
	if _, _, err := s.Lease("nobody"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Lease(nobody) = %v, want %v", err, gateway.ErrNotFound)
	}
	if err := s.Problems(); err == nil || !strings.HasPrefix(err.Error(), "cisco-ios.yaml:6: shel: unknown key; allowed are name, vendor, ") {
		t.Errorf("Problems() = %v", err)
	}
}

// TestLive: what somebody changes in the folder counts at once.
func TestLive(t *testing.T) {
	dir := fstest.MapFS{}
	live := profiles.NewLive(dir)
	if _, _, err := live.Lease("acme"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Lease(acme) = %v, want %v", err, gateway.ErrNotFound)
	}
	dir["acme.yaml"] = &fstest.MapFile{Data: []byte(acme)}
	if _, _, err := live.Lease("acme"); err != nil {
		t.Errorf("Lease(acme) of a new file = %v", err)
	}
	before, err := live.Set()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := live.Set(); err != nil || again != before {
		t.Errorf("Set() = %p, %v, want what was read before, %p", again, err, before)
	}
	dir["acme.yaml"] = &fstest.MapFile{Data: []byte(acme + "#")}
	if again, err := live.Set(); err != nil || again == before {
		t.Errorf("Set() of a changed file = %p, %v, want another than %p", again, err, before)
	}
	delete(dir, "acme.yaml")
	if _, _, err := live.Lease("acme"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Lease(acme) of a deleted file = %v, want %v", err, gateway.ErrNotFound)
	}
}

func TestParseProblems(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown key", "login:", "logins:", "acme.yaml:4: logins: unknown key; allowed are name, "},
		{"key twice", "login:", "shell: [a]\nlogin:", "acme.yaml:7: shell: the key is here for the second time, first in line 4"},
		{"no list", "['Login:']", "Login", "acme.yaml:4: login: want a list"},
		{"expression", "['acme>']", "[ok, 'acme(>']", "acme.yaml:6: shell[1]: missing closing ): `acme(>`; want RE2 syntax"},
		{"closed group", "['acme>']", "['a)|(?:b']", "acme.yaml:6: shell[0]: unexpected ): `a)|(?:b`; want RE2 syntax"},
		{"empty line", "['acme>']", "['.*']", "acme.yaml:6: shell[0]: it matches an empty line"},
		{"long", "['acme>']", "['" + strings.Repeat("a", 257) + "']", "acme.yaml:6: shell[0]: 257 bytes: want an expression of 1 to 256"},
		{"missing", "shell: ['acme>']\n", "", "acme.yaml: shell: it is missing: want at least one prompt"},
		{"time", "login:", "timeouts: {quiet: 5}\nlogin:", "acme.yaml:4: timeouts.quiet: want a time such as 500ms or 30s"},
		{"time range", "login:", "timeouts: {quiet: 1h}\nlogin:", "acme.yaml:4: timeouts.quiet: 1h0m0s: want 50ms to 10s"},
		{"flag", "login:", "legacy: 1\nlogin:", "acme.yaml:4: legacy: want true or false"},
		{"text", "vendor: ACME switches", "vendor: 12", "acme.yaml:2: vendor: want text"},
		{"alias", "['Login:']", "&x ['Login:']", "acme.yaml:4: login: anchors and aliases are not allowed"},
		{"second", "login:", "second: {command: enable}\nlogin:", "acme.yaml:4: second: want command, password and shell"},
		{"other name", "name: acme", "name: other", "acme.yaml:1: name: the profile other is to be in a file other.yaml"},
		{"bad name", "name: acme", "name: ../x", "acme.yaml:1: name: want 1 to 32 of a-z, 0-9 and -"},
		{"fallback", "login:", "fallback: true\nlogin:", "acme.yaml:4: fallback: want true in generic.yaml and nowhere else"},
		{"two documents", "name: acme", "---\nname: acme\n---\n", "acme.yaml: it has more than one document"},
		{"answer", "login:", "menu: [{prompt: a}]\nlogin:", "acme.yaml:4: menu[0].send: 0 bytes: want 1 to 256"},
		{"command", "login:", "commands: [\"a\\nb\"]\nlogin:", "acme.yaml:4: commands[0]: it has control characters"},
		{"syntax", "name: acme", "name: [", "acme.yaml: line "},
		{"empty", acme, "", "acme.yaml: it is empty: want a profile"},
		{"large", acme, strings.Repeat("#", 65<<10), "acme.yaml: it is larger than the 64 KiB that are allowed"},
		{"no mapping", acme, "- a", "acme.yaml:1: want KEY: VALUE lines; the keys are name, vendor, "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := profiles.Parse("acme.yaml", []byte(strings.Replace(acme, tt.old, tt.new, 1)))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Parse = %v\nwant %s…", err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(acme))
	f.Add([]byte("name: acme\nfallback: true\nsecond: {command: e, password: [p], shell: [s]}\nmenu: [{prompt: p, send: s}]\ntimeouts: {quiet: 1s}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := profiles.Parse("acme.yaml", data)
		if err != nil {
			var problem *profiles.Problem
			if !errors.As(err, &problem) {
				t.Errorf("Parse = %v, want a *Problem", err)
			}
			return
		}
		text, err := dialogue.Encode([]dialogue.Profile{p})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dialogue.Decode(text); err != nil {
			t.Errorf("Decode of what Parse accepted = %v", err)
		}
	})
}
