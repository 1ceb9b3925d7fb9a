// Package recorder is the recording container: the events that every protocol
// is recorded as, the file they are written to in hash-chained chunks, its
// reader, seal and verifier, and the exports to other formats.
//
// docs/PROTOCOL-recording.md is the format, exact enough to reimplement.
package recorder

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"gateway"
)

// Event is one thing that happened in a session: Data, Resize, Request, Reply
// or Mark. The set is closed.
type Event interface{ event() }

// Stream says which way the bytes of a Data event went.
type Stream uint8

// The streams, as seen from the person: In is what they sent.
const (
	In  Stream = 1
	Out Stream = 2
	Err Stream = 3
)

// String gives "in", "out" or "err".
func (s Stream) String() string {
	switch s {
	case In:
		return "in"
	case Out:
		return "out"
	case Err:
		return "err"
	}
	return "invalid"
}

// Data is bytes that passed.
type Data struct {
	Stream Stream
	Bytes  []byte
}

// Resize is the size of the person's terminal, at its start and on each change.
type Resize struct {
	Cols, Rows    uint32
	Width, Height uint32 // in pixels; 0: unknown
}

// Request is a message to the target, or an operation asked of it.
type Request struct {
	Name string // at most 255 bytes: "exec", "rpc get-config", "query", …
	Text string
	More bool // Text goes on in the next event, which has the same Name
}

// Reply is the answer to a Request.
type Reply struct {
	Name string // at most 255 bytes
	Text string
	OK   bool
	More bool // Text goes on in the next event, which has the same Name
}

// Mark is a remark of the gateway itself.
type Mark struct{ Text string }

func (Data) event()    {}
func (Resize) event()  {}
func (Request) event() {}
func (Reply) event()   {}
func (Mark) event()    {}

// Limits of one encoded event.
const (
	FrameHeaderSize = 16       // kind, flags, reserved, body length, time
	MaxBody         = 64 << 10 // bytes after the frame header
	maxName         = 255
)

const (
	kindData    = 1
	kindResize  = 2
	kindRequest = 3
	kindReply   = 4
	kindMark    = 5

	flagOK   = 1 << 0 // Reply.OK
	flagMore = 1 << 7 // Request.More, Reply.More
)

// FrameHeader is the encoded start of one event.
type FrameHeader [FrameHeaderSize]byte

// DataHeader is the frame header of a Data event of n ≤ MaxBody bytes. It lets
// the live path write the bytes themselves straight to where they go.
func DataHeader(at time.Duration, s Stream, n int) FrameHeader {
	return frameHeader(kindData, byte(s), n, at)
}

func frameHeader(kind, flags byte, n int, at time.Duration) FrameHeader {
	var h FrameHeader
	h[0], h[1] = kind, flags
	binary.LittleEndian.PutUint32(h[4:], uint32(n))
	binary.LittleEndian.PutUint64(h[8:], uint64(max(at, 0)))
	return h
}

// Append appends the encoding of e, which happened at the offset at from the
// start of the session, to dst. It fails with gateway.ErrInvalid when e does
// not fit one frame; see Split.
func Append(dst []byte, at time.Duration, e Event) ([]byte, error) {
	var kind, flags byte
	n := 0
	switch e := e.(type) {
	case Data:
		kind, flags, n = kindData, byte(e.Stream), len(e.Bytes)
		if e.Stream < In || e.Stream > Err {
			return dst, fmt.Errorf("encode data: stream %d: %w", e.Stream, gateway.ErrInvalid)
		}
	case Resize:
		kind, n = kindResize, 16
	case Request:
		kind, flags, n = kindRequest, more(e.More), 1+len(e.Name)+len(e.Text)
		if len(e.Name) > maxName {
			return dst, fmt.Errorf("encode request: name of %d bytes: %w", len(e.Name), gateway.ErrInvalid)
		}
	case Reply:
		kind, flags, n = kindReply, more(e.More), 1+len(e.Name)+len(e.Text)
		if e.OK {
			flags |= flagOK
		}
		if len(e.Name) > maxName {
			return dst, fmt.Errorf("encode reply: name of %d bytes: %w", len(e.Name), gateway.ErrInvalid)
		}
	case Mark:
		kind, n = kindMark, len(e.Text)
	default:
		return dst, fmt.Errorf("encode %T: %w", e, gateway.ErrInvalid)
	}
	if n > MaxBody {
		return dst, fmt.Errorf("encode event: body of %d bytes: %w", n, gateway.ErrInvalid)
	}
	h := frameHeader(kind, flags, n, at)
	return appendBody(append(dst, h[:]...), e), nil
}

func more(m bool) byte {
	if m {
		return flagMore
	}
	return 0
}

