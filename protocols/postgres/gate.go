package postgres

import (
	"context"
	"errors"
	"fmt"

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
	role   script // takes the role on
	*hold         // of who may only read; nil: of who may write

	unit     bool    // messages of the extended protocol were passed since the last Sync
	tx       byte    // state at the beginning of the unit
	executed bool    // there was an Execute in the unit
	noisy    bool    // something that somebody wrote may have run in the unit
	as       reading // at the beginning of the unit
	parsed   bool    // there was a Parse of the unnamed statement in the unit
	opens    bool    // the unit may have begun a transaction
	over     bool    // the unit has ended a transaction: nothing may run in it any more
	fresh    unnamed // made in this unit, and they run nothing that somebody wrote
	// What ends a transaction, among what a client can run by a name. Of the
	// unnamed ones: what is known if all of the unit works, and what was before it,
	// as the server skips the rest of a unit after an error.
	ending   map[string]bool // named ones
	opening  map[string]bool // what begins a transaction, likewise
	unnamed  unnamed
	before   unnamed
	failures int // of units, as the relay counts them
}

// hold is what holds a transaction to reading.
type hold struct {
	begin  script // makes it read-only
	check  script // fails if something was changed nevertheless
	settle script // likewise, where no cursor is to go on: it takes a third of the time
}

// Statements of the gateway's own. No name in them depends on the search_path,
// and division by zero has the SQLSTATE failing.
const (
	readOnly = "SET transaction_read_only = on"
	// A function can make a transaction read-write again before PostgreSQL 16, by a
	// RESET; what it changes then takes a transaction number. What it leaves to a
	// cursor that is held happens at the end only.
	unchanged = "SELECT 1 OPERATOR(pg_catalog./) CASE WHEN pg_catalog.txid_current_if_assigned() IS NULL THEN 1 ELSE 0 END"
	unheld    = "SELECT 1 OPERATOR(pg_catalog./) CASE WHEN pg_catalog.txid_current_if_assigned() IS NULL " +
		"AND NOT EXISTS (SELECT FROM pg_catalog.pg_cursor() c WHERE c.is_holdable) THEN 1 ELSE 0 END"
	noCursors = "CLOSE ALL"
	failing   = "22012"
)

// unnamed says what is true of the unnamed statement and the unnamed portal.
type unnamed struct{ statement, portal bool }

// maxEndings bounds the names that a client gives to BEGIN, COMMIT and the like.
const maxEndings = 1000

