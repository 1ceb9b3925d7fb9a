// Package admin executes the commands of package osh in the monitor: rights,
// then options, then formats, then existence, then the change in one
// transaction that checks the rights once more, its audit record, and the
// answer. A session process is never believed: the account is the one that the
// monitor bound the connection to, and the request is decoded strictly.
package admin

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/profiles"
	"gateway/internal/store"
	"gateway/internal/turns"
	"gateway/policy"
)

// Executor executes commands. Every field must be set; it is safe for
// concurrent use.
type Executor struct {
	Store  store.Store
	Policy *policy.Live // follows Store: up to date when Update returns
	Vault  Vault
	Config func() Settings
	Now    func() time.Time
	// Audit records a command or a change. When it fails nothing is changed
	// and nothing is shown.
	Audit func(ctx context.Context, r Record) error
	Deps  Deps
	// Profiles gives the device profiles of the node, as they are now.
	Profiles func() (*profiles.Set, error)

	changing turns.ByAccount
}

// Vault makes egress keys and passwords, and keeps keys in use.
type Vault interface {
	// GenerateKey returns a new key and its sealed private half, which can be
	// opened for that context only.
	GenerateKey(algo string, bits int, context string) (gateway.EgressKey, []byte, error)
	// GeneratePassword returns the hashes of a new password of size characters,
	// and the password sealed for that context.
	GeneratePassword(size int, context string) (gateway.PasswordHashes, []byte, error)
	// Seal seals a secret that somebody brought, SealPrivateKey a key, for that context.
	Seal(secret gateway.Secret, context string) []byte
	SealPrivateKey(key crypto.Signer, context string) ([]byte, error)
	// Reseal gives what was sealed for one context sealed for another.
	Reseal(sealed []byte, from, to string) ([]byte, error)
	// Forget drops from memory what was opened for that context.
	Forget(context string)
}

// Deps is what commands need of the monitor.
type Deps interface {
	// Resolve gives the address of a host name; it wraps gateway.ErrNotFound,
	// or gateway.ErrDenied when names are not to be resolved.
	Resolve(ctx context.Context, host string) (netip.Addr, error)
	// ReverseNames gives the host names of those addresses that have one, as
	// far as they are learned in a few seconds; none when the gateway doesn't
	// look names up.
	ReverseNames(ctx context.Context, addrs []netip.Addr) map[netip.Addr]string
	// Probe logs in to a target, and out again.
	Probe(ctx context.Context, a Actor, p Probe) error
	// DialCheck says whether a port is "open", "closed" or "unknown".
	DialCheck(ctx context.Context, addr netip.AddrPort, timeout time.Duration) string
	// PingSocket gives a socket that can send echo requests to addr only.
	PingSocket(ctx context.Context, addr netip.Addr) (*os.File, error)
	// OpenRecording opens a recording for reading.
	OpenRecording(ctx context.Context, id gateway.SessionID) (*os.File, error)
	// Active asks whether an account is active. It may take many seconds.
	Active(ctx context.Context, a *gateway.Account) Activeness
	// RootKeys gives the lines of root's authorized_keys files on this machine;
	// none when there are no such files. It wraps fs.ErrPermission when the
	// gateway may not read them, gateway.ErrInvalid when they are no files of
	// a reasonable size.
	RootKeys(ctx context.Context) (string, error)
	// EndSessions ends the connections of an account, with the exit status of
	// why and a reason that the person is shown, and says how many sessions
	// were live.
	EndSessions(account string, why gateway.Refusal, reason string) int
	// LockSessions locks or unlocks the sessions of a's account that have a
	// screen, and says how many. own are not unlocked: they are of the
	// connection that a asks over.
	LockSessions(a Actor, locked bool) (done, own int)
	// Recheck decides every live session again; it does not wait for that.
	Recheck()
}

// Activeness is what is known of whether an account is active.
type Activeness struct {
	Active  bool   // or taken for it while that is unknown
	Unknown bool   // the program that was asked does not know, or failed
	Passes  bool   // a login passes: administrators do while it is unknown
	Always  string // why no program was asked; empty: one was
}

// Probe is a login to be tried.
type Probe struct {
	Target gateway.Target
	Jump   gateway.Target // egress jump host to reach it through; zero: directly
	Owner  store.Owner    // of the keys
	Keys   []gateway.EgressKey
	Legacy bool // algorithms that are insecure today are permitted
}

