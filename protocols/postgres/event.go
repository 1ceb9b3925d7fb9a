package postgres

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"gateway/recorder"
)

// docs/PROTOCOL-postgres-events.md is what is written here.

// writer records the events of one connection. Texts are put together by hand,
// as this happens twice for each statement. It is for one goroutine.
type writer struct {
	record func(recorder.Event) error
	number int // of the connection; 1 is not written
	text   []byte
	broken error // of a Reply that was not recorded: nothing is passed after it
}

// begin begins the text of the event n.
func (w *writer) begin(n uint64) {
	w.text = append(w.text[:0], `{"n":`...)
	w.text = strconv.AppendUint(w.text, n, 10)
	if w.number > 1 {
		w.integer("c", int64(w.number))
	}
}

func (w *writer) key(name string) {
	w.text = append(w.text, ',', '"')
	w.text = append(w.text, name...)
	w.text = append(w.text, '"', ':')
}

func (w *writer) integer(name string, v int64) {
	w.key(name)
	w.text = strconv.AppendInt(w.text, v, 10)
}

func (w *writer) str(name string, v []byte) {
	w.key(name)
	w.text = appendText(w.text, v)
}

func (w *writer) milliseconds(d time.Duration) {
	w.key("ms")
	us := max(d.Microseconds(), 0)
	w.text = strconv.AppendInt(w.text, us/1000, 10)
	w.text = append(w.text, '.', byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

func (w *writer) request(name string) error {
	w.text = append(w.text, '}')
	return w.record(recorder.Request{Name: name, Text: string(w.take())})
}

func (w *writer) reply(name string, ok bool) error {
	w.text = append(w.text, '}')
	w.broken = w.record(recorder.Reply{Name: name, Text: string(w.take()), OK: ok})
	return w.broken
}

// take gives the text, and gives room back after a long one.
func (w *writer) take() []byte {
	b := w.text
	if cap(b) > blockSize {
		w.text = nil
	}
	return b
}

// appendText appends v as a JSON string or, when it is not UTF-8, as an object
// with its base64.
func appendText(dst, v []byte) []byte {
	const hex = "0123456789abcdef"
	if !utf8.Valid(v) {
		dst = append(dst, `{"base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, v)
		return append(dst, '"', '}')
	}
	dst = append(dst, '"')
	from := 0
	for i, c := range v {
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		dst = append(dst, v[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, v[from:]...)
	return append(dst, '"')
}

var errMalformed = errors.New("malformed message")

// cut takes a string that ends in NUL off b.
func cut(b []byte) (s, rest []byte, err error) {
	for i, c := range b {
		if c == 0 {
			return b[:i], b[i+1:], nil
		}
	}
	return nil, nil, errMalformed
}

// cut16 takes a number off b.
func cut16(b []byte) (n int, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, errMalformed
	}
	return int(binary.BigEndian.Uint16(b)), b[2:], nil
}

// cut32 takes a longer one off b.
func cut32(b []byte) (n int64, rest []byte, err error) {
	if len(b) < 4 {
		return 0, nil, errMalformed
	}
	return int64(binary.BigEndian.Uint32(b)), b[4:], nil
}

// cutValue takes a value with its length off b. null: there is none.
func cutValue(b []byte) (v, rest []byte, null bool, err error) {
	if len(b) < 4 {
		return nil, nil, false, errMalformed
	}
	n := int32(binary.BigEndian.Uint32(b))
	switch b = b[4:]; {
	case n == -1:
		return nil, b, true, nil
	case n < 0 || int64(n) > int64(len(b)):
		return nil, nil, false, errMalformed
	}
	return b[:n], b[n:], false, nil
}
