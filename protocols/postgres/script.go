package postgres

import (
	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
)

// script is what the gateway sends to the server by itself, and the answers that
// it awaits.
type script struct {
	bytes []byte
	items []pending
}

func (s *script) add(o script) {
	s.bytes, s.items = append(s.bytes, o.bytes...), append(s.items, o.items...)
}

// send adds a message.
func (s *script) send(i pending, m pgproto3.FrontendMessage) (err error) {
	s.bytes, err = m.Encode(s.bytes)
	s.items = append(s.items, i)
	return err
}

// ownName names the statement and portal of the gateway's own. What has that name
// is closed ahead.
const ownName = "gateway_limits"

// ownScript runs a statement of the gateway's own. It is not a Query, because that
// would be a transaction by itself and would drop the client's unnamed
// statement. If it fails, the client is told of instead, or its session ends.
func ownScript(sql string, instead *fatal, sync bool) (s script, err error) {
	for _, m := range []struct {
		kind    byte
		message pgproto3.FrontendMessage
	}{
		{'C', &pgproto3.Close{ObjectType: 'S', Name: ownName}},
		{'P', &pgproto3.Parse{Name: ownName, Query: sql}},
		{'B', &pgproto3.Bind{DestinationPortal: ownName, PreparedStatement: ownName}},
		{'E', &pgproto3.Execute{Portal: ownName}},
		{'C', &pgproto3.Close{ObjectType: 'P', Name: ownName}},
	} {
		if err := s.send(pending{kind: m.kind, own: true, instead: instead, name: ownName}, m.message); err != nil {
			return s, err
		}
	}
	switch {
	case sync:
		err = s.send(pending{kind: 'S', own: true}, &pgproto3.Sync{})
	case instead == nil:
		// A cancellation waits for its answers, which must not wait for what follows.
		s.bytes, err = (&pgproto3.Flush{}).Encode(s.bytes)
	}
	return s, err
}

// statement adds a statement of a Query by messages that take no more than one:
// a server that finds two in it refuses it.
func (s *script) statement(sql string) error {
	for _, m := range []struct {
		kind    byte
		message pgproto3.FrontendMessage
	}{
		{'P', &pgproto3.Parse{Query: sql}}, {'B', &pgproto3.Bind{}},
		{'D', &pgproto3.Describe{ObjectType: 'P'}}, {'E', &pgproto3.Execute{}},
	} {
		if err := s.send(pending{kind: m.kind, simple: true, portal: m.kind == 'D'}, m.message); err != nil {
			return err
		}
	}
	return nil
}

// sync adds a Sync, whose answer the client gets.
func (s *script) sync() error { return s.send(pending{kind: 'S'}, &pgproto3.Sync{}) }

// ownAnswer reads an answer to a statement of the gateway's own, which must
// work. If it does not, the server skips what depends on it.
func (r *relay) ownAnswer(asked byte, m message) error {
	switch {
	case m.kind == '1' && asked == 'P', m.kind == '2' && asked == 'B', m.kind == 'C' && asked == 'E', m.kind == '3' && asked == 'C':
		r.queue.pop()
		return nil
	case m.kind == 'D' && asked == 'E':
		return nil
	case m.kind != 'E':
		return errOutOfStep
	}
	state, err := sqlstate(m.body)
	if err != nil {
		return err
	}
	return &fatal{state: "58000", text: "the server does not let the gateway limit the session (SQLSTATE " + gateway.Printable(string(state)) + ")"}
}
