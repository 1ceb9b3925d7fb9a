package netconf

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The scanner reads XML 1.0 with namespaces, strictly, and less than all of it:
// what two parsers could read differently is an error. There is no DOCTYPE and
// no entity but the five predefined, no processing instruction, no name that
// is not ASCII, no namespace written with references or blanks, no encoding
// but UTF-8.

// Bounds of one message.
const (
	maxDepth    = 256
	maxAttrs    = 64
	maxName     = 256
	maxBindings = 1024
	maxValue    = 16 << 10
)

// name is the expanded name of an element or attribute.
type name struct{ space, local string }

// attr is one attribute that is not a namespace declaration; value has its
// references replaced.
type attr struct {
	name
	value string
}

type tokenKind uint8

const (
	tokenEnd   tokenKind = iota // of an element
	tokenStart                  // of an element
	tokenText                   // raw has the references in it
	tokenCDATA
)

// token is what the scanner found. Comments are passed over.
type token struct {
	kind   tokenKind
	name   name
	prefix string
	attrs  []attr
	raw    []byte // the attributes as written; of text, its bytes
	from   int    // where it begins
}

// syntaxError says what is wrong with a message, in words for people.
type syntaxError struct {
	text string
	cut  bool // the message ends too early
}

func (e *syntaxError) Error() string { return e.text }

func malformed(format string, args ...any) error {
	return &syntaxError{text: fmt.Sprintf(format, args...)}
}

// scanner gives the tokens of one message.
type scanner struct {
	b        []byte
	pos      int
	open     []string // names as written
	names    []name
	marks    []int // how many bindings there were before the element
	bindings []binding
	empty    bool // an element that was <a/> is to be ended
	done     bool // the one element has ended
}

type binding struct{ prefix, space string }

// newScanner checks what concerns all of the message.
func newScanner(b []byte) (*scanner, error) {
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if err := checkChars(b); err != nil {
		return nil, err
	}
	s := &scanner{b: b}
	return s, s.declaration()
}

// checkChars: UTF-8, and the characters of XML 1.0 section 2.2 only.
func checkChars(b []byte) error {
	if !utf8.Valid(b) {
		return malformed("it is not UTF-8")
	}
	for _, c := range b {
		if c < ' ' && !blank(c) {
			return malformed("it has a control character")
		}
	}
	if bytes.Contains(b, []byte("\ufffe")) || bytes.Contains(b, []byte("\uffff")) {
		return malformed("it has a character that is none")
	}
	return nil
}

// declaration reads <?xml version="1.0" encoding="UTF-8"?>, if it is there.
func (s *scanner) declaration() error {
	s.skipBlanks()
	if !s.has("<?xml") || len(s.b) <= s.pos+5 || !blank(s.b[s.pos+5]) {
		return nil
	}
	end := bytes.Index(s.b[s.pos:], []byte("?>"))
	if end < 0 {
		return s.early()
	}
	text := string(s.b[s.pos+5 : s.pos+end])
	s.pos += end + 2
	for i, want := range []string{"version", "encoding", "standalone"} {
		text = strings.TrimLeft(text, " \t\r\n")
		rest, ok := strings.CutPrefix(text, want)
		if !ok {
			if i == 0 {
				return malformed("its XML declaration has no version")
			}
			continue
		}
		rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t\r\n"), "=")
		rest = strings.TrimLeft(rest, " \t\r\n")
		if !ok || rest == "" || rest[0] != '"' && rest[0] != '\'' {
			return malformed("its XML declaration is not valid")
		}
		value, after, ok := strings.Cut(rest[1:], rest[:1])
		if !ok {
			return malformed("its XML declaration is not valid")
		}
		switch {
		case want == "version" && value != "1.0":
			return malformed("it is not XML 1.0")
		case want == "encoding" && !strings.EqualFold(value, "UTF-8"):
			return malformed("its encoding is not UTF-8")
		case want == "standalone" && value != "yes" && value != "no":
			return malformed("its XML declaration is not valid")
		}
		text = after
	}
	if strings.Trim(text, " \t\r\n") != "" {
		return malformed("its XML declaration is not valid")
	}
	return nil
}

func (s *scanner) has(prefix string) bool { return bytes.HasPrefix(s.b[s.pos:], []byte(prefix)) }

func (s *scanner) skipBlanks() (some bool) {
	for s.pos < len(s.b) && blank(s.b[s.pos]) {
		s.pos++
		some = true
	}
	return some
}

