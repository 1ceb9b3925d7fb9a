package recorder

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"gateway"
)

const (
	maxColumns = 4096
	tabStop    = 8
)

// each calls f for every event up to the end.
func each(r *Reader, f func(e timed) error) error {
	for {
		at, e, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(timed{at, e}); err != nil {
			return err
		}
	}
}

// timed is an event and its offset from the start.
type timed struct {
	at time.Duration
	Event
}

// shown returns the bytes of an event that went to the person's screen.
func (t timed) shown() []byte {
	if d, ok := t.Event.(Data); ok && d.Stream != In {
		return d.Bytes
	}
	return nil
}

// Text writes what the person saw as plain lines: escape sequences are carried
// out as far as they edit a line, and dropped else. Requests, replies and
// marks are lines in brackets. Nothing that w gets can drive a terminal.
func Text(w io.Writer, r *Reader) error {
	p := newPaper(w)
	scan := scanner{emit: p.token}
	err := each(r, func(t timed) error {
		switch e := t.Event.(type) {
		case Data:
			scan.write(t.shown())
		case Request:
			p.note("request "+e.Name, e.Text)
		case Reply:
			p.note("reply "+e.Name, e.Text)
		case Mark:
			p.note("mark", e.Text)
		}
		return p.err
	})
	p.newLine()
	return firstError(err, p.err, p.w.Flush())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// paper is a terminal that is one endless page: one line that can be edited,
// and what was written above it.
type paper struct {
	w    *bufio.Writer
	line []rune // negative: a byte that is not UTF-8
	col  int
	err  error
}

func newPaper(w io.Writer) *paper { return &paper{w: bufio.NewWriter(w)} }

func (p *paper) token(t token) {
	switch t.kind {
	case tokenRune:
		p.put(t.r)
	case tokenInvalid:
		p.put(-t.r)
	case tokenControl:
		p.control(t.r)
	case tokenCSI:
		p.csi(t)
	case tokenEscape:
		if t.final == 'D' || t.final == 'E' || t.final == 'M' || t.final == 'c' {
			p.newLine()
		}
	}
}

func (p *paper) put(r rune) {
	if p.col >= maxColumns {
		p.newLine()
	}
	p.pad(p.col + 1)
	p.line[p.col] = r
	p.col++
}

// pad makes the line at least n long.
func (p *paper) pad(n int) {
	for len(p.line) < n {
		p.line = append(p.line, ' ')
	}
}

func (p *paper) control(c rune) {
	switch c {
	case '\r':
		p.col = 0
	case '\n':
		p.endLine()
	case '\v', '\f':
		p.newLine()
	case '\b':
		p.col = max(p.col-1, 0)
	case '\t':
		p.col = min((p.col/tabStop+1)*tabStop, maxColumns)
	}
}

func (p *paper) csi(t token) {
	n := t.param(0, 1)
	switch t.final {
	case 'C':
		p.col = min(p.col+n, maxColumns)
	case 'D':
		p.col = max(p.col-n, 0)
	case 'G', '`':
		p.col = min(n-1, maxColumns)
	case 'K':
		p.erase(t.param(0, 0))
	case 'P':
		if p.col < len(p.line) {
			p.line = slices.Delete(p.line, p.col, min(p.col+n, len(p.line)))
		}
	case 'X':
		for i := p.col; i < min(p.col+n, len(p.line)); i++ {
			p.line[i] = ' '
		}
	case '@':
		if p.col < len(p.line) {
			p.line = slices.Insert(p.line, p.col, []rune(strings.Repeat(" ", n))...)
			p.line = p.line[:min(len(p.line), maxColumns)]
		}
	case 'H', 'f':
		p.newLine()
		p.col = min(t.param(1, 1)-1, maxColumns)
	case 'A', 'B', 'd', 'e':
		col := p.col
		p.newLine()
		p.col = col
	case 'E', 'F', 'J':
		p.newLine()
	}
}

func (p *paper) erase(how int) {
	switch how {
	case 0:
		p.line = p.line[:min(p.col, len(p.line))]
	case 1:
		for i := range p.line[:min(p.col+1, len(p.line))] {
			p.line[i] = ' '
		}
	case 2:
		p.line = p.line[:0]
	}
}

// newLine is for what moves to another row: it leaves no empty lines.
func (p *paper) newLine() {
	if len(p.line) > 0 {
		p.endLine()
	}
	p.col = 0
}

func (p *paper) endLine() {
	end := len(p.line)
	for end > 0 && p.line[end-1] == ' ' {
		end--
	}
	for _, r := range p.line[:end] {
		switch {
		case r < 0:
			fmt.Fprintf(p.w, `\x%02x`, -r)
		case unicode.IsPrint(r):
			p.w.WriteRune(r)
		default:
			p.w.WriteString(gateway.Printable(string(r)))
		}
	}
	p.err = firstError(p.err, p.w.WriteByte('\n'))
	p.line, p.col = p.line[:0], 0
}

// note writes a remark that is not from the screen.
func (p *paper) note(label, text string) {
	p.newLine()
	for line := range strings.Lines(strings.TrimSuffix(text, "\n") + "\n") {
		line = strings.TrimRight(line, "\r\n")
		if _, err := fmt.Fprintf(p.w, "[%s] %s\n", gateway.Printable(label), gateway.Printable(line)); err != nil {
			p.err = firstError(p.err, err)
		}
	}
}
