package postgres_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
)

// attack makes units at random, of what could get past the right to read together.
type attack struct {
	random
	// tame leaves out what makes PostgreSQL 15 crash now and then, where nothing
	// stands before it: EXECUTE of a COMMIT that was prepared by a Parse.
	tame bool
}

func (a attack) sql() string {
	sql := a.word()
	if a.tame && strings.HasPrefix(sql, "EXECUTE") {
		return "SELECT 2"
	}
	return sql
}

func (a attack) word() string {
	return a.of(
		"COMMIT", "ROLLBACK", "END", "BEGIN", "BEGIN", "SAVEPOINT s", "ROLLBACK TO s", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "START TRANSACTION READ WRITE",
		"SELECT 1", "SELECT 1/0", "syntax error", "", unlocked, unlocked, "SELECT writes()", "SELECT writes()", "INSERT INTO kept VALUES (666, 'x')",
		"EXECUTE a", "EXECUTE b", "DEALLOCATE a", "DEALLOCATE ALL", "DISCARD ALL", "PREPARE a AS SELECT writes()", "PREPARE b AS SELECT 1", "RESET ALL",
		"SET transaction_read_only = off", "SET TRANSACTION READ WRITE", "SELECT runs('SET LOCAL transaction_read_only = off')", "SELECT runs('RESET transaction_read_only')",
		"DECLARE p CURSOR WITH HOLD FOR SELECT writes()", "DECLARE p CURSOR FOR SELECT writes()", "SELECT runs('DECLARE q CURSOR WITH HOLD FOR SELECT writes()')", "SELECT runs('SELECT lo_create(0)')", "FETCH ALL p", "CLOSE p", "SET LOCAL statement_timeout = 0",
		"RELEASE s", "SAVEPOINT t", "ROLLBACK TO t", "SET TRANSACTION READ ONLY", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "RESET default_transaction_read_only",
		"SELECT runs('DEALLOCATE ALL')", "SELECT runs('CLOSE ALL')", "SELECT runs('PREPARE gateway_limits AS SELECT 1')",
		"SELECT runs('DECLARE gateway_limits CURSOR WITH HOLD FOR SELECT writes()')", "SELECT runs('PREPARE a AS SELECT writes()')",
		"CALL commits()",
	)
}

func (a attack) message() pgproto3.FrontendMessage {
	statement, portal := a.of("", "", "a", "b"), a.of("", "", "", "p")
	switch a.IntN(12) {
	case 0, 1, 2, 3:
		return &pgproto3.Parse{Name: statement, Query: a.sql()}
	case 4, 5, 6:
		return &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement}
	case 7:
		return &pgproto3.Close{ObjectType: 'S', Name: statement}
	case 8:
		return &pgproto3.Describe{ObjectType: 'P', Name: portal}
	}
	return &pgproto3.Execute{Portal: portal, MaxRows: uint32(a.IntN(2))}
}

func (a attack) unit() messages {
	switch a.IntN(4) {
	case 0:
		return query(a.sql())
	case 1:
		return query(a.sql() + ";" + a.sql() + ";" + a.sql())
	case 2:
		return pipeline(a.sql(), a.sql(), a.sql())
	}
	var m messages
	for range 1 + a.IntN(8) {
		m = append(m, a.message())
	}
	return append(m, &pgproto3.Sync{})
}

// testRandomAttacks tries what nobody thought of. With all rights the same
// changes something nearly each time.
func testRandomAttacks(t *testing.T, s *inside) {
	run := func(w *world, seed int, tame bool) {
		a := attack{random{rand.New(rand.NewPCG(uint64(seed), 6))}, tame}
		r := dialRaw(t, w)
		defer r.nc.Close()
		for range 20 {
			units := []messages{a.unit()}
			for a.IntN(3) == 0 {
				units = append(units, a.unit())
			}
			if _, err := r.run(a.IntN(2) == 0, units...); err != nil {
				return // the gateway has ended it
			}
		}
	}
	limited, free := s.world(t, gateway.DatabaseRead), s.world(t, gateway.DatabaseAll)
	before := s.sql(t, looksLike)
	for seed := range attacks {
		run(limited, seed, false)
		if after := s.sql(t, looksLike); after != before {
			t.Fatalf("attack %d changed something: %s\nnot %s", seed, after, before)
		}
	}
	worked := 0
	for seed := range 20 {
		run(free, seed, true)
		if s.sql(t, looksLike) != before {
			worked++
		}
		s.restore(t)
		before = s.sql(t, looksLike)
	}
	if worked < 10 {
		t.Errorf("with all rights %d of 20 attacks changed something, so those with less mean little", worked)
	}
}

const attacks = 100
