package recorder

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"gateway"
)

// Ttyrec writes the output streams in the format of ttyrec: for each piece a
// header of seconds, microseconds and length, 32 bits little-endian each.
func Ttyrec(w io.Writer, r *Reader) error {
	out := bufio.NewWriter(w)
	start := r.Header().Start
	err := each(r, func(t timed) error {
		b := t.shown()
		if len(b) == 0 {
			return nil
		}
		at := start.Add(t.at)
		var h [12]byte
		binary.LittleEndian.PutUint32(h[:], uint32(at.Unix()))
		binary.LittleEndian.PutUint32(h[4:], uint32(at.Nanosecond()/1000))
		binary.LittleEndian.PutUint32(h[8:], uint32(len(b)))
		_, _ = out.Write(h[:]) // a bufio.Writer keeps its first error
		_, err := out.Write(b)
		return err
	})
	return firstError(err, out.Flush())
}

// Typescript writes what script(1) would have: the output, and the timing file
// that scriptreplay(1) plays it by.
func Typescript(script, timing io.Writer, r *Reader) error {
	out, times := bufio.NewWriter(script), bufio.NewWriter(timing)
	h := r.Header()
	// scriptreplay skips the first line.
	fmt.Fprintf(out, "Script started on %s [SESSION=%q]\n", h.Start.Format(time.RFC3339), string(h.Session))
	var last time.Duration
	err := each(r, func(t timed) error {
		b := t.shown()
		if len(b) == 0 {
			return nil
		}
		fmt.Fprintf(times, "%s %d\n", seconds(t.at-last), len(b))
		last = t.at
		_, err := out.Write(b)
		return err
	})
	return firstError(err, out.Flush(), times.Flush())
}

func seconds(d time.Duration) json.Number {
	return json.Number(fmt.Sprintf("%d.%06d", d/time.Second, d%time.Second/time.Microsecond))
}

// Asciicast writes asciicast version 2: output, input and resizes.
func Asciicast(w io.Writer, r *Reader) error {
	out := bufio.NewWriter(w)
	enc := newLineEncoder(out)
	h := r.Header()
	head := struct {
		Version   int               `json:"version"`
		Width     uint32            `json:"width"`
		Height    uint32            `json:"height"`
		Timestamp int64             `json:"timestamp"`
		Title     string            `json:"title"`
		Command   string            `json:"command,omitempty"`
		Env       map[string]string `json:"env,omitempty"`
	}{Version: 2, Width: orDefault(h.Cols, 80), Height: orDefault(h.Rows, 24), Timestamp: h.Start.Unix(),
		Title: title(h), Command: gateway.Printable(h.Command)}
	if h.Term != "" {
		head.Env = map[string]string{"TERM": gateway.Printable(h.Term)}
	}
	if err := enc.Encode(head); err != nil {
		return fmt.Errorf("export asciicast: %w", err)
	}
	line := func(at time.Duration, code, text string) error {
		if text == "" {
			return nil
		}
		return enc.Encode([]any{seconds(at), code, text})
	}
	var last time.Duration
	streams := map[Stream]*runes{In: {}, Out: {}, Err: {}}
	codes := map[Stream]string{In: "i", Out: "o", Err: "o"}
	err := each(r, func(t timed) error {
		last = t.at
		switch e := t.Event.(type) {
		case Data:
			return line(t.at, codes[e.Stream], streams[e.Stream].next(e.Bytes))
		case Resize:
			return line(t.at, "r", fmt.Sprintf("%dx%d", e.Cols, e.Rows))
		}
		return nil
	})
	for _, s := range []Stream{In, Out, Err} {
		err = firstError(err, line(last, codes[s], string(streams[s].rest)))
	}
	return firstError(err, out.Flush())
}

func orDefault(n, def uint32) uint32 {
	if n == 0 {
		return def
	}
	return n
}

// title is one printable line about a recording.
func title(h Header) string {
	who := h.Who()
	to := h.To()
	if to == "" {
		return gateway.Printable(who)
	}
	return gateway.Printable(who) + " to " + to
}

