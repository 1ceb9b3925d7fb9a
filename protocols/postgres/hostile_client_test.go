package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway/interop-tests/pgserver"
	"gateway/protocols/protocoltest"
	"gateway/recorder"
)

// marks makes statements that can be told apart by what they leave and by the
// row that they give.
type marks struct{ last int }

func (k *marks) text() string {
	k.last++
	return fmt.Sprintf("insert into done values (%d) returning k", k.last)
}

func (k *marks) query() messages { return query(k.text()) }

func (k *marks) parse(name string) messages {
	return messages{&pgproto3.Parse{Name: name, Query: k.text()}}
}

// run is Bind and Execute.
func run(statement, portal string) messages {
	return messages{&pgproto3.Bind{PreparedStatement: statement, DestinationPortal: portal}, &pgproto3.Execute{Portal: portal}}
}

var (
	syncNow = messages{&pgproto3.Sync{}}
	noSQL   = messages{&pgproto3.Parse{Name: "x", Query: "no sql"}}
	copying = query("copy copied from stdin")
	data    = messages{&pgproto3.CopyData{Data: []byte("1\n")}}
	copied  = messages{&pgproto3.CopyDone{}}
	failing = messages{&pgproto3.CopyFail{Message: "no"}}
)

// confusions are orders of messages in which a relay could lose count of what is
// the answer to what.
func confusions() map[string]func(k *marks) []messages {
	type all = []messages
	closing := func(what byte, name string) messages { return messages{&pgproto3.Close{ObjectType: what, Name: name}} }
	prepareCopy := messages{&pgproto3.Parse{Query: "copy copied from stdin"}, &pgproto3.Bind{}, &pgproto3.Execute{}}
	return map[string]func(k *marks) []messages{
		"errors among queries": func(k *marks) all { return all{k.query(), query("no sql"), k.query(), query(""), k.query()} },
		"a name that was not given": func(k *marks) all {
			return all{k.parse("a"), syncNow, noSQL, closing('S', "a"), k.parse("a"), syncNow, run("a", ""), syncNow}
		},
		"a name given again": func(k *marks) all {
			return all{k.parse("a"), syncNow, k.parse("a"), run("a", ""), syncNow, run("a", ""), syncNow}
		},
		"a name given again after Close": func(k *marks) all {
			return all{k.parse("a"), closing('S', "a"), k.parse("a"), run("a", ""), syncNow, run("a", ""), syncNow}
		},
		"a failed unnamed statement": func(k *marks) all {
			return all{k.parse(""), syncNow, messages{&pgproto3.Parse{Query: "no sql"}}, syncNow, run("", ""), syncNow, k.query()}
		},
		"an unnamed statement after a query": func(k *marks) all { return all{k.parse(""), syncNow, k.query(), run("", ""), syncNow} },
		"a portal kept": func(k *marks) all {
			return all{query("begin"), k.parse("a"), k.parse("b"), messages{&pgproto3.Bind{PreparedStatement: "a", DestinationPortal: "p"}}, syncNow,
				closing('S', "a"), syncNow, messages{&pgproto3.Execute{Portal: "p"}}, syncNow, query("commit")}
		},
		"a portal given again": func(k *marks) all {
			return all{query("begin"), k.parse("a"), k.parse("b"), run("a", "p"), closing('P', "p"), run("b", "p"), syncNow, query("commit"), run("b", "p"), syncNow}
		},
		"a portal from SQL": func(k *marks) all {
			return all{query("begin"), messages{&pgproto3.Parse{Name: "a", Query: "select 'innocent'"}, &pgproto3.Bind{PreparedStatement: "a", DestinationPortal: "p"}}, syncNow,
				query("close p"), query("declare p cursor for select 'guilty'"), messages{&pgproto3.Execute{Portal: "p"}}, syncNow}
		},
		"a statement from SQL": func(k *marks) all {
			return all{k.parse("a"), syncNow, query("deallocate a"), query("prepare a as " + k.text()), run("a", ""), syncNow}
		},
		"a statement from DO": func(k *marks) all {
			return all{k.parse("a"), syncNow, query("do $$begin execute 'deallocate a'; execute 'prepare a as " + k.text() + "'; end$$"), run("a", ""), syncNow}
		},
		"a COPY between": func(k *marks) all { return all{k.query(), copying, data, copied, k.query()} },
		"a COPY that fails": func(k *marks) all {
			return all{copying, data, failing, k.query(), copying, messages{&pgproto3.CopyData{Data: []byte("x\n")}}, data, copied, k.query()}
		},
		"a COPY of nothing": func(k *marks) all { return all{query("copy nothing from stdin"), data, copied, k.query()} },
		"data without a COPY": func(k *marks) all {
			return all{data, k.query(), copied, failing, k.query(), k.parse(""), data, run("", ""), copied, syncNow, k.query()}
		},
		"a COPY in a pipeline":            func(k *marks) all { return all{prepareCopy, data, copied, syncNow, k.query()} },
		"a COPY in a pipeline, and Syncs": func(k *marks) all { return all{prepareCopy, syncNow, syncNow, data, copied, syncNow, k.query()} },
		"a COPY in a pipeline that fails": func(k *marks) all { return all{prepareCopy, syncNow, data, failing, syncNow, k.query()} },
		"a failed COPY in a pipeline": func(k *marks) all {
			return all{noSQL, prepareCopy, data, copied, k.parse(""), run("", ""), syncNow, k.query()}
		},
		"a query in a COPY":               func(k *marks) all { return all{copying, k.query(), k.query()} },
		"a pipeline in a COPY":            func(k *marks) all { return all{copying, k.parse(""), run("", ""), syncNow, k.query()} },
		"a query after an extended error": func(k *marks) all { return all{noSQL, k.query(), syncNow, k.query()} },
		"Sync among queries":              func(k *marks) all { return all{syncNow, k.query(), syncNow, syncNow, k.query()} },
		"a query in a pipeline": func(k *marks) all {
			return all{k.parse("a"), run("a", ""), k.query(), run("a", ""), syncNow}
		},
		"rows in parts": func(k *marks) all {
			return all{query("begin"), k.parse("a"), messages{&pgproto3.Bind{PreparedStatement: "a", DestinationPortal: "p"}, &pgproto3.Execute{Portal: "p", MaxRows: 1}},
				k.parse("b"), run("b", "q"), messages{&pgproto3.Execute{Portal: "p", MaxRows: 1}}, syncNow, query("commit")}
		},
		"functions": func(k *marks) all {
			return all{messages{&pgproto3.FunctionCall{Function: 1598}}, k.query(), messages{&pgproto3.FunctionCall{Function: 1}}, k.query(), k.parse(""), messages{&pgproto3.FunctionCall{Function: 1598}}, syncNow}
		},
	}
}

