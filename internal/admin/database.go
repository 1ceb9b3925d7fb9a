package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// databaseChange is what the options of dbAdd and dbModify ask for, read.
type databaseChange struct {
	c       *call
	name    string
	set     []func(d *gateway.Database)
	secrets store.DatabaseSecrets
	ca      bool // its CA is among what is set
}

func (n *databaseChange) add(set func(d *gateway.Database)) { n.set = append(n.set, set) }

// Bounds of what can be set.
const (
	maxRowLimit = 1 << 40
	maxResults  = 1000
	// maxStatementTime is PostgreSQL's: milliseconds in 31 bits.
	maxStatementTime = (1<<31 - 1) * time.Millisecond
)

// databaseChange reads the options, all of them before anything is changed. A
// host name is looked up to find mistakes; each connection does so again.
func (c *call) databaseChange(ctx context.Context, name string, o *osh.DatabaseSettings) (*databaseChange, error) {
	n := &databaseChange{c: c, name: name}
	if err := gateway.CheckDatabaseName(name); err != nil {
		return nil, c.fail("ERR_INVALID_PARAMETER", "%s", what(err, gateway.ErrInvalid))
	}
	for _, part := range []func(*osh.DatabaseSettings) error{n.login, n.words, n.limits, n.input} {
		if err := part(o); err != nil {
			return nil, err
		}
	}
	if o.Host != "" {
		addr, host, err := c.host(ctx, o.Host)
		if err != nil {
			return nil, err
		}
		if host = strings.ToLower(host); host == "" {
			host = addr.String()
		}
		n.add(func(d *gateway.Database) { d.Host = host })
	}
	return n, nil
}

// login reads where to log in to, and as whom.
func (n *databaseChange) login(o *osh.DatabaseSettings) error {
	if o.Port != "" {
		port, err := n.c.port(o.Port)
		if err != nil {
			return err
		}
		n.add(func(d *gateway.Database) { d.Port = port })
	}
	for _, part := range []struct {
		flag, value string
		set         func(d *gateway.Database, value string)
	}{
		{"--database", o.Database, func(d *gateway.Database, v string) { d.Database = v }},
		{"--user", o.Login, func(d *gateway.Database, v string) { d.User = v }},
		{"--role", o.Role, func(d *gateway.Database, v string) { d.Role = v }},
	} {
		if part.value == "" {
			continue
		}
		if err := gateway.CheckServerName(part.value); err != nil {
			return n.c.fail("ERR_INVALID_PARAMETER", "%s: %s", part.flag, what(err, gateway.ErrInvalid))
		}
		n.add(func(d *gateway.Database) { part.set(d, part.value) })
	}
	return nil
}

// words reads the options with a choice of words.
func (n *databaseChange) words(o *osh.DatabaseSettings) error {
	for _, part := range []struct {
		flag, value string
		read        func(value string) (func(d *gateway.Database), error)
	}{
		{"--tls", o.TLS, func(v string) (func(d *gateway.Database), error) {
			mode, err := gateway.ParseTLSMode(v)
			return func(d *gateway.Database) { d.TLS = mode }, err
		}},
		{"--db-allow", o.Allow, func(v string) (func(d *gateway.Database), error) {
			rights, err := gateway.ParseDatabaseRights(v)
			return func(d *gateway.Database) { d.Allow = rights }, err
		}},
		{"--parameters", o.Parameters, func(v string) (func(d *gateway.Database), error) {
			how, err := gateway.ParseParameterRecording(v)
			return func(d *gateway.Database) { d.Parameters = how }, err
		}},
		{"--hook", o.Hook, func(v string) (func(d *gateway.Database), error) {
			return func(d *gateway.Database) { d.Hook = v }, gateway.CheckHook(v)
		}},
	} {
		if part.value == "" {
			continue
		}
		set, err := part.read(part.value)
		if err != nil {
			return n.c.fail("ERR_INVALID_PARAMETER", "%s: %s", part.flag, what(err, gateway.ErrInvalid))
		}
		n.add(set)
	}
	if o.ClearPassword {
		n.add(func(d *gateway.Database) { d.ClearPassword = true })
	}
	if o.Hook != "" && !n.c.set.DatabaseHooks {
		return n.c.fail("ERR_INVALID_PARAMETER", "--hook: databasePasswordProgram is not set in the configuration of this gateway")
	}
	return nil
}

