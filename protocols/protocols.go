// Package protocols says what every wire protocol that the gateway speaks to
// targets has in common: a Backend logs in over a connection that the monitor
// made, and the Conn it returns relays between the person and the target.
package protocols

import (
	"context"
	"io"
	"net"

	"gateway"
	"gateway/recorder"
)

// Backend reaches targets over one protocol.
type Backend interface {
	Protocol() gateway.Protocol
	// Login speaks to the target on nc with the credentials of l. It closes nc
	// on error; on success the Conn owns it. Its errors are *LoginError or wrap
	// ctx's cause.
	Login(ctx context.Context, nc net.Conn, r gateway.Request, l Lease) (Conn, error)
}

// Conn is logged in to a target.
type Conn interface {
	// Relay starts r.Action at the target and moves bytes until it ends. Every
	// event is recorded before it is forwarded; an error of Record ends the
	// relay and is returned. The caller closes c and the Conn.
	Relay(ctx context.Context, c Client, s Session) (gateway.Exit, error)
	Close() error
}

// Session is all that a relay may ask of the gateway.
type Session interface {
	// Allow asks policy about one operation. An operation that was not put to
	// Allow may not be relayed.
	Allow(ctx context.Context, a gateway.Action) error
	// Record returns nil once e was accepted and will survive. It may block
	// (back-pressure) and wraps gateway.ErrNoRecord when nothing more is accepted.
	Record(e recorder.Event) error
}

// Client is the person's side, past authentication. Read returns io.EOF when
// the person closed their input; writing goes on to work after that.
type Client interface {
	io.ReadWriteCloser
	Stderr() io.Writer
	// Env is what the person's environment may contribute: NAME=value.
	Env() []string
	// Signals delivers signals and breaks until the client is closed.
	Signals() <-chan Signal
}

// Terminal is a Client with a screen.
type Terminal interface {
	Client
	// Term returns the terminal's type, its size and its modes as encoded in
	// RFC 4254 section 8.
	Term() (name string, size recorder.Resize, modes string)
	// Resizes delivers new sizes until the client is closed.
	Resizes() <-chan recorder.Resize
}

// Hider is a Client whose screen and keyboard are also recorded elsewhere, as
// those of a prompt are: not while they are hidden.
type Hider interface{ Hide(hidden bool) }

// CloseWriter is a Client whose output can be closed by itself. A relay does so
// when the target's output has ended; how the session ended is still to come.
type CloseWriter interface{ CloseWrite() error }

// Signal is a signal (RFC 4254 section 6.9) or, when Name is empty, a break
// of that many milliseconds (RFC 4335).
type Signal struct {
	Name    string // without SIG
	BreakMS uint32
}

// LoginError says why a target did not let the gateway in, in words for the person.
type LoginError struct {
	Kind LoginErrorKind
	Err  error
	// Tail is what the target said last, for the audit record only; it has no
	// password in it, and may be anything else.
	Tail string
}

// LoginErrorKind is the family of a LoginError; it is logged as comment_close
// is by The Bastion.
type LoginErrorKind string

// The kinds of login errors.
const (
	HostKeyRefused   LoginErrorKind = "hostkey_changed"
	AuthFailed       LoginErrorKind = "permission_denied"
	NoCommonSuite    LoginErrorKind = "no_common_algorithm"
	HandshakeTimeout LoginErrorKind = "connection_timeout"
	BrokenHandshake  LoginErrorKind = "connection_error"
	NotSupported     LoginErrorKind = "not_supported" // the protocol has no such thing

	// Of logins with egress passwords.
	PasswordRefused  LoginErrorKind = "authentication_failed"
	PasswordMissing  LoginErrorKind = "password_unavailable"
	LockedOut        LoginErrorKind = "locked_out"
	NoLoginPrompt    LoginErrorKind = "no_login_prompt"
	NoPasswordPrompt LoginErrorKind = "no_password_prompt"
	NoShellPrompt    LoginErrorKind = "no_shell_prompt"
)

func (e *LoginError) Error() string { return string(e.Kind) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *LoginError) Unwrap() error { return e.Err }
