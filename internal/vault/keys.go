package vault

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"

	"gateway"
)

// GenerateKey makes an egress key, sealed for context: rsa of 2048 to 8192
// bits, ecdsa of 256, 384 or 521, ed25519 of 256. The caller gives the public
// half its comment and time. A large rsa key takes many seconds.
func (v *Vault) GenerateKey(algo string, bits int, context string) (gateway.EgressKey, []byte, error) {
	if algo == "rsa" {
		v.making.Lock()
		defer v.making.Unlock()
	}
	key, err := generate(algo, bits)
	if err != nil {
		return gateway.EgressKey{}, nil, fmt.Errorf("generate key: %w", err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return gateway.EgressKey{}, nil, fmt.Errorf("generate key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return gateway.EgressKey{}, nil, fmt.Errorf("generate key: %w", err)
	}
	secret := gateway.NewSecret(der)
	defer secret.Wipe()
	return gateway.EgressKey{
		Type:        public.Type(),
		Blob:        public.Marshal(),
		Size:        bits,
		Fingerprint: ssh.FingerprintSHA256(public),
	}, v.Seal(secret, context), nil
}

// generate makes a private key; one of a size outside the rules is refused
// before any work is done.
func generate(algo string, bits int) (crypto.Signer, error) {
	low, high := 0, 0
	switch algo {
	case "rsa":
		low, high = 2048, 8192
	case "ecdsa":
		low, high = 256, 521
	case "ed25519":
		low, high = 256, 256
	default:
		return nil, fmt.Errorf("algorithm %q: want rsa, ecdsa or ed25519: %w", gateway.Printable(algo), gateway.ErrInvalid)
	}
	if bits < low || bits > high {
		return nil, fmt.Errorf("%s of %d bits, want %d to %d: %w", algo, bits, low, high, gateway.ErrInvalid)
	}
	switch {
	case algo == "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case algo == "rsa":
		return rsa.GenerateKey(rand.Reader, bits)
	case bits == 256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case bits == 384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case bits == 521:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	}
	return nil, fmt.Errorf("ecdsa of %d bits, want 256, 384 or 521: %w", bits, gateway.ErrInvalid)
}

// newSigner reads the private key and wipes its encoding.
func newSigner(secret gateway.Secret) (ssh.Signer, error) {
	defer secret.Wipe()
	key, err := x509.ParsePKCS8PrivateKey(secret.Reveal())
	if err != nil {
		return nil, errSealed // the parser's words may hold what it read
	}
	plain, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, fmt.Errorf("use key: %w", err)
	}
	if plain.PublicKey().Type() != ssh.KeyAlgoRSA {
		return plain, nil
	}
	algorithmic, ok := plain.(ssh.AlgorithmSigner)
	if !ok {
		return nil, fmt.Errorf("rsa key can't choose its algorithm: %w", gateway.ErrInvalid)
	}
	return rsaSigner{algorithmic}, nil
}

// rsaSigner signs with SHA-2 only: "ssh-rsa" as an algorithm means SHA-1.
type rsaSigner struct{ ssh.AlgorithmSigner }

var _ ssh.MultiAlgorithmSigner = rsaSigner{}

// Algorithms implements ssh.MultiAlgorithmSigner.
func (rsaSigner) Algorithms() []string {
	return []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
}

// Sign implements ssh.Signer.
func (s rsaSigner) Sign(random io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(random, data, ssh.KeyAlgoRSASHA256)
}

// SignWithAlgorithm implements ssh.AlgorithmSigner.
func (s rsaSigner) SignWithAlgorithm(random io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	switch algorithm {
	case "":
		algorithm = ssh.KeyAlgoRSASHA256
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
	default:
		return nil, fmt.Errorf("rsa signature %q: want SHA-2: %w", gateway.Printable(algorithm), gateway.ErrInvalid)
	}
	return s.AlgorithmSigner.SignWithAlgorithm(random, data, algorithm)
}
