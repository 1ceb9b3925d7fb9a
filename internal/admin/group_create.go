package admin

import (
	"context"
	"errors"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func groupCreate(ctx context.Context, c *call, r *osh.GroupCreate) (osh.Result, error) {
	if err := c.checkGroupName(r.Group); err != nil {
		return osh.Result{}, err
	}
	switch {
	case r.Encrypted:
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "option --encrypted is not offered: keys are sealed by the gateway")
	case r.NoKey && (r.Algo != "" || r.Size != 0):
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "--no-key excludes --algo and --size")
	case !r.NoKey && r.Algo == "":
		return osh.Result{}, c.fail("ERR_MISSING_PARAMETER", "option --algo is missing (or use --no-key)")
	}
	if _, err := c.account(c.state(), r.Owner); err != nil {
		return osh.Result{}, err
	}
	if _, err := c.group(c.state(), r.Group); err == nil {
		return osh.Result{}, c.groupExists(r.Group)
	}
	key, sealed, err := c.groupKey(r)
	if err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		if _, err := c.account(tx, r.Owner); err != nil {
			return err
		}
		err := tx.CreateGroup(&gateway.Group{Name: r.Group, Created: c.now, CreatedBy: c.actor.Account})
		if errors.Is(err, gateway.ErrConflict) {
			return c.groupExists(r.Group)
		}
		if err != nil {
			return err
		}
		for _, role := range []gateway.Role{gateway.Owner, gateway.Gatekeeper, gateway.Aclkeeper, gateway.Member} {
			if _, err := tx.AddRole(r.Group, role, r.Owner, time.Time{}, c.now); err != nil {
				return err
			}
		}
		if r.NoKey {
			return nil
		}
		_, err = tx.AddEgressKey(store.Owner{Group: r.Group}, key, sealed)
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	v := osh.GroupCreateValue{Group: r.Group, Owner: r.Owner}
	if !r.NoKey {
		shown := ofGroup(r.Group, c.egressKey(key))
		v.PublicKey = &shown
	}
	return c.ok(v, "Group %s is created, its owner is %s.", r.Group, r.Owner)
}

// checkGroupName applies the rules of the names of new groups.
func (c *call) checkGroupName(name string) error {
	err := gateway.CheckGroupName(name)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gateway.ErrForbiddenName):
		return c.fail("KO_FORBIDDEN_NAME", "%s", what(err, gateway.ErrForbiddenName))
	}
	return c.fail("ERR_INVALID_PARAMETER", "%s", what(err, gateway.ErrInvalid))
}

func (c *call) groupExists(name string) error {
	return c.fail("KO_ALREADY_EXISTING", "group %s exists already", name)
}

// groupKey makes the first key of a group. This takes long, for some kinds, so
// it is not done inside the transaction.
func (c *call) groupKey(r *osh.GroupCreate) (gateway.EgressKey, []byte, error) {
	if r.NoKey {
		return gateway.EgressKey{}, nil, nil
	}
	algo, size, err := c.checkAlgorithm(r.Algo, r.Size)
	if err != nil {
		return gateway.EgressKey{}, nil, err
	}
	return c.newKey(algo, size, store.Owner{Group: r.Group})
}