// limits reads the numbers and durations.
func (n *databaseChange) limits(o *osh.DatabaseSettings) error {
	for _, part := range []struct {
		flag  string
		value *int
		most  int
		set   func(d *gateway.Database, value int)
	}{
		{"--row-limit", o.RowLimit, maxRowLimit, func(d *gateway.Database, v int) { d.Rows = int64(v) }},
		{"--results", o.Results, maxResults, func(d *gateway.Database, v int) { d.Results = v }},
	} {
		if part.value == nil {
			continue
		}
		v := *part.value
		if v < 0 || v > part.most {
			return n.c.fail("ERR_INVALID_PARAMETER", "%s goes from 0 to %d", part.flag, part.most)
		}
		n.add(func(d *gateway.Database) { part.set(d, v) })
	}
	for _, part := range []struct {
		flag, value string
		set         func(d *gateway.Database, value time.Duration)
	}{
		{"--statement-timeout", o.StatementTimeout, func(d *gateway.Database, v time.Duration) { d.StatementTimeout = v }},
		{"--idle-in-transaction", o.IdleInTransaction, func(d *gateway.Database, v time.Duration) { d.IdleInTransaction = v }},
	} {
		if part.value == "" {
			continue
		}
		v, err := gateway.ParseTTL(part.value)
		if err != nil || v > maxStatementTime {
			return n.c.fail("ERR_INVALID_PARAMETER", "%s %q is not valid: seconds, or 1h30m, at most 24d; 0 for no limit", part.flag, gateway.Printable(clip(part.value)))
		}
		n.add(func(d *gateway.Database) { part.set(d, v) })
	}
	end, err := n.c.expiry(o.TTL)
	if err != nil {
		return err
	}
	if !end.IsZero() {
		n.add(func(d *gateway.Database) { d.Expires = end })
	}
	if comment := cleanComment(o.Comment); comment != "" {
		n.add(func(d *gateway.Database) { d.Comment = comment })
	}
	return nil
}

// apply changes d and checks what that gives as a whole.
func (n *databaseChange) apply(d *gateway.Database) error {
	for _, set := range n.set {
		set(d)
	}
	switch {
	case d.Hook != "" && d.Password:
		return n.c.fail("ERR_INCOMPATIBLE_PARAMETERS", "a database has a password or a hook that gives one: --no-password or --no-hook removes the other")
	case d.Certificate != "" && d.TLS == gateway.TLSDisable:
		return n.c.fail("ERR_INCOMPATIBLE_PARAMETERS", "a client certificate needs TLS, and --tls disable is without")
	case d.ClearPassword && d.TLS != gateway.TLSVerifyFull:
		return n.c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--clear-password is for --tls verify-full: nobody else is given a password")
	case n.ca && d.TLS != gateway.TLSVerifyFull:
		return n.c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--ca-stdin is for --tls verify-full: in any other mode no certificate is checked")
	}
	return nil
}

// noDatabase is the answer about a database that g does not offer.
func (c *call) noDatabase(g *gateway.Group, name string) error {
	return c.fail("KO_DB_NOT_FOUND", "the group %s offers no database %s", g.Name, gateway.Printable(clip(name)))
}

// databaseOf finds a database of g.
func (c *call) databaseOf(g *gateway.Group, name string) (gateway.Database, error) {
	i := slices.IndexFunc(g.Databases, func(d gateway.Database) bool { return d.Name == name })
	if i < 0 {
		return gateway.Database{}, c.noDatabase(g, name)
	}
	return g.Databases[i], nil
}
