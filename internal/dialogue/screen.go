package dialogue

import "slices"

// maxLine bounds the line that a prompt is looked for in. A longer one is no
// prompt.
const maxLine = 512

// screen follows what a device writes just far enough to know the line that
// the cursor is in.
type screen struct {
	line   []byte
	long   bool // line is longer than maxLine: only its beginning is kept
	moved  bool // the cursor went elsewhere: the next character begins a new line
	cr     bool // it did so by a carriage return, which a line feed may follow
	breaks int  // how many lines were begun
	fed    bool // the line that ends does so by a line feed, and the cursor was at its end

	escape escapeState
	length int // of the escape sequence
	param  int // its first parameter
	first  bool
}

type escapeState int

const (
	ground     escapeState = iota
	escaped                // after ESC
	control                // after ESC [
	controlOSC             // after ESC ], P, X, ^ or _: text up to BEL or ESC \
	charset                // after ESC and an intermediate byte
)

const (
	maxControl = 64
	maxOSC     = 4096
)

func newScreen() *screen { return &screen{line: make([]byte, 0, maxLine)} }

// write takes bytes; finished is called with every line that ends, valid
// during the call.
func (s *screen) write(b []byte, finished func(line []byte)) {
	for _, c := range b {
		s.byte(c, finished)
	}
}

// unfinished is the line that the cursor is in, without blanks around it;
// empty if it is too long.
func (s *screen) unfinished() []byte {
	if s.long {
		return nil
	}
	return trim(s.line)
}

func (s *screen) byte(c byte, finished func([]byte)) {
	if s.escape != ground {
		s.sequence(c, finished)
		return
	}
	switch {
	case c == 0x1b:
		s.escape, s.length = escaped, 0
	case c == '\n':
		s.fed = !s.moved || s.cr
		s.finish(finished)
		s.fed, s.moved, s.cr = false, false, false
	case c == '\r':
		s.moved, s.cr = true, true
	case c == '\b':
		if len(s.line) > 0 && !s.moved && !s.long {
			s.line = s.line[:len(s.line)-1]
		}
	case c == '\t':
		s.put(' ', finished)
	case c >= ' ' && c != 0x7f:
		s.put(c, finished)
	}
}

// put adds a character. Blanks after a move don't begin a new line: devices
// move about and wipe after they wrote a prompt.
func (s *screen) put(c byte, finished func([]byte)) {
	if s.moved {
		if c == ' ' {
			return
		}
		s.finish(finished)
		s.moved, s.cr = false, false
	}
	if len(s.line) >= maxLine {
		s.long = true
		return
	}
	s.line = append(s.line, c)
}

func (s *screen) finish(finished func([]byte)) {
	finished(s.unfinished())
	s.line, s.long = s.line[:0], false
	s.breaks++
}

// sequence takes a byte of an escape sequence (ECMA-48).
func (s *screen) sequence(c byte, finished func([]byte)) {
	s.length++
	switch s.escape {
	case escaped:
		s.introducer(c)
	case charset:
		s.escape = ground
	case controlOSC:
		if c == 0x07 || c == 0x1b || c == '\n' || s.length > maxOSC {
			s.escape = ground
			if c == 0x1b {
				s.escape, s.length = escaped, 0
			}
		}
	case control:
		s.controlByte(c, finished)
	}
}

func (s *screen) introducer(c byte) {
	switch {
	case c == '[':
		s.escape, s.param, s.first = control, 0, true
	case slices.Contains([]byte("]PX^_"), c):
		s.escape = controlOSC
	case c >= ' ' && c <= '/':
		s.escape = charset
	case c == 0x1b:
		s.length = 0
	default:
		s.escape = ground
		if slices.Contains([]byte("DEMc78"), c) {
			s.moved = true
		}
	}
}

func (s *screen) controlByte(c byte, finished func([]byte)) {
	switch {
	case c == 0x1b:
		s.escape, s.length = escaped, 0
	case c == '\n' || s.length > maxControl: // not a sequence: don't swallow the text
		s.escape = ground
		s.byte(c, finished)
	case c >= '0' && c <= '9' && s.first:
		s.param = min(s.param*10+int(c-'0'), maxLine)
	case c >= 0x40 && c <= 0x7e:
		s.escape = ground
		s.move(c, finished)
	case c == ';':
		s.first = false
	}
}

// move does what the sequence with this final byte does to the cursor.
func (s *screen) move(final byte, finished func([]byte)) {
	switch final {
	case 'C': // forward, over what is taken for blanks
		s.put(' ', finished)
	case 'A', 'B', 'D', 'E', 'F', 'G', 'H', 'd', 'f', 'u', '`':
		s.moved = true
	}
}
