package admin

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// maxDatabasePassword is more than any server takes.
const maxDatabasePassword = 1024

// input reads what came on standard input. Nothing of it is in an answer.
func (n *databaseChange) input(o *osh.DatabaseSettings) error {
	flag, one := o.Asked()
	fail := func(why string) error { return n.c.fail("ERR_INVALID_PARAMETER", "%s: %s", flag, why) }
	switch {
	case !one:
		return n.c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--password-stdin, --client-cert-stdin and --ca-stdin exclude each other: there is one standard input")
	case flag == "" && o.Input != "":
		return n.c.fail("ERR_INVALID_PARAMETER", "an input that no option asks for")
	case flag == "":
		return nil
	case o.Input == "":
		return fail("there was no input")
	case len(o.Input) > osh.MaxDatabaseInput:
		return fail(fmt.Sprintf("the input is longer than %d KiB", osh.MaxDatabaseInput>>10))
	case o.PasswordStdin:
		return n.password(o.Input, fail)
	case o.CAStdin:
		chain, err := certificates(o.Input)
		if err != "" {
			return fail(err)
		}
		n.ca = true
		n.add(func(d *gateway.Database) { d.CA = chain })
		return nil
	}
	return n.certificate(o.Input, fail)
}

func (n *databaseChange) password(text string, fail func(string) error) error {
	password := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	switch {
	case password == "" || strings.ContainsAny(password, "\x00\r\n"):
		return fail("want one line with the password")
	case len(password) > maxDatabasePassword:
		return fail(fmt.Sprintf("a password has at most %d bytes", maxDatabasePassword))
	}
	secret := gateway.NewSecret([]byte(password))
	defer secret.Wipe()
	n.secrets.Password = n.c.e.Vault.Seal(secret, DatabaseContext(store.DatabasePassword, n.name))
	n.add(func(d *gateway.Database) { d.Password = true })
	return nil
}

// certificate takes a chain and the private key of its first certificate.
func (n *databaseChange) certificate(text string, fail func(string) error) error {
	pair, err := tls.X509KeyPair([]byte(text), []byte(text))
	if err != nil { // its words are about what was given, which is secret
		return fail("want PEM: the certificate, its chain, and its private key without a passphrase")
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if why := weak(key); !ok || why != "" {
		return fail(why)
	}
	if now := n.c.now; now.After(pair.Leaf.NotAfter) {
		return fail("the certificate ended on " + pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	var chain strings.Builder
	for _, der := range pair.Certificate {
		chain.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	if n.secrets.Key, err = n.c.e.Vault.SealPrivateKey(key, DatabaseContext(store.DatabaseKey, n.name)); err != nil {
		return err
	}
	n.add(func(d *gateway.Database) { d.Certificate = chain.String() })
	return nil
}

// weak says why a private key can't be used.
func weak(key crypto.Signer) string {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return "an RSA key has at least 2048 bits"
		}
	case *ecdsa.PrivateKey, ed25519.PrivateKey:
	default:
		return "want a key of RSA, ECDSA or Ed25519"
	}
	return ""
}

// certificates gives PEM certificates in their plain form, or why they are none.
func certificates(text string) (chain, why string) {
	var b strings.Builder
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return "", "want PEM certificates and nothing else"
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "", "one of the certificates can't be read"
		}
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes}))
	}
	if b.Len() == 0 {
		return "", "want PEM certificates"
	}
	return b.String(), ""
}

// certificateTexts names certificates that are stored, for people.
func certificateTexts(chain string) []string {
	texts := []string{}
	rest := []byte(chain)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return texts
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			texts = append(texts, gateway.Printable(clip(c.Subject.String()))+", until "+c.NotAfter.UTC().Format(time.DateOnly))
		}
	}
}
