package monitor

import (
	"time"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/control"
	"gateway/policy"
)

// idleLimits says what happens to s when its person types nothing: what the node
// sets, unless groups that let them in have times of their own. Only the session
// process sees the keyboard; a process that was taken over could ignore all this,
// and has nothing from it but its own session.
func (c *conn) idleLimits(s *live, snapshot *policy.Snapshot, ways []gateway.Way) control.Idle {
	person := snapshot.Account(s.index.Account)
	if !s.opened.Screen || person == nil || person.IdleIgnore {
		return control.Idle{}
	}
	var locks, kills []time.Duration
	for _, w := range ways {
		g := snapshot.Group(w.Group)
		if g == nil || w.Access.Prefix.Bits() == 0 { // a group for everything says nothing of this target
			continue
		}
		if g.IdleLock != nil {
			locks = append(locks, *g.IdleLock)
		}
		if g.IdleKill != nil {
			kills = append(kills, *g.IdleKill)
		}
	}
	idle := control.Idle{Lock: idleLimit(c.set.IdleLock, locks), Kill: idleLimit(c.set.IdleKill, kills)}
	if idle.Kill > 0 && idle.Kill <= idle.Lock {
		idle.Lock = 0
	}
	// No warning comes before half of the time.
	idle.WarnLock, idle.WarnKill = min(c.set.WarnBeforeLock, idle.Lock/2), min(c.set.WarnBeforeKill, idle.Kill/2)
	return idle
}

// idleLimit is the time of the one group that has its own, or the shortest of
// those of several and of the node. 0: never.
func idleLimit(global time.Duration, groups []time.Duration) time.Duration {
	if len(groups) == 1 {
		return groups[0]
	}
	limit := global
	for _, d := range groups {
		if d > 0 && (limit == 0 || d < limit) {
			limit = d
		}
	}
	return limit
}

// LockSessions implements admin.Deps. A session is not unlocked over its own
// connection: whoever sits at the locked screen may use that, without a proof of
// who they are.
func (d Deps) LockSessions(a admin.Actor, locked bool) (done, own int) {
	var asking *conn
	sessions := d.m.liveSessions()
	for _, s := range sessions {
		if s.request.Session == a.Session {
			asking = s.c
		}
	}
	for _, s := range sessions {
		switch {
		case s.index.Account != a.Account || !s.opened.Screen || s.request.Protocol == gateway.OSH:
		case s.c == asking && !locked:
			own++
		default:
			s.lock(locked)
			done++
		}
	}
	return done, own
}

// lock tells the process of s, and waits for nothing.
func (s *live) lock(locked bool) {
	s.mu.Lock()
	s.locked = locked
	s.mu.Unlock()
	go func() {
		s.telling.Lock() // the last word is the present one
		defer s.telling.Unlock()
		s.mu.Lock()
		l := control.Lock{Session: s.request.Session, Locked: s.locked}
		s.mu.Unlock()
		_ = s.c.child.Notify(control.OpLock, l) // one that is gone has no session either
	}()
}
