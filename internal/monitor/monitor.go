// Package monitor is the process that holds all authority: listening sockets,
// keys, policy and the table of live sessions. It reads no byte that a
// stranger sent: session processes do, and ask it for one typed thing at a
// time. Everything that any of them may do is decided here.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/audit"
	"gateway/internal/clients"
	"gateway/internal/programs"
	"gateway/internal/store"
	"gateway/internal/turns"
	"gateway/policy"
)

// Settings are the values that the monitor works by. They may differ from one
// connection to the next.
type Settings struct {
	Name                 string
	KeyTypes             []string // accepted signature algorithms of ingress keys
	AcceptEnv            []string
	DefaultLogin         string
	Telnet               bool // targets may be reached over telnet
	KeyboardInteractive  bool // targets may ask people what they like
	TypedPassword        bool // and for a password
	DNS                  int  // 0: no name is resolved
	IPv4, IPv6           bool
	LoginGrace           time.Duration
	ConnectTimeout       time.Duration
	KeepAlive            time.Duration
	MaxConnections       int // in all
	MaxPerSource         int // not authenticated, per IPv4 address or IPv6 /64
	SessionsPerConn      int
	ForwardsPerConn      int // connections to databases
	Interactive          bool
	InteractiveByDefault bool
	InteractiveTimeout   time.Duration
	// IdleLock and IdleKill are for sessions whose person types nothing; 0: never.
	IdleLock, IdleKill             time.Duration
	WarnBeforeLock, WarnBeforeKill time.Duration
	DisplayLastLogin               bool
	Fanciness                      string // none, basic or full
	ProxyJump                      bool   // egress jump hosts are allowed
	// ActivenessProgram says at login whether an account is active; empty: none.
	// ActivenessDenyOnFailure refuses when it can't tell; AlwaysActive are the
	// accounts that it is not asked about.
	ActivenessProgram       string
	ActivenessDenyOnFailure bool
	AlwaysActive            []string
	ExpiredMessage          string // to inactive accounts, #DAYS# being how long; empty: a text of ours
	ReadOnly                bool
	RequireSandbox          bool
	Admins                  []string // who may connect as another account, among other things
}

// Auditor takes the records that must not be lost: its error refuses or ends
// what was about to happen.
type Auditor interface{ Log(audit.Record) error }

// Signers gives the private half of egress keys.
type Signers interface {
	Signer(ctx context.Context, owner store.Owner, key gateway.EgressKey) (ssh.Signer, error)
}

// Monitor serves the gateway. Fill the exported fields, then call Serve.
type Monitor struct {
	Log       *zap.Logger
	Audit     Auditor
	Store     store.Store
	Policy    *policy.Live
	Signers   Signers
	Passwords Passwords
	Databases DatabaseCredentials
	// Profiles gives the device profile of that name, or all of them for "", as
	// protocols.Lease has them, and whether it permits insecure algorithms.
	Profiles func(name string) (encoded string, legacy bool, err error)
	Commands *admin.Executor
	// Clients starts programs for people, with a folder of each account in ClientHomes.
	Clients     *clients.Starter
	ClientHomes string
	// Activeness asks a program whether an account is active; it is not called
	// while Settings name none.
	Activeness func(ctx context.Context, program, account string) programs.Answer
	HostKeys   []ssh.AlgorithmSigner
	SealKey    []byte // Ed25519 seed of recordings
	AuditKey   string // fingerprint of its public half
	Recording  string // the recordings folder
	// SessionCommand and RecorderCommand start a child: program and arguments.
	SessionCommand  []string
	RecorderCommand []string
	Settings        func() Settings
	Now             func() time.Time

	recorder *recorderChild
	uids     uidPool
	program  sessionProgram
	learning sync.Mutex // one host key is learned at a time
	reverse  reverse
	probes   turns.ByAccount // test logins
	asking   turns.ByAccount // questions to the program that knows who is active

	mu        sync.Mutex // guards what follows
	conns     map[*conn]struct{}
	pending   map[netip.Prefix]int // connections not yet authenticated, by source
	strangers int                  // and all together
	live      map[gateway.SessionID]*live
	closing   bool
}

// drainTime is how long sessions may go on once Serve was told to stop.
const drainTime = 3 * time.Second

// Serve accepts connections until ctx ends, then closes the listeners, gives
// sessions drainTime to end, ends them and waits for their processes.
func (m *Monitor) Serve(ctx context.Context, listeners ...net.Listener) error {
	m.conns = make(map[*conn]struct{})
	m.pending = make(map[netip.Prefix]int)
	m.live = make(map[gateway.SessionID]*live)
	running, stopChildren := context.WithCancel(context.WithoutCancel(ctx))
	defer stopChildren()

	if err := m.program.open(m.SessionCommand[0]); err != nil {
		return fmt.Errorf("session program: %w", err)
	}
	m.recorder = newRecorderChild(m)
	var work sync.WaitGroup
	work.Go(func() { m.recorder.run(running) })
	if err := m.recorder.ready(ctx); err != nil {
		stopChildren()
		work.Wait()
		return err
	}
	work.Go(func() { m.recheckEvery(running, time.Second) })
	work.Go(func() { m.forgetEvery(running, time.Hour) })

	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		work.Go(func() { failed <- m.accept(running, l) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	for _, l := range listeners {
		l.Close()
	}
	m.drain()
	stopChildren()
	work.Wait()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

// drain tells every session that the gateway stops and waits for the
// processes, at most drainTime.
func (m *Monitor) drain() {
	m.mu.Lock()
	m.closing = true
	conns := make([]*conn, 0, len(m.conns))
	for c := range m.conns {
		conns = append(conns, c)
	}
	m.mu.Unlock()
	deadline := time.After(drainTime)
	for _, c := range conns {
		c.terminate("", "the gateway is shutting down", gateway.ExitLoginFailed)
	}
	for _, c := range conns {
		select {
		case <-c.done:
		case <-deadline:
			return
		}
	}
}

// record writes one audit record; everything that happens has one.
func (m *Monitor) record(r audit.Record) error {
	r.Time = m.Now()
	if err := m.Audit.Log(r); err != nil {
		m.Log.Error("audit record not written", zap.Error(err))
		return fmt.Errorf("write audit record: %w", errors.Join(gateway.ErrUnavailable, err))
	}
	return nil
}
