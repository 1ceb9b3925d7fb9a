package control

import (
	"encoding/json"
	"net/netip"
	"time"

	"gateway"
	"gateway/recorder"
)

// Boot is what a session process is told before it reads a byte of the client.
type Boot struct {
	Name         string        `json:"name"`          // of this gateway
	HostKeys     [][]byte      `json:"host_keys"`     // public, wire form
	KeyTypes     []string      `json:"key_types"`     // accepted signature algorithms of ingress keys
	LoginGrace   time.Duration `json:"login_grace"`   // until authentication must be done
	KeepAlive    time.Duration `json:"keep_alive"`    // between probes of an idle client; 0: none
	AcceptEnv    []string      `json:"accept_env"`    // patterns
	MaxSessions  int           `json:"max_sessions"`  // channels at once
	MaxForwards  int           `json:"max_forwards"`  // connections to databases at once
	DefaultLogin string        `json:"default_login"` // at targets; empty: the account's name
	Interactive  bool          `json:"interactive"`   // -i is allowed
	ByDefault    bool          `json:"by_default"`    // and starts when nothing is asked
	IdleTimeout  time.Duration `json:"idle_timeout"`  // of interactive mode; 0: none
	ReadOnly     bool          `json:"read_only"`     // this node takes no changes
	Fanciness    string        `json:"fanciness"`     // of our own text on a terminal: none, basic, full
	// RequireSandbox: rather end than run without a layer of the sandbox.
	RequireSandbox bool `json:"require_sandbox"`
}

// SignHost asks for a host-key signature over an exchange hash.
type SignHost struct {
	KeyType   string `json:"key_type"`
	Algorithm string `json:"algorithm"`
	Data      []byte `json:"data"`
}

// Signature answers SignHost and SignEgress: wire form, RFC 4253 section 6.6.
type Signature struct {
	Signature []byte `json:"signature"`
}

// UserKey asks whether a public key may log in as User. It proves nothing.
type UserKey struct {
	User string `json:"user"`
	Blob []byte `json:"blob"`
}

// UserKeyReply answers UserKey. An unknown user and an unknown key look alike.
type UserKeyReply struct {
	OK bool `json:"ok"`
}

// Prove hands over a signature of RFC 4252 section 7. The monitor rebuilds what
// must have been signed; only the parts that it can't know are here.
type Prove struct {
	User      string `json:"user"`
	Algorithm string `json:"algorithm"`
	Blob      []byte `json:"blob"`
	Signature []byte `json:"signature"` // wire form
}

// Login answers Prove.
type Login struct {
	Account string   `json:"account"`
	Target  string   `json:"target,omitempty"`  // what the login name has after the account and a '+'
	Refusal *Refusal `json:"refusal,omitempty"` // the account may do nothing, and why
	Notice  []string `json:"notice,omitempty"`  // lines to show: last login and the like
}

// Refusal is a reason not to serve, for the person.
type Refusal struct {
	gateway.Refusal
	Text string `json:"text"`
}

// ProbeBoot is what a process that tests a login is told; its target is fd 4.
type ProbeBoot struct {
	Open           OpenReply `json:"open"`
	RequireSandbox bool      `json:"require_sandbox"`
}

// Open asks for a session. Who asks is the account that the socket is bound to.
type Open struct {
	Protocol gateway.Protocol `json:"protocol"`
	Host     string           `json:"host,omitempty"` // as the person wrote it
	User     string           `json:"user,omitempty"`
	Port     uint16           `json:"port,omitempty"`
	Jump     *Hop             `json:"jump,omitempty"` // egress jump host; nil: none
	UseKey   string           `json:"use_key,omitempty"`
	// Password asks for a login with egress passwords instead of keys.
	Password gateway.PasswordOf `json:"password,omitzero"`
	// Enable asks for the second password of the device profile after the login:
	// that of the login once more, or the current one of EnablePassword.
	Enable         bool               `json:"enable,omitempty"`
	EnablePassword gateway.PasswordOf `json:"enable_password,omitzero"`
	// KeyboardInteractive asks that the person may answer the target's questions.
	KeyboardInteractive bool `json:"keyboard_interactive,omitempty"`
	// FallbackDelay is between two passwords; it is for the session process.
	FallbackDelay time.Duration   `json:"fallback_delay,omitempty"`
	Timeout       time.Duration   `json:"timeout,omitempty"` // of the connection; 0: the configured one
	Wait          bool            `json:"wait,omitempty"`
	Bind          netip.Addr      `json:"bind,omitzero"` // the gateway's own end; invalid: any
	Action        gateway.Action  `json:"action"`
	Command       string          `json:"command,omitempty"` // name of the command, for OSH
	Term          string          `json:"term,omitempty"`
	Size          recorder.Resize `json:"size"`
	Screen        bool            `json:"screen,omitempty"` // the session can be locked
	// As asks for a session as another account, for administrators.
	As string `json:"as,omitempty"`
	// Database is the name at the server that a client wants; for Postgres, where
	// Host is the name that the gateway offers it by, or the server's.
	Database string `json:"database,omitempty"`
	// Client asks for a client program that speaks with the database; nil: the
	// person has one.
	Client *Client `json:"client,omitempty"`
}

