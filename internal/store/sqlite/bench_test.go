package sqlite_test

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"gateway"
	"gateway/internal/store"
	"gateway/internal/store/sqlite"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// large makes accounts with 5 accesses each, and groups of 1,000 members with
// a size that gives as many accesses again.
func large(tb testing.TB, s *sqlite.Store, accounts int) {
	tb.Helper()
	access := func(i int) gateway.Access {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		return gateway.Access{User: "root", Port: 22, Prefix: netip.PrefixFrom(addr, 32), AddedBy: "alice", AddedAt: now}
	}
	groups := accounts / 1000
	err := s.Update(tb.Context(), func(x store.Tx) error {
		for i := range accounts {
			name := fmt.Sprintf("account%06d", i)
			if err := x.CreateAccount(&gateway.Account{Name: name, Created: now}, 2000, 999999); err != nil {
				return err
			}
			for j := range 5 {
				if _, err := x.AddAccess(store.Owner{Account: name}, access(i*5+j), now); err != nil {
					return err
				}
			}
		}
		for i := range groups {
			name := fmt.Sprintf("group%04d", i)
			if err := x.CreateGroup(&gateway.Group{Name: name}); err != nil {
				return err
			}
			for j := range 1000 {
				if _, err := x.AddRole(name, gateway.Member, fmt.Sprintf("account%06d", (i*101+j*97)%accounts), time.Time{}, time.Time{}); err != nil {
					return err
				}
			}
			for j := range 5 * accounts / groups {
				if _, err := x.AddAccess(store.Owner{Group: name}, access(i*5000+j), now); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkStore(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "gateway.db"))
	defer s.Close()
	start := time.Now()
	large(b, s, 100_000)
	b.Logf("fill: %v", time.Since(start))
	ctx := b.Context()
	check := func(b *testing.B, err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("Load", func(b *testing.B) {
		for b.Loop() {
			_, _, err := s.Load(ctx)
			check(b, err)
		}
	})
	b.Run("Session", func(b *testing.B) {
		for b.Loop() {
			id := gateway.NewSessionID()
			check(b, s.BeginSession(ctx, store.Session{ID: id, Account: "account000001", Started: now}))
			check(b, s.EndSession(ctx, id, store.End{At: now}))
		}
	})
	b.Run("TouchLogin", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			check(b, s.TouchLogin(ctx, "account000002", now.Add(time.Duration(i)*time.Hour)))
		}
	})
	b.Run("AddAccess", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			check(b, s.Update(ctx, func(x store.Tx) error {
				_, err := x.AddAccess(store.Owner{Account: fmt.Sprintf("account%06d", i%100_000)},
					gateway.Access{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}), 32)}, now)
				return err
			}))
		}
	})
	b.Run("AddAccess of 5000", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			check(b, s.Update(ctx, func(x store.Tx) error {
				_, err := x.AddAccess(store.Owner{Group: "group0050"},
					gateway.Access{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}), 32)}, now)
				return err
			}))
		}
	})
	b.Run("SealedKey", func(b *testing.B) {
		var id int64
		check(b, s.Update(ctx, func(x store.Tx) (err error) {
			id, err = x.AddEgressKey(store.Owner{Group: "group0001"}, gateway.EgressKey{Blob: []byte{1}}, []byte("sealed"))
			return err
		}))
		for b.Loop() {
			_, err := s.SealedKey(ctx, id)
			check(b, err)
		}
	})
}
