package recorder

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/s2"
)

// DamageError: the recording was altered, or its storage is faulty. Nothing
// from the named chunk on can be trusted.
type DamageError struct {
	Chunk  uint64 // index of the first bad chunk
	Reason string
}

// Error implements error.
func (e *DamageError) Error() string {
	return fmt.Sprintf("recording damaged at chunk %d: %s", e.Chunk, e.Reason)
}

// Reader reads one recording, event after event, in bounded memory. It
// follows the hash chain: an event is given only from a chunk that is whole.
// The seal's signature is checked by Verify only.
type Reader struct {
	r      io.Reader
	header Header

	chain    hash
	totals   Totals
	last     time.Duration
	position uint64
	size     int64 // bytes of the file up to the last whole record
	stored   []byte
	raw      []byte
	events   []byte // what is left of raw
	seal     *rawSeal
	torn     bool
	err      error // sticky
}

// NewReader reads the header. The error is an ErrFormat if it is not whole.
func NewReader(r io.Reader) (*Reader, error) {
	h, first, n, err := readPrelude(r)
	if err != nil {
		return nil, err
	}
	return &Reader{r: r, header: h, chain: first, size: n}, nil
}

// Header is the recording's header.
func (r *Reader) Header() Header { return r.header }

// Next returns the next event and its offset from the start. Data.Bytes is
// valid until the next call. At the end the error is io.EOF; Seal and Torn
// then say what kind of end it was. A *DamageError means that the rest can't
// be trusted.
func (r *Reader) Next() (time.Duration, Event, error) {
	for len(r.events) == 0 {
		if err := r.nextChunk(); err != nil {
			return 0, nil, err
		}
	}
	at, e, n, err := Decode(r.events)
	if err != nil {
		return 0, nil, err
	}
	r.events = r.events[n:]
	return at, e, nil
}

// Seal returns the seal after Next returned io.EOF; false: there is none, the
// session is still running or its recorder died.
func (r *Reader) Seal() (Seal, bool) {
	if r.seal == nil {
		return Seal{}, false
	}
	return r.seal.seal, true
}

// Torn reports, after Next returned io.EOF, that the file ends in the middle
// of a chunk.
func (r *Reader) Torn() bool { return r.torn }

func (r *Reader) nextChunk() error {
	if r.err == nil {
		r.err = r.readRecord()
	}
	return r.err
}

func (r *Reader) damaged(reason string) error {
	return &DamageError{r.totals.Chunks, reason}
}

// read fills b. The end of the file within a record makes it torn.
func (r *Reader) read(b []byte, within bool) error {
	n, err := io.ReadFull(r.r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		r.torn = within || n > 0
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("read recording: %w", err)
	}
	return nil
}

func (r *Reader) readRecord() error {
	var start [chunkHeaderSize]byte
	if err := r.read(start[:recordStart], false); err != nil {
		return err
	}
	switch start[0] {
	case recordChunk:
		if err := r.read(start[recordStart:], true); err != nil {
			return err
		}
		return r.readChunk(start[:])
	case recordSeal:
		return r.readSeal(start[:recordStart])
	}
	return r.damaged("unknown record")
}

func (r *Reader) readChunk(head []byte) error {
	h, wrong := parseChunkHeader(head)
	if wrong != "" {
		return r.damaged(wrong)
	}
	n := int(h.stored) + sha256.Size
	if cap(r.stored) < n {
		r.stored = make([]byte, n)
	}
	body := r.stored[:n]
	if err := r.read(body, true); err != nil {
		return err
	}
	sum := sha256.New()
	sum.Write(r.chain[:])
	sum.Write(head)
	sum.Write(body[:h.stored])
	var chain hash
	sum.Sum(chain[:0])
	if chain != hash(body[h.stored:]) {
		return r.damaged("wrong hash")
	}
	raw, wrong := r.unpack(h, body[:h.stored])
	if wrong == "" {
		wrong = r.checkEvents(h, raw)
	}
	if wrong != "" {
		return r.damaged(wrong)
	}
	r.chain, r.last, r.position, r.events = chain, h.last, h.position, raw
	r.totals.Chunks++
	r.size += int64(len(head) + n)
	return nil
}

