package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/audit"
	"gateway/internal/clients"
	"gateway/internal/config"
	"gateway/internal/monitor"
	"gateway/internal/profiles"
	"gateway/internal/programs"
	"gateway/internal/store"
	"gateway/internal/store/sqlite"
	"gateway/internal/vault"
	"gateway/policy"
	"gateway/recorder"
)

// node is an opened data folder with everything that serves or changes it.
type node struct {
	folder   folder
	log      *zap.Logger
	watcher  *config.Watcher
	store    *sqlite.Store
	audit    *audit.Log
	policy   *policy.Live
	vault    *vault.Vault
	commands *admin.Executor
	monitor  *monitor.Monitor
	// passwords runs databasePasswordProgram. It has turns of its own, not to wait
	// for the program that logins wait for.
	passwords *programs.Runner
	unlock    func()

	mu    sync.Mutex // guards rules
	rules *config.Config
}

// openNode takes the folder's lock and opens it. log nil means that nothing is
// served: only commands are run, and an audit log on standard output goes to
// standard error instead.
func openNode(f folder, log *zap.Logger) (n *node, err error) {
	if err := f.exists(); err != nil {
		return nil, err
	}
	n = &node{folder: f, log: log}
	if n.log == nil {
		n.log = zap.NewNop()
	}
	if n.unlock, err = f.lock(); err != nil {
		return nil, err
	}
	opened := n // a return of nil below overwrites n
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	if n.watcher, err = config.Watch(f.config(), knownCommands(), n.configChanged); err != nil {
		return nil, err
	}
	if n.vault, err = vault.Open(f.master(), f.dataKey()); err != nil {
		return nil, err
	}
	if n.store, err = sqlite.Open(context.Background(), f.store()); err != nil {
		return nil, err
	}
	if err := n.openAudit(log != nil); err != nil {
		return nil, err
	}
	if err := n.openPolicy(); err != nil {
		return nil, err
	}
	return n, n.openMonitor()
}

func (n *node) close() {
	if n.audit != nil {
		n.audit.Close()
	}
	if n.store != nil {
		n.store.Close()
	}
	n.unlock()
}

// config returns what is in force now; a changed file is taken up here.
func (n *node) config() *config.Config {
	c := n.watcher.Current()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.policy != nil && n.rules != c {
		n.rules = c
		n.policy.Update(func(s *policy.Snapshot) *policy.Snapshot { return s.WithRules(rules(c)) })
	}
	return c
}

// configChanged is told of every change of gateway.yaml.
func (n *node) configChanged(_ *config.Config, err error) {
	r := audit.Record{Event: audit.Config, Allowed: audit.AnswerOf(err == nil)}
	if err != nil {
		n.log.Error("gateway.yaml is broken; the last good configuration stays in force", zap.Error(err))
		r.Error = err.Error()
	} else {
		n.log.Info("gateway.yaml was taken up")
	}
	if n.audit != nil {
		_ = n.audit.Log(r) // each session's own record is the one that counts
	}
}

func (n *node) openAudit(serving bool) error {
	c := n.watcher.Current()
	var sinks []audit.Sink
	if c.AuditFile == "-" {
		var out io.Writer = os.Stderr
		if serving {
			out = os.Stdout
		}
		sinks = append(sinks, audit.NewWriter(out))
	} else {
		file, err := audit.OpenFile(n.auditFile())
		if err != nil {
			return err
		}
		sinks = append(sinks, file)
	}
	if c.EnableSyslog {
		s, err := audit.NewSyslog(audit.SyslogConfig{
			Address: c.SyslogAddress, Facility: c.SyslogFacility, AppName: c.SyslogDescription, Node: c.BastionName,
		})
		if err != nil {
			return err
		}
		sinks = append(sinks, s)
	}
	n.audit = audit.New(c.BastionName, time.Now, sinks...)
	return nil
}

// auditFile is the path of the audit log.
func (n *node) auditFile() string {
	path := n.watcher.Current().AuditFile
	if !filepath.IsAbs(path) {
		path = n.folder.path(path)
	}
	return path
}

func (n *node) openPolicy() error {
	accounts, groups, err := n.store.Load(context.Background())
	if err != nil {
		return err
	}
	c := n.watcher.Current()
	n.rules = c
	maintenance, err := n.store.Maintenance(context.Background())
	if err != nil {
		return err
	}
	n.policy = policy.NewLive(policy.New(accounts, groups, rules(c)).WithMaintenance(maintenance))
	n.store.OnCommit(func(changes []store.Change) {
		n.policy.Update(func(s *policy.Snapshot) *policy.Snapshot {
			for _, ch := range changes {
				s = applyChange(s, ch)
			}
			return s
		})
	})
	return nil
}

func applyChange(s *policy.Snapshot, ch store.Change) *policy.Snapshot {
	switch {
	case ch.Account != nil:
		return s.WithAccount(ch.Account)
	case ch.Group != nil:
		return s.WithGroup(ch.Group)
	case ch.DeletedAccount != "":
		return s.WithoutAccount(ch.DeletedAccount)
	case ch.DeletedGroup != "":
		return s.WithoutGroup(ch.DeletedGroup)
	case ch.MaintenanceSet:
		return s.WithMaintenance(ch.Maintenance)
	}
	return s
}

