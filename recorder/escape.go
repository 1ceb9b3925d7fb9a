package recorder

import (
	"unicode/utf8"
)

// tokenKind is what a scanner found in a terminal's output.
type tokenKind int

const (
	tokenRune    tokenKind = iota // a character ≥ U+00A0 or printable ASCII
	tokenInvalid                  // a byte that is not UTF-8
	tokenControl                  // a C0 control or DEL; never ESC
	tokenCSI                      // ESC [ … final
	tokenEscape                   // ESC … final
)

// token is one of them. raw is what it was, valid until the next token.
type token struct {
	kind  tokenKind
	r     rune // tokenRune, tokenInvalid, tokenControl
	final byte // tokenCSI, tokenEscape
	raw   []byte
}

type scanState int

const (
	scanGround scanState = iota
	scanEscape
	scanCSI
	scanString    // OSC, DCS, SOS, PM, APC
	scanStringEsc // ESC inside one
)

const maxSequence = 256

// scanner takes the output of a terminal apart, ECMA-48 style. The bytes are
// foreign: sequences that are too long and C1 controls vanish. So do control
// strings, but they end at a line feed, so that one that is never ended can't
// hide the rest of a session.
type scanner struct {
	state   scanState
	raw     []byte // of the sequence or character so far
	tooLong bool
	emit    func(token)
}

func (s *scanner) write(b []byte) {
	for _, c := range b {
		s.byte(c)
	}
}

func (s *scanner) byte(c byte) {
	switch s.state {
	case scanGround:
		s.ground(c)
	case scanEscape:
		s.escape(c)
	case scanCSI:
		s.csi(c)
	case scanString, scanStringEsc:
		s.controlString(c)
	}
}

func (s *scanner) ground(c byte) {
	switch {
	case len(s.raw) > 0 || c >= utf8.RuneSelf:
		s.raw = append(s.raw, c)
		s.runes()
	case c == 0x1b:
		s.begin(scanEscape, c)
	case c < 0x20 || c == 0x7f:
		s.emit(token{kind: tokenControl, r: rune(c), raw: []byte{c}})
	default:
		s.emit(token{kind: tokenRune, r: rune(c), raw: []byte{c}})
	}
}

// runes decodes what is whole of s.raw.
func (s *scanner) runes() {
	if !utf8.FullRune(s.raw) {
		return
	}
	r, n := utf8.DecodeRune(s.raw)
	char, rest := s.raw[:n:n], s.raw[n:]
	s.raw = nil
	switch {
	case r == utf8.RuneError && n == 1:
		if char[0] >= 0xa0 { // else a C1 control of an 8-bit terminal
			s.emit(token{kind: tokenInvalid, r: rune(char[0]), raw: char})
		}
	case r >= 0xa0:
		s.emit(token{kind: tokenRune, r: r, raw: char})
	}
	s.write(rest)
}

func (s *scanner) begin(state scanState, c byte) {
	s.state, s.raw, s.tooLong = state, append([]byte(nil), c), false
}

// reset leaves a sequence; what it held so far is dropped.
func (s *scanner) reset() { s.state, s.raw = scanGround, nil }

func (s *scanner) keep(c byte) {
	if len(s.raw) == maxSequence {
		s.tooLong = true
		return
	}
	s.raw = append(s.raw, c)
}

func (s *scanner) finish(kind tokenKind, final byte) {
	raw, tooLong := s.raw, s.tooLong
	s.reset()
	if !tooLong {
		s.emit(token{kind: kind, final: final, raw: raw})
	}
}

func (s *scanner) escape(c byte) {
	switch {
	case c == 0x1b:
		s.begin(scanEscape, c)
	case c < 0x20 || c >= 0x7f:
		s.reset()
		s.byte(c)
	case c < 0x30:
		s.keep(c)
	case len(s.raw) == 1 && c == '[':
		s.keep(c)
		s.state = scanCSI
	case len(s.raw) == 1 && (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_'):
		s.state, s.raw = scanString, nil
	default:
		s.keep(c)
		s.finish(tokenEscape, c)
	}
}

func (s *scanner) csi(c byte) {
	switch {
	case c == 0x1b:
		s.begin(scanEscape, c)
	case c == 0x18, c == 0x1a, c >= 0x7f:
		s.reset()
		if c > 0x7f {
			s.byte(c)
		}
	case c < 0x20: // carried out in the middle of the sequence
		s.emit(token{kind: tokenControl, r: rune(c), raw: []byte{c}})
	case c < 0x40:
		s.keep(c)
	default:
		s.keep(c)
		s.finish(tokenCSI, c)
	}
}

func (s *scanner) controlString(c byte) {
	switch {
	case c == '\n':
		s.reset()
		s.byte(c)
	case s.state == scanStringEsc && c != 0x1b:
		s.reset()
		if c != '\\' { // not the string terminator: another sequence
			s.begin(scanEscape, 0x1b)
			s.byte(c)
		}
	case c == 0x1b:
		s.state = scanStringEsc
	case c == 0x07, c == 0x18, c == 0x1a:
		s.reset()
	}
}

// param is parameter i of a CSI token, or def when it is absent, zero or not
// a small number.
func (t token) param(i, def int) int {
	n := 0
	for _, c := range t.raw[2:] {
		switch {
		case c == ';':
			i--
		case i == 0 && c >= '0' && c <= '9':
			n = min(n*10+int(c-'0'), maxColumns)
		}
	}
	if n == 0 {
		return def
	}
	return n
}
