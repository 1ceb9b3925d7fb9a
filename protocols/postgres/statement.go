package postgres

import (
	"strings"

	"gateway"
)

// demand says what a text asks for. It is conservative: what is not known, and
// what the server could understand in another way, asks for all rights.
type demand struct {
	class gateway.DatabaseRights
	why   string // what it is that asks for class
	count int    // of statements
	// ends says that a statement ends a transaction, goesOn that another one follows it.
	ends, goesOn bool
	parts        []part // the first of its statements, up to maxParts
	// executes says that a statement runs one that was prepared.
	executes bool
	// alone says that it is DISCARD ALL and nothing else, which the server takes by itself only.
	alone bool
}

// part is a statement of a text.
type part struct {
	sql    string
	quiet  bool // it runs nothing that somebody wrote
	begins bool // it begins a transaction
	ends   bool // it ends one
}

// maxParts bounds the statements of a text whose parts are needed.
const maxParts = 1000

// need notes that something in the text asks for a right.
func (v *demand) need(class gateway.DatabaseRights, why string) {
	if !v.class.Allows(class) {
		v.class, v.why = class, why
	}
}

// reading is the state of the server that says how it reads texts, of its ParameterStatus messages.
type reading struct {
	backslashes bool // standard_conforming_strings is off
	doubleBytes bool // client_encoding has characters of which a byte may look like ASCII
}

// examine reads the text of a Query or a Parse message.
func examine(text string, as reading) demand {
	v := demand{class: gateway.DatabaseRead}
	l := &lexer{text: text, backslashes: as.backslashes}
	for done := false; !done; {
		s := statement{v: &v, l: l}
		start := l.pos
		done = s.read()
		if s.n == 0 {
			continue
		}
		v.goesOn = v.goesOn || v.ends
		v.count++
		s.judge()
		if v.count <= maxParts {
			v.parts = append(v.parts, part{text[start:s.stop], s.quiet, s.head[0].is("begin", "start"), s.ends})
		}
		v.ends = v.ends || s.ends
	}
	v.alone = v.alone && v.count == 1
	if l.doubt != "" {
		v.need(gateway.DatabaseAll, l.doubt)
	}
	if as.doubleBytes && !isASCII(text) {
		v.need(gateway.DatabaseAll, "a text in an encoding whose characters have ASCII bytes within")
	}
	return v
}

// statement is one statement of a text while it is read.
type statement struct {
	v     *demand
	l     *lexer
	head  [16]token // the first tokens
	n     int       // tokens in head
	prev  token
	stop  int  // where it ends in the text
	quiet bool // it runs nothing that somebody wrote
	ends  bool // it ends a transaction

	depth  int    // of parentheses
	atomic int    // of BEGIN ATOMIC and the CASEs within
	write  bool   // there is the word WRITE
	target string // of COPY: the word after its TO or FROM
	copies string // of COPY: TO or FROM
	into   bool   // the word INTO was the last
	dml    string // a command that changes data and is a part of this one
	makes  string // INTO of a query makes a table: "INTO", or "INTO TEMP"
	config configCall
}

// read takes the tokens of a statement and reports whether it is the text's last.
func (s *statement) read() bool {
	for {
		t := s.l.next()
		if t.kind == endToken {
			if s.atomic > 0 {
				s.l.suspect("a BEGIN ATOMIC that is not closed")
			}
			s.stop = t.start
			return true
		}
		if s.l.punct(t, ';') && s.atomic == 0 {
			s.stop = t.start
			return false
		}
		if s.n < len(s.head) {
			s.head[s.n] = t
			s.n++
		}
		s.take(t)
		s.prev = t
	}
}

