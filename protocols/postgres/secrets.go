package postgres

import (
	"bytes"
	"strings"
)

// masked stands for a password in what is recorded.
const masked = "***"

// maxNested bounds the texts within texts that are looked into.
const maxNested = 4

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
// subscriptions and dblink. Nothing else may be left out, or a statement could be
// kept off the record: so what the server could read in another way, by its
// settings, is recorded as it is.
func maskSecrets(text string) string {
	got := masker{}.text(text, 0)
	if got == text || !strings.Contains(text, `\`) {
		return got
	}
	for _, m := range []masker{{backslashes: true}, {doubleBytes: true}, {true, true}} {
		if m.text(text, 0) != got {
			return text
		}
	}
	return got
}

// masker masks in one reading of a text.
type masker reading

// text masks the strings of a text that are passwords of statements that have
// one, and looks into the others.
func (m masker) text(text string, depth int) string {
	if depth > maxNested || index(text, "password") < 0 && !strings.Contains(text, "://") {
		return text
	}
	var b strings.Builder
	l := &lexer{text: text, backslashes: m.backslashes, doubleBytes: m.doubleBytes}
	var before token
	copied, with, password := 0, false, false
	for t := l.next(); t.kind != endToken; t = l.next() {
		switch {
		case t.kind == stringToken:
			b.WriteString(text[copied:t.start])
			b.WriteString(m.quoted(text[t.start:t.end], password, l.doubt == "", depth))
			copied = t.end
			continue // in the next line a string goes on
		case l.punct(t, ';'):
			with = false
		case before.is("create", "alter") && t.is("role", "user", "group", "server"):
			with = true
		}
		password = with && (t.kind == wordToken || t.kind == nameToken) && t.word == "password"
		before = t
	}
	b.WriteString(text[copied:])
	return b.String()
}

// quoted masks a string, with its quotes: it may be a password itself, or have a
// connection string or other statements within.
func (m masker) quoted(s string, password, closed bool, depth int) string {
	open := strings.IndexByte(s, '\'') + 1
	dollar := strings.IndexByte(s, '$')
	inDollars := dollar >= 0 && (open == 0 || dollar < open)
	if inDollars {
		open = dollar + 1 + strings.IndexByte(s[dollar+1:], '$') + 1
	}
	closing := len(s)
	switch {
	case closed && inDollars:
		closing -= open
	case closed:
		closing--
	}
	before, within, after := s[:open], s[open:closing], s[closing:]
	if password {
		return before + masked + after
	}
	if inDollars {
		return before + m.within(within, depth) + after
	}
	plain := within
	if m.backslashes || s[0] == 'e' || s[0] == 'E' {
		plain = strings.ReplaceAll(plain, `\'`, `''`)
	}
	plain = strings.ReplaceAll(plain, `''`, `'`)
	if got := m.within(plain, depth); got != plain {
		return before + strings.ReplaceAll(got, `'`, `''`) + after
	}
	return s
}

// within masks what a string says: where to connect, or more statements.
func (m masker) within(s string, depth int) string {
	if got, ok := maskURL(s); ok {
		return got
	}
	if got, ok := maskPairs(s); ok {
		return got
	}
	return m.text(s, depth+1)
}

// blanks are those of connection strings.
const blanks = " \t\r\n\f\v"

// maskPairs masks the passwords of a connection string, if s is one as a whole:
// no statement is.
func maskPairs(s string) (string, bool) {
	var b strings.Builder
	copied := 0
	for rest := strings.TrimLeft(s, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		name, value, ok := strings.Cut(rest, "=")
		name, value = strings.TrimRight(name, blanks), strings.TrimLeft(value, blanks)
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
			return "", false
		}
		n := valueLength(value)
		if strings.HasSuffix(name, "password") {
			from, to := len(s)-len(value), len(s)-len(value)+n
			if n > 1 && value[0] == '\'' {
				from, to = from+1, to-1
			}
			b.WriteString(s[copied:from] + masked)
			copied = to
		}
		rest = value[n:]
	}
	b.WriteString(s[copied:])
	return b.String(), b.Len() > 0
}

// valueLength is the length of a value in a connection string, with its quotes.
func valueLength(s string) int {
	inQuotes := strings.HasPrefix(s, "'")
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case inQuotes && c == '\'' && i > 0:
			return i + 1
		case !inQuotes && strings.IndexByte(blanks, c) >= 0:
			return i
		}
	}
	return len(s)
}

// maskURL masks the passwords of a connection URI, if s is one as a whole.
func maskURL(s string) (string, bool) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme != "postgresql" && scheme != "postgres" || strings.ContainsAny(rest, blanks+"'();") {
		return "", false
	}
	n := strings.IndexAny(rest, "/?#")
	if n < 0 {
		n = len(rest)
	}
	login, rest := rest[:n], rest[n:]
	colon := strings.IndexByte(login, ':')
	if at := strings.LastIndexByte(login, '@'); colon >= 0 && colon < at {
		login = login[:colon+1] + masked + login[at:]
	}
	parts := strings.SplitAfter(rest, "&")
	for i, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		if ok && strings.HasSuffix(name, "password") {
			end := value[len(strings.TrimSuffix(value, "&")):]
			parts[i] = name + "=" + masked + end
		}
	}
	return scheme + "://" + login + strings.Join(parts, ""), true
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
