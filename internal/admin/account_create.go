package admin

import (
	"context"
	"errors"
	"strings"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func accountCreate(ctx context.Context, c *call, r *osh.AccountCreate) (osh.Result, error) {
	n, err := c.newAccount(r)
	if err != nil {
		return osh.Result{}, err
	}
	if _, err := c.account(c.state(), r.Account); err == nil {
		return osh.Result{}, c.accountExists(r.Account)
	}
	algo, size, err := c.checkAlgorithm(c.set.DefaultAlgorithm, c.set.DefaultSize)
	if err != nil {
		return osh.Result{}, err
	}
	// Before the transaction, as it takes long for some kinds.
	key, sealed, err := c.newKey(algo, size, store.Owner{Account: r.Account})
	if err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		if err := c.storeAccount(tx, n); err != nil {
			return err
		}
		_, err := tx.AddEgressKey(store.Owner{Account: r.Account}, key, sealed)
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(nil, "The account %s is created.%s Its egress key, to be put on the targets:\n%s\nIt reaches this gateway with: %s",
		r.Account, n.note, c.egressKey(key).Line, strings.TrimSpace(c.alias(r.Account)))
}

// newAccount is an account to be, checked.
type newAccount struct {
	account *gateway.Account
	key     *gateway.IngressKey
	note    string // what was changed of the key
	grants  []string
	access  []gateway.Access
}

// newAccount checks what the request says, and what the configuration adds.
func (c *call) newAccount(r *osh.AccountCreate) (newAccount, error) {
	var n newAccount
	switch {
	case r.UID != nil && r.UIDAuto:
		return n, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--uid and --uid-auto exclude each other")
	case r.UID == nil && !r.UIDAuto:
		return n, c.fail("ERR_MISSING_PARAMETER", "option --uid or --uid-auto is missing")
	case r.PublicKey != "" && r.NoKey:
		return n, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--public-key and --no-key exclude each other")
	case r.PublicKey == "" && !r.NoKey:
		return n, c.fail("ERR_MISSING_PARAMETER", "option --public-key or --no-key is missing")
	}
	if err := c.checkAccountName(r.Account); err != nil {
		return n, err
	}
	if err := c.mayMeddle(r.Account); err != nil {
		return n, err
	}
	var err error
	if n.account, err = c.scalars(r); err != nil {
		return n, err
	}
	if !r.NoKey {
		key, note, err := c.ingressKey(r.PublicKey)
		if err != nil {
			return n, err
		}
		n.key, n.note = &key, note
	}
	n.grants, n.access, err = c.defaults(r.Account)
	return n, err
}

// scalars reads the options that have one value each.
func (c *call) scalars(r *osh.AccountCreate) (*gateway.Account, error) {
	a := &gateway.Account{
		Name: r.Account, Created: c.now, CreatedBy: c.actor.Account, Comment: cleanComment(r.Comment),
		AlwaysActive: r.AlwaysActive, OSHOnly: r.OSHOnly, MaxInactiveDays: r.MaxInactiveDays,
		ImmutableKeys: r.ImmutableKey, CreatedWith: c.set.Version,
	}
	if r.UID != nil {
		if *r.UID < c.set.UIDMin || *r.UID > c.set.UIDMax {
			return nil, c.fail("ERR_INVALID_PARAMETER", "a uid is from %d to %d here", c.set.UIDMin, c.set.UIDMax)
		}
		a.UID = *r.UID
	}
	if d := r.MaxInactiveDays; d != nil && (*d < 0 || *d > maxDays) {
		return nil, c.fail("ERR_INVALID_PARAMETER", "--max-inactive-days is from 0 to %d", maxDays)
	}
	var err error
	a.Expires, err = c.expiry(r.TTL)
	return a, err
}

// maxDays bounds a number of days: a hundred years.
const maxDays = 36500

// defaults is what the configuration gives to each new account.
func (c *call) defaults(name string) (grants []string, accesses []gateway.Access, err error) {
	for _, s := range c.set.SupplementaryGroups {
		cmd, ok := osh.Lookup(strings.TrimPrefix(s, "osh-"))
		if !ok || cmd.Category != osh.Restricted || cmd.Name == grantCommand {
			return nil, nil, c.fail("ERR_CONFIGURATION", "accountCreateSupplementaryGroups: %s can't be given to each new account",
				gateway.Printable(clip(s)))
		}
		grants = append(grants, cmd.Name)
	}
	for _, s := range c.set.DefaultPersonalAccesses {
		user, host, ok := strings.Cut(s, "@")
		if ok && user == "ACCOUNT" {
			s = name + "@" + host
		}
		a, err := gateway.ParseAccess(s)
		if err != nil {
			return nil, nil, c.fail("ERR_CONFIGURATION", "accountCreateDefaultPersonalAccesses: %v", err)
		}
		a.AddedBy, a.AddedAt = c.actor.Account, c.now
		accesses = append(accesses, a)
	}
	return grants, accesses, nil
}

// storeAccount writes n, all but its egress key.
func (c *call) storeAccount(tx store.Tx, n newAccount) error {
	a := *n.account
	if _, err := tx.Account(a.Name); err == nil {
		return c.accountExists(a.Name)
	}
	err := tx.CreateAccount(&a, c.set.UIDMin, c.set.UIDMax)
	if errors.Is(err, gateway.ErrConflict) {
		return c.fail("ERR_UID_COLLISION", "this uid is taken, or none is free; nothing was changed")
	}
	if err != nil {
		return err
	}
	if n.key != nil {
		if _, err := tx.AddIngressKey(a.Name, *n.key); err != nil {
			return err
		}
	}
	for _, g := range n.grants {
		if _, err := tx.Grant(a.Name, g); err != nil {
			return err
		}
	}
	for _, access := range n.access {
		if _, err := tx.AddAccess(store.Owner{Account: a.Name}, access, c.now); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) accountExists(name string) error {
	return c.fail("KO_ALREADY_EXISTING", "the account %s exists already", name)
}