// take looks at a token, wherever it stands in the statement.
func (s *statement) take(t token) {
	s.config.take(s, t)
	if s.into {
		s.into = false
		s.makes = "INTO"
		if t.is("temp", "temporary") {
			s.makes = "INTO TEMP"
		}
	}
	switch {
	case s.l.punct(t, '('):
		s.depth++
		if s.prev.kind == wordToken || s.prev.kind == nameToken {
			s.call(s.prev.word)
		}
	case s.l.punct(t, ')'):
		s.depth--
	case t.kind == wordToken:
		s.keyword(t)
	}
	if s.copies != "" && s.target == "" && s.prev.is("to", "from") {
		s.target = "a file"
		if t.kind == wordToken {
			s.target = t.word
		}
	}
}

// keyword looks at a word for what it may mean in the middle of a statement.
func (s *statement) keyword(t token) {
	switch t.word {
	case "write":
		s.write = true
	case "into":
		if s.prev.is("insert", "merge") {
			s.dml = strings.ToUpper(s.prev.word)
		} else {
			s.into = true
		}
	case "from", "to":
		s.direction(t)
	case "update", "share", "delete":
		if s.prev.is("for", "key") {
			s.dml = "FOR " + strings.ToUpper(t.word)
		} else if t.word != "share" && (s.l.punct(s.prev, '(') || s.l.punct(s.prev, ')')) {
			s.dml = strings.ToUpper(t.word)
		}
	case "atomic":
		if s.prev.is("begin") && s.head[0].is("create") {
			s.atomic = 1
		}
	case "hold":
		if s.prev.is("with") && s.head[0].is("declare") {
			s.dml = "WITH HOLD" // it runs when the transaction ends
		}
	case "case":
		if s.atomic > 0 {
			s.atomic++
		}
	case "end":
		if s.atomic > 0 {
			s.atomic--
		}
	}
}

// direction notes the TO or FROM of a COPY.
func (s *statement) direction(t token) {
	if s.depth == 0 && s.copies == "" && s.head[0].is("copy") {
		s.copies = t.word
	}
}

// call looks at the name of a function.
func (s *statement) call(name string) {
	if class := functionRights(name); class != gateway.DatabaseRead {
		s.v.need(class, "the function "+name)
	}
}

// judge says what the statement needs.
func (s *statement) judge() {
	verb := s.head[0].word
	if s.l.punct(s.head[0], '(') {
		verb = "select"
	} else if s.head[0].kind != wordToken {
		s.v.need(gateway.DatabaseAll, "a text that does not begin with a command")
		return
	}
	if s.config.begun() {
		s.v.need(gateway.DatabaseAll, "set_config")
	}
	switch verb {
	case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "set", "reset", "show", "discard", "deallocate",
		"listen", "unlisten", "close":
		s.quiet = true
	}
	switch verb {
	case "select", "table", "values", "with", "declare", "prepare", "explain", "execute":
		s.query(verb)
	case "show", "fetch", "move", "close", "deallocate", "savepoint", "release", "listen", "unlisten":
	case "discard":
		s.v.alone = s.head[1].is("all") && s.n == 2
	case "begin", "start":
		if s.write {
			s.v.need(gateway.DatabaseWrite, "READ WRITE")
		}
	case "commit", "end", "rollback", "abort":
		s.end(verb)
	case "set", "reset":
		s.setting()
	case "copy":
		s.copying()
	case "lock":
		if !s.sharesOnly() {
			s.v.need(gateway.DatabaseWrite, "LOCK")
		}
	case "insert", "update", "delete", "merge", "truncate", "notify", "call", "refresh":
		s.v.need(gateway.DatabaseWrite, strings.ToUpper(verb))
	case "create", "alter", "drop":
		s.define(verb)
	case "comment", "do", "vacuum", "analyze", "analyse", "reindex", "cluster":
		s.v.need(gateway.DatabaseDDL, strings.ToUpper(verb))
	case "grant", "revoke", "load", "checkpoint", "security", "import", "reassign":
		s.v.need(gateway.DatabaseAll, strings.ToUpper(verb))
	default:
		s.v.need(gateway.DatabaseAll, "a command that the gateway does not know ("+clipWord(verb)+")")
	}
}

