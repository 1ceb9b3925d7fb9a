package main

import (
	"context"
	"crypto"
	"fmt"
	"path/filepath"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/programs"
	"gateway/internal/store"
)

// DatabasePassword gives the password of d for a login in the name of account.
func (s secrets) DatabasePassword(ctx context.Context, d *gateway.Database, account string, session gateway.SessionID) (gateway.Secret, error) {
	if d.Hook != "" {
		return s.shortLived(ctx, d, account, session)
	}
	sealed, err := s.n.store.SealedDatabase(ctx, d.ID, store.DatabasePassword)
	if err != nil {
		return gateway.Secret{}, err
	}
	return s.n.vault.Open(sealed, admin.DatabaseContext(store.DatabasePassword, d.Name))
}

// shortLived asks the operators' program, anew for each login.
func (s secrets) shortLived(ctx context.Context, d *gateway.Database, account string, session gateway.SessionID) (gateway.Secret, error) {
	data, err := filepath.Abs(string(s.n.folder))
	if err != nil {
		return gateway.Secret{}, err
	}
	program := s.n.config().PasswordProgram(data)
	if program == "" {
		return gateway.Secret{}, fmt.Errorf("databasePasswordProgram is not set: %w", gateway.ErrUnavailable)
	}
	return s.n.passwords.Password(ctx, program, d.Hook, programs.PasswordQuestion{
		Name: d.Name, Host: d.Host, Port: d.Port, Database: d.Database, User: d.User, Account: account, Session: session,
	})
}

// DatabaseSigner gives the private key of d.Certificate.
func (s secrets) DatabaseSigner(ctx context.Context, d *gateway.Database) (crypto.Signer, error) {
	sealed, err := s.n.store.SealedDatabase(ctx, d.ID, store.DatabaseKey)
	if err != nil {
		return nil, err
	}
	return s.n.vault.PrivateKey(sealed, admin.DatabaseContext(store.DatabaseKey, d.Name))
}
