package main

import (
	"context"
	"crypto"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/store"
)

// DatabasePassword gives the password of d.
func (s secrets) DatabasePassword(ctx context.Context, d *gateway.Database, _ string, _ gateway.SessionID) (gateway.Secret, error) {
	sealed, err := s.n.store.SealedDatabase(ctx, d.ID, store.DatabasePassword)
	if err != nil {
		return gateway.Secret{}, err
	}
	return s.n.vault.Open(sealed, admin.DatabaseContext(store.DatabasePassword, d.Name))
}

// DatabaseSigner gives the private key of d.Certificate.
func (s secrets) DatabaseSigner(ctx context.Context, d *gateway.Database) (crypto.Signer, error) {
	sealed, err := s.n.store.SealedDatabase(ctx, d.ID, store.DatabaseKey)
	if err != nil {
		return nil, err
	}
	return s.n.vault.PrivateKey(sealed, admin.DatabaseContext(store.DatabaseKey, d.Name))
}
