package admin

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/osh"
)

func accountListEgressKeys(_ context.Context, c *call, r *osh.AccountListEgressKeys) (osh.Result, error) {
	a, err := c.named(r.Account)
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(c.egressKeys(c.wantedKeys(a.EgressKeys)), "")
}

func accountListIngressKeys(_ context.Context, c *call, r *osh.AccountListIngressKeys) (osh.Result, error) {
	a, err := c.named(r.Account)
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(c.ingressKeys(a), "")
}

func rootListIngressKeys(ctx context.Context, c *call, _ *osh.RootListIngressKeys) (osh.Result, error) {
	text, err := c.e.Deps.RootKeys(ctx)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return osh.Result{}, c.fail("ERR_CANNOT_OPEN_FILE", "the keys of root can be read only where the gateway runs as root")
	case errors.Is(err, gateway.ErrInvalid):
		return osh.Result{}, c.fail("ERR_CANNOT_OPEN_FILE", "root's files of keys are too large to be listed, or no files")
	case err != nil:
		return osh.Result{}, err
	}
	v := osh.IngressKeysValue{Account: "root", Keys: []osh.ListedIngressKey{}}
	n, unread := 0, 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		k, ok := rootKey(line)
		if !ok {
			unread++
			continue
		}
		if n++; c.page.take(k.Line, k.Fingerprint) {
			v.Keys = append(v.Keys, osh.ListedIngressKey{IngressKey: k, ID: n, Validity: "OK"})
		}
	}
	if unread > 0 {
		return c.ok(v, "Lines that are no keys, and were left out: %d.", unread)
	}
	return c.ok(v, "")
}

// rootKey reads one line of root's file, with whatever options it has (sshd(8),
// AUTHORIZED_KEYS FILE FORMAT).
func rootKey(line string) (osh.IngressKey, bool) {
	if len(line) > maxKeyLine {
		return osh.IngressKey{}, false
	}
	pub, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return osh.IngressKey{}, false
	}
	prefix := gateway.Printable(strings.Join(options, ","))
	comment = gateway.Printable(comment)
	body := base64.StdEncoding.EncodeToString(pub.Marshal())
	text := pub.Type() + " " + body
	if comment != "" {
		text += " " + comment
	}
	from := []string{}
	for _, o := range options {
		if name, list, _ := strings.Cut(o, "="); strings.EqualFold(name, "from") {
			from = strings.Split(gateway.Printable(strings.Trim(list, `"`)), ",")
		}
	}
	return osh.IngressKey{
		Base64: body, Comment: optional(comment), Family: family(pub.Type()), Fingerprint: ssh.FingerprintSHA256(pub),
		FromList: from, ID: keyID(text), Line: joined(prefix, text), Prefix: prefix, Size: keySize(pub), Typecode: pub.Type(),
	}, true
}
