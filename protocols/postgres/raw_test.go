package postgres_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// messages are sent together. The last of them makes the server say ReadyForQuery.
type messages []pgproto3.FrontendMessage

// query is a Query.
func query(sql string) messages { return messages{&pgproto3.Query{String: sql}} }

// pipeline runs statements by the extended protocol, up to one Sync.
func pipeline(statements ...string) (m messages) {
	for _, sql := range statements {
		m = append(m, &pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{})
	}
	return append(m, &pgproto3.Sync{})
}

// raw speaks the protocol without a driver's help.
type raw struct {
	nc net.Conn
	f  *pgproto3.Frontend
}

func dialRaw(tb testing.TB, w *world) *raw {
	tb.Helper()
	nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.port))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { nc.Close() })
	r := &raw{nc, pgproto3.NewFrontend(nc, nc)}
	r.f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "anybody"}})
	if _, err := r.until(1); err != nil {
		tb.Fatal(err)
	}
	return r
}

// said is what a server answered.
type said struct {
	errors []string // SQLSTATE and text
	rows   []string
	tags   []string
	tx     byte
}

// run sends units and reads the answers: to each before the next is sent, or to all of them.
func (r *raw) run(together bool, units ...messages) (all said, err error) {
	for _, u := range units {
		for _, m := range u {
			r.f.Send(m)
		}
		if !together {
			s, err := r.until(1)
			all.errors, all.rows, all.tags, all.tx = append(all.errors, s.errors...), append(all.rows, s.rows...), append(all.tags, s.tags...), s.tx
			if err != nil {
				return all, err
			}
		}
	}
	if together {
		return r.until(len(units))
	}
	return all, nil
}

// until reads up to the nth ReadyForQuery.
func (r *raw) until(n int) (s said, err error) {
	r.nc.SetDeadline(time.Now().Add(20 * time.Second))
	if err := r.f.Flush(); err != nil {
		return s, err
	}
	for n > 0 {
		m, err := r.f.Receive()
		if err != nil {
			return s, err
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			s.errors = append(s.errors, m.Code+" "+m.Message)
		case *pgproto3.DataRow:
			s.rows = append(s.rows, string(joined(m.Values)))
		case *pgproto3.CommandComplete:
			s.tags = append(s.tags, string(m.CommandTag))
		case *pgproto3.CopyInResponse:
			r.f.Send(&pgproto3.CopyData{Data: []byte("666\tcopied\n")})
			r.f.Send(&pgproto3.CopyDone{})
			err = r.f.Flush()
		case *pgproto3.ReadyForQuery:
			s.tx = m.TxStatus
			n--
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func joined(values [][]byte) (b []byte) {
	for i, v := range values {
		if i > 0 {
			b = append(b, '|')
		}
		b = append(b, v...)
	}
	return b
}
