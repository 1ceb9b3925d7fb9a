package protocols

import (
	"context"
	"crypto"
	"net"

	"gateway"
)

// Database is the part of a Lease for a database: where to log in to, as whom,
// and what may be done there. The credential stays with the monitor, which
// answers what the server asks, unless the server wants a password in the clear.
type Database struct {
	Name       string // that the gateway offers it by
	Database   string // at the server
	User       string // likewise
	Role       string // to take on after the login; empty: none
	TLS        gateway.TLSMode
	ServerName string // that the server's certificate must have
	Roots      string // PEM certificates that it must be signed by
	// Certificate is a PEM chain to log in with; Signer its private key. Empty: none.
	Certificate string
	Signer      crypto.Signer
	// Answer computes what proves the password. nil: there is none.
	Answer func(ctx context.Context, q DatabaseChallenge) (DatabaseAnswer, error)
	// Password gives it in the clear, once for each connection; it is for servers
	// that want it so, over TLS that was verified. Wipe it after its use.
	Password func(ctx context.Context) (gateway.Secret, error)
	// Dial gives one more connection with the server: to cancel a statement, or for
	// another connection of a client program. Who was given it shuts it down in both
	// directions when it is over.
	Dial func(ctx context.Context) (net.Conn, error)
	// Settings are the parameters that the person's program wants its session to
	// begin with. Those that could be a way around the rights are left out.
	Settings map[string]string

	gateway.DatabaseLimits
	Parameters gateway.ParameterRecording
	Results    int // rows of each result to record
}

// DatabaseChallenge is what a server asks of who knows the password: with Salt
// of 4 bytes and no AuthMessage the MD5 of AuthenticationMD5Password, else SCRAM-SHA-256.
type DatabaseChallenge struct {
	Salt        []byte
	Iterations  int    // of SCRAM, RFC 5802 section 3
	AuthMessage []byte // of SCRAM, likewise
}

// DatabaseAnswer is the answer to a DatabaseChallenge.
type DatabaseAnswer struct {
	// Proof is the ClientProof of SCRAM, or the text that is sent for MD5.
	Proof []byte
	// ServerSignature is what the server must send back in SCRAM, RFC 5802 section 3.
	ServerSignature []byte
}
