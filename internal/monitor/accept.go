package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/audit"
)

// accept takes connections from l. It only counts and hands over: no byte is
// read and nothing here waits for a client.
func (m *Monitor) accept(ctx context.Context, l net.Listener) error {
	backoff := 5 * time.Millisecond
	for {
		nc, err := l.Accept()
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() || isResourceShortage(err) {
				m.Log.Warn("accept", zap.Error(err))
				select {
				case <-time.After(backoff):
				case <-ctx.Done():
					return nil
				}
				backoff = min(2*backoff, time.Second)
				continue
			}
			return fmt.Errorf("accept: %w", err)
		}
		backoff = 5 * time.Millisecond
		tc, ok := nc.(*net.TCPConn)
		if !ok {
			nc.Close()
			continue
		}
		m.admit(ctx, tc)
	}
}

// admit checks the limits and starts a session process for tc.
func (m *Monitor) admit(ctx context.Context, tc *net.TCPConn) {
	set := m.Settings()
	c := &conn{
		m:      m,
		set:    set,
		id:     gateway.NewSessionID(),
		from:   addrPort(tc.RemoteAddr()),
		via:    addrPort(tc.LocalAddr()),
		tc:     tc,
		done:   make(chan struct{}),
		table:  newGate(),
		source: sourcePrefix(addrPort(tc.RemoteAddr()).Addr()),
	}
	reason := m.register(c, set)
	r := audit.Record{Event: audit.Connect, Session: c.id, From: c.from, Via: c.via, Allowed: audit.AnswerOf(reason == ""), Reason: reason}
	if err := m.record(r); err != nil && reason == "" {
		reason = "audit log unavailable"
		m.unregister(c)
	}
	if reason != "" {
		tc.Close()
		return
	}
	go c.run(ctx)
}

// register counts c in and says why it may not be served, if so.
func (m *Monitor) register(c *conn, set Settings) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closing:
		return "shutting down"
	case len(m.conns) >= set.MaxConnections:
		return "too many connections"
	case m.strangers >= (set.MaxConnections+1)/2:
		// Half of the places are for people who have proven who they are.
		return "too many unauthenticated connections"
	case m.pending[c.source] >= set.MaxPerSource:
		return "too many unauthenticated connections from this source"
	}
	m.conns[c] = struct{}{}
	m.pending[c.source]++
	m.strangers++
	c.counted = true
	return ""
}

// proven ends c's place among the unauthenticated of its source.
func (m *Monitor) proven(c *conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uncount(c)
}

func (m *Monitor) unregister(c *conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uncount(c)
	delete(m.conns, c)
}

// uncount needs m.mu.
func (m *Monitor) uncount(c *conn) {
	if !c.counted {
		return
	}
	c.counted = false
	m.strangers--
	if m.pending[c.source]--; m.pending[c.source] <= 0 {
		delete(m.pending, c.source)
	}
}

// sourcePrefix is what one stranger is assumed to control.
func sourcePrefix(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

func addrPort(a net.Addr) netip.AddrPort {
	ta, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := ta.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
