package admin

import (
	"context"
	"errors"
	"slices"

	"gateway"
	"gateway/internal/osh"
)

// adminSudo only answers whether the command may be tried: it is run by
// requests of its own, each of which authoriseSudo decides.
func adminSudo(_ context.Context, c *call, r *osh.AdminSudo) (osh.Result, error) {
	if c.actor.By != "" {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "adminSudo can't be run by adminSudo")
	}
	if err := c.checkAccountName(r.SudoAs); err != nil {
		return osh.Result{}, err
	}
	cmd, ok := osh.Lookup(r.SudoCmd)
	if !ok {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "unknown command %s", gateway.Printable(clip(r.SudoCmd)))
	}
	if cmd.Name == c.cmd.Name {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "adminSudo can't run itself")
	}
	if _, err := c.account(c.state(), r.SudoAs); err != nil {
		return osh.Result{}, err
	}
	return c.ok(nil, "")
}

// announceSudo records that somebody is about to act as another account,
// whether they may or not. What can't be recorded is not done.
func (c *call) announceSudo(ctx context.Context, command string) error {
	if c.actor.By == "" {
		return nil
	}
	rec := c.record()
	rec.Command, rec.Security = gateway.Printable(clip(command)), "admin-sudo"
	if err := c.e.Audit(ctx, rec); err != nil {
		return refusal(gateway.RefusalNoSpace, "the command can't be recorded, so it is refused")
	}
	return nil
}

// authoriseSudo wants an administrator who may act now, and, of the account
// that they act as, the right that check asks for. Whether that account could
// log in does not matter: a frozen one may need a new key. What the
// configuration says of adminSudo holds too: a session process need not have
// asked for it first.
func (c *call) authoriseSudo(s state, check right) error {
	if err := c.enabled(osh.AdminSudoName); err != nil {
		return err
	}
	if !c.actor.ByLocal {
		by, err := s.Account(c.actor.By)
		if errors.Is(err, gateway.ErrNotFound) {
			return refusal(gateway.RefusalAccountInvalid, "your account does not exist any more")
		}
		if err != nil {
			return err
		}
		if err := c.alive(by); err != nil {
			return err
		}
		if err := c.factors(by); err != nil {
			return err
		}
		if !slices.Contains(c.set.Admins, c.actor.By) {
			return refusal(gateway.RefusalRestricted, "only administrators may act as another account")
		}
	}
	me, err := c.account(s, c.actor.Account)
	if err != nil {
		return err
	}
	return check(c, s, me)
}
