package admin

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// egressKey shows an egress key as scripts expect it.
func (c *call) egressKey(k gateway.EgressKey) osh.Key {
	body := base64.StdEncoding.EncodeToString(k.Blob)
	line := k.Type + " " + body
	if k.Comment != "" {
		line += " " + k.Comment
	}
	prefix := fromPrefix(c.set.EgressKeysFrom)
	mtime := k.Created.Unix()
	comment := k.Comment
	return osh.Key{
		Base64:      body,
		Comment:     &comment,
		Family:      family(k.Type),
		Fingerprint: k.Fingerprint,
		FromList:    texts(c.set.EgressKeysFrom),
		ID:          keyID(line),
		Line:        joined(prefix, line),
		Mtime:       &mtime,
		Prefix:      prefix,
		Size:        k.Size,
		Typecode:    k.Type,
	}
}

// keyID is how people and scripts name a key: stable, and not a secret.
func keyID(line string) string {
	sum := md5.Sum([]byte(line))
	return "id" + hex.EncodeToString(sum[:4])
}

// family names the kind of key: RSA, ECDSA, ED25519, with -SK for those in
// hardware.
func family(typecode string) string {
	sk := strings.HasPrefix(typecode, "sk-")
	name := ""
	switch {
	case strings.Contains(typecode, "rsa"):
		name = "RSA"
	case strings.Contains(typecode, "ecdsa"):
		name = "ECDSA"
	case strings.Contains(typecode, "ed25519"):
		name = "ED25519"
	}
	if sk {
		name += "-SK"
	}
	return name
}

// fromPrefix is the from= that goes before a key in authorized_keys.
func fromPrefix(from []netip.Prefix) string {
	if len(from) == 0 {
		return ""
	}
	return `from="` + strings.Join(texts(from), ",") + `"`
}

func joined(prefix, line string) string {
	if prefix == "" {
		return line
	}
	return prefix + " " + line
}

// checkAlgorithm says whether a key of that kind and size may be made, and the
// size when none was given.
func (c *call) checkAlgorithm(algo string, size int) (string, int, error) {
	algo = strings.ToLower(algo)
	if !slices.Contains(c.set.EgressAlgorithms, algo) {
		return "", 0, c.fail("ERR_INVALID_PARAMETER", "algorithm %q can't be used here: choose one of %s",
			gateway.Printable(clip(algo)), strings.Join(c.set.EgressAlgorithms, ", "))
	}
	if size == 0 && algo != "ed25519" {
		return "", 0, c.fail("ERR_MISSING_PARAMETER", "option --size is missing")
	}
	switch algo {
	case "ed25519":
		if size != 0 && size != 256 {
			return "", 0, c.fail("ERR_INVALID_PARAMETER", "an ed25519 key has 256 bits")
		}
		return algo, 256, nil
	case "ecdsa":
		if size != 256 && size != 384 && size != 521 {
			return "", 0, c.fail("ERR_INVALID_PARAMETER", "an ecdsa key has 256, 384 or 521 bits")
		}
	case "rsa":
		if size < c.set.EgressRSAMin {
			return "", 0, c.fail("KO_KEY_SIZE_TOO_SMALL", "an rsa key has at least %d bits here", c.set.EgressRSAMin)
		}
		if size > c.set.EgressRSAMax {
			return "", 0, c.fail("KO_KEY_SIZE_TOO_BIG", "an rsa key has at most %d bits here", c.set.EgressRSAMax)
		}
	}
	return algo, size, nil
}

// newKey makes an egress key for o.
func (c *call) newKey(algo string, size int, o store.Owner) (gateway.EgressKey, []byte, error) {
	key, sealed, err := c.e.Vault.GenerateKey(algo, size, KeyContext(o))
	if err != nil {
		return gateway.EgressKey{}, nil, fmt.Errorf("make egress key: %w", err)
	}
	name := o.Account
	if o.Group != "" {
		name = o.Group
	}
	key.Comment = name + "@" + c.set.Name + ":" + strconv.FormatInt(c.now.Unix(), 10)
	key.Created = c.now
	return key, sealed, nil
}
