package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func accountRestore(ctx context.Context, c *call, r *osh.AccountRestore) (osh.Result, error) {
	if err := c.checkAccountName(r.Account); err != nil {
		return osh.Result{}, err
	}
	if err := c.mayMeddle(r.Account); err != nil {
		return osh.Result{}, err
	}
	id, err := c.archiveOf(ctx, r.Account, int64(r.Archive))
	if err != nil {
		return osh.Result{}, err
	}
	if _, err := c.account(c.state(), r.Account); err == nil {
		return osh.Result{}, c.accountExists(r.Account)
	}
	back := restoration{call: c, left: []string{}}
	err = c.update(ctx, func(tx store.Tx) error {
		a, err := tx.Archive(id)
		if errors.Is(err, gateway.ErrNotFound) {
			return c.noArchive(r.Account)
		}
		if err != nil {
			return err
		}
		back.tx, back.archive, back.left = tx, a, back.left[:0]
		return back.run()
	})
	if err != nil {
		return osh.Result{}, err
	}
	v := osh.AccountRestoreValue{Account: r.Account, Archive: int(id), NotRestored: back.left}
	return c.ok(v, "The account %s is restored, as it was when %s deleted it, %s.", r.Account, back.archive.By, c.moment(back.archive.At).UTC)
}

// archiveOf finds the archive of that account and number; 0 is the newest.
func (c *call) archiveOf(ctx context.Context, account string, id int64) (int64, error) {
	list, err := c.e.Store.Archives(ctx)
	if err != nil {
		return 0, err
	}
	for _, a := range list {
		if a.Account.Name == account && (id == 0 || a.ID == id) {
			return a.ID, nil
		}
	}
	return 0, c.noArchive(account)
}

func (c *call) noArchive(account string) error {
	return c.fail("KO_NOT_FOUND", "there is no such archive of an account %s; see accountListArchives", account)
}

// restoration brings one account back inside a transaction. What it leaves
// behind is for the person to know.
type restoration struct {
	*call
	tx      store.Tx
	archive store.Archive
	left    []string
}

func (b *restoration) leave(format string, args ...any) {
	b.left = append(b.left, fmt.Sprintf(format, args...))
}

func (b *restoration) run() error {
	a := *b.archive.Account
	if _, err := b.tx.Account(a.Name); err == nil {
		return b.accountExists(a.Name)
	}
	err := b.tx.CreateAccount(&a, a.UID, a.UID)
	if errors.Is(err, gateway.ErrConflict) {
		return b.fail("ERR_UID_COLLISION", "the uid %d of this account is taken now; nothing was changed", a.UID)
	}
	if err != nil {
		return err
	}
	for _, part := range []func() error{b.keys, b.passwords, b.grants, b.personal, b.roles, b.guest, b.databases} {
		if err := part(); err != nil {
			return err
		}
	}
	if err := b.tx.RestoreSessions(b.archive.ID, a.Name); err != nil {
		return err
	}
	return b.tx.DeleteArchive(b.archive.ID)
}

func (b *restoration) keys() error {
	a := b.archive.Account
	for _, k := range a.IngressKeys {
		if _, err := b.tx.AddIngressKey(a.Name, k); err != nil {
			return err
		}
	}
	if len(b.archive.Sealed) != len(a.EgressKeys) {
		return fmt.Errorf("archive %d: %d private halves of %d keys", b.archive.ID, len(b.archive.Sealed), len(a.EgressKeys))
	}
	owner := store.Owner{Account: a.Name}
	for i, k := range a.EgressKeys {
		sealed, err := b.reseal(archiveContext(a.Name), contextOf(owner))(store.EgressKey, b.archive.Sealed[i])
		if err != nil {
			return fmt.Errorf("archive %d: egress key %s: %w", b.archive.ID, k.Fingerprint, err)
		}
		if _, err := b.tx.AddEgressKey(owner, k, sealed); err != nil {
			return err
		}
	}
	return nil
}

