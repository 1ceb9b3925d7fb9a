package gateway

import (
	"fmt"
	"slices"
	"strings"
)

// Errors of the names that the grammar allows and the rules do not. They wrap
// ErrInvalid: test for them first.
var (
	// ErrForbiddenPrefix: an account name starts like something else (KO_FORBIDDEN_PREFIX).
	ErrForbiddenPrefix = fmt.Errorf("forbidden prefix: %w", ErrInvalid)
	// ErrForbiddenName: a name is reserved or ends like something else (KO_FORBIDDEN_NAME).
	ErrForbiddenName = fmt.Errorf("forbidden name: %w", ErrInvalid)
)

// CheckAccountName checks the name of a local account: 2 to 28 characters of
// the portable set, and none of the names that The Bastion keeps for itself
// (so that an account can move there and back).
func CheckAccountName(name string) error {
	for _, p := range []string{"-", ".", "key", "realm_"} {
		if strings.HasPrefix(name, p) {
			return fmt.Errorf("account name %q starts with %q: %w", clip(name), p, ErrForbiddenPrefix)
		}
	}
	for _, s := range []string{"-tty", "-owner", "-gatekeeper", "-aclkeeper"} {
		if strings.HasSuffix(name, s) {
			return fmt.Errorf("account name %q ends with %q: %w", clip(name), s, ErrForbiddenName)
		}
	}
	if slices.Contains([]string{
		"allowkeeper", "bastionsync", "global", "logkeeper", "nobody",
		"oldkeeper", "passkeeper", "proxyhttp", "realm", "root",
	}, name) {
		return fmt.Errorf("account name %q is reserved: %w", name, ErrForbiddenName)
	}
	if len(name) < 2 || len(name) > 28 || !portable(name) {
		return fmt.Errorf("account name %q: want 2 to 28 letters, digits, '.', '_' or '-': %w", clip(name), ErrInvalid)
	}
	return nil
}

// CheckGroupName checks the short name of a group: 1 to 18 characters of the
// portable set that can't be taken for a system group of The Bastion.
func CheckGroupName(name string) error {
	for _, p := range []string{"-", ".", "key"} {
		if strings.HasPrefix(name, p) {
			return fmt.Errorf("group name %q starts with %q: %w", clip(name), p, ErrForbiddenName)
		}
	}
	for _, s := range []string{"keeper", "owner", "-tty"} {
		if strings.HasSuffix(name, s) {
			return fmt.Errorf("group name %q ends with %q: %w", clip(name), s, ErrForbiddenName)
		}
	}
	if len(name) < 1 || len(name) > 18 || !portable(name) {
		return fmt.Errorf("group name %q: want 1 to 18 letters, digits, '.', '_' or '-': %w", clip(name), ErrInvalid)
	}
	return nil
}

// IsHostname reports whether s is a name that may be asked of DNS: letters,
// digits, '-', '_' and dots, at most 253 characters, RFC 1123 section 2.1.
func IsHostname(s string) bool {
	return len(s) > 0 && len(s) <= 253 && s[0] != '-' && s[0] != '.' && portable(s)
}

// portable reports whether s has only the characters of a portable login name.
func portable(s string) bool {
	for _, c := range []byte(s) {
		if !alphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// clip shortens foreign text for an error message.
func clip(s string) string {
	if len(s) > 64 {
		s = s[:64] + "..."
	}
	return Printable(s)
}
