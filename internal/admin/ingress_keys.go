package admin

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// maxIngressKeys bounds the keys of one account: each is tried at login.
const maxIngressKeys = 64

func selfAddIngressKey(ctx context.Context, c *call, r *osh.SelfAddIngressKey) (osh.Result, error) {
	if r.PIV {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "--piv is not offered by this gateway")
	}
	if r.PublicKey == "" {
		return osh.Result{}, c.fail("ERR_MISSING_PARAMETER", "option --public-key is missing")
	}
	key, note, err := c.ingressKey(r.PublicKey)
	if err != nil {
		return osh.Result{}, err
	}
	if _, err := c.self(c.state()); err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		me, err := c.self(tx)
		if err != nil {
			return err
		}
		if err := c.mutableKeys(me); err != nil {
			return err
		}
		if slices.ContainsFunc(me.IngressKeys, func(k gateway.IngressKey) bool { return bytes.Equal(k.Blob, key.Blob) }) {
			return c.fail("KO_DUPLICATE_KEY", "this key is there already")
		}
		if len(me.IngressKeys) >= maxIngressKeys {
			return c.fail("KO_TOO_MANY_KEYS", "an account has at most %d ingress keys", maxIngressKeys)
		}
		_, err = tx.AddIngressKey(me.Name, key)
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	shown := c.shownIngressKey(key)
	return c.ok(osh.SelfAddIngressKeyValue{ConnectOnlyFrom: texts(key.From), Key: shown}, "The key was added.%s", note)
}

// mutableKeys refuses to change the ingress keys of an account that was
// created with --immutable-key, by whomever but the owner of the node: an
// administrator who acts as the account is refused as the person is.
func (c *call) mutableKeys(a *gateway.Account) error {
	if a.ImmutableKeys && !c.actor.Local && !c.actor.ByLocal {
		return c.fail("KO_IMMUTABLE_KEYS", "the ingress keys of this account can't be changed: "+
			"it was created with --immutable-key, and only the owner of the gateway's node may")
	}
	return nil
}

// ingressKey checks a key that a person gave against the configuration. It is
// also what accountCreate uses. note says what was changed of it.
func (c *call) ingressKey(line string) (key gateway.IngressKey, note string, err error) {
	given, err := parseAuthorizedKey(line)
	if bad, ok := errors.AsType[*keyError](err); ok {
		return key, "", c.fail(bad.code, "%s", bad.text)
	}
	if err != nil {
		return key, "", err
	}
	typ := given.key.Type()
	algo := strings.ToLower(family(typ))
	if !slices.Contains(c.set.IngressAlgorithms, algo) {
		return key, "", c.fail("KO_FORBIDDEN_ALGORITHM", "keys of the type %s can't be used here: use one of %s",
			algo, strings.Join(c.set.IngressAlgorithms, ", "))
	}
	size := keySize(given.key)
	if algo == "rsa" && size < c.set.IngressRSAMin {
		return key, "", c.fail("KO_KEY_SIZE_TOO_SMALL", "the key has %d bits; at least %d are wanted here", size, c.set.IngressRSAMin)
	}
	if algo == "rsa" && size > c.set.IngressRSAMax {
		return key, "", c.fail("KO_KEY_SIZE_TOO_BIG", "the key has %d bits; at most %d are possible here", size, c.set.IngressRSAMax)
	}
	from := c.set.IngressKeysFrom
	switch {
	case len(given.from) > 0 && c.set.IngressKeysFromAllowOverride:
		from = given.from
	case len(given.from) > 0:
		note = " Its from= was replaced by what this gateway prescribes."
	}
	return gateway.IngressKey{
		Type:    typ,
		Blob:    given.key.Marshal(),
		Comment: cleanComment(given.comment),
		From:    from,
		AddedBy: c.actor.Account,
		AddedAt: c.now.Truncate(time.Second),
		UniqID:  string(c.actor.Session),
	}, note, nil
}

// shownIngressKey shows an ingress key as scripts expect it.
func (c *call) shownIngressKey(k gateway.IngressKey) osh.IngressKey {
	body := base64.StdEncoding.EncodeToString(k.Blob)
	line := k.Type + " " + body
	if k.Comment != "" {
		line += " " + k.Comment
	}
	shown := osh.IngressKey{
		Base64:   body,
		Comment:  optional(k.Comment),
		Family:   family(k.Type),
		FromList: texts(k.From),
		ID:       keyID(line),
		Info:     c.keyInfo(k),
		Line:     joined(fromPrefix(k.From), line),
		Prefix:   fromPrefix(k.From),
		Typecode: k.Type,
	}
	if pub, err := ssh.ParsePublicKey(k.Blob); err == nil {
		shown.Fingerprint, shown.Size = ssh.FingerprintSHA256(pub), keySize(pub)
	}
	return shown
}