// confused is a world for them, which records the row that tells what ran.
func confused(t *testing.T, s *inside) *world {
	db := lease(s.Server, pgserver.Login)
	db.Results = 1
	return newWorld(t, s.Server, db)
}

// hear sends it all, and then reads all that comes.
func hear(t *testing.T, w *world, units []messages) []string {
	r := dialRaw(t, w)
	defer r.nc.Close()
	heard := make(chan []string)
	go func() {
		var got []string
		defer func() { heard <- got }()
		for {
			m, err := r.f.Receive()
			if err != nil {
				return
			}
			switch m := m.(type) {
			case *pgproto3.DataRow:
				got = append(got, string(joined(m.Values)))
				if got[len(got)-1] == "the end" {
					return
				}
			case *pgproto3.ErrorResponse:
				got = append(got, m.Code+" "+m.Message)
			}
		}
	}()
	for _, m := range slices.Concat(append(units, syncNow, syncNow, query("select 'the end'"))...) {
		r.f.Send(m)
	}
	_ = r.f.Flush() // the relay may have ended
	return <-heard
}

// account checks that what happened at the server is on record as what it was.
func account(s *inside, t *testing.T, session *protocoltest.Session) error {
	for s.sql(t, "select pid from pg_stat_activity where usename = 'app'") != "" {
		// They end soon.
	}
	var event struct {
		N, C, Statement uint64
		SQL             string
		Row             []string
		Tag             string
	}
	type key struct{ conn, n uint64 }
	asked := map[key]string{}
	row := map[key]string{}
	var all []error
	for _, e := range session.Events() {
		event.C, event.SQL, event.Row, event.Statement, event.Tag = 0, "", nil, 0, ""
		switch e := e.(type) {
		case recorder.Request:
			if err := json.Unmarshal([]byte(e.Text), &event); err != nil {
				return err
			}
			asked[key{event.C, event.N}] = event.SQL
		case recorder.Reply:
			if err := json.Unmarshal([]byte(e.Text), &event); err != nil {
				return err
			}
			if e.Name == "row" {
				row[key{event.C, event.N}] = event.Row[0]
				continue
			}
			sql := asked[key{event.C, event.N}]
			if e.Name == "execute" {
				sql = asked[key{event.C, event.Statement}]
			}
			k, ok := row[key{event.C, event.N}]
			delete(row, key{event.C, event.N})
			if ok && sql != "" && !strings.Contains(sql, "("+k+")") && !strings.Contains(sql, "'"+k+"'") {
				all = append(all, fmt.Errorf("%q gave the row %q", sql, k))
			}
		}
	}
	everything := strings.Join(slices.Collect(maps.Values(asked)), ";")
	for k := range strings.FieldsSeq(s.sql(t, "select k from done")) {
		if !strings.Contains(everything, "("+k+")") {
			all = append(all, fmt.Errorf("what inserts %s was never asked for", k))
		}
	}
	return errors.Join(all...)
}

