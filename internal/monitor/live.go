package monitor

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/clients"
	"gateway/internal/control"
	"gateway/internal/store"
)

// live is one open session: to a target, of commands, or interactive mode.
type live struct {
	c       *conn
	request gateway.Request
	local   bool          // a test login that the owner of the node asked for
	by      string        // the administrator who acts as the request's principal; empty: themselves
	index   store.Session // as written to the index at its start
	opened  control.Open  // what the session process asked for
	lease   []leased
	legacy  bool
	// passwords are what the login may be tried with instead of lease.
	passwords []leased
	profiles  string // of devices, to try them with
	// second is the second password, if it is another than that of the login.
	second *leased
	idle   control.Idle
	// For Postgres: the database with the limits of the way in, and the PEM
	// certificates that its server's must be signed by.
	way      gateway.Way
	database *gateway.Database
	roots    string

	telling sync.Mutex // held while the process is told whether s is locked; taken before mu

	mu sync.Mutex // guards what follows
	in *leased    // the key or password that the target accepted; nil: none yet
	// released and redials are how many passwords and further connections the
	// session process was given.
	released, redials int
	secondReleased    bool
	locked            bool      // at the person's order
	vouched           bool      // the host key of the present connection was found good
	refusals          int       // of operations inside the session
	known             hostKeys  // guarded, since the first one is learned
	judged            []verdict // on host keys that were not known
	closed            bool
	ending            string // why it was told to end; empty: it was not
	// target is our own descriptor of the connection to the target, to cut it
	// with. nil: there is none.
	target *held
	conns  databaseConns
	client *clients.Running // the client program; nil: there is none
}

// leased is one egress key that the session may have signatures of, or one
// egress password that it may have.
type leased struct {
	way    gateway.Way
	key    gateway.EgressKey
	signer ssh.Signer

	password gateway.EgressPassword
	owner    store.Owner // of the password
}

// name says which grant it is: "personal" or "group-member:web".
func (k leased) name() string {
	if k.way.Group == "" {
		return string(k.way.Kind)
	}
	return string(k.way.Kind) + ":" + k.way.Group
}

func (m *Monitor) addLive(s *live) {
	m.mu.Lock()
	m.live[s.request.Session] = s
	m.mu.Unlock()
	s.c.mu.Lock()
	s.c.opening--
	s.c.sessions[s.request.Session] = s
	s.c.mu.Unlock()
}

// session finds an open session of this connection.
func (c *conn) session(id gateway.SessionID) (*live, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sessions[id]; s != nil {
		return s, nil
	}
	return nil, &control.ViolationError{What: "not a session of this connection"}
}

// close ends s once: its recording is sealed and its end written down.
func (s *live) close(exit gateway.Exit, reason string, in, out int64) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	if s.ending != "" {
		reason = s.ending
	}
	worked := ""
	if s.in != nil {
		worked = s.in.key.Fingerprint
	}
	client := s.client
	s.mu.Unlock()
	s.cutTarget()
	if client != nil {
		client.Kill()
	}

	m, id := s.c.m, s.request.Session
	m.mu.Lock()
	delete(m.live, id)
	m.mu.Unlock()
	s.c.mu.Lock()
	delete(s.c.sessions, id)
	s.c.mu.Unlock()

	m.recorder.close(s, exit, reason)
	now := m.Now()
	_ = m.record(audit.Record{
		Event: audit.Close, Session: id, Login: s.c.id, Principal: s.request.Principal, By: s.by, From: s.c.from,
		Target: s.request.Target, Jump: s.request.Jump, Protocol: s.request.Protocol, Allowed: audit.Yes, Reason: reason, Key: worked,
		Exit: &exit, Duration: now.Sub(s.index.Started), BytesIn: in, BytesOut: out,
	})
	ctx, cancel := contextTimeout(storeTimeout)
	defer cancel()
	end := store.End{At: now, Code: exit.Code, Signal: exit.Signal, Comment: reason, Bytes: in + out}
	if err := m.Store.EndSession(ctx, id, end); err != nil {
		m.Log.Error("session end not written", zap.String("session", string(id)), zap.Error(err))
	}
}

// holdTarget keeps a descriptor of the connection that the process gets: one
// that was taken over could say that the session ended, and use it further.
func (s *live) holdTarget(target *os.File) error {
	own, err := hold(target)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.target = own
	closed := s.closed
	s.mu.Unlock()
	if closed {
		s.cutTarget()
	}
	return nil
}

