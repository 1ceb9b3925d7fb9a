package monitor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gateway"
)

func TestReadKeyFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two, missing := write("one", "a\nb"), write("two", "c\n"), filepath.Join(dir, "missing")
	for _, tt := range []struct {
		paths []string
		want  string
	}{{[]string{missing}, ""}, {[]string{one, missing, two}, "a\nb\nc\n\n"}} {
		if got, err := readKeyFiles(tt.paths...); got != tt.want || err != nil {
			t.Errorf("readKeyFiles(%v) = %q, %v, want %q", tt.paths, got, err, tt.want)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{write("large", strings.Repeat("x", maxRootKeys+1)), dir, pipe} {
		if _, err := readKeyFiles(one, path); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("readKeyFiles(%s) = %v, want it to be refused", filepath.Base(path), err)
		}
	}
}