// query is for SELECT and what has a query in it.
func (s *statement) query(verb string) {
	if verb == "prepare" && s.head[1].is("transaction") {
		s.ends = true
		s.v.need(gateway.DatabaseAll, "PREPARE TRANSACTION")
		return
	}
	if s.dml != "" {
		s.v.need(gateway.DatabaseWrite, s.dml)
	}
	switch s.makes {
	case "INTO":
		s.v.need(gateway.DatabaseDDL, "SELECT INTO")
	case "INTO TEMP":
		s.v.need(gateway.DatabaseWrite, "SELECT INTO TEMP")
	}
	s.v.executes = s.v.executes || verb == "execute"
	if verb != "explain" && verb != "prepare" {
		return
	}
	// What is explained or prepared is the first command among the next words.
	for _, t := range s.head[1:s.n] {
		switch {
		case t.is("insert", "update", "delete", "merge", "refresh"):
			s.v.need(gateway.DatabaseWrite, strings.ToUpper(t.word))
			return
		case t.is("create"):
			s.v.need(gateway.DatabaseDDL, "CREATE")
			return
		case t.is("select", "with", "values", "table", "execute", "declare"):
			return
		}
	}
}

// end is for what ends a transaction, or goes back to a savepoint.
func (s *statement) end(verb string) {
	for i, t := range s.head[1:s.n] {
		switch {
		case t.is("prepared"):
			s.v.need(gateway.DatabaseAll, strings.ToUpper(verb)+" PREPARED")
		case t.is("chain") && !s.head[i].is("no"):
			// After one that failed, the next is not read-only.
			s.v.need(gateway.DatabaseWrite, "AND CHAIN")
		case t.is("to"):
			return
		}
	}
	s.ends = true
}

// copying is for COPY.
func (s *statement) copying() {
	switch {
	case s.target != "stdin" && s.target != "stdout":
		s.v.need(gateway.DatabaseAll, "COPY with a file or a program of the server's")
	case s.copies == "from":
		s.v.need(gateway.DatabaseWrite, "COPY FROM")
	case s.dml != "":
		s.v.need(gateway.DatabaseWrite, s.dml)
	}
}

// sharesOnly reports whether a LOCK ends in IN ACCESS SHARE MODE, which keeps
// nobody from reading or writing, as pg_dump's do.
func (s *statement) sharesOnly() bool {
	text := strings.Fields(strings.ToLower(strings.TrimRight(s.l.text[s.head[0].start:s.prev.end], "; \t\r\n")))
	if n := len(text); n > 0 && text[n-1] == "nowait" {
		text = text[:n-1]
	}
	n := len(text)
	return n > 4 && strings.Join(text[n-4:], " ") == "in access share mode"
}

// define is for CREATE, ALTER and DROP: those of one database's own objects
// are ddl, those of the server, of its logins and of other servers are for all rights.
func (s *statement) define(verb string) {
	temporary := false
	for _, t := range s.head[1:s.n] {
		if t.kind != wordToken {
			break
		}
		switch t.word {
		case "or", "replace", "unlogged", "global", "local", "materialized", "recursive", "unique", "constraint":
			continue
		case "temp", "temporary":
			temporary = true
			continue
		case "table", "view", "sequence":
			if temporary && verb == "create" {
				s.v.need(gateway.DatabaseWrite, "CREATE TEMP")
				return
			}
			fallthrough
		case "index", "schema", "type", "domain", "function", "procedure", "routine", "aggregate", "trigger",
			"rule", "operator", "collation", "conversion", "statistics", "text", "policy":
			s.v.need(gateway.DatabaseDDL, strings.ToUpper(verb))
			return
		}
		break
	}
	s.v.need(gateway.DatabaseAll, strings.ToUpper(verb)+" of that kind of object")
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// clipWord bounds a word of a stranger's for an error text.
func clipWord(w string) string {
	if len(w) > 32 || !isASCII(w) {
		return "a long word"
	}
	return strings.ToUpper(w)
}