func (s *scanner) early() error {
	return &syntaxError{text: "it ends in the middle of its XML", cut: true}
}

// depth is how many elements are open.
func (s *scanner) depth() int { return len(s.open) }

// next gives the next token; ok is false at the proper end of the message.
func (s *scanner) next() (t token, ok bool, err error) {
	if s.empty {
		s.empty = false
		return s.pop(), true, nil
	}
	for {
		if s.depth() == 0 {
			s.skipBlanks()
		}
		rest := s.b[s.pos:]
		switch {
		case len(rest) == 0 && s.done:
			return token{}, false, nil
		case len(rest) == 0:
			return token{}, false, s.early()
		case s.has("<!--"):
			if err := s.comment(); err != nil {
				return token{}, false, err
			}
			continue
		case s.depth() == 0 && rest[0] != '<':
			return token{}, false, malformed("it has text outside of its element")
		case rest[0] != '<':
			t, err := s.text()
			return t, err == nil, err
		case s.has("</"):
			t, err := s.endTag()
			return t, err == nil, err
		case s.has("<![CDATA["):
			t, err := s.cdata()
			return t, err == nil, err
		case s.has("<!"), s.has("<?"):
			return token{}, false, s.forbidden()
		}
		if s.done {
			return token{}, false, malformed("it has more than one element")
		}
		t, err := s.startTag()
		return t, err == nil, err
	}
}

// forbidden says which markup is not taken.
func (s *scanner) forbidden() error {
	rest := s.b[s.pos:]
	switch {
	case len(rest) < len("<![CDATA["):
		return &syntaxError{text: "it has markup that is not taken", cut: true}
	case s.has("<!DOCTYPE"):
		return malformed("it has a DOCTYPE")
	case s.has("<?"):
		return malformed("it has a processing instruction")
	}
	return malformed("it has markup that is not taken")
}

// comment passes over one, XML section 2.5.
func (s *scanner) comment() error {
	body := s.b[s.pos+4:]
	if bytes.HasPrefix(body, []byte(">")) || bytes.HasPrefix(body, []byte("->")) {
		return malformed("it has a comment that could be read in two ways")
	}
	end := bytes.Index(body, []byte("--"))
	if end < 0 || end+2 >= len(body) {
		return s.early()
	}
	if body[end+2] != '>' {
		return malformed("it has -- in a comment")
	}
	s.pos += 4 + end + 3
	return nil
}

func (s *scanner) cdata() (token, error) {
	if s.depth() == 0 {
		return token{}, malformed("it has text outside of its element")
	}
	from := s.pos
	body := s.b[s.pos+len("<![CDATA["):]
	end := bytes.Index(body, []byte("]]>"))
	if end < 0 {
		return token{}, s.early()
	}
	s.pos += len("<![CDATA[") + end + 3
	return token{kind: tokenCDATA, raw: body[:end], from: from}, nil
}

// text reads up to the next markup, XML section 2.4.
func (s *scanner) text() (token, error) {
	from := s.pos
	end := bytes.IndexByte(s.b[s.pos:], '<')
	if end < 0 {
		return token{}, s.early()
	}
	raw := s.b[from : from+end]
	s.pos += end
	if bytes.Contains(raw, []byte("]]>")) {
		return token{}, malformed("it has ]]> in its text")
	}
	if _, err := expand(raw); err != nil {
		return token{}, err
	}
	return token{kind: tokenText, raw: raw, from: from}, nil
}

// expand replaces references, XML section 4.1.
func expand(raw []byte) (string, error) {
	i := bytes.IndexByte(raw, '&')
	if i < 0 {
		return string(raw), nil
	}
	var b strings.Builder
	for i >= 0 {
		b.Write(raw[:i])
		raw = raw[i+1:]
		end := bytes.IndexByte(raw, ';')
		if end < 0 || end > 16 {
			return "", malformed("it has an & that begins no reference")
		}
		r, ok := reference(string(raw[:end]))
		if !ok {
			return "", malformed("it has an entity that is not predefined")
		}
		b.WriteRune(r)
		raw = raw[end+1:]
		i = bytes.IndexByte(raw, '&')
	}
	b.Write(raw)
	return b.String(), nil
}

func reference(s string) (rune, bool) {
	switch s {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	digits, ok := strings.CutPrefix(s, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 31)
	r := rune(n)
	valid := r >= ' ' && utf8.ValidRune(r) && r != 0xfffe && r != 0xffff || r == '\t' || r == '\n' || r == '\r'
	return r, ok && err == nil && valid
}
