package osh

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// DatabaseName is embedded in requests about one database of a group.
type DatabaseName struct {
	GroupOption
	Name string `opt:"name" arg:"NAME" pos:"true" required:"true" help:"name that the gateway offers the database by; it is unique"`
}

// DatabaseSettings are what can be set of a database.
type DatabaseSettings struct {
	Host     string `opt:"host,h" arg:"HOST" required:"true" help:"host name or IP address of the server; a name is resolved at each connection"`
	Port     string `opt:"port,p" arg:"PORT" help:"port of the server, 5432 if not given"`
	Database string `opt:"database,d" arg:"DATABASE" required:"true" help:"name of the database at the server"`
	Login    string `opt:"user,u,U" arg:"LOGIN" required:"true" help:"login at the server"`
	Role     string `opt:"role" arg:"ROLE" help:"role that the login takes on, with SET ROLE"`

	TLS  string `opt:"tls" arg:"MODE" help:"verify-full (the default), require (whoever answers), or disable"`
	Hook string `opt:"hook" arg:"WORD" help:"the login's password is short-lived, and given by databasePasswordProgram, which is told this word"`
	DatabaseInput
	ClearPassword bool `opt:"clear-password" help:"give the server the password itself if it asks for that, as with RADIUS, LDAP, PAM and tokens of clouds"`

	Allow             string `opt:"db-allow" arg:"RIGHTS" help:"read, write, ddl or all (the default); each includes those before it"`
	RowLimit          *int   `opt:"row-limit" arg:"N" help:"most rows of one result; 0 for no limit"`
	StatementTimeout  string `opt:"statement-timeout" arg:"DURATION" help:"longest statement: seconds, or 1h30m; 0 for no limit"`
	IdleInTransaction string `opt:"idle-in-transaction" arg:"DURATION" help:"longest pause inside a transaction, likewise"`
	Parameters        string `opt:"parameters" arg:"HOW" help:"values of parameters in the recording: keep (the default), hash or drop"`
	Results           *int   `opt:"results" arg:"N" help:"rows of each result that are recorded; 0 (the default) for none"`
	TTL               string `opt:"ttl" arg:"DURATION" help:"it is offered for that long: seconds, or 1d7h8m"`
	Comment           string `opt:"comment" arg:"TEXT" help:"what it is for"`
}

// DatabaseInput is what comes on standard input: one of the three.
type DatabaseInput struct {
	PasswordStdin   bool `opt:"password-stdin" help:"read the login's password, one line, from standard input"`
	ClientCertStdin bool `opt:"client-cert-stdin" help:"read a client certificate with its chain and its private key, PEM, likewise"`
	CAStdin         bool `opt:"ca-stdin" help:"read the certificates that the server's must be signed by, PEM, likewise; otherwise those that the node trusts"`
	// Input is what was read. The audit log does not have it.
	Input string `secret:"true"`
}

func (in *DatabaseInput) input() *DatabaseInput { return in }

// Asked gives the option that wants an input. It is false for two of them.
func (in *DatabaseInput) Asked() (flag string, ok bool) {
	ok = true
	for _, o := range []struct {
		flag string
		set  bool
	}{{"--password-stdin", in.PasswordStdin}, {"--client-cert-stdin", in.ClientCertStdin}, {"--ca-stdin", in.CAStdin}} {
		if o.set {
			ok = flag == ""
			flag = cmp.Or(flag, o.flag)
		}
	}
	return flag, ok
}

// MaxDatabaseInput bounds what is read, in bytes.
const MaxDatabaseInput = 64 << 10

// databaseLocal reads the input that the request asks for, which nobody records.
// What is typed at a terminal may be on record before it is asked for, so a
// terminal is refused.
func databaseLocal(command string) func(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	return func(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
		in := req.(interface{ input() *DatabaseInput }).input()
		flag, one := in.Asked()
		if flag == "" || !one {
			return run(ctx, req)
		}
		invalid := func(why string) (Result, error) {
			return Fail(command, "ERR_INVALID_PARAMETER", flag+why, nil), nil
		}
		if env.Terminal != nil {
			return invalid(" reads a file or a pipe: give it there, without a terminal (no -t, not in the interactive mode)")
		}
		if env.Hide != nil {
			env.Hide(true)
			defer env.Hide(false)
		}
		b, err := io.ReadAll(io.LimitReader(env.In, MaxDatabaseInput+1))
		defer clear(b)
		switch {
		case err != nil:
			return invalid(": the input could not be read to its end, so nothing was changed")
		case len(b) > MaxDatabaseInput:
			return invalid(fmt.Sprintf(": the input is longer than %d KiB", MaxDatabaseInput>>10))
		case len(b) == 0:
			return invalid(": there was no input")
		case !utf8.Valid(b):
			return invalid(": the input is no text")
		}
		in.Input = string(b)
		return run(ctx, req)
	}
}

