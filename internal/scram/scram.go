// Package scram answers the challenges of servers that a password is proven to
// without being sent: SCRAM-SHA-256 (RFC 5802, RFC 7677) and the MD5 of PostgreSQL.
package scram

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/pbkdf2"
	"golang.org/x/text/secure/precis"

	"gateway"
)

// maxMessage bounds an AuthMessage, in bytes.
const maxMessage = 8 << 10

// Proof gives the ClientProof and the ServerSignature of SCRAM-SHA-256, RFC 5802
// section 3. It fails with gateway.ErrInvalid when the challenge is out of bounds.
func Proof(password, salt []byte, iterations int, authMessage []byte) (proof, server []byte, err error) {
	if len(salt) == 0 || len(salt) > gateway.MaxSCRAMSalt || iterations < gateway.MinSCRAMIterations || iterations > gateway.MaxSCRAMIterations ||
		len(authMessage) == 0 || len(authMessage) > maxMessage {
		return nil, nil, fmt.Errorf("SCRAM challenge: salt of %d bytes, %d iterations: %w", len(salt), iterations, gateway.ErrInvalid)
	}
	prepared := prepare(password)
	salted := pbkdf2.Key(prepared, salt, iterations, sha256.Size, sha256.New)
	clear(prepared)
	defer clear(salted)
	proof = mac(salted, []byte("Client Key"))
	stored := sha256.Sum256(proof)
	subtle.XORBytes(proof, proof, mac(stored[:], authMessage))
	serverKey := mac(salted, []byte("Server Key"))
	defer clear(serverKey)
	return proof, mac(serverKey, authMessage), nil
}

// prepare normalises as PostgreSQL does: what can't be is taken as it is.
func prepare(password []byte) []byte {
	if utf8.Valid(password) && bytes.ContainsFunc(password, func(r rune) bool { return r >= utf8.RuneSelf }) {
		if b, err := precis.OpaqueString.Bytes(password); err == nil {
			return b
		}
	}
	return bytes.Clone(password)
}

func mac(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// MD5 gives the text that answers AuthenticationMD5Password of PostgreSQL.
func MD5(password []byte, user string, salt []byte) ([]byte, error) {
	if len(salt) != 4 {
		return nil, fmt.Errorf("MD5 challenge: salt of %d bytes: %w", len(salt), gateway.ErrInvalid)
	}
	inner := md5.New()
	inner.Write(password)
	inner.Write([]byte(user))
	outer := md5.New()
	outer.Write(hex.AppendEncode(nil, inner.Sum(nil)))
	outer.Write(salt)
	return hex.AppendEncode([]byte("md5"), outer.Sum(nil)), nil
}
