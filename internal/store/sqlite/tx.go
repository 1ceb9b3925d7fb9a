package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gateway"
	"gateway/internal/store"
)

// tx is one transaction on the writing connection.
type tx struct {
	s   *Store
	ctx context.Context
	// accounts and groups are the names of what was touched.
	accounts, groups map[string]bool
	maintenance      bool // it was touched too
	done             bool
}

var errDone = fmt.Errorf("transaction is over: %w", gateway.ErrInvalid)

// Update implements store.Store. f must not call Update, or any other method
// that writes, on the same store: they wait for each other.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tx{s: s, ctx: ctx, accounts: map[string]bool{}, groups: map[string]bool{}}
	changes, err := t.run(f)
	if err != nil {
		return err
	}
	if len(changes) > 0 && s.onCommit != nil {
		s.onCommit(changes)
	}
	return nil
}

// run is the transaction itself. It ends in COMMIT or ROLLBACK also when ctx
// is cancelled meanwhile or f panics: the connection is for the next one.
func (t *tx) run(f func(store.Tx) error) (changes []store.Change, err error) {
	if _, err := t.s.exec(t.ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, wrap("begin", err)
	}
	end := context.WithoutCancel(t.ctx)
	committed := false
	defer func() {
		t.done = true
		if !committed {
			t.s.uids = uidHint{}
			_, rollback := t.s.exec(end, "ROLLBACK")
			err = errors.Join(err, wrap("roll back", rollback))
		}
	}()
	if err := f(t); err != nil {
		return nil, err
	}
	if changes, err = t.changes(); err != nil {
		return nil, wrap("read back", err)
	}
	if _, err := t.s.exec(end, "COMMIT"); err != nil {
		return nil, wrap("commit", err)
	}
	committed = true
	return changes, nil
}

// changes gives the state of all that was touched: accounts, then groups, each
// by name, then maintenance mode.
func (t *tx) changes() ([]store.Change, error) {
	var list []store.Change
	for _, name := range slices.Sorted(maps.Keys(t.accounts)) {
		found, err := readAccounts(t.ctx, t, name)
		if err != nil {
			return nil, err
		}
		c := store.Change{DeletedAccount: name}
		if len(found) > 0 {
			c = store.Change{Account: found[0]}
		}
		list = append(list, c)
	}
	for _, name := range slices.Sorted(maps.Keys(t.groups)) {
		found, err := readGroups(t.ctx, t, name)
		if err != nil {
			return nil, err
		}
		c := store.Change{DeletedGroup: name}
		if len(found) > 0 {
			c = store.Change{Group: found[0]}
		}
		list = append(list, c)
	}
	if t.maintenance {
		m, err := readMaintenance(t.ctx, t)
		if err != nil {
			return nil, err
		}
		list = append(list, store.Change{MaintenanceSet: true, Maintenance: m})
	}
	return list, nil
}

