// Package crypt makes the hashes by which devices and systems are told a
// password, and says whether a hash is one of a password: md5crypt,
// sha256crypt and sha512crypt as in crypt(3), and type 8 and 9 of Cisco IOS.
//
// What a hash says of its password is bounded by the weakest form, md5crypt.
// The passwords that the gateway makes are random, and long enough for that.
package crypt

import (
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/crypto/scrypt"

	"gateway"
)

// letters are the digits of every form, in the order of their values.
const letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Rounds of sha256crypt and sha512crypt: when the hash names none, and the most
// that Matches does, which takes a second or so.
const (
	defaultRounds = 5000
	minRounds     = 1000
	maxRounds     = 1_000_000
)

// maxPassword bounds what Matches hashes: sha256crypt and sha512crypt take a
// time that grows with the square of the length.
const maxPassword = 256

// Sum gives the hashes of a password. The salts are random, so that they say
// nothing of it: hashes that are to be shown again have to be kept.
func Sum(password gateway.Secret) (gateway.PasswordHashes, error) {
	var h gateway.PasswordHashes
	var err error
	for _, f := range []struct {
		into *string
		kind byte
		salt int // its length
	}{
		{&h.MD5Crypt, '1', 4}, // up to 8, but Cisco IOS takes no other length
		{&h.SHA256Crypt, '5', 16},
		{&h.SHA512Crypt, '6', 16},
		{&h.Type8, '8', 14},
		{&h.Type9, '9', 14},
	} {
		if *f.into, err = sum(f.kind, password.Reveal(), newSalt(f.salt), 0); err != nil {
			return gateway.PasswordHashes{}, err
		}
	}
	return h, nil
}

// newSalt gives n random letters.
func newSalt(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the program rather than give weak bytes
	for i := range b {
		b[i] = letters[b[i]%64]
	}
	return string(b)
}

// sum gives the hash of that kind; no rounds are the default, and are not
// written.
func sum(kind byte, password []byte, salt string, rounds int) (string, error) {
	prefix := "$" + string(kind) + "$"
	if rounds > 0 {
		prefix += "rounds=" + strconv.Itoa(rounds) + "$"
	} else {
		rounds = defaultRounds
	}
	prefix += salt + "$"
	switch kind {
	case '1':
		return prefix + md5crypt(password, []byte(salt)), nil
	case '5':
		return prefix + sha256Digits(shaCrypt(sha256.New(), password, []byte(salt), rounds)), nil
	case '6':
		return prefix + sha512Digits(shaCrypt(sha512.New(), password, []byte(salt), rounds)), nil
	case '8':
		// The string shares the bytes, so that no copy outlives them.
		key, err := pbkdf2.Key(sha256.New, unsafe.String(unsafe.SliceData(password), len(password)), []byte(salt), 20000, sha256.Size)
		if err != nil {
			return "", fmt.Errorf("hash password for type 8: %w", err)
		}
		return prefix + cisco(key), nil
	case '9':
		key, err := scrypt.Key(password, []byte(salt), 16384, 1, 1, sha256.Size)
		if err != nil {
			return "", fmt.Errorf("hash password for type 9: %w", err)
		}
		return prefix + cisco(key), nil
	}
	return "", fmt.Errorf("hash of kind %q: %w", kind, gateway.ErrInvalid)
}

// cisco writes a key as IOS does: base64 with its own digits.
func cisco(key []byte) string {
	return base64.NewEncoding(letters).WithPadding(base64.NoPadding).EncodeToString(key)
}

// form is a hash: kind, rounds, salt. Bounded repetitions only: the longest
// hash is below 128 characters.
const form = `^\$(?:` +
	`(1)\$()([./0-9A-Za-z]{1,8})\$[./0-9A-Za-z]{22}` +
	`|(5)\$(?:rounds=([0-9]{4,9})\$)?([./0-9A-Za-z]{1,16})\$[./0-9A-Za-z]{43}` +
	`|(6)\$(?:rounds=([0-9]{4,9})\$)?([./0-9A-Za-z]{1,16})\$[./0-9A-Za-z]{86}` +
	`|([89])\$()([./0-9A-Za-z]{14})\$[./0-9A-Za-z]{43}` +
	`)$`

// Valid reports whether s has the form of one of the hashes.
func Valid(s string) bool { return regexp.MustCompile(form).MatchString(s) }

// Matches reports whether hash is one of the password. It is false for what is
// no hash, and for what would take very long to compare.
func Matches(hash string, password gateway.Secret) bool {
	found := regexp.MustCompile(form).FindStringSubmatch(hash)
	if found == nil || len(password.Reveal()) > maxPassword {
		return false
	}
	found = found[1:]
	for found[0] == "" {
		found = found[3:] // another alternative matched
	}
	rounds := 0
	if found[1] != "" {
		rounds, _ = strconv.Atoi(found[1]) // at most nine digits
		if rounds < minRounds || rounds > maxRounds || strings.HasPrefix(found[1], "0") {
			return false
		}
	}
	want, err := sum(found[0][0], password.Reveal(), found[2], rounds)
	return err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(hash)) == 1
}

// md5crypt gives the digits of FreeBSD's crypt_md5.
func md5crypt(password, salt []byte) string {
	h := md5.New()
	defer wipe(h)
	h.Write(password)
	h.Write(salt)
	h.Write(password)
	inner := h.Sum(nil)

	h.Reset()
	h.Write(password)
	h.Write([]byte("$1$"))
	h.Write(salt)
	h.Write(repeat(inner, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			h.Write([]byte{0})
		} else {
			h.Write(password[:1])
		}
	}
	last := h.Sum(nil)
	stretch(h, 1000, last, password, salt)

	var d digits
	for i := range 4 {
		d.add(last[i], last[i+6], last[i+12], 4)
	}
	d.add(last[4], last[10], last[5], 4)
	d.add(0, 0, last[11], 2)
	return d.String()
}
