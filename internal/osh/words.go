package osh

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Errors of splitting a line into words.
var (
	errQuote   = errors.New("a quote is not closed")
	errEscape  = errors.New("a backslash ends the line")
	errUTF8    = errors.New("the line is not valid UTF-8")
	errControl = errors.New("the line holds a control character")
)

// word is one word of a line and where it stood.
type word struct {
	text  string
	start int
}

// scanner splits a line as a shell does, quotes only: no variables, no
// patterns, no operators. It stops where it is told to, so that the rest can
// be kept as it is.
type scanner struct {
	line string
	pos  int
}

// next returns the next word; ok is false at the end of the line.
func (s *scanner) next() (w word, ok bool, err error) {
	for s.pos < len(s.line) && isBlank(s.line[s.pos]) {
		s.pos++
	}
	if s.pos == len(s.line) {
		return word{}, false, nil
	}
	w = word{start: s.pos}
	var b strings.Builder
	for s.pos < len(s.line) && !isBlank(s.line[s.pos]) {
		c := s.line[s.pos]
		switch c {
		case '\'', '"':
			err = s.quoted(&b, c)
		case '\\':
			s.pos++
			if s.pos == len(s.line) {
				return word{}, false, errEscape
			}
			err = s.char(&b)
		default:
			err = s.char(&b)
		}
		if err != nil {
			return word{}, false, err
		}
	}
	w.text = b.String()
	return w, true, nil
}

// quoted reads up to the closing quote q.
func (s *scanner) quoted(b *strings.Builder, q byte) error {
	s.pos++
	for s.pos < len(s.line) {
		c := s.line[s.pos]
		if c == q {
			s.pos++
			return nil
		}
		if c == '\\' && q == '"' && s.pos+1 < len(s.line) && strings.IndexByte("\"\\$`", s.line[s.pos+1]) >= 0 {
			s.pos++
		}
		if err := s.char(b); err != nil {
			return err
		}
	}
	return errQuote
}

// char copies one character.
func (s *scanner) char(b *strings.Builder) error {
	r, n := utf8.DecodeRuneInString(s.line[s.pos:])
	if r == utf8.RuneError && n == 1 {
		return errUTF8
	}
	if unicode.IsControl(r) && r != '\t' {
		return errControl
	}
	b.WriteString(s.line[s.pos : s.pos+n])
	s.pos += n
	return nil
}

// rest returns what follows, without the blanks before it.
func (s *scanner) rest() string { return strings.TrimLeft(s.line[s.pos:], " \t") }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// quote writes w so that the scanner reads it back as one word.
func quote(w string) string {
	if w != "" && strings.IndexFunc(w, special) < 0 {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

func special(r rune) bool { return strings.ContainsRune(" \t'\"\\", r) }