// cutTarget ends the connections with the target for everybody who has them.
func (s *live) cutTarget() {
	s.mu.Lock()
	all := s.conns.held
	if s.target != nil {
		all = append(all, s.target)
	}
	s.target, s.conns.held = nil, nil
	s.mu.Unlock()
	for _, target := range all {
		target.cut()
	}
}

// terminate tells the person why and ends s; the process that does not comply
// is killed.
func (s *live) terminate(reason string, code int) {
	s.mu.Lock()
	if s.closed || s.ending != "" {
		s.mu.Unlock()
		return
	}
	s.ending = reason
	s.mu.Unlock()
	s.c.terminate(s.request.Session, reason, code)
}

// liveSessions returns those open now.
func (m *Monitor) liveSessions() []*live {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*live, 0, len(m.live))
	for _, s := range m.live {
		all = append(all, s)
	}
	return all
}

// Recheck decides every live session again and ends those that are allowed no
// more. It is called after each change, and each second for what time ends.
func (m *Monitor) Recheck() {
	set := m.Settings() // takes up a changed gateway.yaml, whose rules policy follows
	now := m.Now()
	snapshot := m.Policy.Load()
	for _, s := range m.liveSessions() {
		account := s.request.Principal.Account
		if reason := snapshot.Login(account, now); reason != "" && reason != gateway.ReasonInactive {
			text, code := endingText(snapshot.Account(account), reason)
			s.terminate(text, code)
			continue
		}
		if s.by != "" && s.c.mayImpersonate(s.by, now) != nil {
			s.terminate("ended by the gateway: you may act as another account no more", gateway.RefusalAccessDenied.Code)
			continue
		}
		if s.request.Protocol == gateway.OSH {
			continue
		}
		if s.jumps() && !set.ProxyJump {
			s.terminate("ended by the gateway: it allows no egress jump hosts any more", gateway.RefusalProxyJump.Code)
			continue
		}
		if d := snapshot.Decide(s.request, now); !(s.covered(d) && s.holdsSecond(snapshot, now)) && d.Reason != gateway.ReasonInactive {
			s.terminate("ended by the gateway: this access was withdrawn or has expired", gateway.RefusalAccessDenied.Code)
		}
	}
}

// endingText tells a person why the account's sessions end, and gives the exit
// status.
func endingText(a *gateway.Account, reason gateway.Reason) (string, int) {
	text, code := string(reason), gateway.RefusalAccessDenied.Code
	switch {
	case a == nil:
		text, code = "account deleted or renamed", gateway.RefusalAccountInvalid.Code
	case reason == gateway.ReasonFrozen:
		code = gateway.RefusalFrozen.Code
		if a.Freeze != nil && a.Freeze.Reason != "" {
			text += ": " + gateway.Printable(a.Freeze.Reason)
		}
	case reason == gateway.ReasonExpired:
		text, code = "account expired (TTL)", gateway.RefusalTTL.Code
	}
	return "ended by the gateway: " + text, code
}

// covered reports whether d still grants the way that s came in by.
func (s *live) covered(d gateway.Decision) bool { return len(s.cameBy(d)) > 0 }

// cameBy gives the ways of d that s came in by: those with the key that the
// target accepted, or the password, or, before that, all. A key says whose it
// is, also when the group has another name by now.
func (s *live) cameBy(d gateway.Decision) []gateway.Way {
	s.mu.Lock()
	in := s.in
	s.mu.Unlock()
	if s.database != nil {
		return slices.DeleteFunc(slices.Clone(d.Ways), func(w gateway.Way) bool {
			return w.Kind != s.way.Kind || w.Database == nil || !sameDatabase(w.Database, s.database)
		})
	}
	if in == nil {
		return d.Ways
	}
	var list []gateway.Way
	for _, w := range d.Ways {
		if in.isOf(w) {
			list = append(list, w)
		}
	}
	return list
}

// isOf reports whether way w grants k, as it did.
func (k *leased) isOf(w gateway.Way) bool {
	has := slices.ContainsFunc(w.Keys, func(key gateway.EgressKey) bool { return key.ID == k.key.ID })
	if k.signer == nil {
		has = slices.ContainsFunc(w.Passwords, func(p gateway.EgressPassword) bool { return p.ID == k.password.ID })
	}
	return has && w.Kind == k.way.Kind
}

func (m *Monitor) recheckEvery(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			m.Recheck()
		}
	}
}

// storeTimeout bounds what the store may take for one small write.
const storeTimeout = 5 * time.Second

// contextTimeout is for writes that must survive the end of their connection.
func contextTimeout(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
