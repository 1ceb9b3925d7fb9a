package recorder

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	stdhash "hash"
	"io"
	"os"
	"time"

	"gateway"
)

// ErrSealed: the recording is finished and takes nothing more.
var ErrSealed = errors.New("recording is sealed")

// FrameError names the first malformed event among those given to
// Writer.Write. The events before it were written.
type FrameError struct {
	Event  uint64 // index of the event in the recording
	Offset int    // in the bytes given
	Err    error
}

// Error implements error.
func (e *FrameError) Error() string {
	return fmt.Sprintf("event %d at byte %d: %v", e.Event, e.Offset, e.Err)
}

// Unwrap gives what is wrong with the event; it is a gateway.ErrInvalid.
func (e *FrameError) Unwrap() error { return e.Err }

// Writer writes one recording. It is for one goroutine at a time. After an
// error other than FrameError the file may have a torn tail after Size bytes:
// cut it off before anything else is written.
type Writer struct {
	w        io.Writer
	sum      stdhash.Hash
	chain    hash
	totals   Totals
	last     time.Duration
	position uint64
	size     int64
	sealed   bool
}

// NewWriter writes the header to w and returns a Writer for what follows.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	b, err := prelude(h)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("write recording header: %w", err)
	}
	return &Writer{w: w, sum: sha256.New(), chain: firstHash(b), size: int64(len(b))}, nil
}

// Resume goes on with a recording whose writer died: it follows the chain to
// the last whole chunk and cuts off a torn tail. f must be open for reading
// and appending (os.O_APPEND). A damaged file is left as it is, with a
// *DamageError; for a sealed one the error is ErrSealed.
func Resume(f *os.File) (*Writer, Header, error) {
	r, err := NewReader(io.NewSectionReader(f, 0, 1<<62))
	if err != nil {
		return nil, Header{}, err
	}
	for {
		if err := r.nextChunk(); err == io.EOF {
			break
		} else if err != nil {
			return nil, r.Header(), fmt.Errorf("resume recording: %w", err)
		}
	}
	if _, ok := r.Seal(); ok {
		return nil, r.Header(), fmt.Errorf("resume recording: %w", ErrSealed)
	}
	if err := f.Truncate(r.size); err != nil {
		return nil, r.Header(), fmt.Errorf("resume recording: cut the torn tail: %w", err)
	}
	w := &Writer{w: f, sum: sha256.New(), chain: r.chain, totals: r.totals, last: r.last, position: r.position, size: r.size}
	return w, r.Header(), nil
}

// Write checks the first n bytes of b.Frames, which are encoded events of the
// session, and appends them as one chunk. Times are put right where they go
// back, or beyond now. At a malformed event it stops: what came before it is
// written, and the error is a *FrameError.
func (w *Writer) Write(b *Buffer, n int, now time.Duration) error {
	return w.write(b, n, now, 0)
}

// Note appends an event of the recorder itself, as a chunk of its own.
func (w *Writer) Note(at time.Duration, e Event) error {
	frame, err := Append(nil, at, e)
	if err != nil {
		return err
	}
	b := NewBuffer(len(frame))
	return w.write(b, copy(b.Frames(), frame), at, chunkNote)
}

func (w *Writer) write(b *Buffer, n int, now time.Duration, flags byte) error {
	if w.sealed {
		return fmt.Errorf("write recording: %w", ErrSealed)
	}
	h, totals, wrong := w.scan(b.Frames()[:n], now)
	if h.raw == 0 {
		return wrong
	}
	h.flags, h.stored = flags, h.raw
	out := b.plain
	if packed := b.pack(int(h.raw)); packed != nil {
		h.flags |= chunkS2
		h.stored = uint32(len(packed))
		out = b.packed
	}
	h.position = w.position
	if flags&chunkNote == 0 {
		h.position += uint64(h.raw)
	}
	h.put(out)
	end := chunkHeaderSize + int(h.stored)
	chain := w.link(out[:end])
	// One write(2): the chunk is in the file, or it is not.
	out = append(out[:end], chain[:]...)
	if _, err := w.w.Write(out); err != nil {
		return fmt.Errorf("write chunk %d: %w", w.totals.Chunks, err)
	}
	totals.Chunks++
	w.chain, w.totals, w.last, w.position = chain, totals, h.last, h.position
	w.size += int64(len(out))
	return wrong
}

// link gives the chain's hash after a chunk.
func (w *Writer) link(chunk []byte) hash {
	w.sum.Reset()
	w.sum.Write(w.chain[:])
	w.sum.Write(chunk)
	var h hash
	w.sum.Sum(h[:0])
	return h
}

// scan checks events, puts their times right in place and counts them. The
// chunk header that it returns covers the events before the first malformed one.
func (w *Writer) scan(frames []byte, now time.Duration) (chunkHeader, Totals, error) {
	var h chunkHeader
	totals, last := w.totals, w.last
	for off := 0; off < len(frames); {
		f, err := parseFrame(frames[off:])
		if err != nil {
			return h, totals, &FrameError{totals.Events, off, err}
		}
		at := max(min(f.at, now), last)
		if at != f.at {
			binary.LittleEndian.PutUint64(frames[off+8:], uint64(at))
		}
		if h.events == 0 {
			h.first = at
		}
		last = at
		off += f.size
		totals.add(f)
		h.events, h.last, h.raw = h.events+1, at, uint32(off)
	}
	return h, totals, nil
}

// Seal signs what was written and ends the recording.
func (w *Writer) Seal(key ed25519.PrivateKey, end End) (Seal, error) {
	if w.sealed {
		return Seal{}, fmt.Errorf("seal recording: %w", ErrSealed)
	}
	if len(key) != ed25519.PrivateKeySize {
		return Seal{}, fmt.Errorf("seal recording: no key: %w", gateway.ErrInvalid)
	}
	s := Seal{Totals: w.totals, End: end}
	b, err := encodeSeal(key, w.chain, s)
	if err != nil {
		return Seal{}, err
	}
	if _, err := w.w.Write(b); err != nil {
		return Seal{}, fmt.Errorf("write seal: %w", err)
	}
	w.sealed = true
	w.size += int64(len(b))
	return s, nil
}

// Size is how many bytes of the file are whole: header, chunks and seal.
func (w *Writer) Size() int64 { return w.size }

// Position is how many bytes of the session's event stream the file holds.
func (w *Writer) Position() uint64 { return w.position }

// Chain is the hash that the next chunk is chained to, or that was sealed.
func (w *Writer) Chain() [sha256.Size]byte { return w.chain }

// Totals counts what was written.
func (w *Writer) Totals() Totals { return w.totals }
