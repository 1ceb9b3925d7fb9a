package admin

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func accountListArchives(ctx context.Context, c *call, _ *osh.AccountListArchives) (osh.Result, error) {
	list, err := c.e.Store.Archives(ctx)
	if err != nil {
		return osh.Result{}, err
	}
	v := []osh.ArchiveLine{}
	for _, a := range list {
		if c.page.take(a.Account.Name, a.By, strconv.FormatInt(a.ID, 10)) {
			v = append(v, osh.ArchiveLine{ID: a.ID, Account: a.Account.Name, UID: a.Account.UID, DeletedBy: a.By, Moment: c.moment(a.At)})
		}
	}
	return c.ok(v, "Deleted accounts: %d.", len(v))
}

func accountPurgeArchive(ctx context.Context, c *call, r *osh.AccountPurgeArchive) (osh.Result, error) {
	if err := c.confirm(r.ConfirmOption, "This can't be undone.", fmt.Sprintf("Yes, purge the archive %d", r.Archive)); err != nil {
		return osh.Result{}, err
	}
	account := ""
	err := c.update(ctx, func(tx store.Tx) error {
		a, err := tx.Archive(int64(r.Archive))
		if errors.Is(err, gateway.ErrNotFound) {
			return c.fail("KO_NOT_FOUND", "there is no archive %d", r.Archive)
		}
		if err != nil {
			return err
		}
		account = a.Account.Name
		return tx.DeleteArchive(a.ID)
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(osh.AccountPurgeArchiveValue{Account: account, Archive: r.Archive}, "The archive %d, of the account %s, is purged.", r.Archive, account)
}
