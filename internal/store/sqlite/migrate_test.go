package sqlite_test

import (
	"database/sql"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pressly/goose/v3"

	"gateway/internal/store"
)

// The host keys and sessions of a database from before there were jump hosts
// are those of direct connections.
func TestMigrateHostKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO host_key (account, addr, port, type, blob, added) VALUES ('alice', x'0a000001', 22, 'ssh-rsa', x'01', 1000000);
		INSERT INTO session VALUES ('0123456789abcdef01234567', 'alice', '', 'ssh', 1, NULL, 0, NULL, 0, x'0a000001', 22, 'srv', 'root', '', '', '', 1000000, 0, NULL, 0, '', '', 0)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	s := open(t, path)
	defer s.Close()
	target := netip.MustParseAddrPort("10.0.0.1:22")
	keys, err := s.HostKeys(t.Context(), "alice", target, netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	want := []store.HostKey{{Addr: target.Addr(), Port: 22, Type: "ssh-rsa", Blob: []byte{1}, Added: time.Unix(1, 0).UTC()}}
	if diff := cmp.Diff(want, keys, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); diff != "" {
		t.Errorf("host keys (-want +got):\n%s", diff)
	}
	sessions, err := s.Sessions(t.Context(), store.SessionFilter{User: "root"})
	if err != nil || len(sessions) != 1 || sessions[0].To != target || sessions[0].Proxy.IsValid() || sessions[0].ProxyUser != "" {
		t.Errorf("sessions %+v, %v", sessions, err)
	}
}
