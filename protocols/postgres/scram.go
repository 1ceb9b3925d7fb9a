package postgres

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gateway"
	"gateway/protocols"
)

// The mechanisms of RFC 7677 and RFC 5802 that PostgreSQL has.
const (
	mechanism        = "SCRAM-SHA-256"
	mechanismBinding = "SCRAM-SHA-256-PLUS"
)

// maxSCRAM bounds a message of the server's, in bytes.
const maxSCRAM = 2048

// scram is the client's side of SCRAM (RFC 5802 section 3). It never knows the
// password.
type scram struct {
	mechanism string
	header    string // gs2-header
	binding   []byte // channel binding data
	bare      string // client-first-message-bare
	nonce     string // the client's
	signature []byte // that the server must show
}

// newSCRAM picks a mechanism that is offered. state is of the TLS connection; nil: there is none.
func newSCRAM(offered []string, state *tls.ConnectionState) (*scram, error) {
	var random [18]byte
	rand.Read(random[:])
	s := &scram{mechanism: mechanism, header: "n,,", nonce: base64.StdEncoding.EncodeToString(random[:])}
	s.bare = "n=,r=" + s.nonce
	if data, ok := endPoint(state); ok {
		// "y" says that the binding could be had, so that nobody can take its offer
		// away unnoticed.
		s.header = "y,,"
		if slices.Contains(offered, mechanismBinding) {
			s.mechanism, s.header, s.binding = mechanismBinding, "p=tls-server-end-point,,", data
			return s, nil
		}
	}
	if !slices.Contains(offered, mechanism) {
		return nil, errors.New("the server offers no mechanism that the gateway has")
	}
	return s, nil
}

// endPoint is the channel binding of RFC 5929 section 4.
func endPoint(state *tls.ConnectionState) ([]byte, bool) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil, false
	}
	cert := state.PeerCertificates[0]
	var h crypto.Hash
	switch cert.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.SHA256WithRSA, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		h = crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		h = crypto.SHA512
	default: // no single hash function: undefined
		return nil, false
	}
	w := h.New()
	w.Write(cert.Raw)
	return w.Sum(nil), true
}

// first is the client's first message.
func (s *scram) first() []byte { return []byte(s.header + s.bare) }

// answer reads the server's first message and gives the client's final one.
func (s *scram) answer(ctx context.Context, message []byte, ask func(context.Context, protocols.DatabaseChallenge) (protocols.DatabaseAnswer, error)) ([]byte, error) {
	nonce, salt, iterations, err := parseServerFirst(message)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(nonce, s.nonce) || len(nonce) == len(s.nonce) {
		return nil, errors.New("the server's nonce does not go on from ours")
	}
	final := "c=" + base64.StdEncoding.EncodeToString(append([]byte(s.header), s.binding...)) + ",r=" + nonce
	got, err := ask(ctx, protocols.DatabaseChallenge{
		Salt: salt, Iterations: iterations, AuthMessage: []byte(s.bare + "," + string(message) + "," + final),
	})
	if err != nil {
		return nil, err
	}
	if len(got.ServerSignature) == 0 {
		return nil, errors.New("no server signature to compare with")
	}
	s.signature = got.ServerSignature
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(got.Proof)), nil
}

// parseServerFirst reads server-first-message: r=nonce,s=salt,i=iterations.
// Extensions are refused, as no server has any.
func parseServerFirst(message []byte) (nonce string, salt []byte, iterations int, err error) {
	wrong := errors.New("malformed SCRAM message")
	if len(message) > maxSCRAM {
		return "", nil, 0, wrong
	}
	parts := strings.Split(string(message), ",")
	if len(parts) != 3 || !strings.HasPrefix(parts[0], "r=") || !strings.HasPrefix(parts[1], "s=") || !strings.HasPrefix(parts[2], "i=") {
		return "", nil, 0, wrong
	}
	nonce = parts[0][2:]
	for i := range len(nonce) {
		if nonce[i] < 0x21 || nonce[i] > 0x7e {
			return "", nil, 0, wrong
		}
	}
	salt, err = base64.StdEncoding.Strict().DecodeString(parts[1][2:])
	if err != nil || len(salt) == 0 || len(salt) > gateway.MaxSCRAMSalt || strings.ContainsAny(parts[1], "\r\n") {
		return "", nil, 0, wrong
	}
	iterations, err = strconv.Atoi(parts[2][2:])
	if err != nil {
		return "", nil, 0, wrong
	}
	if least, most := gateway.MinSCRAMIterations, gateway.MaxSCRAMIterations; iterations < least || iterations > most {
		return "", nil, 0, fmt.Errorf("SCRAM with %d iterations: want %d to %d", iterations, least, most)
	}
	return nonce, salt, iterations, nil
}

// verify checks the server's final message: it knows the password too.
func (s *scram) verify(message []byte) error {
	value, ok := bytes.CutPrefix(message, []byte("v="))
	if !ok || len(message) > maxSCRAM {
		return errors.New("malformed SCRAM message")
	}
	got, err := base64.StdEncoding.Strict().DecodeString(string(value))
	if err != nil || s.signature == nil || !hmac.Equal(got, s.signature) {
		return errors.New("the server does not prove that it knows the password")
	}
	return nil
}
