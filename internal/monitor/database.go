package monitor

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
	"gateway/internal/scram"
)

// DatabaseCredentials gives what databases are logged in to with.
type DatabaseCredentials interface {
	// DatabasePassword gives the password of d for a login in the name of account.
	DatabasePassword(ctx context.Context, d *gateway.Database, account string, session gateway.SessionID) (gateway.Secret, error)
	// DatabaseSigner gives the private key of d's client certificate.
	DatabaseSigner(ctx context.Context, d *gateway.Database) (crypto.Signer, error)
}

// databaseConns is what one session with a database was given.
type databaseConns struct {
	held               []*held // our own descriptors of connections beyond the first, to cut them with
	dialling           int     // connections that are not among them yet
	dials              int     // connections, the first one not counted
	proofs, signatures int     // uses of the password, and of the certificate: one of each a connection
}

// maxDatabaseConns is how many connections beyond the first a session has at
// the same time: statements are cancelled by one, and client programs reconnect.
const maxDatabaseConns = 16

// byCertificate is the credential that no password is.
const byCertificate = "certificate"

// forward says whether the account could use a database that a person calls so:
// what a forwarded connection is for shows only later.
func (c *conn) forward(r control.Forward) (control.ForwardReply, error) {
	if len(r.Host) > maxWord {
		return control.ForwardReply{}, nil
	}
	return control.ForwardReply{OK: c.m.Policy.Load().OffersDatabase(c.account, r.Host, r.Port, c.m.Now())}, nil
}

// resolveDatabase finds out which database is meant, among those that the account
// may use, and where it is.
func (c *conn) resolveDatabase(ctx context.Context, r control.Open, s *live, now time.Time) *control.Refusal {
	if len(r.Host) > maxWord || len(r.Database) > maxWord {
		return &control.Refusal{Refusal: gateway.RefusalNoHost, Text: "no database has such a name"}
	}
	if s.jumps() || r.Password.Asked() || r.UseKey != "" {
		return &control.Refusal{Refusal: gateway.RefusalConflictOptions, Text: "a database is reached with its own credential, and not through a jump host"}
	}
	d, _, ok := c.m.Policy.Load().Database(s.request.Principal.Account, r.Host, r.Port, r.Database, now)
	if !ok {
		s.index.Comment = string(gateway.ReasonNoAccess)
		return &control.Refusal{Refusal: gateway.RefusalAccessDenied,
			Text: fmt.Sprintf("Access denied for %s to the database %s; dbList says which there are", s.request.Principal.Account, gateway.Printable(clip(r.Host, 64)))}
	}
	s.request.Database, s.index.HostTo = d.Name, d.Name
	s.request.Target = gateway.Target{User: d.User, Host: d.Host, Port: d.Port}
	return c.resolveHop(ctx, &s.request.Target, "the database "+d.Name)
}

// leaseDatabase takes what the decision says of the database.
func (s *live) leaseDatabase(ways []gateway.Way) *control.Refusal {
	s.way, s.database = ways[0], ways[0].Database
	if s.database.TLS == gateway.TLSVerifyFull && s.database.CA == "" {
		roots, err := systemRoots()
		if err != nil {
			return &control.Refusal{Refusal: gateway.RefusalExecFailed, Text: "the certificates that this node trusts can't be read; dbModify --ca-stdin gives the database its own"}
		}
		s.roots = roots
	} else {
		s.roots = s.database.CA
	}
	return nil
}

// systemRoots reads the certificates that the node trusts.
func systemRoots() (string, error) {
	var all error
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"} {
		pem, err := os.ReadFile(path)
		if err == nil {
			return string(pem), nil
		}
		all = errors.Join(all, err)
	}
	return "", all
}

// databaseReply is what the session process is told of its database.
func (s *live) databaseReply() *control.Database {
	d := s.database
	if d == nil {
		return nil
	}
	return &control.Database{
		Name: d.Name, Database: d.Database, User: d.User, Role: d.Role, TLS: d.TLS, Host: d.Host, Roots: s.roots, Certificate: d.Certificate,
		Password: d.Password || d.Hook != "", ClearPassword: d.ClearPassword, DatabaseLimits: d.DatabaseLimits, Parameters: d.Parameters, Results: d.Results,
		Way: leased{way: s.way}.name(),
	}
}