// Database is one database in an answer.
type Database struct {
	Name      string  `json:"name"`
	Group     string  `json:"group"`
	Host      string  `json:"host"`
	Port      int     `json:"port"`
	Database  string  `json:"database"`
	User      string  `json:"user"`
	TLS       string  `json:"tls"`
	Allow     string  `json:"allow"`
	RowLimit  *int64  `json:"row_limit"`                   // nil: none
	Statement *int    `json:"statement_timeout"`           // seconds; nil: none
	Idle      *int    `json:"idle_in_transaction_timeout"` // likewise
	Expiry    *int64  `json:"expiry"`                      // seconds since 1970
	Comment   *string `json:"comment"`
	// Way is how the one who asks may use it: group-member or group-guest.
	Way *string `json:"way"`
	*DatabaseDetails
}

// DatabaseDetails are for members of the group, those who manage its databases,
// and auditors.
type DatabaseDetails struct {
	Role        *string  `json:"role"`
	Credentials []string `json:"credentials"` // password, hook, certificate, clear-password
	Hook        *string  `json:"hook"`
	Certificate *string  `json:"certificate"` // of the client: whose, and when it ends
	CA          []string `json:"ca"`          // likewise; empty: those that the node trusts
	Parameters  string   `json:"parameters"`
	Results     int      `json:"results"`
	AddedBy     string   `json:"addedBy"`
	AddedDate   string   `json:"addedDate"`
	// Guests are there for dbInfo, and for those who manage them.
	Guests []DatabaseGuest `json:"guests,omitzero"`
}

// DatabaseGuest is one account that may use a database as a guest.
type DatabaseGuest struct {
	Account   string  `json:"account,omitempty"`
	Database  string  `json:"name"`
	Allow     string  `json:"allow"`
	Expiry    *int64  `json:"expiry"`
	Comment   *string `json:"comment"`
	AddedBy   string  `json:"addedBy"`
	AddedDate string  `json:"addedDate"`
}

// writeDatabases writes one database a line.
func writeDatabases(w io.Writer, list []Database) {
	if len(list) == 0 {
		return
	}
	rows := [][]string{{"  NAME", "GROUP", "DATABASE", "RIGHTS", "REMARKS"}}
	for _, d := range list {
		rows = append(rows, []string{"  " + d.Name, d.Group, d.at(), d.Allow, strings.Join(d.remarks(), ", ")})
	}
	writeTable(w, rows)
}

// at says where the database is: USER@HOST:PORT/DATABASE.
func (d *Database) at() string {
	port := strconv.Itoa(d.Port)
	return d.User + "@" + hostPort(d.Host, &port) + "/" + d.Database
}

func (d *Database) remarks() []string {
	var is []string
	if d.Way != nil && *d.Way == "group-guest" {
		is = append(is, "as a guest")
	}
	if d.TLS != "verify-full" {
		is = append(is, "TLS "+d.TLS)
	}
	is = append(is, d.limits()...)
	if d.Comment != nil {
		is = append(is, "# "+*d.Comment)
	}
	return is
}

// limits are those that are set.
func (d *Database) limits() []string {
	var is []string
	if d.Expiry != nil {
		is = append(is, "until "+time.Unix(*d.Expiry, 0).UTC().Format(time.DateTime))
	}
	if d.RowLimit != nil {
		is = append(is, fmt.Sprintf("at most %d rows", *d.RowLimit))
	}
	if d.Statement != nil {
		is = append(is, fmt.Sprintf("statements of at most %d s", *d.Statement))
	}
	if d.Idle != nil {
		is = append(is, fmt.Sprintf("idle in transaction at most %d s", *d.Idle))
	}
	return is
}

// writeDatabaseGuests writes one right of a guest a line.
func writeDatabaseGuests(w io.Writer, list []DatabaseGuest) {
	rows := [][]string{{"  NAME", "RIGHTS", "ADDED BY", "ON (UTC)", "REMARKS"}}
	for _, g := range list {
		var remarks []string
		if g.Expiry != nil {
			remarks = append(remarks, "until "+time.Unix(*g.Expiry, 0).UTC().Format(time.DateTime))
		}
		if g.Comment != nil {
			remarks = append(remarks, "# "+*g.Comment)
		}
		rows = append(rows, []string{"  " + cmp.Or(g.Account, g.Database), g.Allow, g.AddedBy, g.AddedDate, strings.Join(remarks, ", ")})
	}
	writeTable(w, rows)
}
