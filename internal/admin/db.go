package admin

import (
	"context"
	"strings"
	"time"

	"gateway"
	"gateway/internal/osh"
)

// db explains a connection; the connection itself is opened elsewhere.
func db(ctx context.Context, c *call, r *osh.DB) (osh.Result, error) {
	if !r.ExplainConnection {
		return osh.Result{}, c.fail("ERR_BAD_OPTIONS", "a database is connected to by a line of its own; here only --explain-connection can be asked")
	}
	account := c.actor.Account
	d, group, ok := c.snap.Database(account, r.Name, 0, "", c.now)
	if !ok {
		return osh.Result{}, c.fail("KO_DB_NOT_FOUND", "you have no database %s; dbList says which there are", gateway.Printable(clip(r.Name)))
	}
	q := gateway.Request{
		Principal: gateway.Principal{Account: account}, From: c.actor.From, Protocol: gateway.Postgres, Database: d.Name,
		Target: gateway.Target{User: d.User, Host: d.Host, Port: d.Port}, Action: gateway.Action{Kind: "psql"},
	}
	addr, err := c.e.Deps.Resolve(ctx, d.Host)
	if err == nil {
		q.Target.Addr = addr
		decision := c.snap.Decide(q, c.now)
		if !decision.Allowed() {
			return osh.Result{}, c.fail("KO_ACCESS_DENIED", "%s may not use %s: %s", account, d.Name, decision.Reason)
		}
		if _, text, unmet := decision.Unmet(); unmet {
			return osh.Result{}, c.fail("KO_ACCESS_DENIED", "%s", text)
		}
		d = decision.Ways[0].Database
	}
	v := dbValue(d, group)
	if err == nil {
		v.IP = optional(addr.String())
	}
	v.Way = string(gateway.WayGroupGuest)
	if g := c.snap.Group(group); g != nil && g.Has(gateway.Member, account, c.now) {
		v.Way = string(gateway.WayGroupMember)
	}
	return c.ok(v, "Nothing was connected to. A connection to %s would be:", d.Name)
}

func dbValue(d *gateway.Database, group string) osh.DBValue {
	v := osh.DBValue{
		Name: d.Name, Group: group, Host: d.Host, Port: int(d.Port), Database: d.Database, User: d.User, Role: optional(d.Role),
		TLS: d.TLS.String(), CA: "none", Credential: credentialOf(d), Allow: d.Allow.String(), Parameters: d.Parameters.String(), Results: d.Results,
		Statement: limitOf(d.StatementTimeout), Idle: limitOf(d.IdleInTransaction),
	}
	switch {
	case d.TLS == gateway.TLSVerifyFull && d.CA != "":
		v.CA = "own"
	case d.TLS == gateway.TLSVerifyFull:
		v.CA = "system"
	}
	if d.Rows > 0 {
		v.RowLimit = &d.Rows
	}
	return v
}

// credentialOf says what a login is made with, never the thing itself.
func credentialOf(d *gateway.Database) string {
	all := credentials(d)
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, "+")
}

// limitOf is a limit as scripts read it; nil: there is none.
func limitOf(d time.Duration) *int {
	if d == 0 {
		return nil
	}
	n := int(d / time.Second)
	return &n
}
