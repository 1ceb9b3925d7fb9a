package admin

import (
	"context"

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
	v := osh.DBValue{Database: shownDatabase(group, d, true)}
	if err == nil {
		v.IP = optional(addr.String())
	}
	_, way := c.usable(d.Name)
	v.Way = optional(string(way))
	return c.ok(v, "Nothing was connected to. A connection to %s would be:", d.Name)
}
