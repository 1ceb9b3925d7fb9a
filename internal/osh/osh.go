// Package osh is the command layer as the session process sees it: the grammar
// of the line that a client sends, one declaration per command (its typed
// request, options, help and text) and the forms of an answer. It decides
// nothing: the monitor executes and authorises each request (package admin).
//
// Rules of this package: everything that is printed passes through
// gateway.Printable, and what a client sends is bounded before it is looked at.
package osh

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"gateway"
)

// Category says who may use a command.
type Category string

// The categories. The group ones need the role in the group that the request
// names, and superowners hold them all.
const (
	Open            Category = "open"             // any account
	Restricted      Category = "restricted"       // granted one by one
	GroupOwner      Category = "group-owner"      // owners of the group
	GroupGatekeeper Category = "group-gatekeeper" // its gatekeepers
	GroupAclkeeper  Category = "group-aclkeeper"  // its aclkeepers
	GroupKeepers    Category = "group-keepers"    // its aclkeepers and owners
	Admin           Category = "admin"            // administrators
)

// Command declares one command of the gateway.
type Command struct {
	Name       string
	Aliases    []string // older names, still accepted
	Category   Category
	MasterOnly bool // refused on a read-only node
	// WithoutFactor: it may be used before the second factor is set up that the
	// account must have.
	WithoutFactor bool
	NotYet        bool // declared and not offered yet; see notYet
	Summary       string
	Long          string
	Examples      []string
	Rest          string // of the usage: what may follow the options
	// New returns a pointer to a fresh request. The tags of its fields declare
	// the options; see Options.
	New func() any
	// Text writes the value for people; nil: the message is enough. What it
	// writes is made printable by the caller.
	Text func(w io.Writer, r Result) error
	// Local replaces the plain call of the monitor by a part that needs the
	// client: it calls run, once or more, and returns what is to be shown.
	Local func(ctx context.Context, env *Env, req any, run RunFunc) (Result, error)
	// Settings names what gateway.yaml can set of it under commands, besides
	// what it can of every command.
	Settings []string
}

// boundsOfAccess are the settings of commands that add personal accesses.
func boundsOfAccess() []string {
	return []string{"widest_v4_prefix", "widest_v6_prefix", "self_remote_user_only"}
}

// RunFunc sends the request to the monitor.
type RunFunc func(ctx context.Context, req any) (Result, error)

// Client is the way to the monitor.
type Client interface {
	// Run executes one command for the account that the connection belongs
	// to. An error means that no answer came.
	Run(ctx context.Context, command string, request json.RawMessage) (Result, error)
	// Complete returns names that start with prefix, sorted and not too many,
	// of a kind that an option's Complete names.
	Complete(ctx context.Context, kind, prefix string) ([]string, error)
}

// Impersonator is a Client that can run commands as another account, which
// the monitor lets administrators do.
type Impersonator interface {
	As(account string) Client
}

// Env is what a line is executed with.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal *Terminal // nil: no pseudo-terminal was asked for
	Client   Client

	Account string // for the prompt
	Name    string // of the gateway
	Slave   bool   // read-only node
	Now     func() time.Time

	// Hide keeps what is read and written out of the recording, for secrets; nil:
	// there is none.
	Hide func(hidden bool)

	Fanciness string // of text on a terminal: none, basic or full; empty: none

	InteractiveAllowed   bool
	InteractiveByDefault bool
	InteractiveTimeout   time.Duration // idle time that ends interactive mode; 0: never

	// Connect opens the connection that l asks for, with e's streams, and
	// returns the exit status.
	Connect func(ctx context.Context, e *Env, l Line) int
	// Play shows a recording; nil: not offered.
	Play func(ctx context.Context, e *Env, recording *os.File) error

	current Line   // the line that is executed
	as      string // the account that adminSudo acts as

	// With a terminal, while Execute runs:
	raw, rawErr io.Writer      // Out and Err without translation
	keys        *keyboard      // reads In
	line        *term.Terminal // edits lines in interactive mode
}

// Terminal is the person's screen.
type Terminal struct {
	// Size gives the present size in characters; nil: unknown.
	Size func() (width, height int)
}

// Result is the answer to a command. Its JSON form is what scripts read.
type Result struct {
	Command *string         `json:"command"` // nil for a refusal before the command ran
	Code    string          `json:"error_code"`
	Message string          `json:"error_message"`
	Value   json.RawMessage `json:"value"`
	Exit    int             `json:"-"`
	Files   []*os.File      `json:"-"` // descriptors that come with the answer
}

// OK returns a success of command with a code that starts with OK.
func OK(command, code, message string, value any) Result {
	raw, err := json.Marshal(value)
	if err != nil {
		return Fail(command, "ERR_INTERNAL", "the answer can't be encoded", nil)
	}
	return Result{Command: &command, Code: code, Message: message, Value: raw}
}

// Fail returns the failure of command with a code that starts with ERR or KO.
func Fail(command, code, message string, value any) Result {
	raw, err := json.Marshal(value)
	if err != nil {
		raw = nil
	}
	return Result{Command: &command, Code: code, Message: message, Value: raw, Exit: gateway.RefusalPlugin.Code}
}

// Refuse returns a refusal before any command ran.
func Refuse(r gateway.Refusal, message string) Result {
	return Result{Code: "KO_" + r.Name, Message: message, Exit: r.Code}
}

// Close closes the descriptors that came with the answer.
func (r Result) Close() {
	for _, f := range r.Files {
		f.Close()
	}
}