func (n *node) openMonitor() error {
	hostKeys, err := n.folder.hostKeys()
	if err != nil {
		return err
	}
	seed, err := n.folder.sealSeed()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	program, err := sessionProgram()
	if err != nil {
		return err
	}
	recordings, err := filepath.Abs(n.folder.recordings())
	if err != nil {
		return err
	}
	data, err := filepath.Abs(string(n.folder))
	if err != nil {
		return err
	}
	devices := profiles.NewLive(os.DirFS(n.folder.path("profiles")))
	found, err := devices.Set()
	if err != nil {
		return err
	}
	if err := found.Problems(); err != nil {
		n.log.Warn("device profiles that can't be used", zap.Error(err))
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	n.monitor = &monitor.Monitor{
		Log: n.log, Audit: n.audit, Store: n.store, Policy: n.policy, Signers: secrets{n}, Passwords: secrets{n}, Databases: secrets{n}, HostKeys: hostKeys,
		Profiles: devices.Lease,
		Clients:  clients.New(program), ClientHomes: filepath.Join(data, "psql"),
		SealKey: seed, AuditKey: recorder.KeyID(public), Recording: recordings,
		SessionCommand:  []string{program},
		RecorderCommand: []string{self, "recorder"},
		Settings:        func() monitor.Settings { return monitorSettings(n.config(), data) },
		Now:             time.Now,
	}
	n.commands = &admin.Executor{
		Store: n.store, Policy: n.policy, Vault: n.vault, Now: time.Now, Audit: n.auditCommand, Deps: n.monitor.Deps(),
		Config: func() admin.Settings { return adminSettings(n.config()) }, Profiles: devices.Set,
	}
	n.monitor.Commands = n.commands
	n.monitor.Activeness = programs.New(n.log, program, n.monitor.ProgramIdentity, n.hidden).Active
	n.passwords = programs.New(n.log, program, n.monitor.ProgramIdentity, n.hidden)
	return nil
}

// hidden are the paths that programs of the operators' must not read.
func (n *node) hidden() []string {
	var paths []string
	for _, path := range []string{string(n.folder), n.folder.recordings(), n.auditFile()} {
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		paths = append(paths, path)
	}
	return paths
}

// auditCommand writes the record of a command or a change.
func (n *node) auditCommand(_ context.Context, r admin.Record) error {
	rec := audit.Record{
		Event: audit.Command, Session: r.Actor.Session, Principal: gateway.Principal{Account: r.Actor.Account}, By: r.Actor.By, From: r.Actor.From,
		Protocol: gateway.OSH, Action: r.Command, Command: r.Request, Reason: r.Message,
		Allowed: audit.AnswerOf(r.Code == "" || r.Code[0] == 'O'),
		Details: []audit.Detail{{Key: "code", Value: r.Code}},
	}
	if r.Change {
		rec.Event = audit.Change
	}
	if r.Security != "" {
		rec = securityRecord(r)
	}
	if r.Override {
		rec.Details = append(rec.Details, audit.Detail{Key: "override", Value: "superowner"})
	}
	if r.Actor.Local || r.Actor.ByLocal {
		rec.Details = append(rec.Details, audit.Detail{Key: "local", Value: localUser()})
	}
	if r.Err != nil {
		rec.Error = r.Err.Error()
	}
	return n.audit.Log(rec)
}

// securityRecord is of the administrator who acts as another account, under
// the names that scripts look for.
func securityRecord(r admin.Record) audit.Record {
	return audit.Record{
		Event: audit.Security, Session: r.Actor.Session, Principal: gateway.Principal{Account: r.Actor.By}, From: r.Actor.From,
		Protocol: gateway.OSH, Action: r.Security,
		Details: []audit.Detail{{Key: "sudo-as", Value: r.Actor.Account}, {Key: "plugin", Value: r.Command}, {Key: "params", Value: r.Request}},
	}
}

// localUser names who runs this program, for the audit log.
func localUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}

// localActor is the owner of the data folder, by default under no account's
// name, or who they act as with the rights of that account.
func localActor(as, sudo string) admin.Actor {
	a := admin.Actor{Account: as, Local: true, Session: gateway.NewSessionID()}
	if sudo != "" {
		return a.Sudo(sudo)
	}
	return a
}

// secrets opens egress keys and passwords for the monitor.
type secrets struct{ n *node }

// Signer implements monitor.Signers.
func (s secrets) Signer(ctx context.Context, owner store.Owner, key gateway.EgressKey) (ssh.Signer, error) {
	sealed, err := s.n.store.SealedKey(ctx, key.ID)
	if err != nil {
		return nil, err
	}
	return s.n.vault.Signer(sealed, admin.KeyContext(owner))
}

// Password implements monitor.Passwords.
func (s secrets) Password(ctx context.Context, owner store.Owner, p gateway.EgressPassword) (gateway.Secret, error) {
	sealed, err := s.n.store.SealedPassword(ctx, p.ID)
	if err != nil {
		return gateway.Secret{}, err
	}
	return s.n.vault.Open(sealed, admin.PasswordContext(owner))
}
