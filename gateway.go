// Package gateway holds the nouns that every other package of the access
// gateway speaks in: who (Principal, Account, Group), what (Target, Access,
// Request, Action), and what came of it (Decision, Exit). It does no input or
// output, starts no goroutine and imports nothing but the standard library.
package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// SessionID names one session from login to recording: 24 hexadecimal digits.
// It is a file name too, so it never holds anything else.
type SessionID string

// NewSessionID returns a fresh random SessionID.
func NewSessionID() SessionID {
	var b [12]byte
	rand.Read(b[:])
	return SessionID(hex.EncodeToString(b[:]))
}

// ParseSessionID checks that s has the form of a SessionID.
func ParseSessionID(s string) (SessionID, error) {
	if len(s) != 24 {
		return "", fmt.Errorf("session id %q: want 24 hexadecimal digits: %w", Printable(s), ErrInvalid)
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("session id %q: want 24 hexadecimal digits: %w", Printable(s), ErrInvalid)
		}
	}
	return SessionID(s), nil
}

// Principal is a person or robot that the gateway knows: a local account, or
// an account of a realm.
type Principal struct {
	Account string
	Realm   string // empty for a local account
}

// String gives "account" or "realm/account".
func (p Principal) String() string {
	if p.Realm != "" {
		return p.Realm + "/" + p.Account
	}
	return p.Account
}

// Protocol is what is spoken with a target.
type Protocol string

// The protocols that a session may speak.
const (
	SSH Protocol = "ssh"
	// Telnet has no encryption.
	Telnet Protocol = "telnet"
	// NETCONF is spoken inside SSH, RFC 6242.
	NETCONF  Protocol = "netconf"
	Postgres Protocol = "postgres"
	OSH      Protocol = "osh" // a command of the gateway itself
)
