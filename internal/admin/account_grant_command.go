package admin

import (
	"context"
	"strings"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// auditor is what can be granted besides commands; grantCommand is the right
// to grant.
const (
	auditor      = "auditor"
	grantCommand = "accountGrantCommand"
)

func accountGrantCommand(ctx context.Context, c *call, r *osh.AccountGrantCommand) (osh.Result, error) {
	if r.Command == "" {
		return c.ok(nil, "What can be granted:\n%s", strings.Join(grantable(), "\n"))
	}
	return c.changeGrant(ctx, r.Account, r.Command, store.Tx.Grant,
		"%s is granted %s.", "%s has been granted %s already.")
}

func accountRevokeCommand(ctx context.Context, c *call, r *osh.AccountRevokeCommand) (osh.Result, error) {
	return c.changeGrant(ctx, r.Account, r.Command, store.Tx.Revoke,
		"%s may no longer use %s.", "%s was not granted %s anyway.")
}

// changeGrant grants a command to an account, or revokes it: that is change.
// The texts are of account and command.
func (c *call) changeGrant(ctx context.Context, account, name string, change func(tx store.Tx, account, command string) (bool, error), done, unchanged string) (osh.Result, error) {
	command, err := c.grantOf(account, name)
	if err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		if _, err := c.account(tx, account); err != nil {
			return err
		}
		changed, err := change(tx, account, command)
		if err == nil && !changed {
			return c.noChange(unchanged, account, command)
		}
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(nil, done, account, command)
}

// grantOf gives the proper name of what is to be granted to the account, or
// revoked. The right to grant is itself for administrators to give and take:
// who only has it can't pass it on.
func (c *call) grantOf(account, command string) (string, error) {
	if err := c.checkAccountName(account); err != nil {
		return "", err
	}
	if command != auditor {
		cmd, ok := osh.Lookup(command)
		if !ok || cmd.Category != osh.Restricted {
			return "", c.fail("ERR_INVALID_PARAMETER", "%s can't be granted: it is no restricted command",
				gateway.Printable(clip(command)))
		}
		command = cmd.Name
	}
	if command == grantCommand && !c.isAdmin() {
		return "", c.fail("ERR_SECURITY_VIOLATION", "only administrators grant or revoke accountGrantCommand")
	}
	_, err := c.account(c.state(), account)
	return command, err
}

// grantable lists what can be granted.
func grantable() []string {
	var names []string
	for _, cmd := range osh.Commands() {
		if cmd.Category == osh.Restricted {
			names = append(names, cmd.Name)
		}
	}
	return append(names, auditor)
}
