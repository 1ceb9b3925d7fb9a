package monitor

import (
	"context"
	"slices"
	"syscall"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/control"
	"gateway/internal/programs"
)

// ProgramIdentity gives the attributes of a process that runs a program of the
// operators', and what gives them back: as root, a uid that nobody has.
func (m *Monitor) ProgramIdentity() (*syscall.SysProcAttr, func(), error) {
	return m.uids.identity()
}

// alwaysActive says why the account is never submitted to a program; empty: it
// is.
func (s Settings) alwaysActive(a *gateway.Account) string {
	switch {
	case a.AlwaysActive:
		return "set for the account"
	case slices.Contains(s.AlwaysActive, a.Name):
		return "listed in alwaysActiveAccounts"
	}
	return ""
}

// askedAtOnce is how often the program is asked about one account at the same
// time; it runs a few times in all.
const askedAtOnce = 2

// active asks the program that knows who is active, and says whether the
// account may log in as far as that goes.
func (m *Monitor) active(ctx context.Context, set Settings, a *gateway.Account) (answer programs.Answer, passes bool) {
	if set.ActivenessProgram == "" || set.alwaysActive(a) != "" {
		return programs.Answer{Verdict: programs.Active}, true
	}
	// One who logs in again and again must not take the turns of the others.
	if release, err := m.asking.Take(ctx, a.Name, askedAtOnce); err == nil {
		if ctx.Err() == nil {
			answer = m.Activeness(ctx, set.ActivenessProgram, a.Name)
		}
		release()
	}
	return answer, answer.Passes(slices.Contains(set.Admins, a.Name), set.ActivenessDenyOnFailure)
}

// inactiveRefusal is the activeness check of a login: what refuses it, or what
// to show. It may take as long as the login may.
func (c *conn) inactiveRefusal(ctx context.Context, a *gateway.Account) (*control.Refusal, []string) {
	ctx, cancel := context.WithTimeout(ctx, c.set.LoginGrace)
	defer cancel()
	answer, passes := c.m.active(ctx, c.set, a)
	text := ""
	switch {
	case answer.Verdict == programs.Active:
		return nil, nil
	case answer.Verdict == programs.Inactive:
		text = "this account is inactive"
	case answer.Text != "":
		text = "it can't be told whether this account is active: " + answer.Text
	case !passes:
		text = "it can't be told whether this account is active; try again later"
	}
	if !passes {
		return &control.Refusal{Refusal: gateway.RefusalInactive, Text: text}, nil
	}
	if text == "" {
		return nil, nil
	}
	return nil, []string{text}
}

// Active implements admin.Deps.
func (d Deps) Active(ctx context.Context, a *gateway.Account) admin.Activeness {
	set := d.m.Settings()
	answer, passes := d.m.active(ctx, set, a)
	return admin.Activeness{
		Active:  answer.Verdict == programs.Active || answer.Verdict == programs.Unknown && !set.ActivenessDenyOnFailure,
		Unknown: answer.Verdict == programs.Unknown,
		Passes:  passes, Always: set.alwaysActive(a),
	}
}
