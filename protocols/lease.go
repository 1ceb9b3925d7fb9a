package protocols

import (
	"context"
	"net"
	"time"

	"gateway"
)

// Lease is what a session process may use to log in to one target, for one
// connection. It holds no secret: every signature and every password is asked of
// the monitor.
type Lease struct {
	Keys   []LeasedKey // in the order in which they are to be offered
	Legacy bool        // algorithms that are insecure today are permitted
	// CheckHostKey says whether the target's host key is acceptable. A nil
	// error means go on. Backends call it once for each key exchange.
	CheckHostKey func(keyType string, blob []byte) error
	// HostKeyTypes are the types of the host keys that are known for the
	// target, to be negotiated first; empty when none is.
	HostKeyTypes []string
	// Passwords is how many egress passwords may be had, instead of keys; the
	// current one is number 0. 0: none was asked for.
	Passwords int
	// Password gives one of them, for this connection. Wipe it after its use.
	Password func(ctx context.Context, n int) (gateway.Secret, error)
	// PasswordWorked is told which one the target accepted.
	PasswordWorked func(n int)
	// Second gives the second password, once, for a device that asks for one after
	// the login; see dialogue.Options. PasswordWorked comes before. Wipe it after
	// its use. nil: it is not wanted.
	Second func(ctx context.Context) (gateway.Secret, error)
	// Redial gives another connection with the target, as the next password is
	// tried on a new one, FallbackDelay later.
	Redial        func(ctx context.Context) (net.Conn, error)
	FallbackDelay time.Duration
	// Profiles are the device profiles for the login with a password, or for the
	// second password, as dialogue.Decode reads them: the one that was named, or all of the node.
	Profiles string
	// Timeout is how long the target may take for each prompt of such a login; 0: as
	// the profile has it.
	Timeout time.Duration
	// Terminal: the person has a screen. Term is its type, for targets that ask for
	// it in the login; empty: it is not to be told.
	Terminal bool
	Term     string
	// Ask puts a question of a login to the person, who sees what they type only
	// with echo; nothing of it is recorded. Wipe the answer after its use. nil:
	// nobody can be asked.
	Ask func(ctx context.Context, question string, echo bool) (gateway.Secret, error)
	// KeyboardInteractive and TypedPassword permit these methods of SSH after
	// public keys; the person answers.
	KeyboardInteractive, TypedPassword bool
	// Env is sent to the target before anything runs: NAME=value.
	Env []string
	// Worked is told which key the target accepted.
	Worked func(LeasedKey)
	// Database is set where the target is one.
	Database *Database
	// Jump is for the login at the egress jump host, on the way to the target.
	// nil: there is none. Its Env is empty and its Jump nil.
	Jump *Lease
}

// LeasedKey is one egress key and the way that grants it.
type LeasedKey struct {
	Way   gateway.WayKind
	Group string
	Key   gateway.EgressKey
	// Sign signs an SSH authentication request (RFC 4252 section 7) with the
	// signature algorithm named; it returns the signature in wire form (RFC
	// 4253 section 6.6).
	Sign func(data []byte, algorithm string) ([]byte, error)
}
