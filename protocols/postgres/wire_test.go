package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/interop-tests/pgserver"
	"gateway/protocols/protocoltest"
	"gateway/recorder"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// connect connects with pgx.
func (w *world) connect(tb testing.TB) *pgconn.PgConn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgconn.Connect(ctx, w.url()+"?sslmode=disable")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// wire is a client that speaks in single messages.
type wire struct {
	*pgproto3.Frontend
	net.Conn
	t *testing.T
}

// raw connects without saying anything.
func (w *world) raw(t *testing.T) *wire {
	t.Helper()
	nc, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(w.port))
	if err != nil {
		t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { nc.Close() })
	return &wire{pgproto3.NewFrontend(nc, nc), nc, t}
}

// dial connects and greets.
func (w *world) dial(t *testing.T) *wire {
	t.Helper()
	c := w.raw(t)
	c.say(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "x"}})
	c.until("Z")
	return c
}

func (c *wire) say(messages ...pgproto3.FrontendMessage) {
	c.t.Helper()
	for _, m := range messages {
		c.Send(m)
	}
	if err := c.Flush(); err != nil {
		c.t.Fatal(err)
	}
}

// until reads up to n messages ReadyForQuery, or the end, and gives what came in short.
func (c *wire) until(what string) string {
	c.t.Helper()
	want := strings.Count(what, "Z")
	var got []string
	for want > 0 {
		m, err := c.Receive()
		if err != nil {
			return strings.Join(append(got, "end"), " ")
		}
		switch m := m.(type) {
		case *pgproto3.ReadyForQuery:
			got = append(got, "Z"+string(m.TxStatus))
			want--
		case *pgproto3.ErrorResponse:
			got = append(got, "E"+m.Code)
		case *pgproto3.CommandComplete:
			got = append(got, "C("+string(m.CommandTag)+")")
		case *pgproto3.DataRow:
			got = append(got, "D")
		case *pgproto3.ParseComplete:
			got = append(got, "1")
		case *pgproto3.BindComplete:
			got = append(got, "2")
		case *pgproto3.CloseComplete:
			got = append(got, "3")
		case *pgproto3.PortalSuspended:
			got = append(got, "s")
		case *pgproto3.CopyInResponse:
			got = append(got, "G")
			if strings.Contains(what, "G") {
				return strings.Join(got, " ")
			}
		case *pgproto3.AuthenticationOk, *pgproto3.ParameterStatus, *pgproto3.BackendKeyData, *pgproto3.NoticeResponse:
		default:
			got = append(got, strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3."))
		}
	}
	return strings.Join(got, " ")
}

func (c *wire) expect(what, want string) {
	c.t.Helper()
	if got := c.until(what); got != want {
		c.t.Errorf("got  %s\nwant %s", got, want)
	}
}

// texts gives the recorded events in short, without what differs from run to
// run: times, and whether the state of the transaction came with an answer or after it.
func texts(session *protocoltest.Session) []string {
	var all []string
	for _, e := range session.Events() {
		switch e := e.(type) {
		case recorder.Request:
			all = append(all, "> "+e.Name+" "+e.Text)
		case recorder.Reply:
			text := e.Text
			if from := strings.Index(text, `,"ms":`); from >= 0 {
				to := from + 6 + strings.IndexAny(text[from+6:], ",}")
				text = text[:from] + text[to:]
			}
			if e.Name == "ready" {
				continue
			}
			text = regexp.MustCompile(`,"tx":"."`).ReplaceAllString(text, "")
			ok := ""
			if !e.OK {
				ok = "failed "
			}
			all = append(all, "< "+e.Name+" "+ok+text)
		}
	}
	return all
}

func testExtendedProtocol(t *testing.T, s *pgserver.Server) {
	for _, c := range []struct {
		name string
		say  []pgproto3.FrontendMessage
		want string
		text []string
	}{
		{
			name: "portal suspended and taken up again",
			say: []pgproto3.FrontendMessage{
				&pgproto3.Parse{Name: "s", Query: "select g, $1::text from generate_series(1, 5) g"},
				&pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "s", Parameters: [][]byte{[]byte("a\"b")}},
				&pgproto3.Execute{Portal: "p", MaxRows: 2}, &pgproto3.Execute{Portal: "p", MaxRows: 0},
				&pgproto3.Close{ObjectType: 'P', Name: "p"}, &pgproto3.Sync{},
			},
			want: "1 2 D D s D D D C(SELECT 3) 3 ZI",
			text: []string{
				`> parse {"n":1,"name":"s","sql":"select g, $1::text from generate_series(1, 5) g"}`,
				`> bind {"n":2,"name":"s","portal":"p","params":["a\"b"]}`,
				`> execute {"n":3,"portal":"p","max":2}`, `> execute {"n":4,"portal":"p"}`,
				`< execute {"n":3,"statement":1,"bind":2,"rows":2,"bytes":28,"suspended":true}`,
				`< execute {"n":4,"statement":1,"bind":2,"rows":3,"bytes":42,"tag":"SELECT 3"}`,
			},
		},
		{
			name: "errors skip to the next Sync, and which statement ran is known",
			say: []pgproto3.FrontendMessage{
				&pgproto3.Parse{Name: "a", Query: "select 1"}, &pgproto3.Sync{},
				&pgproto3.Bind{PreparedStatement: "missing"}, &pgproto3.Parse{Name: "b", Query: "select 2"}, &pgproto3.Sync{},
				&pgproto3.Parse{Name: "a", Query: "select 'innocent'"}, &pgproto3.Execute{}, &pgproto3.Sync{},
				&pgproto3.Bind{PreparedStatement: "a"}, &pgproto3.Execute{}, &pgproto3.Sync{},
			},
			want: "1 ZI E26000 ZI E42P05 ZI 2 D C(SELECT 1) ZI",
			text: []string{
				`> parse {"n":1,"name":"a","sql":"select 1"}`,
				`> bind {"n":2,"name":"missing","params":[]}`,
				`> parse {"n":3,"name":"b","sql":"select 2"}`,
				`> parse {"n":4,"name":"a","sql":"select 'innocent'"}`,
				`> execute {"n":5}`, `> bind {"n":6,"name":"a","params":[]}`, `> execute {"n":7}`,
				`< bind failed {"n":2,"sqlstate":"26000"}`,
				`< parse failed {"n":4,"sqlstate":"42P05"}`,
				`< execute {"n":7,"statement":1,"bind":6,"rows":1,"bytes":7,"tag":"SELECT 1"}`,
			},
		},
		{
			name: "transactions and several statements in one message",
			say: []pgproto3.FrontendMessage{
				&pgproto3.Query{String: "begin; select 1; select 2"}, &pgproto3.Query{String: "select 1/0"},
				&pgproto3.Query{String: "select 3"}, &pgproto3.Query{String: "rollback"}, &pgproto3.Query{String: ""},
			},
			want: "C(BEGIN) RowDescription D C(SELECT 1) RowDescription D C(SELECT 1) ZT E22012 ZE E25P02 ZE C(ROLLBACK) ZI EmptyQueryResponse ZI",
			text: []string{
				`> query {"n":1,"sql":"begin; select 1; select 2"}`, `> query {"n":2,"sql":"select 1/0"}`,
				`> query {"n":3,"sql":"select 3"}`, `> query {"n":4,"sql":"rollback"}`, `> query {"n":5,"sql":""}`,
				`< query {"n":1,"rows":0,"bytes":0,"tag":"BEGIN"}`,
				`< query {"n":1,"rows":1,"bytes":7,"tag":"SELECT 1"}`,
				`< query {"n":1,"rows":1,"bytes":7,"tag":"SELECT 1"}`,
				`< query failed {"n":2,"rows":0,"bytes":0,"sqlstate":"22012"}`,
				`< query failed {"n":3,"rows":0,"bytes":0,"sqlstate":"25P02"}`,
				`< query {"n":4,"rows":0,"bytes":0,"tag":"ROLLBACK"}`,
				`< query {"n":5,"rows":0,"bytes":0}`,
			},
		},
		{
			name: "names that SQL changed stand for nothing known",
			say: []pgproto3.FrontendMessage{
				&pgproto3.Parse{Name: "a", Query: "select 1"}, &pgproto3.Sync{},
				&pgproto3.Query{String: "deallocate a"}, &pgproto3.Query{String: "prepare a as select 2, 3"},
				&pgproto3.Bind{PreparedStatement: "a"}, &pgproto3.Execute{}, &pgproto3.Sync{},
			},
			want: "1 ZI C(DEALLOCATE) ZI C(PREPARE) ZI 2 D C(SELECT 1) ZI",
			text: []string{
				`> parse {"n":1,"name":"a","sql":"select 1"}`, `> query {"n":2,"sql":"deallocate a"}`,
				`> query {"n":3,"sql":"prepare a as select 2, 3"}`, `> bind {"n":4,"name":"a","params":[]}`, `> execute {"n":5}`,
				`< query {"n":2,"rows":0,"bytes":0,"tag":"DEALLOCATE"}`,
				`< query {"n":3,"rows":0,"bytes":0,"tag":"PREPARE"}`,
				`< execute {"n":5,"bind":4,"rows":1,"bytes":12,"tag":"SELECT 1"}`,
			},
		},
		{
			name: "function call, and an error at Sync",
			say: []pgproto3.FrontendMessage{
				&pgproto3.FunctionCall{Function: 1598, ResultFormatCode: 0}, // random()
				&pgproto3.Query{String: "create temp table d (i int unique deferrable initially deferred)"},
				&pgproto3.Parse{Query: "insert into d values (1), (1)"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{},
			},
			want: "FunctionCallResponse ZI C(CREATE TABLE) ZI 1 2 C(INSERT 0 2) E23505 ZI",
			text: []string{
				`> fastpath {"n":1,"function":1598,"params":[]}`,
				`> query {"n":2,"sql":"create temp table d (i int unique deferrable initially deferred)"}`,
				`> parse {"n":3,"sql":"insert into d values (1), (1)"}`, `> bind {"n":4,"params":[]}`, `> execute {"n":5}`,
				`< query {"n":2,"rows":0,"bytes":0,"tag":"CREATE TABLE"}`,
				`< execute {"n":5,"statement":3,"bind":4,"rows":0,"bytes":0,"tag":"INSERT 0 2"}`,
				`< sync failed {"n":0,"sqlstate":"23505"}`,
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, s, lease(s, pgserver.Login))
			conn := w.dial(t)
			conn.say(c.say...)
			conn.expect(c.want, c.want)
			// How requests and replies interleave is for the network to say.
			var got, requests []string
			for _, text := range texts(w.session) {
				switch {
				case text[0] == '>':
					requests = append(requests, text)
				case !strings.HasPrefix(text, "< fastpath"):
					got = append(got, text)
				}
			}
			if diff := cmp.Diff(c.text, append(requests, got...)); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		})
	}
}

