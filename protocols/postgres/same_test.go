package postgres_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway/interop-tests/pgserver"
)

// lastWords is what a client of testSame says last.
const lastWords = "that is all"

// chance makes what a client says, at random but in the order that the protocol
// wants: the data of a COPY comes right behind it.
func chance(r *rand.Rand) (all []pgproto3.FrontendMessage) {
	name := func() string { return []string{"", "a", "b"}[r.IntN(3)] }
	sql := func() string {
		return []string{
			"select 1", "select $1::text", "select g from generate_series(1, 3) g", "select 1/0", "nonsense", "", "begin", "commit", "rollback",
			"savepoint s", "rollback to s", "insert into same values (1)", "prepare a as select 2", "deallocate a", "deallocate all", "discard all",
			"copy same to stdout", "declare a cursor for select 3", "close a", "set application_name = 'x'", "notify n, 'x'", "insert into late values (1), (1)",
			"select 1; select 2", "begin; select 1/0; select 2", "select 1; commit", "listen n",
		}[r.IntN(26)]
	}
	data := func() {
		for range r.IntN(4) {
			all = append(all, &pgproto3.CopyData{Data: []byte([]string{"1\n", "2\n3\n", "x\n"}[r.IntN(3)])})
			if r.IntN(6) == 0 {
				all = append(all, &pgproto3.Flush{})
			}
		}
		if r.IntN(4) == 0 {
			all = append(all, &pgproto3.CopyFail{Message: "no"})
		} else {
			all = append(all, &pgproto3.CopyDone{})
		}
	}
	for range 2 + r.IntN(25) {
		switch r.IntN(12) {
		case 0, 1:
			all = append(all, &pgproto3.Query{String: sql()})
		case 2:
			all = append(all, &pgproto3.Query{String: "copy same from stdin"})
			data()
		case 3:
			all = append(all, &pgproto3.Parse{Query: "copy same from stdin"}, &pgproto3.Bind{}, &pgproto3.Execute{})
			if r.IntN(2) == 0 {
				all = append(all, &pgproto3.Sync{})
			}
			data()
			all = append(all, &pgproto3.Sync{})
		case 4, 5:
			all = append(all, &pgproto3.Parse{Name: name(), Query: sql()})
		case 6:
			b := &pgproto3.Bind{DestinationPortal: name(), PreparedStatement: name()}
			if r.IntN(2) == 0 {
				b.Parameters = [][]byte{[]byte("p")}
			}
			all = append(all, b)
		case 7:
			all = append(all, &pgproto3.Execute{Portal: name(), MaxRows: uint32(r.IntN(3))})
		case 8:
			all = append(all, &pgproto3.Describe{ObjectType: "SP"[r.IntN(2)], Name: name()})
		case 9:
			all = append(all, &pgproto3.Close{ObjectType: "SP"[r.IntN(2)], Name: name()})
		case 10:
			all = append(all, &pgproto3.Sync{})
		case 11:
			all = append(all, []pgproto3.FrontendMessage{&pgproto3.Flush{}, &pgproto3.FunctionCall{Function: 1598}, &pgproto3.FunctionCall{Function: 1}, &pgproto3.CopyDone{}}[r.IntN(4)])
		}
	}
	return append(all, &pgproto3.Sync{}, &pgproto3.Query{String: "rollback"}, &pgproto3.Query{String: "select '" + lastWords + "'"})
}

// hears says everything at once, and gives what comes back.
func hears(t *testing.T, nc net.Conn, user string, say []pgproto3.FrontendMessage) (all []string) {
	t.Helper()
	nc.SetDeadline(time.Now().Add(patience))
	f := pgproto3.NewFrontend(nc, nc)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": user, "database": pgserver.Database}})
	for _, m := range say {
		f.Send(m)
	}
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	for last := false; ; {
		m, err := f.Receive()
		if err != nil {
			return append(all, err.Error())
		}
		switch m := m.(type) {
		case *pgproto3.AuthenticationOk, *pgproto3.BackendKeyData, *pgproto3.ParameterStatus:
		case *pgproto3.NotificationResponse:
			all = append(all, "NotificationResponse")
		case *pgproto3.FunctionCallResponse:
			all = append(all, "FunctionCallResponse") // a random number
		case *pgproto3.ErrorResponse:
			all = append(all, "E "+m.Code+" "+m.Message)
		case *pgproto3.DataRow:
			all = append(all, fmt.Sprintf("D %q", m.Values))
			last = string(m.Values[0]) == lastWords
		case *pgproto3.ReadyForQuery:
			all = append(all, "Z "+string(m.TxStatus))
			if last {
				return all
			}
		default:
			all = append(all, strings.TrimPrefix(fmt.Sprintf("%+v", m), "&"))
		}
	}
}

// testSame says the same to the server straight and through the relay.
func testSame(t *testing.T, s *pgserver.Server) {
	s.SQL(t, "create table same (i int); create table late (i int unique deferrable initially deferred); grant all on same, late to public")
	w := newWorld(t, s, lease(s, pgserver.Login))
	for seed := range uint64(100) {
		say := chance(rand.New(rand.NewPCG(seed, 15)))
		s.SQL(t, "truncate same, late")
		direct, err := net.Dial("unix", filepath.Join(s.Dir, ".s.PGSQL."+strconv.Itoa(s.Port)))
		if err != nil {
			t.Fatal(err)
		}
		want := hears(t, direct, pgserver.Login, say)
		direct.Close()
		left := s.SQL(t, "select count(*), sum(i) from same")
		s.SQL(t, "truncate same, late")
		relayed := w.raw(t)
		got := hears(t, relayed, "x", say)
		relayed.Close()
		if end := len(want) - 1; want[end] == got[len(got)-1] && want[end] == io.ErrUnexpectedEOF.Error() {
			continue // what runs COPY by an old name, and says something else then, loses its connection
		}
		if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
			var said strings.Builder
			for _, m := range say {
				fmt.Fprintf(&said, "  %T %+v\n", m, m)
			}
			t.Fatalf("seed %d: said\n%sgot\n%s\n\nwant\n%s", seed, said.String(), g, w)
		}
		if now := s.SQL(t, "select count(*), sum(i) from same"); now != left {
			t.Fatalf("seed %d: the table has %s, want %s", seed, now, left)
		}
	}
}
