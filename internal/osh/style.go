package osh

import (
	"bytes"
	"io"
	"strings"

	"gateway"
)

// The values of Env.Fanciness.
const (
	FancinessNone  = "none"
	FancinessBasic = "basic" // colours
	FancinessFull  = "full"  // and signs
)

// shade makes a line stand out: the parameters of the control sequence SGR
// (ECMA-48), which every terminal of today has.
type shade string

const (
	normal  shade = ""
	heading shade = "1" // bold
	good    shade = "32"
	bad     shade = "31"
	warning shade = "1;33"
)

// fanciness is what suits the person's screen: none where there is no screen,
// or when only the answer is wanted.
func (e *Env) fanciness(quiet bool) string {
	if e.Terminal == nil || quiet || e.Fanciness == "" {
		return FancinessNone
	}
	return e.Fanciness
}

// page is text in which some lines stand out. Which ones is kept beside the
// text, not in it: what strangers wrote may be in the text, and must not be
// able to look like a word of the gateway.
type page struct {
	bytes.Buffer
	shades map[int]shade // by the offset of the line's start
}

// writeHeading writes a line, which stands out if w is a page.
func writeHeading(w io.Writer, s shade, line string) {
	if p, ok := w.(*page); ok {
		if p.shades == nil {
			p.shades = map[int]shade{}
		}
		p.shades[p.Len()] = s
	}
	io.WriteString(w, line+"\n")
}

// writePage prints p, each line through gateway.Printable.
func writePage(w io.Writer, fanciness string, p *page) {
	var b strings.Builder
	at := 0
	for line := range strings.Lines(p.String()) {
		whole, ended := strings.CutSuffix(line, "\n")
		text := gateway.Printable(whole)
		if s := p.shades[at]; s != normal && fanciness != FancinessNone {
			text = "\x1b[" + string(s) + "m" + text + "\x1b[0m"
		}
		b.WriteString(text)
		if ended {
			b.WriteByte('\n')
		}
		at += len(line)
	}
	io.WriteString(w, b.String())
}

// writeMessage writes the message of an answer into p: how it ended is seen at
// its first line, and that a superowner's right was used at any.
func writeMessage(p *page, fanciness string, r Result) {
	ended, sign := normal, ""
	switch {
	case r.Exit != 0:
		ended, sign = bad, "✗ "
	case r.Code == "OK":
		ended, sign = good, "✓ "
	}
	if fanciness != FancinessFull {
		sign = ""
	}
	for i, line := range strings.Split(r.Message, "\n") {
		switch {
		case strings.HasPrefix(line, "OVERRIDE"):
			writeHeading(p, warning, line)
		case i == 0:
			writeHeading(p, ended, sign+line)
		default:
			writeHeading(p, normal, line)
		}
	}
}
