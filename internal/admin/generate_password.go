package admin

import (
	"context"
	"fmt"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// defaultPasswordSize is the length of a password when none is asked for.
const defaultPasswordSize = 16

func selfGeneratePassword(ctx context.Context, c *call, r *osh.SelfGeneratePassword) (osh.Result, error) {
	return c.generatePassword(ctx, store.Owner{Account: c.actor.Account}, r.PasswordOptions)
}

func groupGeneratePassword(ctx context.Context, c *call, r *osh.GroupGeneratePassword) (osh.Result, error) {
	return c.generatePassword(ctx, store.Owner{Group: r.Group}, r.PasswordOptions)
}

func accountGeneratePassword(ctx context.Context, c *call, r *osh.AccountGeneratePassword) (osh.Result, error) {
	if err := c.checkAccountName(r.Account); err != nil {
		return osh.Result{}, err
	}
	return c.generatePassword(ctx, store.Owner{Account: r.Account}, r.PasswordOptions)
}

// generatePassword gives o a new current password. Its hashes are made before
// the change, as that takes a while.
func (c *call) generatePassword(ctx context.Context, o store.Owner, r osh.PasswordOptions) (osh.Result, error) {
	size, err := c.passwordSize(r.Size)
	if err != nil {
		return osh.Result{}, err
	}
	if _, err := c.passwordsOf(c.state(), o); err != nil {
		return osh.Result{}, err
	}
	hashes, sealed, err := c.e.Vault.GeneratePassword(size, PasswordContext(o))
	if err != nil {
		return osh.Result{}, fmt.Errorf("make egress password: %w", err)
	}
	p := gateway.EgressPassword{Hashes: hashes, Created: c.now, CreatedBy: c.actor.name(), CreatedWith: c.set.Version}
	before := 0
	err = c.update(ctx, func(tx store.Tx) error {
		list, err := c.passwordsOf(tx, o)
		if err != nil {
			return err
		}
		before = len(list)
		_, err = tx.AddEgressPassword(o, p, sealed)
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	v := osh.GeneratedPassword{Account: optional(o.Account), Context: "account", Group: optional(o.Group), Hashes: hashes}
	whose := "the account " + o.Account
	if o.Group != "" {
		v.Context, whose = "group", "the group "+o.Group
	}
	text := "A new egress password of " + whose + " is made"
	switch before {
	case 0:
	case gateway.MaxEgressPasswords:
		text += ", the one before is its first fallback, and the oldest of them is gone"
	default:
		text += ", and the one before is its first fallback"
	}
	return c.ok(v, "%s.", text)
}

// passwordSize checks the length that was asked for; nil: none was.
func (c *call) passwordSize(asked *int) (int, error) {
	least := max(gateway.MinPasswordSize, c.settings().MinPasswordSize)
	if asked == nil {
		return max(defaultPasswordSize, least), nil
	}
	if *asked < least || *asked > gateway.MaxPasswordSize {
		return 0, c.fail("ERR_INVALID_PARAMETER", "--size is %d to %d here", least, gateway.MaxPasswordSize)
	}
	return *asked, nil
}

// passwordsOf gives the egress passwords of an account or a group.
func (c *call) passwordsOf(s state, o store.Owner) ([]gateway.EgressPassword, error) {
	if o.Group != "" {
		g, err := c.group(s, o.Group)
		if err != nil {
			return nil, err
		}
		return g.Passwords, nil
	}
	a, err := c.account(s, o.Account)
	if err != nil {
		return nil, err
	}
	return a.Passwords, nil
}
