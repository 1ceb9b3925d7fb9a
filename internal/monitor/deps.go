package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/control"
)

// Deps is what commands may ask of the monitor.
type Deps struct{ m *Monitor }

var _ admin.Deps = Deps{}

// Deps returns what m does for commands.
func (m *Monitor) Deps() Deps { return Deps{m} }

// Resolve implements admin.Deps.
func (d Deps) Resolve(ctx context.Context, host string) (netip.Addr, error) {
	addr, refusal := d.m.lookup(ctx, host, d.m.Settings())
	if refusal == nil {
		return addr, nil
	}
	kind := gateway.ErrNotFound
	if refusal.Refusal == gateway.RefusalDNS {
		kind = gateway.ErrDenied
	}
	return netip.Addr{}, fmt.Errorf("%s: %w", refusal.Text, kind)
}

// DialCheck implements admin.Deps.
func (d Deps) DialCheck(ctx context.Context, addr netip.AddrPort, timeout time.Duration) string {
	f, err := dialOnce(ctx, netip.Addr{}, addr, timeout)
	switch {
	case err == nil:
		f.Close()
		return "open"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "closed"
	}
	return "unknown"
}

// PingSocket implements admin.Deps. The kernel offers echo sockets to the
// groups in net.ipv4.ping_group_range; root has raw ones besides. What routers
// say of a request is kept for its sender to read.
func (d Deps) PingSocket(_ context.Context, addr netip.Addr) (*os.File, error) {
	family, proto := unix.AF_INET, unix.IPPROTO_ICMP
	level, option := unix.IPPROTO_IP, unix.IP_RECVERR
	addr = addr.Unmap()
	var to unix.Sockaddr
	if addr.Is4() {
		to = &unix.SockaddrInet4{Addr: addr.As4()}
	} else {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
		to = &unix.SockaddrInet6{Addr: addr.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
	}
	if err != nil {
		return nil, fmt.Errorf("open ping socket: %w", errors.Join(gateway.ErrUnavailable, err))
	}
	if err := errors.Join(unix.SetsockoptInt(fd, level, option, 1), unix.Connect(fd, to)); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("ping %s: %w", addr, errors.Join(gateway.ErrUnavailable, err))
	}
	return os.NewFile(uintptr(fd), "ping"), nil
}

// OpenRecording implements admin.Deps.
func (d Deps) OpenRecording(ctx context.Context, id gateway.SessionID) (*os.File, error) {
	return d.m.recorder.openRead(ctx, id)
}

// EndSessions implements admin.Deps.
func (d Deps) EndSessions(account string, why gateway.Refusal, reason string) int {
	d.m.mu.Lock()
	conns := make([]*conn, 0, len(d.m.conns))
	for c := range d.m.conns {
		conns = append(conns, c)
	}
	d.m.mu.Unlock()
	n := 0
	for _, c := range conns {
		c.mu.Lock()
		theirs, open := c.account == account, slices.Collect(maps.Values(c.sessions))
		c.mu.Unlock()
		if !theirs {
			continue
		}
		text := "ended by the gateway: " + gateway.Printable(reason)
		for _, s := range open { // each, so that it is written down why it ended
			s.terminate(text, why.Code)
		}
		c.terminate("", text, why.Code)
		n += len(open)
	}
	return n
}

// Recheck implements admin.Deps.
func (d Deps) Recheck() { go d.m.Recheck() }

// Bounds of test logins: of one, and of those of one person at the same time,
// each of which is a process.
const (
	probeTimeout = 30 * time.Second
	probesAtOnce = 4
)

// Probe implements admin.Deps: a jailed process of its own, which the person
// has no hand in, logs in and out again. Its control socket may ask for
// nothing but signatures of that login.
func (d Deps) Probe(ctx context.Context, a admin.Actor, p admin.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	release, err := d.m.probes.Take(ctx, cmp.Or(a.By, a.Account), probesAtOnce)
	if err != nil {
		return fmt.Errorf("too many connections are tested at the same time: %w", gateway.ErrUnavailable)
	}
	defer release()
	set := d.m.Settings()
	s := &live{by: a.By, local: a.Local, request: gateway.Request{
		Session: gateway.NewSessionID(), Principal: gateway.Principal{Account: a.Account}, From: a.From,
		Protocol: gateway.SSH, Target: p.Target, Jump: p.Jump,
	}, legacy: p.Legacy}
	for _, k := range p.Keys {
		signer, err := d.m.Signers.Signer(ctx, p.Owner, k)
		if err != nil {
			return fmt.Errorf("egress key: %w", err)
		}
		s.lease = append(s.lease, leased{key: k, signer: signer})
	}
	first := s.firstHop()
	target, err := dialOnce(ctx, netip.Addr{}, netip.AddrPortFrom(first.Addr, first.Port), set.ConnectTimeout)
	if err != nil {
		text := dialText(err)
		if s.jumps() {
			text = fmt.Sprintf("the jump host %s: %s", first, text)
		}
		return fmt.Errorf("%s: %w", text, gateway.ErrUnavailable)
	}
	defer target.Close()
	return d.m.probe(ctx, s, set, target)
}

func (m *Monitor) probe(ctx context.Context, s *live, set Settings, target *os.File) error {
	c := &conn{
		m: m, set: set, id: s.request.Session, from: s.request.From, table: control.NewGate(control.ProbeTable()),
		phase: control.Authenticated, account: s.request.Principal.Account,
		sessions: map[gateway.SessionID]*live{s.request.Session: s}, done: make(chan struct{}),
	}
	s.c = c
	if err := s.readAllHostKeys(); err != nil {
		return fmt.Errorf("known host keys: %w", err)
	}
	uid := m.uids.take()
	defer m.uids.give(uid)
	var err error
	c.child, err = m.startJailed("probe", uid, target)
	if err != nil {
		return fmt.Errorf("start probe: %w", err)
	}
	defer c.child.Close()
	boot := control.ProbeBoot{Open: c.openReply(s), RequireSandbox: set.RequireSandbox}
	if err := c.child.Notify(control.OpBoot, boot); err != nil {
		c.child.kill()
		c.child.wait()
		return fmt.Errorf("start probe: %w", err)
	}
	h := &probeHandler{conn: c, result: fmt.Errorf("test of the connection was given up: %w", gateway.ErrUnavailable)}
	_ = c.child.Serve(ctx, h)
	c.child.kill()
	c.child.wait()
	return h.result
}

// probeHandler is a conn whose session is only tested.
type probeHandler struct {
	*conn
	result error
}

// Handle implements control.Handler.
func (h *probeHandler) Handle(ctx context.Context, op control.Op, body []byte, files []*os.File) (any, []*os.File, error) {
	if op != control.OpEnd {
		return h.conn.Handle(ctx, op, body, files)
	}
	control.CloseFiles(files)
	return noFiles(serve(body, func(e control.End) (none, error) {
		h.result = nil
		if e.Exit.Code != 0 {
			h.result = fmt.Errorf("%s: %w", gateway.Printable(clip(e.Comment, 512)), gateway.ErrDenied)
		}
		return none{}, nil
	}))
}