func testParameters(t *testing.T, s *pgserver.Server) {
	long := strings.Repeat("x", 40_000)
	say := []pgproto3.FrontendMessage{
		&pgproto3.Parse{Query: "select $1::text, $2::text, $3::bytea, $4::text"},
		&pgproto3.Bind{ParameterFormatCodes: []int16{0, 0, 1, 0}, Parameters: [][]byte{[]byte("tab\t\x7fü"), nil, {0, 255}, []byte(long)}},
		&pgproto3.Execute{}, &pgproto3.Sync{},
	}
	for how, want := range map[gateway.ParameterRecording]string{
		gateway.ParametersKept:    `"params":["tab\u0009\u007fü",null,{"base64":"AP8="},{"size":40000,"sha256":"`,
		gateway.ParametersHashed:  `"params":[{"hmac":"`,
		gateway.ParametersDropped: `"params":4}`,
	} {
		db := lease(s, pgserver.Login)
		db.Parameters = how
		w := newWorld(t, s, db)
		c := w.dial(t)
		c.say(say...)
		c.expect("Z", "1 2 D C(SELECT 1) ZI")
		c.say(say...)
		c.expect("Z", "1 2 D C(SELECT 1) ZI")
		var binds []string
		for _, text := range texts(w.session) {
			if strings.HasPrefix(text, "> bind") {
				binds = append(binds, text[strings.Index(text, `"params"`):])
			}
		}
		if len(binds) != 2 || !strings.HasPrefix(binds[0], want) || binds[0] != binds[1] {
			t.Errorf("%s: recorded %.200q, want it twice and to begin with %q", how, binds, want)
		}
	}
}

