package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"gateway"
	"gateway/protocols/netconf"
	"gateway/protocols/postgres"
	"gateway/recorder"
)

// recordingSearchCmd looks for a text in recordings.
type recordingSearchCmd struct {
	Text    string `arg:"" help:"What to look for; upper and lower case are the same."`
	Account string `placeholder:"ACCOUNT" help:"Only recordings of this account."`
}

// Run searches.
func (c *recordingSearchCmd) Run(g *globals) error { return c.run(g, os.Stdout) }

func (c *recordingSearchCmd) run(g *globals, w io.Writer) error {
	if c.Text == "" {
		return usageError{errors.New("say what to look for")}
	}
	root, err := openRecordings(g)
	if err != nil {
		return err
	}
	defer root.Close()
	lines, err := describeAll(root, func(l recordingLine) bool { return l.Problem == "" && l.of(c.Account) })
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	found := false
	for _, l := range lines {
		m := &matches{w: out, title: l.String(), text: bytes.ToLower([]byte(c.Text))}
		if err := m.search(root, l); err != nil {
			return err
		}
		found = found || m.any
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if !found {
		return exitError(1)
	}
	return nil
}

// maxSearched is how much of a line is looked at.
const maxSearched = 64 << 10

// matches passes on the lines that have a text, under a title.
type matches struct {
	w     io.Writer
	title string
	text  []byte // in lower case
	any   bool
	line  []byte
}

func (m *matches) search(root *os.Root, l recordingLine) error {
	f, err := root.Open(l.name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := recorder.NewReader(f)
	if err != nil {
		return err
	}
	list := recorder.Text
	switch l.Protocol {
	case gateway.Postgres:
		list = postgres.List
	case gateway.NETCONF:
		list = netconf.List
	}
	// A recording that is not whole is searched as far as it goes; verify tells.
	_ = list(m, r)
	return m.end()
}

// Write implements io.Writer.
func (m *matches) Write(p []byte) (int, error) {
	for rest := p; ; {
		line, more, whole := bytes.Cut(rest, []byte("\n"))
		m.line = append(m.line, line[:min(len(line), maxSearched-len(m.line))]...)
		if !whole {
			return len(p), nil
		}
		if err := m.end(); err != nil {
			return 0, err
		}
		rest = more
	}
}

// end looks at a line that is whole.
func (m *matches) end() error {
	line := m.line
	m.line = m.line[:0]
	if !bytes.Contains(bytes.ToLower(line), m.text) {
		return nil
	}
	if !m.any {
		m.any = true
		if _, err := fmt.Fprintln(m.w, m.title); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(m.w, "    %s\n", line)
	return err
}
