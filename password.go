package gateway

import (
	"slices"
	"time"
)

// The length of an egress password.
const (
	MinPasswordSize = 8
	MaxPasswordSize = 128
)

// MaxEgressPasswords is how many an account or a group has at most: the current
// one and 99 others.
const MaxEgressPasswords = 100

// EgressPassword is a password that the gateway holds for an account or a
// group; what it is only the vault knows. The lists of accounts and groups
// begin with the current one; the others are tried when it fails.
type EgressPassword struct {
	ID          int64
	Hashes      PasswordHashes
	Created     time.Time
	CreatedBy   string
	CreatedWith string // version of the gateway
}

// PasswordHashes are the forms in which a password is put on devices. They are
// public within the gateway.
type PasswordHashes struct {
	MD5Crypt    string `json:"md5crypt"`
	SHA256Crypt string `json:"sha256crypt"`
	SHA512Crypt string `json:"sha512crypt"`
	Type8       string `json:"type8"` // Cisco
	Type9       string `json:"type9"` // Cisco
}

// Has reports whether hash is one of h.
func (h PasswordHashes) Has(hash string) bool {
	return hash != "" && slices.Contains([]string{h.MD5Crypt, h.SHA256Crypt, h.SHA512Crypt, h.Type8, h.Type9}, hash)
}

// PasswordOf says whose egress passwords to log in with, instead of keys. The
// zero value is nobody's.
type PasswordOf struct {
	Self  bool   // the account's own
	Group string // this group's, on an access of the group
}

// Asked reports whether a login with a password is wanted.
func (p PasswordOf) Asked() bool { return p != PasswordOf{} }
