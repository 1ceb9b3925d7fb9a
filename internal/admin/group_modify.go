package admin

import (
	"context"
	"strconv"
	"strings"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// groupOption is one option of groupModify, read.
type groupOption struct {
	answer **osh.Modified // where its answer goes
	// set changes the group and says whether that made a difference.
	set  func(g *gateway.Group) bool
	text string // what holds then
}

func groupModify(ctx context.Context, c *call, r *osh.GroupModify) (osh.Result, error) {
	var v osh.GroupModifyValue
	options, err := c.groupOptions(r, &v)
	if err != nil {
		return osh.Result{}, err
	}
	if len(options) == 0 {
		return osh.Result{}, c.fail("ERR_MISSING_PARAMETER",
			"nothing to change: give --mfa-required, --guest-ttl-limit, --idle-lock-timeout or --idle-kill-timeout")
	}
	var lines []string
	err = c.update(ctx, func(tx store.Tx) error {
		g, err := c.group(tx, r.Group)
		if err != nil {
			return err
		}
		changed := false
		for _, o := range options {
			m := osh.Modified{Code: "OK_NO_CHANGE", Message: o.text + " already"}
			if o.set(g) {
				changed = true
				m = osh.Modified{Code: "OK", Message: o.text + " now"}
			}
			*o.answer = &m
			lines = append(lines, m.Message)
		}
		if !changed {
			return c.done("OK", v, "%s", groupModified(g.Name, lines))
		}
		return tx.UpdateGroup(g)
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(v, "%s", groupModified(r.Group, lines))
}

func groupModified(group string, lines []string) string {
	return "Group " + group + ": " + strings.Join(lines, "; ") + "."
}

// groupOptions reads what was given, all of it before anything is changed. The
// answers go to v.
func (c *call) groupOptions(r *osh.GroupModify, v *osh.GroupModifyValue) ([]groupOption, error) {
	var options []groupOption
	if r.MFARequired != "" {
		mfa, err := gateway.ParseMFA(r.MFARequired)
		if err != nil {
			return nil, c.fail("ERR_INVALID_PARAMETER", "--mfa-required is one of password, totp, any, none")
		}
		options = append(options, groupOption{&v.MFARequired, func(g *gateway.Group) bool { return assign(&g.MFARequired, mfa) },
			"the second factor that connections need is " + mfa.String()})
	}
	if r.GuestTTLLimit != "" {
		d, err := gateway.ParseTTL(r.GuestTTLLimit)
		if err != nil {
			return nil, c.fail("ERR_INVALID_PARAMETER", "--guest-ttl-limit %q is not valid: seconds, or 1d7h8m; 0 for no limit",
				gateway.Printable(clip(r.GuestTTLLimit)))
		}
		text := "new guest accesses last " + span(d) + " at most"
		if d == 0 {
			text = "new guest accesses may last for ever"
		}
		options = append(options, groupOption{&v.GuestTTLLimit, func(g *gateway.Group) bool { return assign(&g.GuestTTLLimit, d) }, text})
	}
	for _, idle := range []struct {
		name, value string
		answer      **osh.Modified
		field       func(g *gateway.Group) **time.Duration
	}{
		{"lock", r.IdleLock, &v.IdleLock, func(g *gateway.Group) **time.Duration { return &g.IdleLock }},
		{"kill", r.IdleKill, &v.IdleKill, func(g *gateway.Group) **time.Duration { return &g.IdleKill }},
	} {
		if idle.value == "" {
			continue
		}
		d, text, err := c.idleTimeout(idle.name, idle.value)
		if err != nil {
			return nil, err
		}
		options = append(options, groupOption{idle.answer, func(g *gateway.Group) bool { return assignTimeout(idle.field(g), d) }, text})
	}
	return options, nil
}

// idleTimeout reads one of the idle timeouts: nil is the gateway's own.
func (c *call) idleTimeout(name, value string) (*time.Duration, string, error) {
	text := "the idle " + name + " timeout is "
	if value == "-1" {
		return nil, text + "that of the gateway", nil
	}
	d, err := gateway.ParseTTL(value)
	if err != nil {
		return nil, "", c.fail("ERR_INVALID_PARAMETER", "--idle-%s-timeout %q is not valid: seconds, or 1h30m; 0 for never, -1 for that of the gateway",
			name, gateway.Printable(clip(value)))
	}
	if d == 0 {
		return &d, text + "off", nil
	}
	return &d, text + span(d), nil
}

func assign[T comparable](field *T, v T) (changed bool) {
	changed = *field != v
	*field = v
	return changed
}

func assignTimeout(field **time.Duration, v *time.Duration) (changed bool) {
	old := *field
	*field = v
	return (old == nil) != (v == nil) || old != nil && *old != *v
}

// span writes a duration as --ttl reads it.
func span(d time.Duration) string {
	var b strings.Builder
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / u.size; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.name)
			d -= n * u.size
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}
