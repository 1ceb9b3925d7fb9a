package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway"
	"gateway/internal/store"
)

// SealedDatabase implements store.Store.
func (s *Store) SealedDatabase(ctx context.Context, id int64, kind store.SecretKind) ([]byte, error) {
	text := "SELECT sealed_password FROM database WHERE id = ? AND sealed_password IS NOT NULL"
	switch kind {
	case store.DatabasePassword:
	case store.DatabaseKey:
		text = "SELECT sealed_key FROM database WHERE id = ? AND sealed_key IS NOT NULL"
	default:
		return nil, fmt.Errorf("%s of a database: %w", kind, gateway.ErrInvalid)
	}
	var sealed []byte
	err := s.readers.QueryRowContext(ctx, text, id).Scan(&sealed)
	return sealed, wrap(fmt.Sprintf("%s of database %d", kind, id), err)
}

// databaseColumns are what AddDatabase and UpdateDatabase both write.
const databaseColumns = `host, port, dbname, login, role, tls, ca, hook, certificate, allowed, row_limit,
	statement_timeout, idle_in_transaction, parameters, results, expires, comment, clear_password`

func databaseValues(d *gateway.Database) []any {
	return []any{
		d.Host, d.Port, d.Database, d.User, d.Role, string(d.TLS), d.CA, d.Hook, d.Certificate, string(d.Allow), d.Rows,
		d.StatementTimeout.Microseconds(), d.IdleInTransaction.Microseconds(), string(d.Parameters), d.Results, micro(d.Expires), d.Comment, d.ClearPassword,
	}
}

// AddDatabase implements store.Tx.
func (t *tx) AddDatabase(group string, d gateway.Database, s store.DatabaseSecrets) (int64, error) {
	g, err := t.groupID(group)
	if err != nil {
		return 0, wrap("add database", err)
	}
	args := append(databaseValues(&d), g, d.Name, d.AddedBy, micro(d.AddedAt), null(s.Password), null(s.Key))
	id, err := t.insert("INSERT INTO database ("+databaseColumns+", group_id, name, added_by, added_at, sealed_password, sealed_key) VALUES ("+
		marks(len(args))+")", args...)
	if err != nil {
		return 0, wrap(fmt.Sprintf("add database %q", d.Name), err)
	}
	t.groups[group] = true
	return id, nil
}

// null gives what a column holds for no secret.
func null(sealed []byte) any {
	if len(sealed) == 0 {
		return nil
	}
	return sealed
}

// UpdateDatabase implements store.Tx.
func (t *tx) UpdateDatabase(d gateway.Database, s store.DatabaseSecrets) error {
	group, err := t.groupOfDatabase(d.Name)
	if err != nil {
		return err
	}
	args := append(databaseValues(&d), d.Password, null(s.Password), d.Certificate != "", null(s.Key), d.Name)
	_, err = t.exec("UPDATE database SET ("+databaseColumns+", sealed_password, sealed_key) = ("+marks(len(args)-5)+`,
		CASE WHEN ? THEN coalesce(?, sealed_password) END, CASE WHEN ? THEN coalesce(?, sealed_key) END) WHERE name = ?`, args...)
	if err != nil {
		return wrap(fmt.Sprintf("update database %q", d.Name), err)
	}
	t.groups[group] = true
	return nil
}

// DelDatabase implements store.Tx.
func (t *tx) DelDatabase(name string) error {
	group, err := t.groupOfDatabase(name)
	if err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM database WHERE name = ?", name); err != nil {
		return wrap(fmt.Sprintf("delete database %q", name), err)
	}
	t.groups[group] = true
	return nil
}

func (t *tx) groupOfDatabase(name string) (group string, err error) {
	err = t.one("SELECT user_group.name FROM database JOIN user_group ON user_group.id = group_id WHERE database.name = ?", []any{name}, &group)
	return group, wrap(fmt.Sprintf("database %q", name), err)
}

