package admin

import (
	"context"
	"reflect"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func dbModify(ctx context.Context, c *call, r *osh.DBModify) (osh.Result, error) {
	change, err := c.databaseChange(ctx, r.Name, &r.DatabaseSettings)
	if err != nil {
		return osh.Result{}, err
	}
	if err := change.remove(r); err != nil {
		return osh.Result{}, err
	}
	if len(change.set) == 0 {
		return osh.Result{}, c.fail("ERR_MISSING_PARAMETER", "nothing to change: give at least one option besides --group and --name")
	}
	var d gateway.Database
	err = c.update(ctx, func(tx store.Tx) error {
		g, err := c.group(tx, r.Group)
		if err != nil {
			return err
		}
		before, err := c.databaseOf(g, r.Name)
		if err != nil {
			return err
		}
		d = before
		if err := change.apply(&d); err != nil {
			return err
		}
		if d.Password && change.secrets.Password == nil && sentElsewhere(&before, &d) {
			return c.fail("ERR_MISSING_PARAMETER", "option --password-stdin is missing: the password would be sent somewhere else, so give it again, or remove it with --no-password")
		}
		if reflect.DeepEqual(before, d) && reflect.DeepEqual(change.secrets, store.DatabaseSecrets{}) {
			return c.noChange("The database %s is like that already.", d.Name)
		}
		return tx.UpdateDatabase(d, change.secrets)
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(shownDatabase(r.Group, &d, true), "The database %s of the group %s is changed.", d.Name, r.Group)
}

// sentElsewhere reports whether a password might reach somebody who would not
// have had it before: who manages databases does not know their passwords.
func sentElsewhere(before, after *gateway.Database) bool {
	return before.Host != after.Host || before.Port != after.Port || before.User != after.User || before.CA != after.CA ||
		!before.ClearPassword && after.ClearPassword ||
		before.TLS != after.TLS && after.TLS != gateway.TLSVerifyFull
}

// remove reads the options that take something away.
func (n *databaseChange) remove(r *osh.DBModify) error {
	for _, part := range []struct {
		no       bool
		flag     string
		given    bool
		givenBy  string
		takeAway func(d *gateway.Database)
	}{
		{r.NoPassword, "--no-password", r.PasswordStdin, "--password-stdin", func(d *gateway.Database) { d.Password = false }},
		{r.NoClearPassword, "--no-clear-password", r.ClearPassword, "--clear-password", func(d *gateway.Database) { d.ClearPassword = false }},
		{r.NoHook, "--no-hook", r.Hook != "", "--hook", func(d *gateway.Database) { d.Hook = "" }},
		{r.NoClientCert, "--no-client-cert", r.ClientCertStdin, "--client-cert-stdin", func(d *gateway.Database) { d.Certificate = "" }},
		{r.NoCA, "--no-ca", r.CAStdin, "--ca-stdin", func(d *gateway.Database) { d.CA = "" }},
		{r.NoRole, "--no-role", r.Role != "", "--role", func(d *gateway.Database) { d.Role = "" }},
		{r.NoTTL, "--no-ttl", r.TTL != "", "--ttl", func(d *gateway.Database) { d.Expires = time.Time{} }},
		{r.NoComment, "--no-comment", r.Comment != "", "--comment", func(d *gateway.Database) { d.Comment = "" }},
	} {
		switch {
		case part.no && part.given:
			return n.c.fail("ERR_INCOMPATIBLE_PARAMETERS", "%s and %s exclude each other", part.flag, part.givenBy)
		case part.no:
			n.add(part.takeAway)
		}
	}
	return nil
}