const marked = "drop table if exists done, copied; create table done (k int); create table copied (k int); grant all on done, copied to app"

func testConfusions(t *testing.T, s *inside) {
	for name, confuse := range confusions() {
		s.sql(t, marked)
		w := confused(t, s)
		var k marks
		units := confuse(&k)
		got := hear(t, w, units)
		t.Logf("%s: %q", name, got)
		if err := account(s, t, w.session); err != nil {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(texts(w.session), "\n"))
		}
	}
}

// testChance sends messages in any order.
func testChance(t *testing.T, s *inside) {
	pick := rand.New(rand.NewPCG(1, 2))
	name := func(of ...string) string { return of[pick.IntN(len(of))] }
	w := confused(t, s)
	var k marks
	s.sql(t, marked)
	for range 60 {
		var units []messages
		for range 3 + pick.IntN(30) {
			statement, portal := name("", "a", "b"), name("", "p")
			units = append(units, []messages{
				k.query(), query(name("begin", "commit", "rollback", "no sql", "")), k.parse(statement), k.parse(statement), run(statement, portal), run(statement, portal),
				run(statement, portal), {&pgproto3.Execute{Portal: portal, MaxRows: uint32(pick.IntN(2))}}, {&pgproto3.Close{ObjectType: name("S", "P")[0], Name: name("", "a", "p")}},
				{&pgproto3.Describe{ObjectType: name("S", "P")[0], Name: name("", "a", "p")}}, syncNow, syncNow, syncNow, {&pgproto3.Flush{}}, noSQL, data, copied, failing,
				query("deallocate a"), query("prepare a as " + k.text()), {&pgproto3.Parse{Query: "copy copied from stdin"}}, slices.Concat(copying, data, copied),
				slices.Concat(copying, data, failing),
			}[pick.IntN(23)])
		}
		hear(t, w, units)
	}
	if err := account(s, t, w.session); err != nil {
		t.Error(err)
	}
}

// testCopyWithSync copies as libpq does in the extended protocol: what ends a
// pipeline comes before the data, and once more after them.
func testCopyWithSync(t *testing.T, s *inside) {
	s.sql(t, marked)
	w := confused(t, s)
	c := w.dial(t)
	for range 2 {
		c.say(&pgproto3.Parse{Query: "copy copied from stdin"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
		c.expect("GZ", "1 2 G")
		c.say(slices.Concat(data, copied, syncNow, query("select 1"))...)
		c.expect("ZZ", "C(COPY 1) ZI RowDescription D C(SELECT 1) ZI")
		c.say(&pgproto3.Parse{Query: "copy copied from stdin"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
		c.expect("GZ", "1 2 G")
		c.say(slices.Concat(data, failing, syncNow, query("select 1"))...)
		c.expect("ZZ", "E57014 ZI RowDescription D C(SELECT 1) ZI")
	}
}
