package postgres

import "strings"

// lexer tells the tokens of a statement's text apart as the server's scan.l
// does (PostgreSQL 15, section 4.1). Where the server could read a text in
// another way than the lexer, the lexer doubts, and says why.
type lexer struct {
	text  string
	pos   int
	doubt string
	// backslashes says that a backslash in a plain string escapes: the server's
	// standard_conforming_strings is off.
	backslashes bool
	// doubleBytes says that a byte that is not ASCII is the first of a character of
	// two, whose other may look like a backslash.
	doubleBytes bool
}

// token is a part of a text that has a meaning by itself.
type token struct {
	kind       tokenKind
	start, end int    // in the text
	word       string // of a word or a quoted name: in lower case
}

type tokenKind byte

const (
	endToken    tokenKind = iota
	wordToken             // a keyword or a name
	nameToken             // a name in double quotes
	stringToken           // in single quotes or dollar quotes
	otherToken            // one character
)

func (t token) is(words ...string) bool {
	if t.kind != wordToken {
		return false
	}
	for _, w := range words {
		if t.word == w {
			return true
		}
	}
	return false
}

// punct reports whether t is the character c.
func (l *lexer) punct(t token, c byte) bool { return t.kind == otherToken && l.text[t.start] == c }

// next gives the next token. After the last, and after a doubt that leaves the
// rest of the text without a meaning, it gives endToken.
func (l *lexer) next() token {
	l.blank()
	start := l.pos
	if start >= len(l.text) {
		return token{start: start, end: start}
	}
	switch c := l.text[start]; {
	case c == '\'':
		l.quoted('\'', l.backslashes)
		return l.token(stringToken, start)
	case c == '"':
		l.quoted('"', false)
		return l.token(nameToken, start)
	case c == '$':
		if l.dollar() {
			return l.token(stringToken, start)
		}
	case isWordStart(c):
		return l.wordOrString()
	}
	l.pos++
	return l.token(otherToken, start)
}

func (l *lexer) token(kind tokenKind, start int) token {
	t := token{kind: kind, start: start, end: l.pos}
	switch kind {
	case wordToken:
		t.word = strings.ToLower(l.text[start:l.pos])
	case nameToken:
		t.word = strings.ToLower(strings.Trim(l.text[start:l.pos], `"`))
	}
	return t
}

// wordOrString takes a word, or the string that it is the prefix of.
func (l *lexer) wordOrString() token {
	start := l.pos
	for l.pos < len(l.text) && isWordPart(l.text[l.pos]) {
		l.pos++
	}
	rest := l.text[l.pos:]
	switch word := l.text[start:l.pos]; {
	case len(word) > 1 || rest == "":
	case rest[0] == '\'' && strings.Contains("eE", word):
		l.quoted('\'', true)
		l.continued()
		return l.token(stringToken, start)
	case rest[0] == '\'' && strings.Contains("bBnNxX", word):
		l.quoted('\'', l.backslashes && strings.Contains("nN", word))
		return l.token(stringToken, start)
	case len(rest) > 1 && rest[0] == '&' && (rest[1] == '\'' || rest[1] == '"') && strings.Contains("uU", word):
		l.suspect("a name or a text with unicode escapes")
	}
	return l.token(wordToken, start)
}

// quoted takes a string or a name up to its closing quote; a doubled one is part of it.
func (l *lexer) quoted(quote byte, escapes bool) {
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; {
		case c == '\\':
			if escapes {
				l.pos++
			}
		case c >= 0x80 && l.doubleBytes:
			l.pos++
		case c == quote:
			if l.pos+1 == len(l.text) || l.text[l.pos+1] != quote {
				l.pos++
				return
			}
			l.pos++
		}
	}
	l.pos = len(l.text)
	l.suspect("a quote that is not closed")
}

// continued doubts a string with escapes that goes on after a line break
// (section 4.1.2.1): its next part has escapes too, without the prefix.
func (l *lexer) continued() {
	after := *l
	after.blank()
	if after.pos < len(l.text) && after.pos > l.pos && l.text[after.pos] == '\'' {
		l.suspect("a text with escapes that goes on after a line break")
	}
}

// dollar takes a string in dollar quotes, section 4.1.2.4, or the number of a
// parameter. It reports whether there was a string; if not, nothing is taken
// of what is not a number.
func (l *lexer) dollar() bool {
	end := l.pos + 1
	for end < len(l.text) && isWordPart(l.text[end]) && l.text[end] != '$' {
		if end == l.pos+1 && !isWordStart(l.text[end]) {
			return false
		}
		end++
	}
	if end == len(l.text) || l.text[end] != '$' {
		return false
	}
	tag := l.text[l.pos : end+1]
	closing := strings.Index(l.text[end+1:], tag)
	if closing < 0 {
		l.pos = len(l.text)
		l.suspect("a dollar quote that is not closed")
		return true
	}
	l.pos = end + 1 + closing + len(tag)
	return true
}

// blank skips white space and comments.
func (l *lexer) blank() {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "--"):
			if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
				l.pos += n
			} else {
				l.pos = len(l.text)
			}
		case strings.HasPrefix(rest, "/*"):
			l.comment()
		default:
			return
		}
	}
}

// comment skips a comment and those within it.
func (l *lexer) comment() {
	depth := 0
	for l.pos < len(l.text) {
		switch rest := l.text[l.pos:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			l.pos += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.pos += 2
			if depth == 0 {
				return
			}
		default:
			l.pos++
		}
	}
	l.suspect("a comment that is not closed")
}

func (l *lexer) suspect(why string) {
	if l.doubt == "" {
		l.doubt = why
	}
}

func isWordStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func isWordPart(c byte) bool { return isWordStart(c) || '0' <= c && c <= '9' || c == '$' }