// exec runs a statement and says whether it changed any row.
func (t *tx) exec(text string, args ...any) (changed bool, err error) {
	if t.done {
		return false, errDone
	}
	r, err := t.s.exec(t.ctx, text, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// insert runs an INSERT and gives the id of the row.
func (t *tx) insert(text string, args ...any) (int64, error) {
	if t.done {
		return 0, errDone
	}
	r, err := t.s.exec(t.ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// one reads the one row of a query.
func (t *tx) one(text string, args []any, into ...any) error {
	if t.done {
		return errDone
	}
	stmt, err := t.s.prepared(t.ctx, text)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(t.ctx, args...).Scan(into...)
}

func (t *tx) accountID(name string) (id int64, err error) {
	err = t.one("SELECT id FROM account WHERE name = ?", []any{name}, &id)
	return id, wrap(fmt.Sprintf("account %q", name), err)
}

func (t *tx) groupID(name string) (id int64, err error) {
	err = t.one("SELECT id FROM user_group WHERE name = ?", []any{name}, &id)
	return id, wrap(fmt.Sprintf("group %q", name), err)
}

// Account implements store.Tx.
func (t *tx) Account(name string) (*gateway.Account, error) {
	if t.done {
		return nil, errDone
	}
	if _, err := t.accountID(name); err != nil { // "" would read them all
		return nil, err
	}
	found, err := readAccounts(t.ctx, t, name)
	if err == nil && len(found) == 0 {
		err = gateway.ErrNotFound
	}
	if err != nil {
		return nil, wrap("read account", err)
	}
	return found[0], nil
}

// Group implements store.Tx.
func (t *tx) Group(name string) (*gateway.Group, error) {
	if t.done {
		return nil, errDone
	}
	if _, err := t.groupID(name); err != nil {
		return nil, err
	}
	found, err := readGroups(t.ctx, t, name)
	if err == nil && len(found) == 0 {
		err = gateway.ErrNotFound
	}
	if err != nil {
		return nil, wrap("read group", err)
	}
	return found[0], nil
}

// scalars are the columns that CreateAccount and UpdateAccount write, without
// the name.
const scalars = `uid, created, created_by, comment, frozen_by, frozen_reason, frozen_at, expires,
	max_inactive_days, last_login, always_active, osh_only, host_key_policy, multiplexing, immutable_keys, idle_ignore,
	mfa_password, mfa_totp, personal_mfa, pam_auth_bypass, pubkey_auth_optional, created_with`

func scalarsOf(a *gateway.Account) []any {
	var frozenBy, inactive any
	var freeze gateway.Freeze
	if a.Freeze != nil {
		freeze = *a.Freeze
		frozenBy = freeze.By
	}
	if a.MaxInactiveDays != nil {
		inactive = *a.MaxInactiveDays
	}
	return []any{
		a.UID, micro(a.Created), a.CreatedBy, a.Comment, frozenBy, freeze.Reason, micro(freeze.At), micro(a.Expires),
		inactive, micro(a.LastLogin), a.AlwaysActive, a.OSHOnly, string(a.HostKeyPolicy), a.Multiplexing, a.ImmutableKeys, a.IdleIgnore,
		string(a.MFAPassword), string(a.MFATOTP), string(a.PersonalMFA), a.PAMAuthBypass, a.PubkeyAuthOptional, a.CreatedWith,
	}
}

// marks gives n placeholders.
func marks(n int) string { return strings.Repeat(", ?", n)[2:] }

// CreateAccount implements store.Tx.
func (t *tx) CreateAccount(a *gateway.Account, uidMin, uidMax int) error {
	uid := a.UID
	if uid == 0 {
		var err error
		if uid, err = t.freeUID(uidMin, uidMax); err != nil {
			return wrap("create account", err)
		}
	}
	row := *a
	row.UID = uid
	args := append([]any{a.Name}, scalarsOf(&row)...)
	if _, err := t.exec("INSERT INTO account (name, "+scalars+") VALUES ("+marks(len(args))+")", args...); err != nil {
		return wrap(fmt.Sprintf("create account %q", a.Name), err)
	}
	a.UID = uid
	t.accounts[a.Name] = true
	return nil
}

// uidHint remembers that no uid of [min, next) is free, so that creating many
// accounts does not look through the same ones again and again.
type uidHint struct{ min, next int }

func (t *tx) freeUID(minUID, maxUID int) (int, error) {
	from := minUID
	if t.s.uids.min == minUID && t.s.uids.next > from {
		from = t.s.uids.next
	}
	// Either the first is free, or one that follows a taken one.
	var uid sql.Null[int]
	err := t.one(`SELECT min(uid) FROM (
		SELECT ?1 AS uid WHERE NOT EXISTS (SELECT 1 FROM account WHERE uid = ?1)
		UNION ALL
		SELECT * FROM (SELECT uid + 1 FROM account a WHERE uid BETWEEN ?1 AND ?2
			AND NOT EXISTS (SELECT 1 FROM account b WHERE b.uid = a.uid + 1) ORDER BY uid LIMIT 1))`,
		[]any{from, maxUID - 1}, &uid)
	if err != nil {
		return 0, err
	}
	if !uid.Valid || uid.V > maxUID {
		return 0, fmt.Errorf("no free uid from %d to %d: %w", minUID, maxUID, gateway.ErrConflict)
	}
	t.s.uids = uidHint{minUID, uid.V}
	return uid.V, nil
}

// UpdateAccount implements store.Tx.
func (t *tx) UpdateAccount(a *gateway.Account) error {
	t.s.uids = uidHint{} // its uid may become free
	args := append(scalarsOf(a), a.Name)
	found, err := t.exec("UPDATE account SET ("+scalars+") = ("+marks(len(args)-1)+") WHERE name = ?", args...)
	if err == nil && !found {
		err = gateway.ErrNotFound
	}
	if err != nil {
		return wrap(fmt.Sprintf("update account %q", a.Name), err)
	}
	t.accounts[a.Name] = true
	return nil
}

// DeleteAccount implements store.Tx. The known hosts go too, and the sessions
// to nobody: the next one of that name must not inherit them.
func (t *tx) DeleteAccount(name string) error {
	id, err := t.accountID(name)
	if err != nil {
		return err
	}
	err = t.touchGroups(id)
	if err == nil {
		_, err = t.exec("DELETE FROM host_key WHERE account = ?", name)
	}
	if err == nil {
		err = t.moveSessions(name, deletedSessions)
	}
	if err == nil {
		_, err = t.exec("DELETE FROM account WHERE id = ?", id)
	}
	if err != nil {
		return wrap(fmt.Sprintf("delete account %q", name), err)
	}
	t.s.uids = uidHint{}
	t.accounts[name] = true
	return nil
}