// Hop is a login at an egress jump host. All of it is given.
type Hop struct {
	Host string `json:"host"` // as the person wrote it
	User string `json:"user"`
	Port uint16 `json:"port"`
}

// OpenReply answers Open. The descriptors are the ring's three files, and
// before them the connected target or jump host, unless it is a command.
type OpenReply struct {
	Session   gateway.SessionID `json:"session"`
	Refusal   *Refusal          `json:"refusal,omitempty"`
	Started   time.Time         `json:"started"`
	Target    gateway.Target    `json:"target"`
	Jump      gateway.Target    `json:"jump,omitzero"` // the egress jump host, which is what is connected
	Keys      []LeasedKey       `json:"keys,omitempty"`
	Legacy    bool              `json:"legacy,omitempty"`
	Passwords int               `json:"passwords,omitempty"` // how many egress passwords there are
	Profiles  string            `json:"profiles,omitempty"`  // of devices, for a login with a password; see protocols.Lease
	Second    bool              `json:"second,omitempty"`    // a second password may be had after the login
	// KeyboardInteractive and TypedPassword: the person may answer what the target
	// asks in these methods.
	KeyboardInteractive bool     `json:"keyboard_interactive,omitempty"`
	TypedPassword       bool     `json:"typed_password,omitempty"`
	HostKeyTypes        []string `json:"host_key_types,omitempty"`
	JumpKeyTypes        []string `json:"jump_key_types,omitempty"` // HostKeyTypes of the jump host
	Env                 []string `json:"env,omitempty"`
	// Idle and Locked are for a session with a screen.
	Idle     Idle   `json:"idle,omitzero"`
	Locked   bool   `json:"locked,omitempty"` // the person wanted it so meanwhile
	AuditKey string `json:"audit_key"`        // recorder.KeyID of the key that seals recordings
	// Database is set for Postgres.
	Database *Database `json:"database,omitempty"`
}

// Idle is what happens to a session whose person types nothing. 0: never.
type Idle struct {
	Lock     time.Duration `json:"lock,omitempty"`
	Kill     time.Duration `json:"kill,omitempty"`
	WarnLock time.Duration `json:"warn_lock,omitempty"` // before Lock
	WarnKill time.Duration `json:"warn_kill,omitempty"` // before Kill
}

// Lock tells a session process to lock one of its sessions, or to unlock it.
type Lock struct {
	Session gateway.SessionID `json:"session"`
	Locked  bool              `json:"locked"`
}

// LeasedKey is an egress key that the session may have signatures of.
type LeasedKey struct {
	Index int               `json:"index"`
	Way   gateway.WayKind   `json:"way"`
	Group string            `json:"group,omitempty"`
	Key   gateway.EgressKey `json:"key"`
}

// SignEgress asks for the signature of a login at a session's target, or at its
// jump host.
type SignEgress struct {
	Session   gateway.SessionID `json:"session"`
	Jump      bool              `json:"jump,omitempty"`
	Key       int               `json:"key"`
	Algorithm string            `json:"algorithm"`
	Data      []byte            `json:"data"` // RFC 4252 section 7; the monitor checks user and key in it
}

// Password asks for an egress password of the session, each at most once, the
// current one, number 0, first; or for the second password, after the login.
type Password struct {
	Session gateway.SessionID `json:"session"`
	Number  int               `json:"number"`
	Second  bool              `json:"second,omitempty"`
}

// PasswordReply answers Password. On the wire it is the password itself, not
// JSON; neither end keeps a copy.
type PasswordReply struct{ Password []byte }

// Redial asks for another connection with the session's target. The answer has
// no body; the descriptor comes with it.
type Redial struct {
	Session gateway.SessionID `json:"session"`
}

// HostKey asks whether this is the host key of the session's target, or of its
// jump host.
type HostKey struct {
	Session gateway.SessionID `json:"session"`
	Jump    bool              `json:"jump,omitempty"`
	Type    string            `json:"type"`
	Blob    []byte            `json:"blob"`
	Accept  bool              `json:"accept"` // the person was asked, and said yes
}