// AddDatabaseGuest implements store.Tx.
func (t *tx) AddDatabaseGuest(account string, g gateway.DatabaseGuest, now time.Time) (bool, error) {
	return t.databaseGuest(account, g.Database, `INSERT INTO database_guest (account_id, database_id, allowed, expires, comment, added_by, added_at)
		SELECT ?1, id, ?3, ?4, ?5, ?6, ?7 FROM database WHERE name = ?2
		ON CONFLICT DO UPDATE SET allowed = ?3, expires = ?4, comment = ?5, added_by = ?6, added_at = ?7 WHERE expires <> 0 AND expires <= ?8`,
		string(g.Allow), micro(g.Expires), g.Comment, g.AddedBy, micro(g.AddedAt), micro(now))
}

// DelDatabaseGuest implements store.Tx.
func (t *tx) DelDatabaseGuest(account, database string) (bool, error) {
	return t.databaseGuest(account, database,
		"DELETE FROM database_guest WHERE account_id = ?1 AND database_id = (SELECT id FROM database WHERE name = ?2)")
}

func (t *tx) databaseGuest(account, database, text string, more ...any) (bool, error) {
	group, err := t.groupOfDatabase(database)
	if err != nil {
		return false, err
	}
	a, err := t.accountID(account)
	if err != nil {
		return false, err
	}
	changed, err := t.exec(text, append([]any{a, database}, more...)...)
	if changed {
		t.groups[group] = true
	}
	return changed, wrap("change guest of database", err)
}

// readDatabases reads the databases of groups and their guests.
func readDatabases(ctx context.Context, q querier, one int64, byID map[int64]*gateway.Group) error {
	clause, args := only(one, " WHERE group_id = ?")
	err := each(ctx, q, "SELECT group_id, id, name, "+databaseColumns+", added_by, added_at, sealed_password IS NOT NULL FROM database"+
		clause+" ORDER BY name", args,
		func(scan func(...any) error) error {
			var group, statement, idle, expires, added int64
			var d gateway.Database
			err := scan(&group, &d.ID, &d.Name, &d.Host, &d.Port, &d.Database, &d.User, &d.Role, &d.TLS, &d.CA, &d.Hook, &d.Certificate,
				&d.Allow, &d.Rows, &statement, &idle, &d.Parameters, &d.Results, &expires, &d.Comment, &d.ClearPassword, &d.AddedBy, &added, &d.Password)
			if err != nil {
				return err
			}
			d.StatementTimeout, d.IdleInTransaction = time.Duration(statement)*time.Microsecond, time.Duration(idle)*time.Microsecond
			d.Expires, d.AddedAt = fromMicro(expires), fromMicro(added)
			byID[group].Databases = append(byID[group].Databases, d)
			return nil
		})
	if err != nil {
		return err
	}
	for _, g := range byID { // in the order of Go's strings, whatever the database sorts by
		slices.SortFunc(g.Databases, func(a, b gateway.Database) int { return strings.Compare(a.Name, b.Name) })
	}
	return readDatabaseGuests(ctx, q, "group_id, account.name", clause, args, func(group int64, account string, _ int64, guest gateway.DatabaseGuest) {
		g := byID[group]
		if g.DatabaseGuests == nil {
			g.DatabaseGuests = map[string][]gateway.DatabaseGuest{}
		}
		g.DatabaseGuests[account] = append(g.DatabaseGuests[account], guest)
	})
}

// readDatabaseGuests reads guests of databases, by name of the database. The
// first two columns are an id and a name; made is when the database was added.
func readDatabaseGuests(ctx context.Context, q querier, columns, clause string, args []any, give func(id int64, name string, made int64, g gateway.DatabaseGuest)) error {
	return each(ctx, q, "SELECT "+columns+`, database.added_at, database.name, guest.allowed, guest.expires, guest.comment, guest.added_by, guest.added_at
		FROM database_guest guest JOIN database ON database.id = database_id JOIN account ON account.id = account_id
		JOIN user_group ON user_group.id = group_id`+clause+" ORDER BY database.name", args,
		func(scan func(...any) error) error {
			var id, made, expires, added int64
			var name string
			var g gateway.DatabaseGuest
			if err := scan(&id, &name, &made, &g.Database, &g.Allow, &expires, &g.Comment, &g.AddedBy, &added); err != nil {
				return err
			}
			g.Expires, g.AddedAt = fromMicro(expires), fromMicro(added)
			give(id, name, made, g)
			return nil
		})
}