// newGate gives what guards r, or nil if everything is allowed.
func newGate(r *relay) (_ guard, err error) {
	db := &r.conn.db
	if db.Allow == gateway.DatabaseAll {
		return nil, nil
	}
	g := &gate{relay: r, rights: db.Allow, ending: map[string]bool{}, opening: map[string]bool{}}
	if db.Role != "" {
		if g.role, err = ownScript("SET ROLE "+quoteIdentifier(db.Role), nil, true); err != nil {
			return nil, err
		}
	}
	if db.Allow == gateway.DatabaseRead {
		g.hold = &hold{}
		if g.hold.begin, err = ownScript(readOnly, nil, false); err != nil {
			return nil, err
		}
		changed := &fatal{state: "25006", text: "your right in this database is \"read\", and this has changed something: it is undone"}
		if g.hold.check, err = ownScript(unheld, changed, false); err != nil {
			return nil, err
		}
		if g.hold.settle, err = ownScript(noCursors, changed, false); err != nil {
			return nil, err
		}
		last, err := ownScript(unchanged, changed, false)
		if err != nil {
			return nil, err
		}
		g.hold.settle.add(last)
	}
	return g, g.limitable()
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
func (g *gate) admit(_ context.Context, m message) (v verdict, err error) {
	switch m.kind {
	case 'S':
		if g.unit && g.noisy && g.hold != nil && (g.tx != 'E' || g.executed) {
			v.ahead = g.verify(g.tx == 'I' && !g.opens)
		}
		g.unit = false
		return v, nil
	case 'Q', 'F':
		if g.unit {
			return v, &fatal{state: "08P01", text: "a Sync is needed first where rights are limited"}
		}
		if err := g.begin(); err != nil {
			return v, err
		}
		if m.kind == 'F' {
			return g.call(m)
		}
		return g.query(m)
	case 'P', 'B', 'D', 'E', 'C':
		return g.extended(m)
	}
	return v, nil // of a COPY, or without an effect
}

// verify gives what runs before the end of a unit. ends: and of a transaction.
func (g *gate) verify(ends bool) script {
	if ends {
		return g.hold.settle
	}
	return g.hold.check
}

// commits reports whether what ends a transaction now could commit something that
// was changed. noisy, after: in the unit before it something like that ran, or anything.
func (g *gate) commits(noisy, after bool) bool {
	switch g.tx {
	case 'T':
		return true // a savepoint may have kept what a check has found
	case 'E':
		return after // by itself it could only roll back
	}
	return noisy
}

// begin begins a unit: it waits until the server has answered everything.
func (g *gate) begin() (err error) {
	if g.tx, err = g.relay.settle(); err != nil {
		return err
	}
	q := g.relay.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failures != g.failures {
		g.failures = q.failures
		g.unnamed.statement = g.unnamed.statement || g.before.statement
		g.unnamed.portal = g.unnamed.portal || g.before.portal
	}
	g.before, g.fresh = g.unnamed, unnamed{}
	g.over, g.executed, g.noisy, g.opens, g.parsed = false, false, false, false, false
	g.as = reading{
		backslashes: g.relay.conn.param("standard_conforming_strings") != "on",
		doubleBytes: !singleBytes(g.relay.conn.param("client_encoding")),
	}
	return g.limitable()
}

// call is for a FunctionCall: drivers use it for large objects, whose functions
// have the same numbers everywhere.
func (g *gate) call(m message) (verdict, error) {
	number, _, err := cut32(m.body)
	if err != nil {
		return verdict{}, fmt.Errorf("FunctionCall: %w", err)
	}
	d := demand{class: gateway.DatabaseAll, why: "a function called by its number"}
	switch number {
	case 952, 953, 954, 956, 958, 3170, 3171: // lo_open, lo_close, loread, lo_lseek, lo_tell, and of 64 bits
		if g.hold == nil || g.tx == 'T' { // else it would be a transaction that nothing holds
			d.class = gateway.DatabaseRead
		}
	case 715, 955, 957, 964, 1004, 3172: // lo_create, lowrite, lo_creat, lo_unlink, lo_truncate, and of 64 bits
		d.class, d.why = gateway.DatabaseWrite, "to change a large object"
	}
	v := g.judge(d)
	if v.refuse == nil && g.tx == 'I' {
		v.ahead = g.role
	}
	return v, nil
}

// query is for a Query. For who may only read it is taken apart, so that the
// server sees to it that each statement is one, and something can run between them.
func (g *gate) query(m message) (verdict, error) {
	sql, _, err := cut(m.body)
	if err != nil {
		return verdict{}, fmt.Errorf("query: %w", err)
	}
	d := examine(string(sql), g.as)
	v := g.judge(d)
	if v.refuse != nil {
		return v, nil
	}
	if g.tx == 'I' {
		v.ahead.add(g.role)
	}
	if g.hold == nil {
		return v, nil
	}
	if d.count > maxParts {
		v.refuse = &fatal{state: "54000", text: fmt.Sprintf("your right in this database is \"read\": at most %d statements are possible in one text", maxParts)}
		return v, nil
	}
	v.place, err = g.apart(d)
	return v, err
}

// apart gives what is sent in the place of a Query.
func (g *gate) apart(d demand) (s *script, err error) {
	s = &script{}
	if g.tx == 'I' && !d.alone {
		s.add(g.hold.begin)
	}
	if d.count == 0 {
		d.parts = []part{{}}
	}
	noisy, opens := false, false
	for n, p := range d.parts {
		opens = opens || p.begins
		if p.ends && g.commits(noisy, n > 0) {
			s.add(g.check)
		}
		if err := s.statement(p.sql); err != nil {
			return nil, err
		}
		noisy = noisy || !p.quiet && d.count > 0
	}
	if noisy {
		s.add(g.verify(g.tx == 'I' && !opens))
	}
	return s, s.sync()
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
	case g.hold != nil && d.executes && len(g.ending) > 0:
		v.refuse = &fatal{
			state: "42501", text: "your right in this database is \"read\": EXECUTE is not possible where the end of a transaction was prepared under a name",
		}
	case g.hold != nil && d.goesOn:
		v.refuse = &fatal{
			state: "42501", text: "your right in this database is \"read\": nothing may follow the end of a transaction in one message or pipeline",
			hint: "send the statements one by one",
		}
	}
	return v
}

