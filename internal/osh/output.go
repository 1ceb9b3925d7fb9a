package osh

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"gateway"
)

// writeText prints text line by line through gateway.Printable: whatever the
// text was made of, it can't drive the person's terminal.
func writeText(w io.Writer, text string) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		whole, ended := strings.CutSuffix(line, "\n")
		b.WriteString(gateway.Printable(whole))
		if ended {
			b.WriteByte('\n')
		}
	}
	io.WriteString(w, b.String())
}

// writeJSON prints r in the form asked for.
func writeJSON(w io.Writer, form JSONForm, r Result) error {
	if form == NoJSON {
		return nil
	}
	if r.Value == nil {
		r.Value = json.RawMessage("null")
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if form == JSONPretty {
		enc.SetIndent("", "   ")
	}
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	body := printableJSON(b.Bytes())
	var err error
	if form == JSONGreppable {
		_, err = fmt.Fprintf(w, "\nJSON_OUTPUT=%s\n", body)
	} else {
		_, err = fmt.Fprintf(w, "\nJSON_START\n%s\nJSON_END\n", body)
	}
	return err
}

// printableJSON writes what package json leaves as it is, and a terminal obeys,
// as JSON's escapes: such runes are in texts only.
func printableJSON(doc []byte) []byte {
	b := make([]byte, 0, len(doc))
	for _, r := range string(bytes.TrimSuffix(doc, []byte("\n"))) {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}

// crlf ends lines as a terminal in raw mode needs it.
type crlf struct{ w io.Writer }

func (c crlf) Write(p []byte) (int, error) {
	if _, err := c.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}
