package postgres

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway/recorder"
)

func TestList(t *testing.T) {
	var file bytes.Buffer
	w, err := recorder.NewWriter(&file, recorder.Header{Session: "000000000000000000000001", Account: "alice", Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	long := `{"n":9,"sql":"select '` + strings.Repeat("x", recorder.MaxBody) + `'"}`
	var events []recorder.Event
	for _, e := range []recorder.Event{
		recorder.Data{Stream: recorder.Out, Bytes: []byte("sales=> ")},
		recorder.Request{Name: "query", Text: `{"n":1,"sql":"select *\n  from orders;\nselect 2"}`},
		recorder.Reply{Name: "query", OK: true, Text: `{"n":1,"rows":3,"bytes":99,"ms":1.25,"tag":"SELECT 3"}`},
		recorder.Reply{Name: "query", OK: true, Text: `{"n":1,"rows":1,"bytes":9,"ms":0.1,"tag":"SELECT 1","tx":"I"}`},
		recorder.Request{Name: "parse", Text: `{"n":2,"name":"p","sql":"update t set a = $1"}`},
		recorder.Request{Name: "bind", Text: `{"n":3,"name":"p","params":["o'hara",null]}`},
		recorder.Request{Name: "execute", Text: `{"n":4}`},
		recorder.Reply{Name: "execute", OK: true, Text: `{"n":4,"statement":2,"bind":3,"ms":7,"tag":"UPDATE 1"}`},
		recorder.Request{Name: "query", Text: `{"n":1,"c":2,"sql":"drop table \u001b[2J t"}`},
		recorder.Reply{Name: "query", Text: `{"n":1,"c":2,"ms":0,"sqlstate":"42501","refused":"you may read here"}`},
		recorder.Request{Name: "query", Text: `{"n":5,"sql":{"base64":"/w=="}}`},
		recorder.Reply{Name: "sync", Text: `{"n":0,"sqlstate":"23503"}`},
		recorder.Request{Name: "cancel", Text: `{"n":5}`},
		recorder.Request{Name: "query", Text: `not JSON`},
		recorder.Request{Name: "query", Text: long},
	} {
		events = append(events, recorder.Split(e)...)
	}
	for i, e := range events {
		if err := w.Note(time.Duration(i)*time.Millisecond, e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Seal(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), recorder.End{}); err != nil {
		t.Fatal(err)
	}
	r, err := recorder.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := List(&got, r); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"     0.002s       1.25 ms  SELECT 3          select * from orders; select 2",
		"     0.003s        0.1 ms  SELECT 1          (likewise)",
		`     0.007s          7 ms  UPDATE 1          update t set a = $1 -- ["o'hara",null]`,
		`     0.009s          0 ms  42501             drop table \x1b[2J t -- refused: you may read here`,
		"     0.011s                23503             sync",
		"     0.012s                cancel            of #5",
		"     0.013s                                  query that can't be read: it is longer than a list shows",
		`     0.010s                no answer         {"base64":"/w=="}`,
		"     0.015s                no answer         select '" + strings.Repeat("x", maxListedText-len("select '")) + "…",
		"",
	}, "\n")
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Errorf("the list (-want +got):\n%s", d)
	}
}
