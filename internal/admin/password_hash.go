package admin

import "regexp"

// isPasswordHash reports whether s has one of the forms in which devices store
// a password: md5crypt, sha256crypt, sha512crypt, and Cisco's type 8 and 9.
func isPasswordHash(s string) bool {
	// Bounded repetitions only: the longest is below 128 characters.
	return regexp.MustCompile(`^\$(?:` +
		`1\$[./0-9A-Za-z]{1,8}\$[./0-9A-Za-z]{22}` +
		`|5\$(?:rounds=[0-9]{4,9}\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{43}` +
		`|6\$(?:rounds=[0-9]{4,9}\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{86}` +
		`|[89]\$[./0-9A-Za-z]{14}\$[./0-9A-Za-z]{43}` +
		`)$`).MatchString(s)
}