// anyDatabaseSession finds an open session with a database.
func (c *conn) anyDatabaseSession(id gateway.SessionID) (*live, error) {
	s, err := c.session(id)
	if err != nil {
		return nil, err
	}
	if s.database == nil {
		return nil, &control.ViolationError{What: "not a session with a database"}
	}
	return s, nil
}

// databaseSession finds one that goes on.
func (c *conn) databaseSession(id gateway.SessionID) (*live, error) {
	s, err := c.anyDatabaseSession(id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending != "" || s.closed {
		return nil, fmt.Errorf("database: %w", gateway.ErrDenied)
	}
	return s, nil
}

// proveDatabase counts one use of a credential, and writes it down before it is
// made: there is one of each for each connection, whatever the session process became.
func (c *conn) proveDatabase(s *live, how string) error {
	s.mu.Lock()
	used := &s.conns.proofs
	if how == byCertificate {
		used = &s.conns.signatures
	}
	*used++
	tooMany := *used > 1+s.conns.dials
	s.mu.Unlock()
	if tooMany {
		return &control.ViolationError{What: "more logins than connections"}
	}
	return c.m.record(audit.Record{
		Event: audit.Password, Session: s.request.Session, Login: c.id, Principal: s.request.Principal, By: s.by, From: c.from,
		Target: s.request.Target, Protocol: s.request.Protocol, Allowed: audit.Yes, Way: leased{way: s.way}.name(),
		Details: []audit.Detail{{Key: "database", Value: s.database.Name}, {Key: "credential", Value: how}},
	})
}

// answer proves the password to the server without giving it away.
func (c *conn) answer(ctx context.Context, r control.Answer) (control.AnswerReply, error) {
	s, err := c.databaseSession(r.Session)
	if err != nil {
		return control.AnswerReply{}, err
	}
	how := "scram-sha-256"
	if len(r.AuthMessage) == 0 {
		how = "md5"
	}
	if err := c.proveDatabase(s, how); err != nil {
		return control.AnswerReply{}, err
	}
	password, err := c.databasePassword(ctx, s)
	if err != nil {
		return control.AnswerReply{}, err
	}
	defer password.Wipe()
	c.signing.Lock()
	defer c.signing.Unlock()
	if how == "md5" {
		proof, err := scram.MD5(password.Reveal(), s.database.User, r.Salt)
		return control.AnswerReply{Proof: proof}, err
	}
	proof, server, err := scram.Proof(password.Reveal(), r.Salt, r.Iterations, r.AuthMessage)
	return control.AnswerReply{Proof: proof, ServerSignature: server}, err
}

// clearPassword gives the password itself, for servers that want it so, as whoever
// manages the database says: we don't see what the server asked. The session process asks for it only over TLS that it verified, as the decision has it.
func (c *conn) clearPassword(ctx context.Context, id gateway.SessionID) (control.PasswordReply, error) {
	s, err := c.databaseSession(id)
	if err != nil {
		return control.PasswordReply{}, err
	}
	if s.database.TLS != gateway.TLSVerifyFull || !s.database.ClearPassword {
		return control.PasswordReply{}, &control.ViolationError{What: "a password for a server that gets proofs of it"}
	}
	if err := c.proveDatabase(s, "password"); err != nil {
		return control.PasswordReply{}, err
	}
	password, err := c.databasePassword(ctx, s)
	return control.PasswordReply{Password: password.Reveal()}, err
}

func (c *conn) databasePassword(ctx context.Context, s *live) (gateway.Secret, error) {
	password, err := c.m.Databases.DatabasePassword(ctx, s.database, s.request.Principal.Account, s.request.Session)
	if err != nil {
		c.m.Log.Error("database password unusable", zap.String("session", string(s.request.Session)), zap.String("target", s.database.Name), zap.Error(err))
		return gateway.Secret{}, fmt.Errorf("database password: %w", gateway.ErrUnavailable)
	}
	return password, nil
}

// signTLS signs a handshake with the key of the database's client certificate.
func (c *conn) signTLS(ctx context.Context, r control.SignTLS) (control.Signature, error) {
	s, err := c.databaseSession(r.Session)
	if err != nil {
		return control.Signature{}, err
	}
	if s.database.Certificate == "" {
		return control.Signature{}, &control.ViolationError{What: "a database without a client certificate"}
	}
	hash := crypto.Hash(r.Hash)
	if err := c.proveDatabase(s, byCertificate); err != nil {
		return control.Signature{}, err
	}
	signer, err := c.m.Databases.DatabaseSigner(ctx, s.database)
	if err != nil {
		c.m.Log.Error("database key unusable", zap.String("session", string(s.request.Session)), zap.String("target", s.database.Name), zap.Error(err))
		return control.Signature{}, fmt.Errorf("database key: %w", gateway.ErrUnavailable)
	}
	if !signable(signer, hash, r.Digest) {
		return control.Signature{}, fmt.Errorf("sign handshake: %w", gateway.ErrInvalid)
	}
	var opts crypto.SignerOpts = hash
	if r.PSS {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	c.signing.Lock()
	defer c.signing.Unlock()
	sig, err := signer.Sign(rand.Reader, r.Digest, opts)
	if err != nil {
		return control.Signature{}, fmt.Errorf("sign handshake: %w", gateway.ErrInvalid)
	}
	return control.Signature{Signature: sig}, nil
}

// maxSigned is more than any handshake has signed as it is.
const maxSigned = 4096

// signable reports whether it is something that the key signs in TLS from 1.2 on:
// a digest by a hash function of today, or with Ed25519 the text itself. A key of
// RSA would take what is not said to be a digest for anything.
func signable(key crypto.Signer, hash crypto.Hash, digest []byte) bool {
	switch hash {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
		return len(digest) == hash.Size()
	case 0:
		_, ok := key.Public().(ed25519.PublicKey)
		return ok && len(digest) <= maxSigned
	}
	return false
}

// dialDatabase gives one more connection with the session's database. A session
// that is told to end needs one to cancel what the server still does for it: no
// credential comes with it, and it is cut with those that it has.
func (c *conn) dialDatabase(ctx context.Context, r control.Dial) (any, []*os.File, error) {
	s, err := c.anyDatabaseSession(r.Session)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	s.conns.prune()
	full := len(s.conns.held)+s.conns.dialling >= maxDatabaseConns
	if !full {
		s.conns.dialling++
	}
	s.mu.Unlock()
	if full {
		return nil, nil, fmt.Errorf("more than %d connections with one database at the same time: %w", maxDatabaseConns, gateway.ErrUnavailable)
	}
	own, target, err := c.dialHeld(ctx, s)
	s.mu.Lock()
	s.conns.dialling--
	if err == nil {
		s.conns.dials++
		s.conns.held = append(s.conns.held, own)
	}
	closed := s.closed
	s.mu.Unlock()
	if err != nil {
		return nil, nil, fmt.Errorf("connect again: %s: %w", dialText(err), gateway.ErrUnavailable)
	}
	if closed {
		s.cutTarget()
	}
	return none{}, []*os.File{target}, nil
}

// dialHeld connects with the session's target, and keeps a descriptor to cut that with.
func (c *conn) dialHeld(ctx context.Context, s *live) (*held, *os.File, error) {
	target, err := c.m.dial(ctx, s.request.Target, s.opened, c.set)
	if err != nil {
		return nil, nil, err
	}
	own, err := hold(target)
	if err != nil {
		target.Close()
		return nil, nil, err
	}
	return own, target, nil
}

// prune lets go of connections that are over: both ends have shut them down.
func (d *databaseConns) prune() {
	kept := d.held[:0]
	for _, h := range d.held {
		if h.over() {
			h.close()
		} else {
			kept = append(kept, h)
		}
	}
	clear(d.held[len(kept):])
	d.held = kept
}

// sameDatabase reports whether a session that began with one may go on with the
// other: what is reached, as whom, and what may be done there.
func sameDatabase(a, b *gateway.Database) bool {
	return a.ID == b.ID && a.Host == b.Host && a.Port == b.Port && a.Database == b.Database && a.User == b.User && a.Role == b.Role &&
		a.TLS == b.TLS && a.CA == b.CA && a.DatabaseLimits == b.DatabaseLimits
}

// allowSQL answers for one statement of a session, by its class and the rights
// that the account has now.
func (c *conn) allowSQL(s *live, a gateway.Action) error {
	class, err := gateway.ParseDatabaseRights(a.Text)
	d := c.m.Policy.Load().Decide(s.request, c.m.Now())
	if err == nil && d.Allowed() && d.Ways[0].Database != nil && d.Ways[0].Database.Allow.Allows(class) {
		return nil
	}
	if err := c.refusedOperation(s, a, "not among the rights at the database"); err != nil {
		return err
	}
	return fmt.Errorf("statement: %w", gateway.ErrDenied)
}
