package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
)

func accountList(_ context.Context, c *call, r *osh.AccountList) (osh.Result, error) {
	if r.Audit && !c.isAuditor(c.me()) {
		return osh.Result{}, c.fail("ERR_ACCESS_DENIED", "--audit is for auditors")
	}
	accounts := c.snap.Accounts()
	if r.Account != "" {
		a, err := c.named(r.Account)
		if err != nil {
			return osh.Result{}, err
		}
		accounts = func(yield func(*gateway.Account) bool) { yield(a) }
	}
	lines := map[string]osh.AccountLine{}
	for a := range accounts {
		inactive := c.inactive(a)
		if !matches(r.FilterOptions, a.Name) || r.InactiveOnly && !inactive {
			continue
		}
		line := osh.AccountLine{CreatedBy: a.CreatedBy, IsActive: flag(!inactive), Name: a.Name, UID: a.UID}
		if r.Audit {
			line.AccountLineAudit = &osh.AccountLineAudit{
				AlreadySeenBefore: flag(!a.LastLogin.IsZero()),
				CanConnect:        flag(c.canConnect(a)),
				IsExpired:         flag(inactive),
				IsFrozen:          flag(a.Freeze != nil),
				IsTTLExpired:      flag(c.ttlExpired(a)),
			}
		}
		lines[a.Name] = line
	}
	return c.ok(lines, "Accounts: %d.", len(lines))
}
