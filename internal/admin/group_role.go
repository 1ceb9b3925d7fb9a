package admin

import (
	"context"
	"errors"
	"strings"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// roleChange executes the commands that give a role of a group to an account
// (add), or take it away.
func roleChange(role gateway.Role, add bool) handler {
	return handle(func(ctx context.Context, c *call, r *osh.GroupAccount) (osh.Result, error) {
		if err := c.checkHolder(role, r.Account); err != nil {
			return osh.Result{}, err
		}
		if _, err := c.account(c.state(), r.Account); err != nil {
			return osh.Result{}, err
		}
		err := c.update(ctx, func(tx store.Tx) error {
			if _, err := c.account(tx, r.Account); err != nil {
				return err
			}
			return c.setRole(tx, r.Group, role, r.Account, add)
		})
		if err != nil {
			return osh.Result{}, err
		}
		if add {
			return c.ok(nil, "%s is now %s of the group %s.", r.Account, role, r.Group)
		}
		g, err := c.group(c.state(), r.Group)
		if err == nil && role == gateway.Owner && len(g.Owners) == 0 {
			return c.ok(nil, "%s is no longer %s of the group %s. The group has no owner left: "+
				"superowners can name one.", r.Account, role, r.Group)
		}
		return c.ok(nil, "%s is no longer %s of the group %s.", r.Account, role, r.Group)
	})
}

func (c *call) setRole(tx store.Tx, group string, role gateway.Role, account string, add bool) error {
	change, already := tx.DelRole, "%s is not %s of the group %s anyway."
	if add {
		change, already = tx.AddRole, "%s is %s of the group %s already."
	}
	changed, err := change(group, role, account)
	if err == nil && !changed {
		return c.noChange(already, account, role, group)
	}
	return err
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
