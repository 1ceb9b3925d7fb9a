package dialogue

import "bytes"

// maxNoise bounds what may stand between the characters of an echoed password.
const maxNoise = 1024

// isNoise reports whether devices put c between the characters that they echo:
// controls, blanks, asterisks and other signs that hide what is typed.
func isNoise(c byte) bool { return c <= ' ' || c == '*' || c >= 0x7f }

// Scrubber takes passwords out of what a device sends: whole, split over any
// number of pieces, with line ends, backspaces, escape sequences or asterisks
// in between. It holds back what may be the beginning of a password until it
// is known. It is for what comes before the person may type: they would see by
// what is held back how near a guess of theirs is.
type Scrubber struct {
	passwords [][]byte
	held      []byte
	mark      string // stands for a password
}

// NewScrubber returns a Scrubber that knows no password yet.
func NewScrubber() *Scrubber { return &Scrubber{} }

// Add has a copy of password, which has no control characters, taken out from
// now on. Wipe clears it.
func (s *Scrubber) Add(password []byte) {
	if len(password) == 0 {
		return
	}
	s.passwords = append(s.passwords, bytes.Clone(password))
	s.mark = s.chooseMark()
}

// chooseMark returns a mark that has no character of a password, so that no
// password comes into being around it.
func (s *Scrubber) chooseMark() string {
	apart := func(mark string) bool {
		for _, p := range s.passwords {
			if bytes.ContainsAny(p, mark) {
				return false
			}
		}
		return true
	}
	for _, mark := range []string{"[...]", "********", "-----"} {
		if apart(mark) {
			return mark
		}
	}
	for c := byte('!'); c < 0x7f; c++ {
		if apart(string(c)) {
			return string(c)
		}
	}
	return "\x7f"
}

// Scrub returns what may be recorded and shown now. It may be less or more
// than b, and is b's own when nothing of it is to be hidden.
func (s *Scrubber) Scrub(b []byte) []byte {
	if len(s.passwords) == 0 || len(s.held) == 0 && s.start(b) < 0 {
		return b
	}
	return s.scrub(append(s.held, b...), false)
}

// scrub takes passwords out of text, which it clears. At the end of all, the
// beginning of a password is none.
func (s *Scrubber) scrub(text []byte, end bool) []byte {
	whole := text
	out := make([]byte, 0, len(text)+len(s.mark))
	for len(text) > 0 {
		skip := s.start(text)
		if skip < 0 {
			skip = len(text)
		}
		out, text = append(out, text[:skip]...), text[skip:]
		n, partial := s.match(text)
		switch {
		case partial && !end: // of a longer password, maybe
			return s.hold(out, text, whole)
		case n > 0:
			out, text = append(out, s.mark...), text[n:]
		case len(text) > 0:
			out, text = append(out, text[0]), text[1:]
		}
	}
	return s.hold(out, nil, whole)
}

// hold keeps text for the next piece and clears the piece that it is of.
func (s *Scrubber) hold(out, text, whole []byte) []byte {
	kept := bytes.Clone(text)
	clear(whole)
	clear(s.held)
	s.held = kept
	return out
}

// start finds where a password may begin.
func (s *Scrubber) start(b []byte) int {
	at := -1
	for _, p := range s.passwords {
		if i := bytes.IndexByte(b, p[0]); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return at
}

// match says how many bytes at the beginning of text are a password, or
// whether they may be the beginning of one.
func (s *Scrubber) match(text []byte) (n int, partial bool) {
	for _, p := range s.passwords {
		m, part := matchOne(p, text)
		n, partial = max(n, m), partial || part
	}
	return n, partial
}

func matchOne(password, text []byte) (n int, partial bool) {
	i, between := 0, 0
	var s screen // knows where an escape sequence ends
	for n, c := range text {
		switch {
		case i > 0 && between < maxNoise && (c == 0x1b || s.escape != ground):
			s.byte(c, func([]byte) {})
			between++
		case c == password[i]:
			i++
			if i == len(password) {
				return n + 1, false
			}
		case i > 0 && between < maxNoise && isNoise(c):
			between++
		default:
			return 0, false
		}
	}
	return 0, len(text) > 0
}

// Release returns what was held back. It is for when the dialogue is over: a
// prompt may end in the character that a password begins with.
func (s *Scrubber) Release() []byte {
	held := s.held
	s.held = nil
	return s.scrub(held, true)
}

// Text returns a text of its own without passwords; what may be the beginning
// of one at its end, or the end of one at its beginning, goes too.
func (s *Scrubber) Text(b []byte) []byte {
	one := Scrubber{passwords: s.passwords, mark: s.mark}
	out := bytes.Clone(one.Scrub(b))
	if len(one.held) > 0 {
		out = append(out, s.mark...)
	}
	clear(one.held)
	return s.withoutEnd(out)
}

// withoutEnd hides the end of a password whose beginning was cut off.
func (s *Scrubber) withoutEnd(b []byte) []byte {
	for _, p := range s.passwords {
		for i := 1; i < len(p); i++ {
			if n, _ := matchOne(p[i:], b); n > 0 {
				return append([]byte(s.mark), b[n:]...)
			}
		}
	}
	return b
}

// Wipe forgets everything: the passwords and what was held back.
func (s *Scrubber) Wipe() {
	for _, p := range s.passwords {
		clear(p)
	}
	clear(s.held)
	s.passwords, s.held = nil, nil
}
