package ssh

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/crypto/ssh"

	"gateway/protocols"
)

// signer is a leased key. What it signs, whoever holds the key signs.
type signer struct {
	attempt    *attempt
	key        *protocols.LeasedKey
	public     ssh.PublicKey
	algorithms []string
}

func (a *attempt) newSigner(k *protocols.LeasedKey) (*signer, error) {
	public, err := ssh.ParsePublicKey(k.Key.Blob)
	if err != nil {
		return nil, fmt.Errorf("parse egress key %s: %w", k.Key.Fingerprint, err)
	}
	s := &signer{attempt: a, key: k, public: public, algorithms: []string{public.Type()}}
	if public.Type() == ssh.KeyAlgoRSA {
		s.algorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		if a.lease.Legacy {
			s.algorithms = append(s.algorithms, ssh.KeyAlgoRSA)
		}
	}
	return s, nil
}

// withSHA1 gives the same key for SHA-1 only, nil where that is not permitted.
func (s *signer) withSHA1() *signer {
	if !slices.Contains(s.algorithms, ssh.KeyAlgoRSA) {
		return nil
	}
	old := *s
	old.algorithms = []string{ssh.KeyAlgoRSA}
	return &old
}

// PublicKey implements ssh.Signer.
func (s *signer) PublicKey() ssh.PublicKey { return s.public }

// Algorithms implements ssh.MultiAlgorithmSigner.
func (s *signer) Algorithms() []string { return s.algorithms }

// Sign implements ssh.Signer.
func (s *signer) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, s.algorithms[0])
}

// SignWithAlgorithm implements ssh.AlgorithmSigner.
func (s *signer) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if s.key.Sign == nil {
		return nil, errors.New("egress key without a signer")
	}
	wire, err := s.key.Sign(data, algorithm)
	if err != nil {
		return nil, &signError{err}
	}
	var sig ssh.Signature
	if err := ssh.Unmarshal(wire, &sig); err != nil {
		return nil, &signError{fmt.Errorf("parse signature: %w", err)}
	}
	s.attempt.used = s.key
	return &sig, nil
}

// signError says that the gateway, not the target, failed.
type signError struct{ cause error }

func (e *signError) Error() string { return "sign with egress key: " + e.cause.Error() }
func (e *signError) Unwrap() error { return e.cause }
