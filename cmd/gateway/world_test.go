package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/config"
	"gateway/internal/store"
)

// world is a gateway whose session processes are hostile.
type world struct {
	n       *node
	addr    string
	secrets []string // arguments of the hostile process
	audit   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	f := folder(dir)
	if err := (&initCmd{Name: "test"}).fill(f, "ed25519"); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"loginGraceTime": "10", "IPv4Allowed": "true", "egressProxyJumpAllowed": "true", "forwardsPerConnection": "30"} {
		if err := config.Set(f.config(), knownCommands(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	n, err := openNode(f, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	target := listen(t)
	_, seed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	alice, err := ssh.NewPublicKey(seed.Public())
	if err != nil {
		t.Fatal(err)
	}
	bobKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bob, err := ssh.NewPublicKey(bobKey)
	if err != nil {
		t.Fatal(err)
	}
	port := netip.MustParseAddrPort(target.Addr().String()).Port()
	access := gateway.Access{User: "root", Prefix: netip.MustParsePrefix("127.0.0.1/32"), Port: port}
	through := access
	through.Proxy = gateway.Hop{Addr: netip.MustParseAddr("127.0.0.1"), Port: port, User: "hopper"}
	addAccount(t, n, "alice", alice, access, through)
	addPasswords(t, n, "alice", 2)
	access.User = "bobsuser"
	addAccount(t, n, "bob", bob, access)
	addDatabases(t, n, port)
	return &world{
		n: n, audit: filepath.Join(dir, "audit.jsonl"),
		secrets: []string{hex.EncodeToString(seed.Seed()), f.store(), f.master(), hex.EncodeToString(bob.Marshal()), strconv.Itoa(int(port))},
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func addAccount(t *testing.T, n *node, name string, key ssh.PublicKey, accesses ...gateway.Access) {
	t.Helper()
	owner := store.Owner{Account: name}
	err := n.store.Update(t.Context(), func(tx store.Tx) error {
		a := &gateway.Account{Name: name, Created: time.Now(), CreatedBy: "test"}
		if err := tx.CreateAccount(a, 2000, 3000); err != nil {
			return err
		}
		k := gateway.IngressKey{Type: key.Type(), Blob: key.Marshal(), AddedBy: "test", AddedAt: time.Now()}
		if _, err := tx.AddIngressKey(name, k); err != nil {
			return err
		}
		egress, sealed, err := n.vault.GenerateKey("ed25519", 256, "egress-key:account:"+name)
		if err != nil {
			return err
		}
		if _, err := tx.AddEgressKey(owner, egress, sealed); err != nil {
			return err
		}
		for _, a := range accesses {
			if _, err := tx.AddAccess(owner, a, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// serve runs the monitor until the test ends.
func (w *world) serve(t *testing.T, attack string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.n.monitor.SessionCommand = append([]string{self, "hostile", attack}, w.secrets...)
	w.n.monitor.RecorderCommand = []string{self, "recorder"}
	l := listen(t)
	w.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- w.n.monitor.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// waitAudit waits until the audit log holds text.
func (w *world) waitAudit(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		log, err := os.ReadFile(w.audit)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(log), text) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("audit log has no %s:\n%s", text, log)
		}
	}
}
