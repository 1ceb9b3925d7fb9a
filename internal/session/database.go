package session

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"

	"gateway"
	"gateway/internal/control"
	"gateway/protocols"
)

// database is the part of a lease for one.
func database(m Monitor, r control.OpenReply) *protocols.Database {
	d := r.Database
	l := &protocols.Database{
		Name: d.Name, Database: d.Database, User: d.User, Role: d.Role, TLS: d.TLS, ServerName: d.Host, Roots: d.Roots,
		DatabaseLimits: d.DatabaseLimits, Parameters: d.Parameters, Results: d.Results,
	}
	if d.Password {
		l.Answer = func(ctx context.Context, q protocols.DatabaseChallenge) (protocols.DatabaseAnswer, error) {
			var a control.AnswerReply
			_, err := m.Call(ctx, control.OpAnswer, control.Answer{Session: r.Session, Salt: q.Salt, Iterations: q.Iterations, AuthMessage: q.AuthMessage}, &a)
			return protocols.DatabaseAnswer(a), err
		}
	}
	if d.Password && d.ClearPassword {
		l.Password = func(ctx context.Context) (gateway.Secret, error) {
			return password(ctx, m, control.Password{Session: r.Session})
		}
	}
	if leaf := leafOf(d.Certificate); leaf != nil {
		l.Certificate, l.Signer = d.Certificate, tlsSigner{m, r.Session, leaf.PublicKey}
	}
	l.Dial = func(ctx context.Context) (net.Conn, error) { return dialMore(ctx, m, r.Session) }
	return l
}

// dialMore gives one more connection with a session's database.
func dialMore(ctx context.Context, m Monitor, id gateway.SessionID) (net.Conn, error) {
	files, err := m.Call(ctx, control.OpDial, control.Dial{Session: id}, nil)
	if err != nil {
		return nil, err
	}
	return oneConn(files)
}

// leafOf is the first certificate of a PEM chain; nil: there is none.
func leafOf(chain string) *x509.Certificate {
	block, _ := pem.Decode([]byte(chain))
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil // dbAdd takes none that can't be read
	}
	return leaf
}

// oneConn takes over the only descriptor of an answer.
func oneConn(files []*os.File) (net.Conn, error) {
	defer control.CloseFiles(files)
	if len(files) != 1 {
		return nil, fmt.Errorf("connect again: %d descriptors: %w", len(files), gateway.ErrUnavailable)
	}
	return net.FileConn(files[0])
}

// tlsSigner signs handshakes with a key that the monitor holds.
type tlsSigner struct {
	monitor Monitor
	session gateway.SessionID
	public  crypto.PublicKey
}

// Public implements crypto.Signer.
func (t tlsSigner) Public() crypto.PublicKey { return t.public }

// Sign implements crypto.Signer.
func (t tlsSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	_, pss := opts.(*rsa.PSSOptions)
	var sig control.Signature
	// crypto.Signer has no place for a context; the control socket ends with the connection.
	_, err := t.monitor.Call(context.Background(), control.OpSignTLS,
		control.SignTLS{Session: t.session, Digest: digest, Hash: uint(opts.HashFunc()), PSS: pss}, &sig)
	return sig.Signature, err
}
