package gateway

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Database is a PostgreSQL database that a group offers by a name. Who uses it
// never sees the credential that it is reached with, which only the vault knows.
type Database struct {
	ID       int64  // of the store
	Name     string // see CheckDatabaseName; it is unique on the gateway, and its secrets are sealed for it
	Host     string // address or host name, which TLS checks the certificate for
	Port     uint16
	Database string // its name at the server
	User     string // login at the server
	Role     string // that the login takes on, with SET ROLE; empty: none
	TLS      TLSMode
	CA       string // PEM certificates that the server's must be signed by; empty: those that the node trusts
	// What the login is made with. Password: a sealed password; Hook: the program
	// of the operators' that gives one for a short time; Certificate: PEM, its private key sealed.
	Password    bool
	Hook        string
	Certificate string
	// ClearPassword says that the server is given the password itself, as it has no
	// way to have it proven. Session processes learn it then.
	ClearPassword bool

	DatabaseLimits
	Parameters ParameterRecording // of the values that statements come with
	Results    int                // rows of each result that are recorded; 0: none

	Expires time.Time // zero: never
	Comment string
	AddedBy string
	AddedAt time.Time
}

// DatabaseLimits are what a session at a database may do. The zero value limits nothing.
type DatabaseLimits struct {
	Allow             DatabaseRights
	Rows              int64         // of one result; 0: no limit
	StatementTimeout  time.Duration // of one statement; 0: no limit
	IdleInTransaction time.Duration // between statements of a transaction; 0: no limit
}

// DatabaseGuest lets a guest of a group use one of its databases.
type DatabaseGuest struct {
	Database string         `json:"database"`         // its name
	Allow    DatabaseRights `json:"allow,omitempty"`  // with those of the database: the lesser counts
	Expires  time.Time      `json:"expires,omitzero"` // zero: never
	Comment  string         `json:"comment,omitempty"`
	AddedBy  string         `json:"added_by"`
	AddedAt  time.Time      `json:"added_at"`
}

// Expired reports whether g no longer grants anything at now.
func (g DatabaseGuest) Expired(now time.Time) bool {
	return !g.Expires.IsZero() && !now.Before(g.Expires)
}

// Expired reports whether d is no longer offered at now.
func (d Database) Expired(now time.Time) bool {
	return !d.Expires.IsZero() && !now.Before(d.Expires)
}

// Bounds of what a server may ask in SCRAM-SHA-256. PostgreSQL has 4,096 iterations
// unless it is told otherwise, and RFC 7677 wants no fewer, as the fewer they are,
// the faster are passwords tried on a proof. More than the most are work for nothing.
const (
	MinSCRAMIterations = 4096
	MaxSCRAMIterations = 1_000_000
	MaxSCRAMSalt       = 256 // bytes
)

// TLSMode says how a connection with a database is encrypted.
type TLSMode string

// The modes, in the words of PostgreSQL's sslmode. The zero value is TLSVerifyFull.
const (
	TLSVerifyFull TLSMode = ""        // the server's certificate must be valid, for its host name
	TLSRequire    TLSMode = "require" // encrypted, with whoever answers
	TLSDisable    TLSMode = "disable" // in the clear
)

// ParseTLSMode reads verify-full, require or disable.
func ParseTLSMode(s string) (TLSMode, error) {
	switch m := TLSMode(s); {
	case s == "verify-full":
		return TLSVerifyFull, nil
	case m == TLSRequire, m == TLSDisable:
		return m, nil
	}
	return "", fmt.Errorf("TLS mode %q: want verify-full, require or disable: %w", clip(s), ErrInvalid)
}

// String gives the word that ParseTLSMode reads.
func (m TLSMode) String() string {
	if m == TLSVerifyFull {
		return "verify-full"
	}
	return string(m)
}

// DatabaseRights says which statements may be used; each includes those before it.
type DatabaseRights string