// lineEncoder writes one JSON value a line, for people's terminals too: beyond
// what JSON asks for, it escapes DEL and the C1 controls.
type lineEncoder struct {
	w    io.Writer
	line bytes.Buffer
	enc  *json.Encoder
}

func newLineEncoder(w io.Writer) *lineEncoder {
	e := &lineEncoder{w: w}
	e.enc = json.NewEncoder(&e.line)
	e.enc.SetEscapeHTML(false)
	return e
}

// Encode writes v.
func (e *lineEncoder) Encode(v any) error {
	e.line.Reset()
	if err := e.enc.Encode(v); err != nil {
		return err
	}
	for line := e.line.Bytes(); ; {
		// Only strings can hold such characters, so the escape is valid where they are.
		i := bytes.IndexFunc(line, func(r rune) bool { return r >= 0x7f && r < 0xa0 })
		if i < 0 {
			_, err := e.w.Write(line)
			return err
		}
		r, n := utf8.DecodeRune(line[i:])
		if _, err := fmt.Fprintf(e.w, `%s\u%04x`, line[:i], r); err != nil {
			return err
		}
		line = line[i+n:]
	}
}

// runes gives bytes back as strings that never cut a character in two: what
// is begun at the end of one piece comes with the next.
type runes struct{ rest []byte }

func (r *runes) next(b []byte) string {
	all := append(r.rest, b...)
	cut := len(all)
	for i := len(all) - 1; i >= 0 && i > len(all)-utf8.UTFMax; i-- {
		if utf8.RuneStart(all[i]) {
			if !utf8.FullRune(all[i:]) {
				cut = i
			}
			break
		}
	}
	text := string(all[:cut])
	r.rest = append(r.rest[:0:0], all[cut:]...)
	return text
}

// jsonEvent is one line of JSONLines.
type jsonEvent struct {
	Event  string      `json:"event"` // "header", "data", "resize", "request", "reply", "mark", "end"
	At     json.Number `json:"at,omitempty"`
	Header *Header     `json:"header,omitempty"`
	Stream string      `json:"stream,omitempty"`
	Name   string      `json:"name,omitempty"`
	Text   *string     `json:"text,omitempty"`   // if it is UTF-8
	Base64 string      `json:"base64,omitempty"` // if it is not
	OK     *bool       `json:"ok,omitempty"`
	More   bool        `json:"more,omitempty"`
	Cols   uint32      `json:"cols,omitempty"`
	Rows   uint32      `json:"rows,omitempty"`
	Seal   *Seal       `json:"seal,omitempty"` // as found; Verify says whether it is genuine
	Torn   bool        `json:"torn,omitempty"`
}

func (j *jsonEvent) setText(s string) {
	if utf8.ValidString(s) {
		j.Text = &s
		return
	}
	j.Base64 = base64.StdEncoding.EncodeToString([]byte(s))
}

// JSONLines writes one JSON object a line: the header, every event, the end.
func JSONLines(w io.Writer, r *Reader) error {
	out := bufio.NewWriter(w)
	enc := newLineEncoder(out)
	h := r.Header()
	if err := enc.Encode(jsonEvent{Event: "header", Header: &h}); err != nil {
		return fmt.Errorf("export JSON lines: %w", err)
	}
	err := each(r, func(t timed) error {
		j := jsonEvent{At: seconds(t.at)}
		switch e := t.Event.(type) {
		case Data:
			j.Event, j.Stream = "data", e.Stream.String()
			j.setText(string(e.Bytes))
		case Resize:
			j.Event, j.Cols, j.Rows = "resize", e.Cols, e.Rows
		case Request:
			j.Event, j.Name, j.More = "request", e.Name, e.More
			j.setText(e.Text)
		case Reply:
			j.Event, j.Name, j.More, j.OK = "reply", e.Name, e.More, &e.OK
			j.setText(e.Text)
		case Mark:
			j.Event = "mark"
			j.setText(e.Text)
		}
		return enc.Encode(j)
	})
	if err == nil {
		last := jsonEvent{Event: "end", Torn: r.Torn()}
		if s, ok := r.Seal(); ok {
			last.Seal = &s
		}
		err = enc.Encode(last)
	}
	return firstError(err, out.Flush())
}