// Actor is who runs a command.
type Actor struct {
	Account string
	Session gateway.SessionID
	From    netip.AddrPort
	// Local is the owner of the data folder, on the node itself: every right,
	// also as an account that may not log in; without one, if Account is empty.
	Local bool
	// By is the administrator who acts as Account, with the rights of Account;
	// empty: Account does itself. ByLocal: it is the owner of the data folder.
	By      string
	ByLocal bool
}

// Sudo returns the actor for what a does as another account.
func (a Actor) Sudo(account string) Actor {
	return Actor{Account: account, Session: a.Session, From: a.From, By: a.name(), ByLocal: a.Local}
}

// name is the account, or for the owner of the node without one a name that no
// account can have.
func (a Actor) name() string {
	if a.Local && a.Account == "" {
		return "root"
	}
	return a.Account
}

// Settings are the values of the configuration that commands depend on.
type Settings struct {
	Name, Hostname   string
	AliasCommand     string // shown to people; with the tokens ACCOUNT or USER, BASTIONNAME, HOSTNAME
	DocumentationURL string // shown by help
	ReadOnly         bool
	Admins           []string
	SuperOwners      []string
	Telnet           bool     // targets may be reached over telnet
	DatabaseHooks    bool     // a program gives short-lived passwords of databases
	AlwaysActive     []string // never submitted to the program that says who is active

	IngressAlgorithms, EgressAlgorithms []string // rsa, ecdsa, ed25519, ecdsa-sk, ed25519-sk
	IngressRSAMin, IngressRSAMax        int
	EgressRSAMin, EgressRSAMax          int
	DefaultAlgorithm                    string // of an account's first egress key
	DefaultSize                         int

	IngressKeysFrom              []netip.Prefix // from= of new ingress keys
	IngressKeysFromAllowOverride bool
	EgressKeysFrom               []netip.Prefix // shown with egress keys

	AllowedNetworks, ForbiddenNetworks []netip.Prefix
	ReverseDNS                         bool // names of addresses may be looked up
	MaxInactiveDays                    int
	DefaultLogin                       string // at targets; empty: the account's name
	UIDMin, UIDMax                     int
	SupplementaryGroups                []string // restricted commands that new accounts are granted
	DefaultPersonalAccesses            []string
	InteractiveAllowed                 bool
	IdleLock, IdleKill                 int  // seconds without input; 0: never
	ProxyJump                          bool // egress jump hosts are allowed
	Version                            string
	Commands                           map[string]CommandSettings
}

// Record is the audit record of a command, or of the change that it makes.
type Record struct {
	Actor    Actor
	Command  string
	Request  string // the request as JSON, as it was understood, long texts cut short
	Change   bool   // written before the change it announces is committed
	Override bool   // a superowner's right was used
	Security string // kind of a security event: admin-sudo
	Code     string
	Message  string
	Err      error // for operators: what the person is not told
}

// Bounds of a request.
const (
	maxRequest       = 1 << 20
	maxRecordRequest = 4096
)

// handler executes one command after its rights were checked.
type handler func(ctx context.Context, c *call) (osh.Result, error)

// handle adapts a function on the typed request.
func handle[R any](f func(ctx context.Context, c *call, r *R) (osh.Result, error)) handler {
	return func(ctx context.Context, c *call) (osh.Result, error) { return f(ctx, c, c.req.(*R)) }
}

// Run executes one command for a.
func (e *Executor) Run(ctx context.Context, a Actor, command string, request json.RawMessage) osh.Result {
	c := &call{e: e, actor: a, set: e.Config(), snap: e.Policy.Load(), now: e.Now(), raw: request}
	c.actor.Account = a.name()
	unread := c.read(command)
	if a.Local && a.Account != "" && unread == nil {
		unread = c.knownActor()
	}
	if err := c.announceSudo(ctx, command); err != nil {
		return c.answer(err)
	}
	r, err := osh.Result{}, unread
	if err == nil {
		r, err = c.run(ctx)
	}
	if err != nil {
		r = c.answer(err)
	}
	if c.override && r.Command != nil {
		r.Message += "\nOVERRIDE: you may do this as a superowner only; it was recorded as such."
	}
	if c.changed {
		return r // recorded inside the transaction
	}
	rec := c.record()
	rec.Code, rec.Message = r.Code, r.Message
	if _, told := errors.AsType[*answered](err); !told {
		rec.Err = err
	}
	if err := e.Audit(ctx, rec); err != nil {
		r.Close()
		return osh.Refuse(gateway.RefusalNoSpace, "the command can't be recorded, so it is refused")
	}
	return r
}
