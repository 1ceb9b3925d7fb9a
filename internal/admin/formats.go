package admin

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"gateway"
)

// Errors of names. The forbidden ones mean something else to the system.
var (
	errName      = errors.New("a name has letters, digits, dots, underscores and dashes")
	errForbidden = errors.New("that name is reserved")
	errTTL       = errors.New("a duration is a number of seconds, or such as 1d7h8m")
)

// checkGroupName applies the rules of group names.
func checkGroupName(name string) error {
	if name == "" || len(name) > 18 || !wordChars(name) || name[0] == '-' || name[0] == '.' {
		return errName
	}
	if strings.HasPrefix(name, "key") || strings.HasSuffix(name, "keeper") ||
		strings.HasSuffix(name, "owner") || strings.HasSuffix(name, "-tty") {
		return errForbidden
	}
	return nil
}

func wordChars(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	}) < 0
}

// checkUser applies the rules of logins at targets, patterns included.
func checkUser(s string) error {
	if len(s) > 128 || !wordChars(strings.NewReplacer("@", "", "!", "", ":", "", "*", "", "?", "").Replace(s)) {
		return errName
	}
	return nil
}

// maxTTL keeps times, and the sum of two such, within what a Duration can express.
const maxTTL = 100 * 365 * 24 * time.Hour

// parseTTL reads a duration: seconds, or numbers with units, as in 1d7h8m.
func parseTTL(s string) (time.Duration, error) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour,
		'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour, 'y': 365 * 24 * time.Hour,
	}
	if s == "" || len(s) > 64 {
		return 0, errTTL
	}
	if s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
		s += "s"
	}
	var total time.Duration
	for len(s) > 0 {
		i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if i < 1 {
			return 0, errTTL
		}
		unit, ok := units[s[i]]
		n, err := strconv.ParseInt(s[:i], 10, 64)
		if !ok || err != nil || n > int64(maxTTL/unit) {
			return 0, errTTL
		}
		if total += time.Duration(n) * unit; total > maxTTL {
			return 0, errTTL
		}
		s = s[i+1:]
	}
	if total == 0 {
		return 0, errTTL
	}
	return total, nil
}

// accessText writes an access for people: USER@IP[/LEN]:PORT.
func accessText(a gateway.Access) string {
	user, port, host := a.User, "*", prefixText(a.Prefix)
	if user == "" {
		user = "*"
	}
	if a.Port != 0 {
		port = strconv.Itoa(int(a.Port))
	}
	if a.Prefix.Addr().Is6() {
		host = "[" + host + "]"
	}
	return user + "@" + host + ":" + port
}
