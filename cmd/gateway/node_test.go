package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway"
)

// A folder that can't be opened is an error, and never a panic: what was
// opened before is closed.
func TestOpenNodeFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if status := run([]string{"init", "--data", dir}); status != 0 {
		t.Fatalf("init: exit status %d", status)
	}
	f := folder(dir)
	if err := os.Chmod(f.master(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openNode(f, nil); err == nil || !strings.Contains(err.Error(), f.master()) {
		t.Errorf("openNode with a master.key that others can read: %v, want an error that names it", err)
	}
	if err := os.WriteFile(f.config(), []byte("bastion: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openNode(f, nil); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("openNode with a broken gateway.yaml: %v, want %v", err, gateway.ErrInvalid)
	}
}
