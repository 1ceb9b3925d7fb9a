package admin_test

import (
	"context"
	"crypto"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"gateway"
	"gateway/internal/admin"
)

// fakeVault makes keys that are the same in each run.
type fakeVault struct{}

func (fakeVault) GenerateKey(algo string, bits int, context string) (gateway.EgressKey, []byte, error) {
	return gateway.EgressKey{
		Type: "ssh-" + algo, Blob: []byte(context), Size: bits, Fingerprint: "SHA256:" + regexp.MustCompile(`\W`).ReplaceAllString(context, "_"),
	}, []byte("sealed"), nil
}

// GeneratePassword makes hashes that say what was asked for.
func (fakeVault) GeneratePassword(size int, context string) (gateway.PasswordHashes, []byte, error) {
	of := fmt.Sprintf("$%s$%d", regexp.MustCompile(`\W`).ReplaceAllString(context, "."), size)
	return gateway.PasswordHashes{MD5Crypt: "$1" + of, SHA256Crypt: "$5" + of, SHA512Crypt: "$6" + of, Type8: "$8" + of, Type9: "$9" + of},
		[]byte("sealed for " + context), nil
}

func (fakeVault) Seal(secret gateway.Secret, context string) []byte {
	return fmt.Appendf(nil, "sealed for %s: %x", context, secret.Reveal())
}

func (fakeVault) SealPrivateKey(_ crypto.Signer, context string) ([]byte, error) {
	return []byte("sealed key for " + context), nil
}

// Reseal fails for what was sealed for another context.
func (fakeVault) Reseal(sealed []byte, from, to string) ([]byte, error) {
	if of, ok := strings.CutPrefix(string(sealed), "sealed for "); ok && of != from {
		return nil, gateway.ErrInvalid
	}
	return []byte("sealed for " + to), nil
}

func (fakeVault) Forget(string) {}

// fakeDeps is a network of a few hosts.
type fakeDeps struct {
	mu       sync.Mutex
	rechecks int
	ended    []string
	reasons  []string // of ended
	probed   []string
	reversed []string                                  // addresses whose names were asked for
	down     bool                                      // probes fail
	active   func(a *gateway.Account) admin.Activeness // nil: everybody is
	rootKeys string
	rootErr  error
	screens  int // of everybody
}

var _ admin.Deps = (*fakeDeps)(nil)

func (d *fakeDeps) Resolve(_ context.Context, host string) (netip.Addr, error) {
	if host == "srv.example" {
		return netip.MustParseAddr("192.0.2.7"), nil
	}
	return netip.Addr{}, gateway.ErrNotFound
}

func (d *fakeDeps) ReverseNames(_ context.Context, addrs []netip.Addr) map[netip.Addr]string {
	names := make(map[netip.Addr]string)
	for _, a := range addrs {
		d.mu.Lock()
		d.reversed = append(d.reversed, a.String())
		d.mu.Unlock()
		if a == netip.MustParseAddr("192.0.2.7") {
			names[a] = "srv.example"
		}
	}
	return names
}

func (d *fakeDeps) Probe(_ context.Context, a admin.Actor, p admin.Probe) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for _, k := range p.Keys {
		names = append(names, k.Fingerprint)
	}
	d.probed = append(d.probed, fmt.Sprintf("%s as %s%s with %v", p.Target, p.Owner.Account, p.Owner.Group, names))
	if d.down {
		return fmt.Errorf("no key is accepted: %w", gateway.ErrDenied)
	}
	return nil
}

func (d *fakeDeps) DialCheck(_ context.Context, addr netip.AddrPort, _ time.Duration) string {
	if addr.Port() == 22 {
		return "open"
	}
	return "closed"
}

// LockSessions has as many sessions of everybody; those of bob are of the
// connection that asks.
func (d *fakeDeps) LockSessions(a admin.Actor, locked bool) (done, own int) {
	if a.Account == "bob" && !locked {
		return 0, d.screens
	}
	return d.screens, 0
}

func (d *fakeDeps) PingSocket(context.Context, netip.Addr) (*os.File, error) {
	return os.Open(os.DevNull)
}

func (d *fakeDeps) OpenRecording(_ context.Context, id gateway.SessionID) (*os.File, error) {
	if id[0] == 'f' {
		return nil, gateway.ErrNotFound
	}
	return os.Open(os.DevNull)
}

func (d *fakeDeps) Active(_ context.Context, a *gateway.Account) admin.Activeness {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case a.AlwaysActive:
		return admin.Activeness{Active: true, Passes: true, Always: "set for the account"}
	case d.active != nil:
		return d.active(a)
	}
	return admin.Activeness{Active: true, Passes: true}
}

func (d *fakeDeps) RootKeys(context.Context) (string, error) { return d.rootKeys, d.rootErr }

func (d *fakeDeps) EndSessions(account string, _ gateway.Refusal, reason string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended, d.reasons = append(d.ended, account), append(d.reasons, reason)
	return 1
}

func (d *fakeDeps) Recheck() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rechecks++
}