// keyInfo is who added a key, in The Bastion's words.
func (c *call) keyInfo(k gateway.IngressKey) string {
	return "ADDED_BY=" + k.AddedBy + " USING=gateway UNIQID=" + k.UniqID +
		" TIMESTAMP=" + strconv.FormatInt(k.AddedAt.Unix(), 10) +
		" DATETIME=" + k.AddedAt.UTC().Format("2006-01-02T15:04:05") + " VERSION=" + c.set.Version
}

// keySize is the size of a key in bits.
func keySize(pub ssh.PublicKey) int {
	if crypto, ok := pub.(ssh.CryptoPublicKey); ok {
		switch k := crypto.CryptoPublicKey().(type) {
		case *rsa.PublicKey:
			return k.N.BitLen()
		case *ecdsa.PublicKey:
			return k.Curve.Params().BitSize
		}
	}
	return 256 // ed25519, and what hardware makes
}

func selfListIngressKeys(_ context.Context, c *call, _ *osh.SelfListIngressKeys) (osh.Result, error) {
	me, err := c.self(c.state())
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(c.ingressKeys(me), "")
}

// ingressKeys lists the keys of an account.
func (c *call) ingressKeys(a *gateway.Account) osh.IngressKeysValue {
	v := osh.IngressKeysValue{Account: a.Name, Keys: []osh.ListedIngressKey{}}
	for i, k := range a.IngressKeys {
		if shown := c.shownIngressKey(k); c.page.take(shown.Line, shown.Fingerprint) {
			v.Keys = append(v.Keys, osh.ListedIngressKey{IngressKey: shown, ID: i + 1, Validity: "OK"})
		}
	}
	return v
}

func selfDelIngressKey(ctx context.Context, c *call, r *osh.SelfDelIngressKey) (osh.Result, error) {
	if r.ID == nil && r.Fingerprint == "" {
		return osh.Result{}, c.fail("ERR_MISSING_PARAMETER", "option --id-to-delete or --fingerprint-to-delete is missing")
	}
	if r.ID != nil && r.Fingerprint != "" {
		return osh.Result{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--id-to-delete and --fingerprint-to-delete exclude each other")
	}
	me, err := c.self(c.state())
	if err != nil {
		return osh.Result{}, err
	}
	if err := c.mutableKeys(me); err != nil {
		return osh.Result{}, err
	}
	var shown osh.IngressKey
	var index int
	err = c.update(ctx, func(tx store.Tx) error {
		me, err := c.self(tx)
		if err != nil {
			return err
		}
		if err := c.mutableKeys(me); err != nil {
			return err
		}
		index = slices.IndexFunc(me.IngressKeys, func(k gateway.IngressKey) bool {
			return r.Fingerprint != "" && c.shownIngressKey(k).Fingerprint == r.Fingerprint
		})
		if r.ID != nil {
			index = *r.ID - 1
		}
		if index < 0 || index >= len(me.IngressKeys) {
			return c.fail("ERR_INVALID_PARAMETER", "there is no such key")
		}
		if len(me.IngressKeys) == 1 {
			return c.fail("ERR_ONLY_ONE_KEY", "this is your only key: without it you could not log in any more")
		}
		shown = c.shownIngressKey(me.IngressKeys[index])
		return tx.DelIngressKey(me.Name, me.IngressKeys[index].ID)
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(osh.SelfDelIngressKeyValue{DeletedKey: deletedKey(shown, index+1)}, "The key %s was removed.", shown.Fingerprint)
}

func deletedKey(k osh.IngressKey, index int) osh.DeletedIngressKey {
	return osh.DeletedIngressKey{
		Key: osh.Key{
			Base64: k.Base64, Comment: k.Comment, Family: k.Family, Fingerprint: k.Fingerprint, FromList: k.FromList,
			ID: k.ID, Line: k.Line, Prefix: k.Prefix, Size: k.Size, Typecode: k.Typecode,
		},
		Err:   "OK",
		Index: strconv.Itoa(index),
		Info:  k.Info,
	}
}