// extended is for the messages of the extended protocol.
func (g *gate) extended(m message) (v verdict, err error) {
	if !g.unit {
		if err := g.begin(); err != nil {
			return v, err
		}
		g.unit = true
		if g.tx == 'I' {
			v.ahead.add(g.role)
			if g.hold != nil {
				v.ahead.add(g.hold.begin)
			}
		}
	}
	if g.hold != nil && g.over && m.kind != 'D' && m.kind != 'C' {
		v.refuse = g.judge(demand{class: gateway.DatabaseRead, goesOn: true}).refuse
		return v, nil
	}
	switch m.kind {
	case 'P':
		err = g.parse(m.body, &v)
	case 'B':
		err = g.bind(m.body, &v)
	case 'E':
		err = g.execute(m.body, &v)
	}
	return v, err
}

func (g *gate) parse(b []byte, v *verdict) error {
	name, rest, err := cut(b)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	sql, _, err := cut(rest)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	d := examine(string(sql), g.as)
	judged := g.judge(d)
	v.class, v.refuse = judged.class, judged.refuse
	quiet := d.count == 1 && d.parts[0].quiet
	begins := d.count == 1 && d.parts[0].begins
	g.noisy, g.opens = g.noisy || !quiet, g.opens || begins
	if len(name) == 0 {
		g.fresh.statement = quiet
	}
	switch {
	case v.refuse != nil:
	case len(name) == 0:
		g.unnamed.statement, g.parsed = d.ends, true
	case len(g.ending)+len(g.opening) >= maxEndings && (d.ends || begins):
		return errors.New("too many names for what begins and ends transactions")
	case begins:
		g.opening[string(name)] = true
	case d.ends:
		// For good: the name may be closed and used again, if that works.
		g.ending[string(name)] = true
	}
	return nil
}

func (g *gate) bind(b []byte, v *verdict) error {
	portal, rest, err := cut(b)
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	statement, _, err := cut(rest)
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	ends := g.ending[string(statement)]
	if len(statement) == 0 {
		ends = g.unnamed.statement
	}
	quiet := len(statement) == 0 && g.fresh.statement
	g.noisy = g.noisy || !quiet
	g.opens = g.opens || g.opening[string(statement)] || len(statement) == 0 && !g.parsed
	switch {
	case len(portal) == 0:
		g.unnamed.portal, g.fresh.portal = ends, quiet
	case ends && g.hold != nil:
		v.refuse = &fatal{state: "42501", text: "your right in this database is \"read\": what ends a transaction can't have a portal with a name"}
	}
	return nil
}

func (g *gate) execute(b []byte, v *verdict) error {
	portal, _, err := cut(b)
	if err != nil {
		return fmt.Errorf("execute: %w", err)
	}
	g.over = len(portal) == 0 && g.unnamed.portal
	if g.over && g.hold != nil && g.commits(g.noisy, g.executed) {
		v.ahead.add(g.check)
	}
	g.executed = true
	g.noisy = g.noisy || len(portal) > 0 || !g.fresh.portal
	return nil
}
