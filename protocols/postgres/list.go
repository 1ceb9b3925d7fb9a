package postgres

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"gateway"
	"gateway/recorder"
)

// Bounds of what a list keeps of a session and shows of it.
const (
	maxListed      = 20000   // requests that are remembered, for those that refer to them
	maxListedText  = 4 << 10 // bytes of one text
	maxListedEvent = 1 << 20 // bytes of one event's text
)

// List writes the statements of a recorded session, one line for each answer:
// when, how long it took, what came of it, and the statement with its parameters.
// Nothing that w gets can drive a terminal.
func List(w io.Writer, r *recorder.Reader) error {
	l := lister{w: w, asked: map[listKey]listed{}}
	for {
		at, e, err := r.Next()
		if err == io.EOF {
			return l.rest()
		}
		if err != nil {
			return err
		}
		switch e := e.(type) {
		case recorder.Request:
			if text, ok := l.whole(e.Text, e.More); ok {
				l.request(at, e.Name, text)
			}
		case recorder.Reply:
			if text, ok := l.whole(e.Text, e.More); ok {
				l.reply(at, e.Name, e.OK, text)
			}
		}
		if l.err != nil {
			return l.err
		}
	}
}

// lister follows the requests of a session.
type lister struct {
	w     io.Writer
	err   error
	parts strings.Builder // of a text that came in several events
	asked map[listKey]listed
	order []listKey
}

// listKey is a request: its connection and number.
type listKey struct{ conn, n uint64 }

// listed is a request that was not forgotten yet.
type listed struct {
	at       time.Duration
	name     string
	text     string // SQL, or what stands for it
	params   string
	answered bool
}

// listEvent is what is read of the texts of events; docs/PROTOCOL-postgres-events.md.
type listEvent struct {
	N         uint64          `json:"n"`
	Conn      uint64          `json:"c"`
	SQL       listText        `json:"sql"`
	Params    json.RawMessage `json:"params"`
	Function  uint64          `json:"function"`
	Statement uint64          `json:"statement"`
	Bind      uint64          `json:"bind"`
	Rows      *uint64         `json:"rows"`
	MS        json.Number     `json:"ms"`
	Tag       listText        `json:"tag"`
	SQLState  string          `json:"sqlstate"`
	Refused   string          `json:"refused"`
}

// listText is a string, or one that is not UTF-8.
type listText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *listText) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		s = string(b)
	}
	*t = listText(s)
	return nil
}

// whole joins the parts of a text; ok is true with the last one.
func (l *lister) whole(part string, more bool) (text string, ok bool) {
	if l.parts.Len() == 0 && !more {
		return part, true
	}
	if l.parts.Len() < maxListedEvent {
		l.parts.WriteString(part)
	}
	if more {
		return "", false
	}
	text = l.parts.String()
	l.parts.Reset()
	return text, true
}

func (l *lister) request(at time.Duration, name, text string) {
	var e listEvent
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		l.line(at, "", "", name+" that can't be read: it is longer than a list shows")
		return
	}
	q := listed{at: at, name: name, text: listClip(string(e.SQL)), params: listClip(string(e.Params))}
	switch name {
	case "fastpath":
		q.text = fmt.Sprintf("function %d", e.Function)
	case "cancel":
		l.line(at, "", "cancel", fmt.Sprintf("of #%d", e.N))
		return
	}
	key := listKey{e.Conn, e.N}
	l.asked[key] = q
	l.order = append(l.order, key)
	if len(l.order) > maxListed {
		delete(l.asked, l.order[0])
		l.order = l.order[1:]
	}
}

func (l *lister) reply(at time.Duration, name string, ok bool, text string) {
	var e listEvent
	if json.Unmarshal([]byte(text), &e) != nil {
		return
	}
	key := listKey{e.Conn, e.N}
	q := l.asked[key]
	again := q.answered
	q.answered = true
	if _, known := l.asked[key]; known {
		l.asked[key] = q
	}
	if ok && name != "query" && name != "execute" && name != "fastpath" {
		return
	}
	what := string(e.Tag)
	if !ok {
		what = cmp.Or(e.SQLState, "error")
	}
	if e.Rows != nil && ok && !strings.HasSuffix(what, fmt.Sprint(*e.Rows)) {
		what = fmt.Sprintf("%s, %d rows", what, *e.Rows)
	}
	sql, params := q.text, q.params
	if name == "execute" {
		params = l.asked[listKey{e.Conn, e.Bind}].params
		if s, ok := l.asked[listKey{e.Conn, e.Statement}]; ok {
			sql = s.text
		}
	}
	switch {
	case again:
		sql = "(likewise)"
	case sql == "":
		sql = name
	}
	if params != "" && params != "[]" {
		sql += "  -- " + params
	}
	if e.Refused != "" {
		sql += "  -- refused: " + e.Refused
	}
	l.line(at, e.MS.String(), what, sql)
}

// rest writes what was under way at the end.
func (l *lister) rest() error {
	for _, key := range l.order {
		if q := l.asked[key]; !q.answered && q.name == "query" {
			l.line(q.at, "", "no answer", q.text)
		}
	}
	return l.err
}

// line writes one; a statement of several lines becomes one.
func (l *lister) line(at time.Duration, ms, what, sql string) {
	if l.err != nil {
		return
	}
	if ms != "" {
		ms += " ms"
	}
	_, l.err = fmt.Fprintf(l.w, "%10.3fs  %12s  %-16s  %s\n", at.Seconds(), gateway.Printable(ms), gateway.Printable(what),
		gateway.Printable(strings.Join(strings.Fields(sql), " ")))
}

func listClip(s string) string {
	if len(s) <= maxListedText {
		return s
	}
	return strings.ToValidUTF8(s[:maxListedText], "") + "…"
}
