package postgres

import (
	"bytes"
	"strings"
)

// masked stands for a password in what is recorded.
const masked = "***"

// mask is maskSecrets without a copy of what has no secrets.
func mask(sql []byte) []byte {
	if index(sql, "password") < 0 && !bytes.Contains(sql, []byte("://")) {
		return sql
	}
	return []byte(maskSecrets(string(sql)))
}

// maskSecrets gives the text of a statement without the passwords in it, as it
// may be recorded: those of CREATE ROLE and ALTER USER, of user mappings, and
// those in connection strings (libpq, sections 34.1.1.1 and 34.1.1.2) of
// subscriptions and dblink. Nothing but a password is left out.
func maskSecrets(text string) string {
	var b strings.Builder
	l := &lexer{text: text}
	copied, password := 0, false
	for t := l.next(); t.kind != endToken; t = l.next() {
		if t.kind == stringToken {
			b.WriteString(text[copied:t.start])
			b.WriteString(maskString(text[t.start:t.end], password, l.doubt == ""))
			copied = t.end
		}
		password = t.is("password") || t.kind == nameToken && t.word == "password"
	}
	b.WriteString(text[copied:])
	return b.String()
}

// maskString masks the passwords of a string, with its quotes: it may be one
// itself, or have a connection string or other statements within.
func maskString(s string, password, closed bool) string {
	open := strings.IndexByte(s, '\'') + 1
	if dollar := strings.IndexByte(s, '$'); open == 0 || dollar >= 0 && dollar < open {
		open = dollar + 1 + strings.IndexByte(s[dollar+1:], '$') + 1
	}
	closing := len(s)
	switch {
	case closed && s[0] == '$':
		closing -= open
	case closed:
		closing--
	}
	if password {
		return s[:open] + masked + s[closing:]
	}
	return s[:open] + maskURLs(maskWords(s[open:closing])) + s[closing:]
}

// maskWords masks what follows the word password within a string: after an
// equals sign, or as a string of a statement within it.
func maskWords(s string) string {
	var b strings.Builder
	for {
		i := index(s, "password")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		i += len("password")
		start := i + len(s[i:]) - len(strings.TrimLeft(s[i:], " \t\r\n"))
		equals := start < len(s) && s[start] == '='
		if equals {
			start++
			start += len(s[start:]) - len(strings.TrimLeft(s[start:], " \t\r\n"))
		}
		quotes := 0
		for start+quotes < len(s) && (s[start+quotes] == '\'' || s[start+quotes] == '\\') {
			quotes++
		}
		end := start
		switch {
		case quotes > 0:
			start += quotes
			end = start + closingQuote(s[start:], quotes)
		case equals:
			end = start + secretLength(s[start:])
		}
		if end == start {
			b.WriteString(s[:i])
			s = s[i:]
			continue
		}
		b.WriteString(s[:start])
		b.WriteString(masked)
		s = s[end:]
	}
}

// closingQuote gives where a string that was opened by so many quotes ends. In
// it twice as many are one quote of the string's.
func closingQuote(s string, quotes int) int {
	for i := 0; i < len(s); i++ {
		run := 0
		for i+run < len(s) && s[i+run] == '\'' {
			run++
		}
		if 0 < run && run < 2*quotes {
			return i
		}
		i += run
	}
	return len(s)
}

// secretLength is the length of a value without quotes in a connection string.
func secretLength(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ' ', '\t', '\r', '\n', '\'', '"', '&':
			return i
		}
	}
	return len(s)
}

// maskURLs masks the passwords of user:password@host.
func maskURLs(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		i += len("://")
		b.WriteString(s[:i])
		s = s[i:]
		n := strings.IndexAny(s, "/?# \t\r\n'")
		if n < 0 {
			n = len(s)
		}
		colon := strings.IndexByte(s[:n], ':')
		if at := strings.LastIndexByte(s[:n], '@'); colon >= 0 && colon < at {
			b.WriteString(s[:colon+1])
			b.WriteString(masked)
			s = s[at:]
		}
	}
}

// index is strings.Index, for a word of small ASCII letters that may stand there in any case.
func index[T string | []byte](s T, word string) int {
	for i := 0; i+len(word) <= len(s); i++ {
		n := 0
		for n < len(word) && s[i+n]|0x20 == word[n] {
			n++
		}
		if n == len(word) {
			return i
		}
	}
	return -1
}
