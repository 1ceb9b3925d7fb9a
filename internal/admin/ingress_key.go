package admin

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"gateway"
)

// keyError says what is wrong with a key that a person gave, and which
// error_code scripts expect.
type keyError struct{ code, text string }

func (e *keyError) Error() string { return e.text }

func badKey(code, format string, args ...any) error {
	return &keyError{code, fmt.Sprintf(format, args...)}
}

// maxKeyLine is longer than the line of any key that may be used: RSA with
// 32768 bits takes 5.5 KiB.
const maxKeyLine = 16 << 10

// givenKey is a public key as a person gave it.
type givenKey struct {
	key     ssh.PublicKey
	comment string
	from    []netip.Prefix // of its from= option
}

// parseAuthorizedKey reads one line of an authorized_keys file (sshd(8),
// AUTHORIZED_KEYS FILE FORMAT). The only option that may be there is from=,
// with addresses and prefixes. Its errors are *keyError.
func parseAuthorizedKey(line string) (givenKey, error) {
	var k givenKey
	if strings.Contains(line, "PRIVATE KEY") || strings.Contains(line, "PuTTY-User-Key-File") {
		return k, badKey("KO_PRIVATE_KEY", "that is a private key: it must never leave your machine. Make a new pair, and give the public half")
	}
	line = strings.ReplaceAll(strings.Trim(line, " \t\r\n"), "\t", " ")
	if len(line) > maxKeyLine {
		return k, badKey("KO_NOT_A_KEY", "the line is too long for a public key")
	}
	if gateway.Printable(line) != line {
		return k, badKey("KO_NOT_A_KEY", "a public key is one line of printable text")
	}
	options, rest := "", line
	if word, _, _ := strings.Cut(rest, " "); !isKeyType(word) {
		var err error
		if options, rest, err = cutOptions(line); err != nil {
			return k, err
		}
	}
	fields := strings.Fields(rest)
	if len(fields) < 2 || !isKeyType(fields[0]) {
		return k, badKey("KO_NOT_A_KEY", "that is not a public key: it starts with its type, such as ssh-ed25519")
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil {
		return k, badKey("KO_NOT_A_KEY", "the key is damaged: it is not valid base64")
	}
	if k.key, err = ssh.ParsePublicKey(blob); err != nil || k.key.Type() != fields[0] || !slices.Equal(k.key.Marshal(), blob) {
		return k, badKey("KO_NOT_A_KEY", "the key is damaged, or of another type than it says")
	}
	k.comment = strings.Join(fields[2:], " ")
	k.from, err = parseKeyOptions(options)
	return k, err
}

// isKeyType reports whether an ingress key may be of that type. DSA,
// certificates and what is unknown may not.
func isKeyType(s string) bool {
	switch s {
	case ssh.KeyAlgoRSA, ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return true
	}
	return false
}

// cutOptions separates the options from the key: they end at the first blank
// outside of quotes.
func cutOptions(line string) (options, rest string, err error) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted && i+1 < len(line) && line[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case c == ' ' && !quoted:
			return line[:i], line[i+1:], nil
		}
	}
	return "", "", badKey("KO_NOT_A_KEY", "that is not a public key: it starts with its type, such as ssh-ed25519")
}

// parseKeyOptions accepts from="…" and names whatever else is there.
func parseKeyOptions(options string) ([]netip.Prefix, error) {
	var from []netip.Prefix
	for options != "" {
		name, rest, hasValue := strings.Cut(options, "=")
		if comma := strings.IndexByte(options, ','); comma >= 0 && comma < len(name) {
			name, hasValue = options[:comma], false
		}
		if !hasValue || !strings.EqualFold(name, "from") || from != nil {
			if !optionName(name) {
				return nil, badKey("KO_NOT_A_KEY", "that is not a public key: it starts with its type, such as ssh-ed25519")
			}
			return nil, badKey("ERR_INVALID_PARAMETER", "option %s can't be used before a key here: only one from= can", clip(name))
		}
		value, after, ok := strings.Cut(strings.TrimPrefix(rest, `"`), `"`)
		if !strings.HasPrefix(rest, `"`) || !ok || after != "" && after[0] != ',' || after == "," {
			return nil, badKey("ERR_INVALID_PARAMETER", `from= is written from="ADDRESS,…"`)
		}
		var err error
		if from, err = gateway.ParseNetworks(value); err != nil || len(from) == 0 {
			return nil, badKey("ERR_INVALID_PARAMETER", "from=: addresses and networks separated by commas are wanted, no names or patterns")
		}
		options = strings.TrimPrefix(after, ",")
	}
	return from, nil
}

func optionName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	}) < 0
}
