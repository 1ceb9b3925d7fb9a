package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gateway"
	"gateway/internal/store"
)

// ArchiveAccount implements store.Tx.
func (t *tx) ArchiveAccount(name, by string, at time.Time, reseal store.Reseal) (int64, error) {
	a, err := t.archiveOf(name)
	if err != nil {
		return 0, wrap(fmt.Sprintf("archive account %q", name), err)
	}
	for kind, list := range map[store.SecretKind][][]byte{store.EgressKey: a.Sealed, store.EgressPassword: a.SealedPasswords} {
		for i, sealed := range list {
			if list[i], err = reseal(kind, sealed); err != nil {
				return 0, wrap(fmt.Sprintf("seal %s for the archive", kind), err)
			}
		}
	}
	content, err := json.Marshal(a)
	if err != nil {
		return 0, wrap("encode archive", err)
	}
	id, err := t.insert("INSERT INTO archive (account, by, at, content) VALUES (?, ?, ?, ?)", name, by, micro(at), string(content))
	if err != nil {
		return 0, wrap(fmt.Sprintf("archive account %q", name), err)
	}
	if err := t.moveSessions(name, archivedSessions(id)); err != nil {
		return 0, err
	}
	return id, t.DeleteAccount(name)
}

// archivedSessions is under which account the sessions of an archived one are
// kept: none can have that name.
func archivedSessions(id int64) string { return fmt.Sprintf("#%d", id) }

// moveSessions gives the sessions of one name to another.
func (t *tx) moveSessions(from, to string) error {
	_, err := t.exec("UPDATE session SET account = ? WHERE account = ? AND realm = ''", to, from)
	return wrap("move sessions", err)
}

// deletedSessions is under which account the sessions of those are kept that
// are gone for good.
const deletedSessions = "#"

// RestoreSessions implements store.Tx.
func (t *tx) RestoreSessions(id int64, account string) error {
	if _, err := t.accountID(account); err != nil {
		return err
	}
	return t.moveSessions(archivedSessions(id), account)
}

// archiveOf collects what the account has.
func (t *tx) archiveOf(name string) (store.Archive, error) {
	a := store.Archive{Sealed: [][]byte{}, Roles: []store.ArchivedRole{}, Guest: []store.ArchivedGuest{}}
	var err error
	if a.Account, err = t.Account(name); err != nil {
		return a, err
	}
	id, err := t.accountID(name)
	if err != nil {
		return a, err
	}
	keys, err := t.secrets(store.EgressKey, "account_id", id)
	if err != nil {
		return a, err
	}
	for _, k := range keys {
		a.Sealed = append(a.Sealed, k.sealed)
	}
	passwords, err := t.secrets(store.EgressPassword, "account_id", id)
	if err != nil {
		return a, err
	}
	for _, p := range slices.Backward(passwords) {
		a.SealedPasswords = append(a.SealedPasswords, p.sealed)
	}
	created := map[string]time.Time{}
	err = each(t.ctx, t, `SELECT name, created, role, ends FROM role JOIN user_group ON user_group.id = group_id
		WHERE account_id = ? ORDER BY name, role`, []any{id}, func(scan func(...any) error) error {
		var r store.ArchivedRole
		var made, ends int64
		err := scan(&r.Name, &made, &r.Role, &ends)
		r.Created, r.Ends = fromMicro(made), fromMicro(ends)
		a.Roles = append(a.Roles, r)
		return err
	})
	if err != nil {
		return a, err
	}
	err = each(t.ctx, t, `SELECT DISTINCT name, created FROM access JOIN user_group ON user_group.id = group_id
		WHERE account_id = ?`, []any{id}, func(scan func(...any) error) error {
		var group string
		var made int64
		err := scan(&group, &made)
		created[group] = fromMicro(made)
		return err
	})
	if err != nil {
		return a, err
	}
	if err := t.archiveDatabases(id, &a); err != nil {
		return a, err
	}
	err = readAccesses(t.ctx, t, "account_id", "user_group.name FROM access JOIN user_group ON user_group.id = group_id WHERE account_id = ?",
		[]any{id}, func(_ int64, group string, access gateway.Access) {
			a.Guest = append(a.Guest, store.ArchivedGuest{ArchivedGroup: store.ArchivedGroup{Name: group, Created: created[group]}, Access: access})
		})
	return a, err
}

