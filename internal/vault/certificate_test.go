package vault_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"

	"gateway"
)

func TestPrivateKey(t *testing.T) {
	v, _, _ := create(t)
	_, ed, err1 := ed25519.GenerateKey(rand.Reader)
	ec, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{ed, ec, rs} {
		sealed, err := v.SealPrivateKey(key, "database-key:orders")
		if err != nil {
			t.Fatal(err)
		}
		back, err := v.PrivateKey(sealed, "database-key:orders")
		if err != nil {
			t.Fatal(err)
		}
		if !back.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
			t.Errorf("%T is another key after sealing", key)
		}
		if _, err := v.PrivateKey(sealed, "database-key:other"); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("%T of another database: %v", key, err)
		}
	}
	if _, err := v.PrivateKey(v.Seal(gateway.NewSecret([]byte("no key")), "x"), "x"); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("no key: %v", err)
	}
}
