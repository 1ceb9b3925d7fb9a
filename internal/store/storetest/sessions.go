package storetest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/store"
)

func testHostKeys(t *testing.T, f *fixture) {
	addr, other := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")
	rsa := store.HostKey{Addr: addr, Port: 22, Type: "ssh-rsa", Blob: []byte{0, 1}, Added: now}
	ed := store.HostKey{Addr: addr, Port: 22, Type: "ssh-ed25519", Blob: []byte{2}, Added: now.Add(time.Second)}
	six := store.HostKey{Addr: other, Port: 22, Type: "ssh-rsa", Blob: []byte{0, 1}, Added: now}
	add := func(account string, k store.HostKey) {
		t.Helper()
		if err := f.AddHostKey(f.ctx, account, k); err != nil {
			t.Fatal(err)
		}
	}
	jump := netip.MustParseAddrPort("192.0.2.9:2222")
	behind := func(jump netip.AddrPort, account string, addr netip.Addr, port uint16, want ...store.HostKey) {
		t.Helper()
		got, err := f.HostKeys(f.ctx, account, netip.AddrPortFrom(addr, port), jump)
		if err != nil {
			t.Fatal(err)
		}
		f.same(fmt.Sprintf("host keys of %s for %s:%d", account, addr, port), want, got)
	}
	expect := func(account string, addr netip.Addr, port uint16, want ...store.HostKey) {
		t.Helper()
		behind(netip.AddrPort{}, account, addr, port, want...)
	}
	forget := func(account string, addr netip.Addr, want int) {
		t.Helper()
		if n, err := f.ForgetHostKeys(f.ctx, account, addr, 22); n != want || err != nil {
			t.Errorf("ForgetHostKeys(%q, %s) = %d, %v, want %d", account, addr, n, err, want)
		}
	}
	add("alice", rsa)
	add("alice", rsa) // two sessions may learn the same key at once
	add("alice", ed)
	add("alice", six)
	add("bob", rsa)
	expect("alice", addr, 22, rsa, ed)
	expect("alice", netip.MustParseAddr("::ffff:10.0.0.1"), 22, rsa, ed)
	expect("alice", other, 22, six)
	expect("alice", addr, 23)
	expect("carol", addr, 22)
	forget("alice", addr, 1) // account
	forget("alice", addr, 0)
	expect("alice", addr, 22)
	expect("alice", other, 22, six)
	expect("bob", addr, 22, rsa)
	add("alice", ed)
	forget("", addr, 2)
	expect("bob", addr, 22)

	// Behind a jump host the same address is another target.
	far := rsa
	far.Jump = jump
	add("alice", far)
	expect("alice", addr, 22)
	behind(jump, "alice", addr, 22, far)
	behind(netip.AddrPortFrom(jump.Addr(), 22), "alice", addr, 22)
	add("alice", ed)
	behind(jump, "alice", addr, 22, far)
	forget("alice", addr, 1) // account
	behind(jump, "alice", addr, 22)
}

func testSessions(t *testing.T, f *fixture) {
	ap := netip.MustParseAddrPort
	s := store.Session{ID: gateway.NewSessionID(), Account: "alice", Realm: "partner", Type: "ssh", Allowed: true,
		From: ap("[2001:db8::7]:40000"), Via: ap("192.0.2.1:22"), To: ap("10.0.0.1:22"), HostTo: "srv", User: "root", Proxy: ap("192.0.2.9:2222"), ProxyUser: "jump",
		Params: "ls 'a' -- ;", Comment: "c", Started: now, Recording: true}
	command := store.Session{ID: gateway.NewSessionID(), Account: "bob", Type: "osh", Plugin: "info", Started: now.Add(time.Second)}
	for _, x := range []store.Session{s, command} {
		if err := f.BeginSession(f.ctx, x); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.BeginSession(f.ctx, s); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("the same session twice: %v", err)
	}
	end := store.End{At: now.Add(time.Minute), Code: 255, Signal: "KILL", Comment: "hostkey_changed", Bytes: 1 << 40}
	if err := f.EndSession(f.ctx, s.ID, end); err != nil {
		t.Fatal(err)
	}
	if err := f.EndSession(f.ctx, s.ID, store.End{At: now}); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("a second end: %v", err)
	}
	if err := f.EndSession(f.ctx, gateway.NewSessionID(), end); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("the end of an unknown session: %v", err)
	}
	s.End = &end
	got, err := f.Sessions(f.ctx, store.SessionFilter{})
	if err != nil {
		t.Fatal(err)
	}
	f.same("sessions, newest first", []store.Session{command, s}, got)
	if len(f.changes) != 0 {
		t.Errorf("sessions are told as changes: %v", f.changes)
	}
}

