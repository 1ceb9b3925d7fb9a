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

var errTypedLong = errors.New("the line is too long")

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
	resume := e.keys.suspend()
	defer resume()
	t := e.line
	if t == nil {
		t = e.newTerminal(e.In, prompt)
	}
	complete := t.AutoCompleteCallback
	t.AutoCompleteCallback = nil
	defer func() { t.AutoCompleteCallback = complete }()
	t.SetPrompt(prompt)
	return t.ReadLine()
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