// HostKeyReply answers HostKey.
type HostKeyReply struct {
	OK   bool   `json:"ok"`
	Ask  bool   `json:"ask,omitempty"`  // ask the person and come back
	Text string `json:"text,omitempty"` // to show: learned, changed, refused
	// Warning: Text is to be shown in any case.
	Warning bool `json:"warning,omitempty"`
}

// Worked says which key the target, or the jump host, accepted, or which
// password. It is a notification.
type Worked struct {
	Session  gateway.SessionID `json:"session"`
	Jump     bool              `json:"jump,omitempty"`
	Password bool              `json:"password,omitempty"` // Key is the number of a password
	Key      int               `json:"key"`
}

// Allow asks whether an operation may be relayed.
type Allow struct {
	Session gateway.SessionID `json:"session"`
	Action  gateway.Action    `json:"action"`
}

// End says how a session ended.
type End struct {
	Session gateway.SessionID `json:"session"`
	Exit    gateway.Exit      `json:"exit"`
	Comment string            `json:"comment,omitempty"`
	In      int64             `json:"in"`  // bytes from the person to the target
	Out     int64             `json:"out"` // bytes the other way
}

// Run asks for a command, inside a session opened for it.
type Run struct {
	Session gateway.SessionID `json:"session"`
	Command string            `json:"command"`
	Request json.RawMessage   `json:"request"`
	// As runs it as another account, for administrators.
	As string `json:"as,omitempty"`
}

// RunLocal asks for a command in the name of As (empty: of no account), with
// the rights of the data folder's owner, or of Sudo with its own.
type RunLocal struct {
	As      string          `json:"as,omitempty"`
	Sudo    string          `json:"sudo,omitempty"`
	Command string          `json:"command"`
	Request json.RawMessage `json:"request"`
}

// RunReply answers Run and RunLocal: the form that package osh shows, without its descriptors.
type RunReply struct {
	Command *string         `json:"command"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Value   json.RawMessage `json:"value"`
	Exit    int             `json:"exit"`
}

// Complete asks for the names of a kind that begin with Prefix.
type Complete struct {
	Session gateway.SessionID `json:"session"`
	Kind    string            `json:"kind"`
	Prefix  string            `json:"prefix"`
}

// CompleteReply answers Complete.
type CompleteReply struct {
	Names []string `json:"names"`
}

// Abort says why a command line was refused before anything was opened for it.
type Abort struct {
	Refusal gateway.Refusal `json:"refusal"`
	Text    string          `json:"text"`
	Command string          `json:"command,omitempty"` // the line, or its beginning
}

// Terminate tells a session process to show Text to the person and to end.
type Terminate struct {
	Session gateway.SessionID `json:"session,omitempty"` // empty: all of them, and the connection
	Text    string            `json:"text"`
	Code    int               `json:"code"` // exit status
}

// Create asks the recorder to begin a recording; the ring's files come with it.
type Create struct {
	Header recorder.Header `json:"header"`
}

// RecorderBoot is what the recorder is told first.
type RecorderBoot struct {
	SealKey        []byte `json:"seal_key"` // Ed25519 seed
	RequireSandbox bool   `json:"require_sandbox"`
}

// CreateReply says why a recording can't be made; an empty Text is success.
type CreateReply struct {
	Full bool   `json:"full,omitempty"` // the disk is full
	Text string `json:"text,omitempty"`
}

// Recover asks the recorder to drain what is left of a recording; the ring's
// files come with it.
type Recover struct {
	Session gateway.SessionID `json:"session"`
}

// CloseRecording tells the recorder to drain, seal and close. It is a
// notification: OpSealed answers it.
type CloseRecording struct {
	Session gateway.SessionID `json:"session"`
	End     recorder.End      `json:"end"`
}

// OpenRead asks the recorder for a read-only descriptor.
type OpenRead struct {
	Session gateway.SessionID `json:"session"`
}

// Sealed tells the monitor that a recording is finished.
type Sealed struct {
	Session gateway.SessionID `json:"session"`
	Chain   []byte            `json:"chain"` // hash that was sealed
	Size    int64             `json:"size"`  // of the file, bytes
	Seal    recorder.Seal     `json:"seal"`
	Problem string            `json:"problem,omitempty"` // why it is not complete, or not sealed
}

// Failed tells the monitor that a recording accepts nothing more.
type Failed struct {
	Session gateway.SessionID `json:"session"`
	Full    bool              `json:"full,omitempty"` // the disk is full
	Text    string            `json:"text"`
}
