package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
)

// gate is the guard of a session whose rights are less than all. It works by
// units: a Query, or the messages of the extended protocol up to their Sync,
// which the server runs in one transaction when none is open. A unit begins when
// the server has answered the one before, so that the state it begins in is known.
// docs/adr/0016 says what the gate holds, and what the server does.
type gate struct {
	relay  *relay
	rights gateway.DatabaseRights
	role   []byte // takes the role on
	hold   []byte // makes a transaction read-only; nil: it needn't be

	unit bool    // messages of the extended protocol were passed since the last Sync
	as   reading // at the beginning of the unit
	over bool    // the unit has ended a transaction: nothing may run in it any more
	// What ends a transaction, among what a client can run by a name. Of the
	// unnamed ones: what is known if all of the unit works, and what was before it,
	// as the server skips the rest of a unit after an error.
	named    map[string]bool
	unnamed  ending
	before   ending
	failures int // of units, as the relay counts them
}

// ending says which of the unnamed statement and portal end a transaction.
type ending struct{ statement, portal bool }

// maxEndings bounds the names that a client gives to COMMIT and the like.
const maxEndings = 1000

// readOnly makes the transaction read-only that the person's statements run in.
const readOnly = "SET transaction_read_only = on"

// newGate gives what guards r, or nil if everything is allowed.
func newGate(r *relay) (guard, error) {
	db := &r.conn.db
	if db.Allow == gateway.DatabaseAll {
		return nil, nil
	}
	g := &gate{relay: r, rights: db.Allow, named: map[string]bool{}}
	var err error
	if db.Role != "" {
		if g.role, err = ownUnit("SET ROLE "+quoteIdentifier(db.Role), true); err != nil {
			return nil, err
		}
	}
	if db.Allow == gateway.DatabaseRead {
		if g.hold, err = ownUnit(readOnly, false); err != nil {
			return nil, err
		}
	}
	return g, g.limitable()
}

// ownName names the statement of the gateway's own. A client that takes it
// ends its session.
const ownName = "gateway_limits"

