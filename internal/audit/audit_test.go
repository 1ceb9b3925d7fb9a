package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/audit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func now() time.Time {
	return time.Date(2026, 3, 1, 13, 4, 5, 678_000, time.FixedZone("CET", 3600))
}

// records is one of every kind, hostile texts among them.
func records() []audit.Record {
	session := gateway.SessionID("0123456789abcdef01234567")
	alice := gateway.Principal{Account: "alice"}
	from := netip.MustParseAddrPort("[::ffff:192.0.2.7]:51234")
	web := gateway.Target{User: "root", Host: "web.example.com", Addr: netip.MustParseAddr("2001:db8::1"), Port: 22}
	return []audit.Record{
		{Event: audit.Node, Action: "start", Details: []audit.Detail{{"version", "0.1.0"}}},
		{Event: audit.Connect, From: from, Via: netip.MustParseAddrPort("192.0.2.1:22"), Allowed: audit.Yes},
		{Event: audit.Auth, Session: session, Principal: gateway.Principal{Account: "bob", Realm: "acme"}, From: from,
			Key: "SHA256:abc", Allowed: audit.No, Reason: "unknown key"},
		{Event: audit.Decision, Session: session, Login: "76543210fedcba9876543210", Principal: alice, Target: web, Protocol: gateway.SSH, Allowed: audit.Yes,
			Way: "group-member:web"},
		{Event: audit.Login, Session: session, Principal: alice, Target: web, Protocol: gateway.SSH, Allowed: audit.Yes,
			Jump: gateway.Target{User: "jump", Host: "hop.example.com", Addr: netip.MustParseAddr("192.0.2.9"), Port: 2222}},
		{Event: audit.Open, Session: session, Principal: alice, From: from, Target: web, Protocol: gateway.SSH,
			Action: "exec", Command: "printf '\x1b]0;owned\a'\n{\"event\":\"close\"}\u202e\xff"},
		{Event: audit.Close, Session: session, Principal: alice, Target: web, Duration: 1500250 * time.Microsecond,
			BytesIn: 12, BytesOut: 34567, Exit: &gateway.Exit{}},
		{Event: audit.Close, Session: session, Target: gateway.Target{User: "r\noot", Host: "a\r\nb", Port: 22},
			Exit: &gateway.Exit{Signal: "KILL"}, Error: "broken pipe"},
		{Event: audit.Change, Principal: alice, Action: "add", Command: "selfAddPersonalAccess",
			Details: []audit.Detail{{"item", "access"}, {"new", "root@10.0.0.1:22"}, {"bad\nkey", ""}}},
		{Event: audit.Sandbox, Command: strings.Repeat("é", 5000)},
	}
}

func TestGolden(t *testing.T) {
	var got bytes.Buffer
	l := audit.New("edge", now, audit.NewWriter(&got))
	for _, r := range records() {
		if err := l.Log(r); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(got.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("raw control character in %q", line)
		}
	}
	const golden = "testdata/records.jsonl"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.jsonl")
	// A line that an earlier run was cut off in stays alone.
	if err := os.WriteFile(path, []byte(`{"time":`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := audit.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l := audit.New("edge", now, f)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if err := l.Log(audit.Record{Event: audit.Command, Command: "help"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	if err := l.Log(audit.Record{Event: audit.Command, Command: "info"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Log(audit.Record{Event: audit.Command}); err == nil {
		t.Error("a closed file took a record")
	}
	old, _ := os.ReadFile(path + ".1")
	lines := strings.Split(string(old), "\n")
	if len(lines) != 202 || lines[0] != `{"time":` {
		t.Errorf("%d lines, the first %s", len(lines), lines[0])
	}
	fresh, _ := os.ReadFile(path)
	want := `{"time":"2026-03-01T12:04:05.000678Z","event":"command","node":"edge","command":"info"}` + "\n"
	if diff := cmp.Diff(want, string(fresh)); diff != "" {
		t.Error(diff)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestFileRefuses(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.Symlink(target, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "link"), dir, "/dev/null", filepath.Join(dir, "no", "folder")} {
		if _, err := audit.OpenFile(path); err == nil {
			t.Errorf("OpenFile(%s) took it", path)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("the link was followed")
	}
}

// A full disk refuses the record, and the torn line does not spoil the next.
func TestTornWrite(t *testing.T) {
	w := &shortWriter{left: 20}
	l := audit.New("edge", now, audit.NewWriter(w))
	if err := l.Log(audit.Record{Event: audit.Open}); !errors.Is(err, errFull) {
		t.Fatalf("Log = %v, want errFull", err)
	}
	w.left = 1000
	if err := l.Log(audit.Record{Event: audit.Close}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(w.got.String(), "\n")
	if len(lines) != 3 || len(lines[0]) != 20 || !json.Valid([]byte(lines[1])) {
		t.Errorf("got %q", lines)
	}
}

var errFull = errors.New("no space left")

type shortWriter struct {
	got  bytes.Buffer
	left int
}

func (w *shortWriter) Write(b []byte) (int, error) {
	n := min(len(b), w.left)
	w.left -= n
	w.got.Write(b[:n])
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func BenchmarkLog(b *testing.B) {
	f, err := audit.OpenFile(filepath.Join(b.TempDir(), "audit.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	l := audit.New("edge", time.Now, f)
	r := records()[4]
	for b.Loop() {
		if err := l.Log(r); err != nil {
			b.Fatal(err)
		}
	}
}