func testResults(t *testing.T, s *pgserver.Server) {
	db := lease(s, pgserver.Login)
	db.Results = 2
	w := newWorld(t, s, db)
	c := w.dial(t)
	c.say(&pgproto3.Query{String: "select g, null from generate_series(1, 3) g; select 'x'"},
		&pgproto3.Parse{Query: "select 1::int4, repeat('y', 70000)"}, &pgproto3.Bind{ResultFormatCodes: []int16{1}}, &pgproto3.Execute{}, &pgproto3.Sync{})
	c.expect("ZZ", "RowDescription D D D C(SELECT 3) RowDescription D C(SELECT 1) ZI 1 2 D C(SELECT 1) ZI")
	var rows []string
	for _, text := range texts(w.session) {
		if strings.HasPrefix(text, "< row") {
			rows = append(rows, text)
		}
	}
	want := []string{`< row {"n":1,"row":["1",null]}`, `< row {"n":1,"row":["2",null]}`, `< row {"n":1,"row":["x"]}`}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

func testRefused(t *testing.T, s *pgserver.Server) {
	w := newWorld(t, s, lease(s, pgserver.Login))
	startup := func(more ...string) pgproto3.FrontendMessage {
		m := map[string]string{"user": "x"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: m}
	}
	for _, c := range []struct {
		name string
		say  []pgproto3.FrontendMessage
		want string
	}{
		{"another database", []pgproto3.FrontendMessage{startup("database", "template1")}, "E3D000 end"},
		{"replication", []pgproto3.FrontendMessage{startup("replication", "database")}, "E0A000 end"},
		{"the database's own name", []pgproto3.FrontendMessage{startup("database", pgserver.Database)}, "ZI"},
		{"the name of the user", []pgproto3.FrontendMessage{startup("database", "x")}, "ZI"},
		{"a password", []pgproto3.FrontendMessage{startup(), &pgproto3.PasswordMessage{Password: "x"}}, "ZI E08P01 end"},
		{"a short message", []pgproto3.FrontendMessage{startup(), literal{'S', 0, 0, 0, 3}}, "ZI E08P01 end"},
		{"a long message", []pgproto3.FrontendMessage{startup(), literal{'Q', 0x7f, 0, 0, 0}}, "ZI E54000 end"},
		{"NUL in a query", []pgproto3.FrontendMessage{startup(), literal{'Q', 0, 0, 0, 8, 'a', 0, 'b', 0}}, "ZI E08P01 end"},
		{"a query in a COPY", []pgproto3.FrontendMessage{startup(), &pgproto3.Query{String: "create temp table c (i int)"},
			&pgproto3.Query{String: "copy c from stdin"}, &pgproto3.Query{String: "select 1"}}, "ZI C(CREATE TABLE) ZI E08P01 end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := w.raw(t)
			conn.say(c.say...)
			if strings.HasSuffix(c.want, "end") {
				conn.expect("ZZZZ", c.want)
			} else {
				conn.expect(c.want, c.want)
			}
		})
	}
}