// passwords adds the oldest first: the last one added is the current one.
func (b *restoration) passwords() error {
	a := b.archive.Account
	if len(b.archive.SealedPasswords) != len(a.Passwords) {
		return fmt.Errorf("archive %d: %d sealed of %d passwords", b.archive.ID, len(b.archive.SealedPasswords), len(a.Passwords))
	}
	owner := store.Owner{Account: a.Name}
	for i, p := range slices.Backward(a.Passwords) {
		sealed, err := b.reseal(archiveContext(a.Name), contextOf(owner))(store.EgressPassword, b.archive.SealedPasswords[i])
		if err != nil {
			return fmt.Errorf("archive %d: egress password %d: %w", b.archive.ID, p.ID, err)
		}
		if _, err := b.tx.AddEgressPassword(owner, p, sealed); err != nil {
			return err
		}
	}
	return nil
}

// grants brings the commands back, but not the right to grant by who may not
// give it.
func (b *restoration) grants() error {
	for _, g := range b.archive.Account.Grants {
		if g == grantCommand && !b.isAdmin() {
			b.leave("the command %s: only administrators grant it", g)
			continue
		}
		if _, err := b.tx.Grant(b.archive.Account.Name, g); err != nil {
			return err
		}
	}
	return nil
}

func (b *restoration) personal() error {
	for _, access := range b.archive.Account.Personal {
		if _, err := b.tx.AddAccess(store.Owner{Account: b.archive.Account.Name}, access, b.now); err != nil {
			return err
		}
	}
	return nil
}

// group gives the group that was meant, or nil: one that has its name since is
// another one.
func (b *restoration) group(of store.ArchivedGroup) (*gateway.Group, error) {
	g, err := b.tx.Group(of.Name)
	if errors.Is(err, gateway.ErrNotFound) || err == nil && !g.Created.Equal(of.Created) {
		return nil, nil
	}
	return g, err
}

func (b *restoration) roles() error {
	for _, r := range b.archive.Roles {
		if !r.Ends.IsZero() && !b.now.Before(r.Ends) {
			continue // over
		}
		g, err := b.group(r.ArchivedGroup)
		if err != nil {
			return err
		}
		if g == nil {
			b.leave("%s of the group %s, which does not exist any more", r.Role, r.Name)
			continue
		}
		if _, err := b.tx.AddRole(g.Name, r.Role, b.archive.Account.Name, r.Ends, b.now); err != nil {
			return err
		}
	}
	return nil
}

func (b *restoration) guest() error {
	for _, access := range b.archive.Guest {
		if access.Access.Expired(b.now) {
			continue
		}
		g, err := b.group(access.ArchivedGroup)
		if err != nil {
			return err
		}
		switch {
		case g == nil:
			b.leave("guest access to %s of the group %s, which does not exist any more", access.Access, access.Name)
			continue
		case !slices.ContainsFunc(g.Accesses, func(of gateway.Access) bool { return sameAccess(access.Access, of) && !of.Expired(b.now) }):
			b.leave("guest access to %s: the group %s itself has it no longer", access.Access, g.Name)
			continue
		}
		if _, err := b.tx.AddAccess(store.Owner{Group: g.Name, Guest: b.archive.Account.Name}, access.Access, b.now); err != nil {
			return err
		}
	}
	return nil
}

func (b *restoration) databases() error {
	for _, d := range b.archive.DatabaseGuest {
		if d.Guest.Expired(b.now) {
			continue
		}
		g, err := b.group(d.ArchivedGroup)
		if err != nil {
			return err
		}
		if g == nil || !slices.ContainsFunc(g.Databases, func(of gateway.Database) bool { return of.Name == d.Guest.Database && of.AddedAt.Equal(d.AddedAt) }) {
			b.leave("the database %s of the group %s, which does not exist any more", d.Guest.Database, d.Name)
			continue
		}
		if _, err := b.tx.AddDatabaseGuest(b.archive.Account.Name, d.Guest, b.now); err != nil {
			return err
		}
	}
	return nil
}
