package admin

import (
	"context"
	"errors"
	"strings"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// addRole executes the commands that give a role of a group to an account.
func addRole(role gateway.Role) handler {
	return handle(func(ctx context.Context, c *call, r *osh.GroupAddRole) (osh.Result, error) {
		if err := c.checkHolder(role, r.Account); err != nil {
			return osh.Result{}, err
		}
		ends, err := c.expiry(r.TTL)
		if err != nil {
			return osh.Result{}, err
		}
		err = c.changeRole(ctx, &r.GroupAccount, func(tx store.Tx) error {
			changed, err := tx.AddRole(r.Group, role, r.Account, ends, c.now)
			if err == nil && !changed {
				return c.noChange("%s is %s of the group %s already.", r.Account, role, r.Group)
			}
			return err
		})
		if err != nil {
			return osh.Result{}, err
		}
		until := ""
		if !ends.IsZero() {
			until = " until " + c.moment(ends).UTC
		}
		return c.ok(nil, "%s is now %s of the group %s%s.", r.Account, role, r.Group, until)
	})
}

// delRole executes the commands that take a role of a group away.
func delRole(role gateway.Role) handler {
	return handle(func(ctx context.Context, c *call, r *osh.GroupAccount) (osh.Result, error) {
		if err := c.checkHolder(role, r.Account); err != nil {
			return osh.Result{}, err
		}
		err := c.changeRole(ctx, r, func(tx store.Tx) error {
			changed, err := tx.DelRole(r.Group, role, r.Account)
			if err == nil && !changed {
				return c.noChange("%s is not %s of the group %s anyway.", r.Account, role, r.Group)
			}
			return err
		})
		if err != nil {
			return osh.Result{}, err
		}
		ownerless := ""
		g, err := c.group(c.state(), r.Group)
		if err == nil && role == gateway.Owner && len(g.Holders(role, c.now)) == 0 {
			ownerless = " The group has no owner left: superowners can name one."
		}
		return c.ok(nil, "%s is no longer %s of the group %s.%s", r.Account, role, r.Group, ownerless)
	})
}

// changeRole makes a change of the role that an existing account has.
func (c *call) changeRole(ctx context.Context, r *osh.GroupAccount, change func(store.Tx) error) error {
	if _, err := c.account(c.state(), r.Account); err != nil {
		return err
	}
	return c.update(ctx, func(tx store.Tx) error {
		if _, err := c.account(tx, r.Account); err != nil {
			return err
		}
		return change(tx)
	})
}

// checkHolder checks the name of an account that is to have a role, or not.
// Accounts of a realm may be members, and manage nothing.
func (c *call) checkHolder(role gateway.Role, name string) error {
	if strings.Contains(name, "/") && role != gateway.Member {
		return c.fail("ERR_REALM_USER", "an account of a realm can't be %s of a group", role)
	}
	return c.checkAccountName(name)
}

// checkAccountName applies the rules of account names.
func (c *call) checkAccountName(name string) error {
	err := gateway.CheckAccountName(name)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gateway.ErrForbiddenPrefix):
		return c.fail("KO_FORBIDDEN_PREFIX", "%s", what(err, gateway.ErrForbiddenPrefix))
	case errors.Is(err, gateway.ErrForbiddenName):
		return c.fail("KO_FORBIDDEN_NAME", "%s", what(err, gateway.ErrForbiddenName))
	}
	return c.fail("ERR_INVALID_PARAMETER", "%s", what(err, gateway.ErrInvalid))
}

// what is the text of err without that of the sentinel that ends it: the code
// of the answer says that already.
func what(err, sentinel error) string {
	return strings.TrimSuffix(err.Error(), ": "+sentinel.Error())
}