func (r *Reader) unpack(h chunkHeader, body []byte) ([]byte, string) {
	if h.flags&chunkS2 == 0 {
		return body, ""
	}
	if n, err := s2.DecodedLen(body); err != nil || n != int(h.raw) {
		return nil, "bad compressed length"
	}
	if cap(r.raw) < int(h.raw) {
		r.raw = make([]byte, h.raw)
	}
	raw, err := s2.Decode(r.raw[:h.raw], body)
	if err != nil || len(raw) != int(h.raw) {
		return nil, "bad compression"
	}
	return raw, ""
}

// checkEvents holds the header's claims against the events, and counts them.
func (r *Reader) checkEvents(h chunkHeader, raw []byte) string {
	want := r.position
	if h.flags&chunkNote == 0 {
		want += uint64(h.raw)
	}
	if h.position != want {
		return "wrong position"
	}
	totals, last, n := r.totals, r.last, uint32(0)
	for off := 0; off < len(raw); n++ {
		f, err := parseFrame(raw[off:])
		switch {
		case err != nil:
			return "malformed event"
		case f.at < last:
			return "time goes back"
		case n == 0 && f.at != h.first:
			return "wrong first time"
		}
		last = f.at
		off += f.size
		totals.add(f)
	}
	if n != h.events || last != h.last {
		return "wrong count or last time"
	}
	r.totals = totals
	return ""
}

func (r *Reader) readSeal(start []byte) error {
	n := binary.LittleEndian.Uint32(start[4:])
	if start[1] != 0 || start[2] != 0 || start[3] != 0 || n > maxSeal {
		return r.damaged("bad seal")
	}
	b := make([]byte, int(n)+sealFixed-recordStart)
	if err := r.read(b, true); err != nil {
		return err
	}
	seal, wrong := parseSeal(b, int(n))
	switch {
	case wrong != "":
		return r.damaged(wrong)
	case seal.seal.Totals != r.totals:
		return r.damaged("totals differ from the seal's")
	}
	r.size += int64(len(start) + len(b))
	if _, err := io.ReadFull(r.r, start[:1]); err == nil {
		return r.damaged("data after the seal")
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read recording: %w", err)
	}
	r.seal = seal
	return io.EOF
}

// State is what Verify found.
type State string

// The states of a recording.
const (
	// Sealed: complete and signed; not one bit differs from what was sealed.
	Sealed State = "sealed"
	// Unsealed: the chain is whole as far as it goes, but has no end: the
	// session is running, or its recorder died, or the end was cut off.
	Unsealed State = "unsealed"
	// Damaged: altered, or not sealed by that key.
	Damaged State = "damaged"
)

// Result is what Verify found out.
type Result struct {
	State  State
	Header Header // zero if Damaged in the header
	Seal   Seal   // if Sealed
	Totals Totals // of the part that is whole
	Torn   bool   // Unsealed, and ends in the middle of a chunk
	Chain  [sha256.Size]byte
	Chunk  uint64 // if Damaged: the first bad chunk
	Reason string // if Damaged
}

// Verify reads a whole recording and checks its chain, its totals and the
// seal's signature. The error is for reading only, never for what was found.
func Verify(src io.Reader, pub ed25519.PublicKey) (Result, error) {
	r, err := NewReader(src)
	if errors.Is(err, ErrFormat) {
		return Result{State: Damaged, Reason: "bad header"}, nil
	} else if err != nil {
		return Result{}, err
	}
	for err == nil {
		err = r.nextChunk()
	}
	res := Result{Header: r.header, Totals: r.totals, Chain: r.chain, Torn: r.torn}
	var damage *DamageError
	switch {
	case errors.As(err, &damage):
		res.State, res.Chunk, res.Reason = Damaged, damage.Chunk, damage.Reason
	case err != io.EOF:
		return res, err
	case r.seal == nil:
		res.State = Unsealed
	case len(pub) != ed25519.PublicKeySize || !r.seal.valid(pub, r.chain):
		res.State, res.Chunk, res.Reason = Damaged, r.totals.Chunks, "wrong signature"
		if r.seal.seal.Key != KeyID(pub) {
			res.Reason = "sealed with another key"
		}
	default:
		res.State, res.Seal = Sealed, r.seal.seal
	}
	return res, nil
}
