package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMerge(t *testing.T) {
	long := strings.Repeat("x\n", maxKept/2)
	tests := []struct{ name, before, after, now, want string }{
		{"first", "", "a\n", "", "a\n"},
		{"added", "a\n", "a\nb\n", "a\n", "a\nb\n"},
		{"another has added", "a\n", "a\nb\n", "a\nc\n", "a\nc\nb\n"},
		{"another was first", "", "b\n", "c\n", "c\nb\n"},
		{"shortened", "a\nb\n", "b\nc\n", "a\nb\n", "b\nc\n"},
		{"emptied", "a\n", "", "a\n", ""},
		{"long", long, long + "last\n", long, long[len("last\n")+1:] + "last\n"},
	}
	for _, test := range tests {
		got := string(merge([]byte(test.before), []byte(test.after), []byte(test.now)))
		if got != test.want {
			t.Errorf("%s: merge keeps %d bytes, want %d: %.40q", test.name, len(got), len(test.want), got)
		}
	}
}

// TestUntrustedHome keeps files of a folder that a client made a trap of.
func TestUntrustedHome(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("topsecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	traps := map[string]func(path string) error{
		"link":   func(path string) error { return os.Symlink(secret, path) },
		"pipe":   func(path string) error { return unix.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"none":   func(string) error { return nil },
		"larger": func(path string) error { return os.WriteFile(path, make([]byte, maxRead+1), 0o600) },
	}
	for name, trap := range traps {
		t.Run(name, func(t *testing.T) {
			jailed, home := t.TempDir(), filepath.Join(t.TempDir(), "alice")
			if err := trap(filepath.Join(jailed, psqlHistory)); err != nil {
				t.Fatal(err)
			}
			folder, err := os.Open(jailed)
			if err != nil {
				t.Fatal(err)
			}
			if err := New("").saveHome(home, []string{psqlHistory}, nil, folder); err != nil {
				t.Error(err)
			}
			kept, err := os.ReadFile(filepath.Join(home, psqlHistory))
			if strings.Contains(string(kept), "topsecret") || len(kept) > maxKept || name != "larger" && err == nil {
				t.Errorf("kept %d bytes: %.20q", len(kept), kept)
			}
		})
	}
}