// archiveDatabases collects the databases that the account may use as a guest.
func (t *tx) archiveDatabases(id int64, a *store.Archive) error {
	return readDatabaseGuests(t.ctx, t, "user_group.created, user_group.name", " WHERE account_id = ?", []any{id},
		func(created int64, group string, made int64, g gateway.DatabaseGuest) {
			a.DatabaseGuest = append(a.DatabaseGuest, store.ArchivedDatabaseGuest{
				ArchivedGroup: store.ArchivedGroup{Name: group, Created: fromMicro(created)}, AddedAt: fromMicro(made), Guest: g})
		})
}

// Archives implements store.Store.
func (s *Store) Archives(ctx context.Context) ([]store.Archive, error) {
	list, err := readArchives(ctx, s.readers, "", nil)
	for i := range list {
		list[i].Sealed, list[i].SealedPasswords = nil, nil // for Archive only
	}
	return list, wrap("read archives", err)
}

// Archive implements store.Tx.
func (t *tx) Archive(id int64) (store.Archive, error) {
	if t.done {
		return store.Archive{}, errDone
	}
	found, err := readArchives(t.ctx, t, " WHERE id = ?", []any{id})
	if err == nil && len(found) == 0 {
		err = gateway.ErrNotFound
	}
	if err != nil {
		return store.Archive{}, wrap(fmt.Sprintf("archive %d", id), err)
	}
	return found[0], nil
}

func readArchives(ctx context.Context, q querier, where string, args []any) ([]store.Archive, error) {
	var list []store.Archive
	err := each(ctx, q, "SELECT id, by, at, content FROM archive"+where+" ORDER BY id DESC", args, func(scan func(...any) error) error {
		var a store.Archive
		var at int64
		var content string
		if err := scan(&a.ID, &a.By, &at, &content); err != nil {
			return err
		}
		a.At = fromMicro(at)
		if err := json.Unmarshal([]byte(content), &a); err != nil {
			return fmt.Errorf("archive %d: %w: %w", a.ID, gateway.ErrUnavailable, err)
		}
		list = append(list, a)
		return nil
	})
	return list, err
}

// DeleteArchive implements store.Tx.
func (t *tx) DeleteArchive(id int64) error {
	found, err := t.exec("DELETE FROM archive WHERE id = ?", id)
	if err == nil && !found {
		err = gateway.ErrNotFound
	}
	return wrap(fmt.Sprintf("delete archive %d", id), err)
}

// RenameAccount implements store.Tx.
func (t *tx) RenameAccount(name, to string, reseal store.Reseal) error {
	id, err := t.accountID(name)
	if err != nil {
		return err
	}
	if err := t.touchGroups(id); err != nil {
		return wrap("read groups", err)
	}
	if _, err := t.exec("UPDATE account SET name = ? WHERE id = ?", to, id); err != nil {
		return wrap(fmt.Sprintf("rename account %q to %q", name, to), err)
	}
	for _, text := range []string{
		"DELETE FROM host_key WHERE account = ?2", // nobody has that name: they are left of somebody
		"UPDATE host_key SET account = ?2 WHERE account = ?1",
	} {
		if _, err := t.exec(text, name, to); err != nil {
			return wrap(fmt.Sprintf("rename account %q to %q", name, to), err)
		}
	}
	if err := t.moveSessions(to, deletedSessions); err != nil { // left likewise
		return err
	}
	if err := t.moveSessions(name, to); err != nil {
		return err
	}
	t.accounts[name], t.accounts[to] = true, true
	return t.reseal("account_id", id, reseal)
}

// touchGroups notes that the groups change in which the account is anything.
func (t *tx) touchGroups(account int64) error {
	return each(t.ctx, t, `SELECT name FROM user_group WHERE id IN (SELECT group_id FROM role WHERE account_id = ?1
		UNION SELECT group_id FROM access WHERE account_id = ?1
		UNION SELECT group_id FROM database_guest JOIN database ON database.id = database_id WHERE account_id = ?1)`, []any{account}, func(scan func(...any) error) error {
		var group string
		if err := scan(&group); err != nil {
			return err
		}
		t.groups[group] = true
		return nil
	})
}
