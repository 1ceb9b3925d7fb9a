package monitor

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestGiveTree: everything goes to the recorder once; after that its folder is
// not walked again.
func TestGiveTree(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const uid, other = 65534, 65533
	dir := t.TempDir()
	day := filepath.Join(dir, "2026-11-21")
	file := filepath.Join(day, "x.rec")
	if err := os.Mkdir(day, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(day, "link")); err != nil {
		t.Fatal(err)
	}
	owner := func(path string, want int) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := int(info.Sys().(*syscall.Stat_t).Uid); got != want {
			t.Errorf("owner of %s = %d, want %d", path, got, want)
		}
	}
	give := func() {
		t.Helper()
		if err := giveTree(dir, uid); err != nil {
			t.Fatal(err)
		}
	}
	give()
	for _, path := range []string{dir, day, file} {
		owner(path, uid)
	}
	owner(outside, 0)
	if err := os.Chown(file, other, other); err != nil {
		t.Fatal(err)
	}
	give()
	owner(file, other)
}