// ownUnit encodes a statement of the gateway's own. It is not a Query, because
// that would be a transaction by itself and would drop the client's unnamed statement.
func ownUnit(sql string, sync bool) (b []byte, err error) {
	messages := []pgproto3.FrontendMessage{
		&pgproto3.Parse{Name: ownName, Query: sql}, &pgproto3.Bind{PreparedStatement: ownName}, &pgproto3.Execute{},
		&pgproto3.Close{ObjectType: 'S', Name: ownName},
	}
	if sync {
		messages = append(messages, &pgproto3.Sync{})
	}
	for _, m := range messages {
		if b, err = m.Encode(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// limitable checks that the server does not let the session do everything. The
// queue's mutex is held, or there are no goroutines yet.
func (g *gate) limitable() error {
	if g.relay.conn.param("is_superuser") != "off" {
		return &fatal{
			state: "42501", text: fmt.Sprintf("what a superuser does can't be limited to %q", g.rights.String()),
			hint: "the database needs another login, or the right \"all\"",
		}
	}
	return nil
}

// admit implements guard.
func (g *gate) admit(_ context.Context, m message) (verdict, error) {
	switch m.kind {
	case 'S':
		g.unit = false
		return verdict{}, nil
	case 'Q', 'F':
		if g.unit {
			return verdict{}, &fatal{state: "08P01", text: "a Sync is needed first where rights are limited"}
		}
		tx, err := g.begin()
		if err != nil {
			return verdict{}, err
		}
		return g.simple(m, tx)
	case 'P', 'B', 'D', 'E', 'C':
		return g.extended(m)
	}
	return verdict{}, nil // of a COPY, or without an effect
}

// begin begins a unit: it waits until the server has answered everything.
func (g *gate) begin() (tx byte, err error) {
	if tx, err = g.relay.settle(); err != nil {
		return 0, err
	}
	q := g.relay.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failures != g.failures {
		g.failures = q.failures
		g.unnamed.statement = g.unnamed.statement || g.before.statement
		g.unnamed.portal = g.unnamed.portal || g.before.portal
	}
	g.before, g.over = g.unnamed, false
	g.as = reading{
		backslashes: g.relay.conn.param("standard_conforming_strings") != "on",
		doubleBytes: !singleBytes(g.relay.conn.param("client_encoding")),
	}
	return tx, g.limitable()
}

// simple is for a Query or a FunctionCall.
func (g *gate) simple(m message, tx byte) (verdict, error) {
	if m.kind == 'F' {
		return g.judge(demand{class: gateway.DatabaseAll, why: "a function called by its number"}), nil
	}
	sql, _, err := cut(m.body)
	if err != nil {
		return verdict{}, fmt.Errorf("Query: %w", err)
	}
	d := examine(string(sql), g.as)
	v := g.judge(d)
	if v.refuse == nil {
		g.ahead(&v, tx, d.alone)
	}
	return v, nil
}

// ahead puts the gateway's own statements ahead of a unit that begins outside of
// a transaction.
func (g *gate) ahead(v *verdict, tx byte, alone bool) {
	if tx == 'I' {
		v.apart = g.role
		if !alone {
			v.before = g.hold
		}
	}
}

// judge refuses what the rights do not allow.
func (g *gate) judge(d demand) verdict {
	v := verdict{class: d.class}
	switch {
	case !g.rights.Allows(d.class):
		v.refuse = &fatal{
			state: "42501", text: fmt.Sprintf("your right in this database is %q, and %s needs %q", g.rights.String(), d.why, d.class.String()),
			hint: "whoever keeps the accesses of the group can allow more",
		}
	case g.hold != nil && d.goesOn:
		v.refuse = &fatal{
			state: "42501", text: "your right in this database is \"read\": nothing may follow the end of a transaction in one message or pipeline, nor what looks like it",
			hint: "send the statements one by one",
		}
	}
	return v
}

// extended is for the messages of the extended protocol.
func (g *gate) extended(m message) (v verdict, err error) {
	if !g.unit {
		tx, err := g.begin()
		if err != nil {
			return v, err
		}
		g.unit = true
		defer func() {
			if v.refuse == nil {
				g.ahead(&v, tx, false)
			}
		}()
	}
	if g.hold != nil && g.over && m.kind != 'D' && m.kind != 'C' {
		return g.judge(demand{class: gateway.DatabaseRead, goesOn: true}), nil
	}
	switch m.kind {
	case 'P':
		return g.parse(m.body)
	case 'B':
		return g.bind(m.body)
	case 'E':
		portal, _, err := cut(m.body)
		if err != nil {
			return v, fmt.Errorf("Execute: %w", err)
		}
		g.over = len(portal) == 0 && g.unnamed.portal
	}
	return v, nil
}

func (g *gate) parse(b []byte) (verdict, error) {
	name, rest, err := cut(b)
	if err != nil {
		return verdict{}, fmt.Errorf("Parse: %w", err)
	}
	sql, _, err := cut(rest)
	if err != nil {
		return verdict{}, fmt.Errorf("Parse: %w", err)
	}
	d := examine(string(sql), g.as)
	v := g.judge(d)
	switch {
	case v.refuse != nil:
	case len(name) == 0:
		g.unnamed.statement = d.ends
	case d.ends && len(g.named) >= maxEndings:
		return v, errors.New("too many names for what ends a transaction")
	case d.ends:
		// For good: the name may be closed and used again, if that works.
		g.named[string(name)] = true
	}
	return v, nil
}

func (g *gate) bind(b []byte) (v verdict, err error) {
	portal, rest, err := cut(b)
	if err != nil {
		return v, fmt.Errorf("Bind: %w", err)
	}
	statement, _, err := cut(rest)
	if err != nil {
		return v, fmt.Errorf("Bind: %w", err)
	}
	ends := g.named[string(statement)]
	if len(statement) == 0 {
		ends = g.unnamed.statement
	}
	switch {
	case len(portal) == 0:
		g.unnamed.portal = ends
	case ends && g.hold != nil:
		v.refuse = &fatal{state: "42501", text: "your right in this database is \"read\": what ends a transaction can't have a portal with a name"}
	}
	return v, nil
}
