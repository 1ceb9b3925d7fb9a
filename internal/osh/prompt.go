package osh

import (
	"errors"
	"io"
	"strings"

	"golang.org/x/term"

	"gateway"
)

// maxTyped bounds a line that a person types or pipes in.
const maxTyped = 64 << 10

// maxLines bounds a text of many lines.
const maxLines = 1 << 20

var (
	errTypedLong = errors.New("the input is too long")
	errNotEnded  = errors.New("it ends without a dot")
)

// ask prints a prompt and reads one line, without its end.
func (e *Env) ask(prompt string) (string, error) {
	if e.Terminal == nil {
		if _, err := io.WriteString(e.Err, prompt); err != nil {
			return "", err
		}
		typed, err := readLine(e.In)
		if err != nil {
			writeText(e.Err, "\n") // nobody ended the line
		}
		return typed, err
	}
	read, done := e.prompt(prompt)
	defer done()
	return read()
}

// prompt gives what reads lines that are typed at a terminal, until done.
func (e *Env) prompt(prompt string) (read func() (string, error), done func()) {
	resume := e.keys.suspend()
	t := e.line
	if t == nil {
		t = e.newTerminal(e.In, prompt)
	}
	complete := t.AutoCompleteCallback
	t.AutoCompleteCallback = nil
	t.SetPrompt(prompt)
	return t.ReadLine, func() {
		t.AutoCompleteCallback = complete
		resume()
	}
}

// askLines reads lines: all that is piped in, or, at a terminal, what is typed
// after the title until a dot alone.
func (e *Env) askLines(title string) (string, error) {
	if e.Terminal == nil {
		b, err := io.ReadAll(io.LimitReader(e.In, maxLines+1))
		if len(b) > maxLines {
			err = errTypedLong
		}
		return string(b), err
	}
	writeText(e.Err, title)
	read, done := e.prompt("> ")
	defer done()
	var b strings.Builder
	for {
		line, err := read()
		switch {
		case err == io.EOF: // also for Ctrl-C
			return "", errNotEnded
		case err != nil:
			return "", err
		case line == ".":
			return b.String(), nil
		case b.Len()+len(line) >= maxLines:
			return "", errTypedLong
		}
		b.WriteString(line + "\n")
	}
}

// newTerminal edits lines read from in.
func (e *Env) newTerminal(in io.Reader, prompt string) *term.Terminal {
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, e.raw}, prompt)
	e.fit(t)
	return t
}

// fit tells t how large the screen is now. Nonsense leaves it as it is.
func (e *Env) fit(t *term.Terminal) {
	if e.Terminal.Size == nil {
		return
	}
	if w, h := e.Terminal.Size(); w > 0 && h > 0 && w <= 4096 && h <= 4096 {
		_ = t.SetSize(w, h) // its error is that of the writer, which the next write meets too
	}
}

// readLine reads byte by byte, so that it takes nothing that follows the line.
func readLine(r io.Reader) (string, error) {
	var b strings.Builder
	var c [1]byte
	for {
		n, err := r.Read(c[:])
		if n == 1 && c[0] == '\n' {
			return strings.TrimSuffix(b.String(), "\r"), nil
		}
		if n == 1 {
			if b.Len() == maxTyped {
				return "", errTypedLong
			}
			b.WriteByte(c[0])
		}
		if err == io.EOF && b.Len() > 0 {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// printable is for prompts, which no writer cleans.
func printable(s string) string { return gateway.Printable(s) }
