package osh

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"gateway"
)

// room is for bytes that are kept, by several writers.
type room struct {
	mu   sync.Mutex // guards left
	left int
}

func (r *room) take(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, r.left)
	r.left -= n
	return n
}

// capture keeps what passes on its way to w, up to max bytes and as long as
// there is room for it.
type capture struct {
	w     io.Writer
	room  *room
	max   int
	kept  bytes.Buffer
	total int
}

// Write implements io.Writer. Nothing is kept that did not pass.
func (c *capture) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.kept.Write(b[:c.room.take(min(n, c.max-c.kept.Len()))])
	c.total += n
	return n, err
}

func (c *capture) cut() bool { return c.kept.Len() < c.total }

// lines is what was kept. In JSON it may hold anything but bytes that are no text.
func (c *capture) lines() []string {
	lines := []string{}
	for line := range strings.Lines(strings.ToValidUTF8(c.kept.String(), "\ufffd")) {
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	return lines
}

// noInput is read by what may not ask.
type noInput struct{}

// Read implements io.Reader.
func (noInput) Read([]byte) (int, error) { return 0, io.EOF }

// editor makes all questions be read by one line editor, which may hold lines
// that were typed ahead.
func (e *Env) editor() {
	if e.Terminal != nil && e.line == nil {
		e.line = e.newTerminal(e.In, "")
	}
}

// deaf is e for what may not ask.
func (e *Env) deaf() *Env {
	d := *e
	d.In, d.Terminal = noInput{}, nil
	return &d
}

// yes asks a question. An input that has ended is no consent.
func (e *Env) yes(question string) bool {
	typed, err := e.ask(gateway.Printable(question) + " Type yes or no: ")
	if err != nil {
		return false
	}
	typed = strings.ToLower(strings.TrimSpace(typed))
	return typed == "yes" || typed == "y"
}