// The rights, from the least. The zero value is DatabaseAll.
const (
	DatabaseRead  DatabaseRights = "read"  // look at data
	DatabaseWrite DatabaseRights = "write" // change data
	DatabaseDDL   DatabaseRights = "ddl"   // change tables and other objects
	DatabaseAll   DatabaseRights = ""      // whatever the login may
)

// ParseDatabaseRights reads read, write, ddl or all.
func ParseDatabaseRights(s string) (DatabaseRights, error) {
	switch r := DatabaseRights(s); {
	case s == "all":
		return DatabaseAll, nil
	case r == DatabaseRead, r == DatabaseWrite, r == DatabaseDDL:
		return r, nil
	}
	return "", fmt.Errorf("database rights %q: want read, write, ddl or all: %w", clip(s), ErrInvalid)
}

// String gives the word that ParseDatabaseRights reads.
func (r DatabaseRights) String() string {
	if r == DatabaseAll {
		return "all"
	}
	return string(r)
}

// Allows reports whether r includes what needs asked. What is not one of the
// rights allows nothing.
func (r DatabaseRights) Allows(asked DatabaseRights) bool {
	order := []DatabaseRights{DatabaseRead, DatabaseWrite, DatabaseDDL, DatabaseAll}
	have, want := slices.Index(order, r), slices.Index(order, asked)
	return want >= 0 && have >= want
}

// Lesser gives the lesser of two rights.
func (r DatabaseRights) Lesser(o DatabaseRights) DatabaseRights {
	if r.Allows(o) {
		return o
	}
	return r
}

// ParameterRecording says how the values of parameters are recorded.
type ParameterRecording string

// The ways to record them. The zero value is ParametersKept.
const (
	ParametersKept    ParameterRecording = ""     // as they are
	ParametersHashed  ParameterRecording = "hash" // a keyed hash: equal values look equal within a session
	ParametersDropped ParameterRecording = "drop" // their number only
)

// ParseParameterRecording reads keep, hash or drop.
func ParseParameterRecording(s string) (ParameterRecording, error) {
	switch p := ParameterRecording(s); {
	case s == "keep":
		return ParametersKept, nil
	case p == ParametersHashed, p == ParametersDropped:
		return p, nil
	}
	return "", fmt.Errorf("recording of parameters %q: want keep, hash or drop: %w", clip(s), ErrInvalid)
}

// String gives the word that ParseParameterRecording reads.
func (p ParameterRecording) String() string {
	if p == ParametersKept {
		return "keep"
	}
	return string(p)
}

// CheckDatabaseName checks the name that a database is offered by: 1 to 63
// lower-case letters, digits, '.', '_' or '-' that begin with a letter or a
// digit. It may stand where a host name does.
func CheckDatabaseName(name string) error {
	if len(name) < 1 || len(name) > 63 || !alphanumeric(name[0]) || !portable(name) || name != strings.ToLower(name) {
		return fmt.Errorf("database name %q: want 1 to 63 lower-case letters, digits, '.', '_' or '-', the first a letter or a digit: %w", clip(name), ErrInvalid)
	}
	return nil
}

// CheckServerName checks the name of a database, login or role at a server: at
// most 63 bytes, as PostgreSQL has them, that a person can read.
func CheckServerName(name string) error {
	if name == "" || len(name) > 63 || Printable(name) != name || strings.TrimSpace(name) != name {
		return fmt.Errorf("name %q: want 1 to 63 printable bytes without space around them: %w", clip(name), ErrInvalid)
	}
	return nil
}

// CheckHook checks the word that stands for a source of short-lived passwords.
func CheckHook(word string) error {
	if len(word) < 1 || len(word) > 63 || !alphanumeric(word[0]) || !portable(word) {
		return fmt.Errorf("hook %q: want 1 to 63 letters, digits, '.', '_' or '-', the first a letter or a digit: %w", clip(word), ErrInvalid)
	}
	return nil
}
