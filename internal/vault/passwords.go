package vault

import (
	"bytes"
	"crypto/rand"
	"fmt"

	"gateway"
	"gateway/internal/crypt"
)

// The classes of characters of a password: what the pickiest devices take, and
// each has one at least, as others insist.
const (
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digit  = "0123456789"
	signs  = "+%#"
	inUse  = upper + lower + digit + signs
	unfair = 256 - 256%len(inUse) // random bytes from here on would prefer some characters
)

// GeneratePassword makes an egress password of size characters, sealed for
// context, and says its hashes. Nobody has seen it; Open gives it to who logs
// in with it.
func (v *Vault) GeneratePassword(size int, context string) (gateway.PasswordHashes, []byte, error) {
	if size < gateway.MinPasswordSize || size > gateway.MaxPasswordSize {
		return gateway.PasswordHashes{}, nil, fmt.Errorf("password of %d characters, want %d to %d: %w",
			size, gateway.MinPasswordSize, gateway.MaxPasswordSize, gateway.ErrInvalid)
	}
	secret := gateway.NewSecret(newPassword(size))
	defer secret.Wipe()
	hashes, err := crypt.Sum(secret)
	if err != nil {
		return gateway.PasswordHashes{}, nil, fmt.Errorf("generate password: %w", err)
	}
	return hashes, v.Seal(secret, context), nil
}

// newPassword draws whole passwords until one has a character of each class, so
// that all that do are equally likely.
func newPassword(size int) []byte {
	password := make([]byte, size)
	for {
		for i := range password {
			password[i] = newCharacter()
		}
		if bytes.ContainsAny(password, upper) && bytes.ContainsAny(password, lower) &&
			bytes.ContainsAny(password, digit) && bytes.ContainsAny(password, signs) {
			return password
		}
	}
}

func newCharacter() byte {
	var b [1]byte
	for {
		rand.Read(b[:]) // never fails: crypto/rand ends the program rather than give weak bytes
		if int(b[0]) < unfair {
			return inUse[int(b[0])%len(inUse)]
		}
	}
}