func testFilter(t *testing.T, f *fixture) {
	var ids []gateway.SessionID
	for i := range 12 {
		s := store.Session{ID: gateway.NewSessionID(), Account: []string{"alice", "bob"}[i%2], Type: []string{"ssh", "osh", "abort"}[i%3],
			Allowed: i%4 != 0, Started: now.Add(time.Duration(i) * time.Second), User: []string{"root", "www"}[i/6], Params: strings.Repeat("p", i),
			To:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 3)}), uint16(22+i%2)),
			Via: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i / 6)}), uint16(2222+i%2))}
		if i > 9 {
			s.Proxy, s.ProxyUser = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), uint16(i)), []string{"jump", "hop"}[i-10]
		}
		if err := f.BeginSession(f.ctx, s); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	yes, no := true, false
	for _, test := range []struct {
		name   string
		filter store.SessionFilter
		want   []int
	}{
		{"all", store.SessionFilter{}, []int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		{"limit", store.SessionFilter{Limit: 2}, []int{11, 10}},
		{"size", store.SessionFilter{MaxParams: 12}, []int{11, 10}},
		{"account", store.SessionFilter{Account: "bob"}, []int{11, 9, 7, 5, 3, 1}},
		{"nobody", store.SessionFilter{Account: "x' OR 1=1 --"}, nil},
		{"id", store.SessionFilter{ID: ids[3]}, []int{3}},
		{"another's id", store.SessionFilter{ID: ids[3], Account: "alice"}, nil},
		{"type", store.SessionFilter{Type: "abort"}, []int{11, 8, 5, 2}},
		{"denied", store.SessionFilter{Allowed: &no}, []int{8, 4, 0}},
		{"allowed", store.SessionFilter{Allowed: &yes, Limit: 3}, []int{11, 10, 9}},
		{"after", store.SessionFilter{After: now.Add(10 * time.Second)}, []int{11, 10}},
		{"before", store.SessionFilter{Before: now.Add(time.Second)}, []int{1, 0}},
		{"address", store.SessionFilter{Addr: netip.MustParseAddr("10.0.0.1")}, []int{10, 7, 4, 1}},
		{"via", store.SessionFilter{Via: netip.MustParseAddr("192.0.2.1")}, []int{11, 10, 9, 8, 7, 6}},
		{"port of via", store.SessionFilter{ViaPort: 2223, Via: netip.MustParseAddr("::ffff:192.0.2.0")}, []int{5, 3, 1}},
		{"jump host", store.SessionFilter{Proxy: netip.MustParseAddr("192.0.2.10")}, []int{10}},
		{"port of the jump host", store.SessionFilter{ProxyPort: 11}, []int{11}},
		{"login at the jump host", store.SessionFilter{ProxyUser: "jump"}, []int{10}},
		{"port", store.SessionFilter{Port: 23, Account: "bob", User: "root"}, []int{5, 3, 1}},
	} {
		got, err := f.Sessions(f.ctx, test.filter)
		if err != nil {
			t.Fatal(err)
		}
		var want, have []gateway.SessionID
		for _, i := range test.want {
			want = append(want, ids[i])
		}
		for _, s := range got {
			have = append(have, s.ID)
		}
		f.same(test.name, want, have)
	}
}
