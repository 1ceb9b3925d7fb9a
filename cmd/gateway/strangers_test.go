package main

import (
	"path/filepath"
	"slices"
	"testing"

	"gateway/internal/config"
)

// A setting that names an account that does not exist is told of; nothing is
// made where there is no database.
func TestStrangers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := (&initCmd{Name: "gw"}).Run(&globals{Data: dir}); err != nil {
		t.Fatal(err)
	}
	conf := &config.Config{AdminAccounts: []string{"ghost"}}
	want := []string{"adminAccounts names ghost, which is no account"}
	if got := strangers(folder(dir), conf); !slices.Equal(got, want) {
		t.Errorf("strangers = %q, want %q", got, want)
	}
	if got := strangers(folder(t.TempDir()), conf); len(got) != 1 || got[0] == want[0] {
		t.Errorf("without a database: %q", got)
	}
}
