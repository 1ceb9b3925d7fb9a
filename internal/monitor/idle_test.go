package monitor

import (
	"net/netip"
	"testing"
	"time"

	"gateway"
	"gateway/internal/control"
	"gateway/policy"
)

func TestIdleLimits(t *testing.T) {
	of := func(lock, kill int) *gateway.Group { // in minutes; -1: none of its own
		g := &gateway.Group{}
		if d := time.Duration(lock) * time.Minute; lock >= 0 {
			g.IdleLock = &d
		}
		if d := time.Duration(kill) * time.Minute; kill >= 0 {
			g.IdleKill = &d
		}
		return g
	}
	for _, test := range []struct {
		name       string
		lock, kill int // of the node
		groups     []*gateway.Group
		everything bool // the first of them has an access to it
		ignore     bool
		noScreen   bool
		wantLock   int
		wantKill   int
	}{
		{name: "none"},
		{name: "of the node", lock: 10, kill: 30, wantLock: 10, wantKill: 30},
		{name: "of an account that is ignored", lock: 10, kill: 30, ignore: true},
		{name: "without a screen", lock: 10, kill: 30, noScreen: true},
		{name: "of a group", lock: 10, kill: 30, groups: []*gateway.Group{of(20, 60)}, wantLock: 20, wantKill: 60},
		{name: "of a group, never", lock: 10, kill: 30, groups: []*gateway.Group{of(0, -1)}, wantKill: 30},
		{name: "of a group for everything", lock: 10, kill: 30, groups: []*gateway.Group{of(0, 0)}, everything: true, wantLock: 10, wantKill: 30},
		{name: "of one of two", lock: 10, kill: 30, groups: []*gateway.Group{of(20, -1), of(-1, 40)}, wantLock: 20, wantKill: 40},
		{name: "the shortest", lock: 10, kill: 30, groups: []*gateway.Group{of(0, 20), of(5, 40)}, wantLock: 5, wantKill: 20},
		{name: "the node's is the shortest", lock: 10, kill: 30, groups: []*gateway.Group{of(0, 50), of(15, 40)}, wantLock: 10, wantKill: 30},
		{name: "the shortest of groups only", groups: []*gateway.Group{of(0, 0), of(15, 0)}, wantLock: 15},
		{name: "the end comes first", lock: 10, groups: []*gateway.Group{of(-1, 10)}, wantKill: 10},
		{name: "the first counts for everything", lock: 10, kill: 30, groups: []*gateway.Group{of(1, 2), of(3, 4)}, everything: true, wantLock: 3, wantKill: 4},
	} {
		alice := &gateway.Account{Name: "alice", IdleIgnore: test.ignore}
		var ways []gateway.Way
		for i, g := range test.groups {
			g.Name = string(rune('a' + i))
			way := gateway.Way{Kind: gateway.WayGroupMember, Group: g.Name, Access: gateway.Access{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}
			if test.everything && i == 0 {
				way.Access.Prefix = netip.MustParsePrefix("0.0.0.0/0")
			}
			ways = append(ways, way)
		}
		ways = append(ways, gateway.Way{Kind: gateway.WayPersonal, Access: gateway.Access{Prefix: netip.MustParsePrefix("192.0.2.1/32")}})
		c := &conn{set: Settings{
			IdleLock: time.Duration(test.lock) * time.Minute, IdleKill: time.Duration(test.kill) * time.Minute,
			WarnBeforeLock: time.Minute, WarnBeforeKill: time.Hour,
		}}
		s := &live{opened: control.Open{Screen: !test.noScreen}}
		s.index.Account = "alice"
		got := c.idleLimits(s, policy.New([]*gateway.Account{alice}, test.groups, policy.Rules{}), ways)
		want := control.Idle{Lock: time.Duration(test.wantLock) * time.Minute, Kill: time.Duration(test.wantKill) * time.Minute}
		want.WarnLock, want.WarnKill = min(time.Minute, want.Lock/2), want.Kill/2
		if got != want {
			t.Errorf("%s: %+v, want %+v", test.name, got, want)
		}
	}
}
