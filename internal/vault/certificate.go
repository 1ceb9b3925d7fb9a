package vault

import (
	"crypto"
	"crypto/x509"
	"fmt"

	"gateway"
)

// SealPrivateKey seals a private key that somebody brought, for context.
func (v *Vault) SealPrivateKey(key crypto.Signer, context string) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("seal private key: %w", err)
	}
	secret := gateway.NewSecret(der)
	defer secret.Wipe()
	return v.Seal(secret, context), nil
}

// PrivateKey opens what SealPrivateKey sealed for that context.
func (v *Vault) PrivateKey(sealed []byte, context string) (crypto.Signer, error) {
	secret, err := v.Open(sealed, context)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	key, err := x509.ParsePKCS8PrivateKey(secret.Reveal())
	if err != nil {
		return nil, errSealed // the parser's words may hold what it read
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("private key of %s: it can't sign: %w", gateway.Printable(context), gateway.ErrInvalid)
	}
	return signer, nil
}