// literal is a message as it is.
type literal []byte

func (literal) Frontend()                           {}
func (literal) Decode([]byte) error                 { return errors.ErrUnsupported }
func (r literal) Encode(dst []byte) ([]byte, error) { return append(dst, r...), nil }

func testLarge(t *testing.T, s *pgserver.Server) {
	w := newWorld(t, s, lease(s, pgserver.Login))
	c := w.dial(t)
	text := strings.Repeat("0123456789", 500_000)
	c.say(&pgproto3.Query{String: "select length('" + text + "')"})
	c.expect("Z", "RowDescription D C(SELECT 1) ZI")
	var recorded strings.Builder
	for _, e := range w.session.Events() {
		if r, ok := e.(recorder.Request); ok {
			recorded.WriteString(r.Text)
		}
	}
	if want := `{"n":1,"sql":"select length('` + text + `')"}`; recorded.String() != want {
		t.Errorf("%d bytes are recorded, want %d", recorded.Len(), len(want))
	}
	// A value as large in both directions.
	c.say(&pgproto3.Parse{Query: "select $1::text"}, &pgproto3.Bind{Parameters: [][]byte{[]byte(text)}}, &pgproto3.Execute{}, &pgproto3.Sync{})
	c.expect("Z", "1 2 D C(SELECT 1) ZI")
	c.say(&pgproto3.Query{String: "select repeat('x', 200000000)"})
	c.expect("Z", "RowDescription D C(SELECT 1) ZI")
	c.Send(&pgproto3.Query{String: strings.Repeat("x", 17<<20)})
	go c.Flush() // it is not read to its end
	c.expect("Z", "E54000 end")
}
