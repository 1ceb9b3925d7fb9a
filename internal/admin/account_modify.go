package admin

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func accountModify(ctx context.Context, c *call, r *osh.AccountModify) (osh.Result, error) {
	if err := c.mayGovern(r.Account); err != nil {
		return osh.Result{}, err
	}
	list, err := c.modifications(r)
	if err != nil {
		return osh.Result{}, err
	}
	value := map[string]osh.Modified{}
	err = c.update(ctx, func(tx store.Tx) error {
		a, err := c.account(tx, r.Account)
		if err != nil {
			return err
		}
		for _, m := range list {
			value[m.name] = m.apply(a)
		}
		return tx.UpdateAccount(a)
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(value, "The account %s is modified:", r.Account)
}

// modification sets one property of an account to what was asked.
type modification struct {
	name, word string // of the answer
	allowed    []string
	set        func(a *gateway.Account)
}

// apply changes a, and says what became of the property.
func (m modification) apply(a *gateway.Account) osh.Modified {
	before := *a
	m.set(a)
	if reflect.DeepEqual(before, *a) {
		return osh.Modified{Code: "OK_NO_CHANGE", Message: "was " + m.word + " already"}
	}
	return osh.Modified{Code: "OK", Message: "set to " + m.word}
}

// modifications checks every option before anything is changed.
func (c *call) modifications(r *osh.AccountModify) ([]modification, error) {
	given := slices.DeleteFunc(wordModifications(r), func(m modification) bool { return m.word == "" })
	for _, m := range given {
		if !slices.Contains(m.allowed, m.word) {
			return nil, c.fail("ERR_INVALID_PARAMETER", "--%s is one of %s, not %s",
				strings.ReplaceAll(m.name, "_", "-"), strings.Join(m.allowed, ", "), clip(gateway.Printable(m.word)))
		}
	}
	if d := r.MaxInactiveDays; d != nil {
		if *d < -1 || *d > maxDays {
			return nil, c.fail("ERR_INVALID_PARAMETER", "--max-inactive-days is from 0 to %d, or -1 for the gateway's own setting", maxDays)
		}
		given = append(given, maxInactiveDays(*d))
	}
	if len(given) == 0 {
		return nil, c.fail("ERR_MISSING_PARAMETER", "no property to change was given; --osh accountModify --help shows the options")
	}
	return given, nil
}

// wordModifications are those with a few words for values.
func wordModifications(r *osh.AccountModify) []modification {
	yesNo := func(name, word string, field func(a *gateway.Account) *bool) modification {
		return modification{name, word, []string{"yes", "no"}, func(a *gateway.Account) { *field(a) = word == "yes" }}
	}
	factor := func(name, word string, field func(a *gateway.Account) *gateway.Factor) modification {
		return modification{name, word, []string{"yes", "no", "bypass"}, func(a *gateway.Account) {
			*field(a) = gateway.Factor(orDefault(word, "no"))
		}}
	}
	return []modification{
		yesNo("pam_auth_bypass", r.PAMAuthBypass, func(a *gateway.Account) *bool { return &a.PAMAuthBypass }),
		factor("mfa_password_required", r.MFAPasswordRequired, func(a *gateway.Account) *gateway.Factor { return &a.MFAPassword }),
		factor("mfa_totp_required", r.MFATOTPRequired, func(a *gateway.Account) *gateway.Factor { return &a.MFATOTP }),
		{"egress_strict_host_key_checking", r.HostKeyChecking, []string{"yes", "accept-new", "no", "ask", "default", "bypass"},
			func(a *gateway.Account) {
				a.HostKeyPolicy = gateway.HostKeyPolicy(orDefault(r.HostKeyChecking, "default"))
			}},
		{"egress_session_multiplexing", r.Multiplexing, []string{"yes", "no", "default"},
			func(a *gateway.Account) { a.Multiplexing = orDefault(r.Multiplexing, "default") }},
		{"personal_egress_mfa_required", r.PersonalMFA, []string{"password", "totp", "any", "none"},
			func(a *gateway.Account) { a.PersonalMFA = gateway.MFA(orDefault(r.PersonalMFA, "none")) }},
		yesNo("always_active", r.AlwaysActive, func(a *gateway.Account) *bool { return &a.AlwaysActive }),
		yesNo("idle_ignore", r.IdleIgnore, func(a *gateway.Account) *bool { return &a.IdleIgnore }),
		yesNo("osh_only", r.OSHOnly, func(a *gateway.Account) *bool { return &a.OSHOnly }),
		yesNo("pubkey_auth_optional", r.PubkeyAuthOptional, func(a *gateway.Account) *bool { return &a.PubkeyAuthOptional }),
	}
}

// orDefault gives the word as it is kept: empty for the default.
func orDefault(word, def string) string {
	if word == def {
		return ""
	}
	return word
}

func maxInactiveDays(days int) modification {
	if days < 0 {
		return modification{name: "max_inactive_days", word: "the gateway's own setting",
			set: func(a *gateway.Account) { a.MaxInactiveDays = nil }}
	}
	return modification{name: "max_inactive_days", word: fmt.Sprintf("%d", days),
		set: func(a *gateway.Account) { a.MaxInactiveDays = &days }}
}
