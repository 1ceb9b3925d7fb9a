package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
)

func accountList(ctx context.Context, c *call, r *osh.AccountList) (osh.Result, error) {
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
	var wanted []*gateway.Account
	for a := range accounts {
		if r.InactiveOnly && c.page.matches(a.Name) || !r.InactiveOnly && c.page.take(a.Name) {
			wanted = append(wanted, a)
		}
	}
	// The program is asked for nothing less.
	answers := make([]Activeness, len(wanted))
	if r.InactiveOnly || r.Audit {
		answers = c.active(ctx, wanted)
	} else {
		for i := range answers {
			answers[i].Active = true
		}
	}
	lines := map[string]osh.AccountLine{}
	for i, a := range wanted {
		inactive := c.inactive(a)
		isActive := answers[i].Active && !inactive
		if r.InactiveOnly && (isActive || !c.page.take(a.Name)) {
			continue
		}
		line := osh.AccountLine{
			CreatedBy: a.CreatedBy, IsActive: flag(isActive), ActiveUnknown: flag(answers[i].Unknown), Name: a.Name, UID: a.UID,
		}
		if r.Audit {
			line.AccountLineAudit = &osh.AccountLineAudit{
				AlreadySeenBefore: flag(!a.LastLogin.IsZero()),
				CanConnect:        flag(c.canConnect(a, answers[i])),
				IsExpired:         flag(inactive),
				IsFrozen:          flag(a.Freeze != nil),
				IsTTLExpired:      flag(c.ttlExpired(a)),
			}
		}
		lines[a.Name] = line
	}
	return c.ok(lines, "Accounts: %d.", len(lines))
}
