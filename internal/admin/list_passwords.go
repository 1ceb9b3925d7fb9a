package admin

import (
	"context"
	"fmt"

	"gateway"
	"gateway/internal/osh"
)

func selfListPasswords(_ context.Context, c *call, _ *osh.SelfListPasswords) (osh.Result, error) {
	me, err := c.self(c.state())
	if err != nil {
		return osh.Result{}, err
	}
	return c.listPasswords("the account "+me.Name, me.Passwords)
}

func groupListPasswords(_ context.Context, c *call, r *osh.GroupListPasswords) (osh.Result, error) {
	g, err := c.group(c.state(), r.Group)
	if err != nil {
		return osh.Result{}, err
	}
	if err := c.holds(g, "KO_ACCESS_DENIED", gateway.Member); err != nil {
		return osh.Result{}, err
	}
	return c.listPasswords("the group "+g.Name, g.Passwords)
}

func accountListPasswords(_ context.Context, c *call, r *osh.AccountListPasswords) (osh.Result, error) {
	a, err := c.named(r.Account)
	if err != nil {
		return osh.Result{}, err
	}
	return c.listPasswords("the account "+a.Name, a.Passwords)
}

// listPasswords shows what may be known of passwords.
func (c *call) listPasswords(whose string, list []gateway.EgressPassword) (osh.Result, error) {
	v := []osh.ListedPassword{}
	for i, p := range list {
		description := "Current password"
		if i > 0 {
			description = fmt.Sprintf("Fallback password #%d", i)
		}
		h := p.Hashes
		if !c.page.take(description, p.CreatedBy, h.MD5Crypt, h.SHA256Crypt, h.SHA512Crypt, h.Type8, h.Type9) {
			continue
		}
		v = append(v, osh.ListedPassword{Description: description, Hashes: h, Metadata: osh.PasswordMetadata{
			Version: p.CreatedWith, CreatedBy: p.CreatedBy,
			CreationTime: p.Created.UTC().Format("2006-01-02T15:04:05"), CreationTimestamp: p.Created.Unix(),
		}})
	}
	return c.ok(v, "Egress passwords of %s: %d.", whose, len(v))
}
