package sqlite

import (
	"context"
	"fmt"

	"gateway"
	"gateway/internal/store"
)

// SealedKey implements store.Store.
func (s *Store) SealedKey(ctx context.Context, id int64) ([]byte, error) {
	var sealed []byte
	err := s.readers.QueryRowContext(ctx, "SELECT sealed FROM egress_key WHERE id = ?", id).Scan(&sealed)
	return sealed, wrap(fmt.Sprintf("egress key %d", id), err)
}

// SealedPassword implements store.Store.
func (s *Store) SealedPassword(ctx context.Context, id int64) ([]byte, error) {
	var sealed []byte
	err := s.readers.QueryRowContext(ctx, "SELECT sealed FROM egress_password WHERE id = ?", id).Scan(&sealed)
	return sealed, wrap(fmt.Sprintf("egress password %d", id), err)
}

// AddEgressPassword implements store.Tx.
func (t *tx) AddEgressPassword(o store.Owner, p gateway.EgressPassword, sealed []byte) (int64, error) {
	own, err := t.owner(o)
	if err == nil && o.Guest != "" {
		err = fmt.Errorf("a guest has no passwords in a group: %w", gateway.ErrInvalid)
	}
	if err != nil {
		return 0, wrap("add egress password", err)
	}
	id, err := t.insert(`INSERT INTO egress_password (account_id, group_id, md5crypt, sha256crypt, sha512crypt, type8, type9,
		created, created_by, created_with, sealed) VALUES (`+marks(11)+`)`,
		own.account, own.group, p.Hashes.MD5Crypt, p.Hashes.SHA256Crypt, p.Hashes.SHA512Crypt, p.Hashes.Type8, p.Hashes.Type9,
		micro(p.Created), p.CreatedBy, p.CreatedWith, sealed)
	if err != nil {
		return 0, wrap("add egress password", err)
	}
	const others = "FROM egress_password WHERE coalesce(account_id, 0) = coalesce(?1, 0) AND coalesce(group_id, 0) = coalesce(?2, 0)"
	_, err = t.exec("DELETE "+others+" AND id NOT IN (SELECT id "+others+" ORDER BY id DESC LIMIT ?3)",
		own.account, own.group, gateway.MaxEgressPasswords)
	if err != nil {
		return 0, wrap("drop oldest egress passwords", err)
	}
	t.touch(o)
	return id, nil
}

// readEgressPasswords reads the passwords of the owners in a column, or of one
// of them, the newest first.
func readEgressPasswords(ctx context.Context, q querier, column string, one int64, give func(int64, gateway.EgressPassword)) error {
	clause, args := only(one, " WHERE "+column+" = ?")
	if one == 0 {
		clause = " WHERE " + column + " IS NOT NULL"
	}
	return each(ctx, q, "SELECT "+column+`, id, md5crypt, sha256crypt, sha512crypt, type8, type9, created, created_by, created_with
		FROM egress_password`+clause+" ORDER BY id DESC", args,
		func(scan func(...any) error) error {
			var owner, created int64
			var p gateway.EgressPassword
			h := &p.Hashes
			err := scan(&owner, &p.ID, &h.MD5Crypt, &h.SHA256Crypt, &h.SHA512Crypt, &h.Type8, &h.Type9, &created, &p.CreatedBy, &p.CreatedWith)
			if err != nil {
				return err
			}
			p.Created = fromMicro(created)
			give(owner, p)
			return nil
		})
}

// secretTables says where the secrets of each kind are.
func secretTables() map[store.SecretKind]string {
	return map[store.SecretKind]string{store.EgressKey: "egress_key", store.EgressPassword: "egress_password"}
}

// secret is one row with something sealed.
type secret struct {
	id     int64
	sealed []byte
}

// secrets reads the secrets of that kind of the owner in a column, oldest first.
func (t *tx) secrets(kind store.SecretKind, column string, owner int64) ([]secret, error) {
	var list []secret
	text := "SELECT id, sealed FROM " + secretTables()[kind] + " WHERE " + column + " = ? ORDER BY id"
	err := each(t.ctx, t, text, []any{owner}, func(scan func(...any) error) error {
		var s secret
		err := scan(&s.id, &s.sealed)
		list = append(list, s)
		return err
	})
	return list, wrap(fmt.Sprintf("read each %s", kind), err)
}

// reseal replaces the secrets of the owner in a column.
func (t *tx) reseal(column string, owner int64, reseal store.Reseal) error {
	for kind, table := range secretTables() {
		list, err := t.secrets(kind, column, owner)
		if err != nil {
			return err
		}
		for _, s := range list {
			again, err := reseal(kind, s.sealed)
			if err == nil {
				_, err = t.exec("UPDATE "+table+" SET sealed = ? WHERE id = ?", again, s.id)
			}
			if err != nil {
				return wrap(fmt.Sprintf("seal %s %d again", kind, s.id), err)
			}
		}
	}
	return nil
}
