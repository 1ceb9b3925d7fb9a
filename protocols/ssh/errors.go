package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
)

// interrupted is the error of a handshake that ctx ended, with a hint why.
func (a *attempt) interrupted(ctx context.Context, hint string) error {
	cause := context.Cause(ctx)
	if !errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("log in: %w", cause)
	}
	return &protocols.LoginError{Kind: protocols.HandshakeTimeout,
		Err: fmt.Errorf("%s did not finish the handshake in time%s: %w", a.peer, hint, cause)}
}

// failed says why the handshake ended with err, in words for the person. What
// the target said is shown escaped, and not kept in the chain.
func (a *attempt) failed(err error) error {
	var refused *hostKeyError
	if errors.As(err, &refused) {
		return &protocols.LoginError{Kind: protocols.HostKeyRefused, Err: refused}
	}
	var sign *signError
	if errors.As(err, &sign) {
		return &protocols.LoginError{Kind: protocols.AuthFailed, Err: sign}
	}
	var suite *ssh.AlgorithmNegotiationError
	if errors.As(err, &suite) {
		return &protocols.LoginError{Kind: protocols.NoCommonSuite, Err: a.noCommon(suite)}
	}
	if a.password != nil {
		if login := a.password.failed(err); login != nil {
			return login
		}
	}
	if a.person != nil && a.person.gaveUp != nil {
		return &protocols.LoginError{Kind: protocols.AuthFailed, Err: a.person.gaveUp}
	}
	during := "key exchange"
	if a.trusted.Load() {
		during = "authentication"
	}
	switch {
	case errors.Is(err, errTelnet):
		return &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: errTelnet}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &protocols.LoginError{Kind: protocols.BrokenHandshake,
			Err: fmt.Errorf("%s reset the connection during %s", a.peer, during)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &protocols.LoginError{Kind: protocols.BrokenHandshake,
			Err: fmt.Errorf("%s closed the connection during %s", a.peer, during)}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return &protocols.LoginError{Kind: protocols.HandshakeTimeout,
			Err: fmt.Errorf("%s did not answer during %s", a.peer, during)}
	case a.trusted.Load():
		return &protocols.LoginError{Kind: protocols.AuthFailed, Err: a.denied(err)}
	}
	return &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: errors.New(line(err.Error()))}
}

// denied names the keys that were to no avail.
func (a *attempt) denied(err error) error {
	if a.person != nil && a.person.asked || a.password != nil {
		return errors.New("permission denied for " + gateway.Printable(a.user) + a.denial(err))
	}
	if len(a.signers) == 0 {
		return errors.New("permission denied: there is no egress key to offer")
	}
	names := make([]string, len(a.lease.Keys))
	for i, s := range a.signers[:len(names)] { // what follows are the same keys
		names[i] = s.PublicKey().Type() + " " + ssh.FingerprintSHA256(s.PublicKey())
	}
	return fmt.Errorf("permission denied for %s after offering %s%s", gateway.Printable(a.user), strings.Join(names, ", "), a.denial(err))
}

// denial is what is known besides the denial itself.
func (a *attempt) denial(err error) string {
	if strings.Contains(err.Error(), "no supported methods remain") {
		return ""
	}
	return " (" + line(err.Error()) + ")"
}

// line makes foreign text fit to be shown: one line, bounded, escaped.
func line(s string) string {
	const most = 300
	s = strings.TrimPrefix(s, "ssh: handshake failed: ")
	if len(s) > most {
		s = s[:most] + "..."
	}
	return gateway.Printable(s)
}