func appendBody(dst []byte, e Event) []byte {
	switch e := e.(type) {
	case Data:
		return append(dst, e.Bytes...)
	case Resize:
		dst = binary.LittleEndian.AppendUint32(dst, e.Cols)
		dst = binary.LittleEndian.AppendUint32(dst, e.Rows)
		dst = binary.LittleEndian.AppendUint32(dst, e.Width)
		return binary.LittleEndian.AppendUint32(dst, e.Height)
	case Request:
		dst = append(append(dst, byte(len(e.Name))), e.Name...)
		return append(dst, e.Text...)
	case Reply:
		dst = append(append(dst, byte(len(e.Name))), e.Name...)
		return append(dst, e.Text...)
	case Mark:
		return append(dst, e.Text...)
	}
	return dst
}

// Split cuts an event that is too large for one frame into events that are
// not: several Data, or Requests and Replies with More set on all but the last.
// Marks are the gateway's own and short: the rest of a longer one is dropped.
func Split(e Event) []Event {
	var parts []Event
	switch e := e.(type) {
	case Data:
		for len(e.Bytes) > MaxBody {
			parts = append(parts, Data{e.Stream, e.Bytes[:MaxBody]})
			e.Bytes = e.Bytes[MaxBody:]
		}
		return append(parts, e)
	case Request:
		for room := MaxBody - 1 - len(e.Name); len(e.Text) > room && room > 0; e.Text = e.Text[room:] {
			parts = append(parts, Request{Name: e.Name, Text: e.Text[:room], More: true})
		}
		return append(parts, e)
	case Reply:
		for room := MaxBody - 1 - len(e.Name); len(e.Text) > room && room > 0; e.Text = e.Text[room:] {
			parts = append(parts, Reply{Name: e.Name, Text: e.Text[:room], OK: e.OK, More: true})
		}
		return append(parts, e)
	case Mark:
		return []Event{Mark{e.Text[:min(len(e.Text), MaxBody)]}}
	}
	return []Event{e}
}

// frame is one encoded event whose form was checked.
type frame struct {
	kind, flags byte
	at          time.Duration
	body        []byte
	size        int // encoded, header included
}

// parseFrame checks the frame at the start of b. Its errors say what is wrong
// with it; they quote numbers only, never content.
func parseFrame(b []byte) (frame, error) {
	if len(b) < FrameHeaderSize {
		return frame{}, fmt.Errorf("%d bytes instead of a frame: %w", len(b), gateway.ErrInvalid)
	}
	n, at := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint64(b[8:])
	switch {
	case b[2] != 0 || b[3] != 0:
		return frame{}, fmt.Errorf("reserved bytes set: %w", gateway.ErrInvalid)
	case n > MaxBody:
		return frame{}, fmt.Errorf("body of %d bytes: %w", n, gateway.ErrInvalid)
	case int(n) > len(b)-FrameHeaderSize:
		return frame{}, fmt.Errorf("body of %d bytes where %d are left: %w", n, len(b)-FrameHeaderSize, gateway.ErrInvalid)
	case at > math.MaxInt64:
		return frame{}, fmt.Errorf("time out of range: %w", gateway.ErrInvalid)
	}
	f := frame{b[0], b[1], time.Duration(at), b[FrameHeaderSize : FrameHeaderSize+n], FrameHeaderSize + int(n)}
	return f, f.check()
}

func (f frame) check() error {
	allowed, ok := byte(0), true
	switch f.kind {
	case kindData:
		allowed, ok = 3, f.flags >= byte(In) && f.flags <= byte(Err)
	case kindResize:
		ok = len(f.body) == 16
	case kindRequest:
		allowed, ok = flagMore, len(f.body) > 0 && int(f.body[0]) < len(f.body)
	case kindReply:
		allowed, ok = flagMore|flagOK, len(f.body) > 0 && int(f.body[0]) < len(f.body)
	case kindMark:
	default:
		return fmt.Errorf("unknown kind %d: %w", f.kind, gateway.ErrInvalid)
	}
	if f.flags&^allowed != 0 || !ok {
		return fmt.Errorf("malformed event of kind %d, flags %#x, %d bytes: %w", f.kind, f.flags, len(f.body), gateway.ErrInvalid)
	}
	return nil
}

func (f frame) event() Event {
	switch f.kind {
	case kindData:
		return Data{Stream(f.flags), f.body}
	case kindResize:
		le := binary.LittleEndian
		return Resize{le.Uint32(f.body), le.Uint32(f.body[4:]), le.Uint32(f.body[8:]), le.Uint32(f.body[12:])}
	case kindRequest:
		name, text := f.strings()
		return Request{name, text, f.flags&flagMore != 0}
	case kindReply:
		name, text := f.strings()
		return Reply{name, text, f.flags&flagOK != 0, f.flags&flagMore != 0}
	}
	return Mark{string(f.body)}
}

func (f frame) strings() (name, text string) {
	n := 1 + int(f.body[0])
	return string(f.body[1:n]), string(f.body[n:])
}

// Decode decodes the event at the start of b and returns how many bytes it
// took. Data.Bytes points into b.
func Decode(b []byte) (at time.Duration, e Event, n int, err error) {
	f, err := parseFrame(b)
	if err != nil {
		return 0, nil, 0, fmt.Errorf("decode event: %w", err)
	}
	return f.at, f.event(), f.size, nil
}
