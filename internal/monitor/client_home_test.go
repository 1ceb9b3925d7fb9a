package monitor

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"gateway"
	"gateway/policy"
)

func TestForgetClientHomes(t *testing.T) {
	here := &gateway.Account{Name: "alice", UID: 2001, Created: time.Unix(1700000000, 0)}
	m := &Monitor{ClientHomes: filepath.Join(t.TempDir(), "psql"), Policy: policy.NewLive(policy.New([]*gateway.Account{here}, nil, policy.Rules{}))}
	if err := m.forgetClientHomes(); err != nil {
		t.Errorf("without any folder: %v", err)
	}
	gone := &gateway.Account{Name: "alice", UID: 2001, Created: time.Unix(1600000000, 0)}
	for _, a := range []*gateway.Account{here, gone} {
		dir := filepath.Join(m.ClientHomes, clientHomeName(a))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".psql_history"), []byte("select 1;\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.forgetClientHomes(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(m.ClientHomes)
	if err != nil || len(left) != 1 || left[0].Name() != clientHomeName(here) {
		t.Errorf("left are %v, %v, want those of the account that is there", left, err)
	}
}
