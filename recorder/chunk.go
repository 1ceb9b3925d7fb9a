package recorder

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/klauspost/compress/s2"
)

// Limits of one chunk in the file.
const (
	// MaxChunk is the most bytes of encoded events in one chunk.
	MaxChunk = 1 << 20
	// ChunkOverhead is what a chunk takes in the file beside its events.
	ChunkOverhead = chunkHeaderSize + sha256.Size

	recordStart     = 8 // type, flags, reserved, length: what chunk and seal begin with
	chunkHeaderSize = 48

	chunkS2        = 1 << 0 // the body is one s2 block
	chunkEncrypted = 1 << 1 // reserved: the body is encrypted
	chunkNote      = 1 << 2 // events of the recorder itself, not of the session

	sampleSize = 16 << 10
)

// chunkHeader precedes the stored body.
type chunkHeader struct {
	flags       byte
	stored, raw uint32 // lengths of the body as in the file, and decoded
	events      uint32
	first, last time.Duration
	position    uint64 // bytes of the session's event stream up to the end of this chunk
}

func (h chunkHeader) put(b []byte) {
	le := binary.LittleEndian
	clear(b[:chunkHeaderSize])
	b[0], b[1] = recordChunk, h.flags
	le.PutUint32(b[4:], h.stored)
	le.PutUint32(b[8:], h.raw)
	le.PutUint32(b[12:], h.events)
	le.PutUint64(b[16:], uint64(h.first))
	le.PutUint64(b[24:], uint64(h.last))
	le.PutUint64(b[32:], h.position)
}

// parseChunkHeader returns what is wrong, or "".
func parseChunkHeader(b []byte) (chunkHeader, string) {
	le := binary.LittleEndian
	h := chunkHeader{
		flags: b[1], stored: le.Uint32(b[4:]), raw: le.Uint32(b[8:]), events: le.Uint32(b[12:]),
		first: time.Duration(le.Uint64(b[16:])), last: time.Duration(le.Uint64(b[24:])), position: le.Uint64(b[32:]),
	}
	switch {
	case b[2] != 0 || b[3] != 0 || le.Uint64(b[40:]) != 0:
		return h, "reserved bytes set"
	case h.flags&chunkEncrypted != 0:
		return h, "encrypted chunk"
	case h.flags&^(chunkS2|chunkNote) != 0:
		return h, "unknown flags"
	case h.raw == 0 || h.raw > MaxChunk:
		return h, "bad length"
	case h.flags&chunkS2 == 0 && h.stored != h.raw, h.flags&chunkS2 != 0 && h.stored >= h.raw:
		return h, "bad stored length"
	case h.events == 0:
		return h, "no events"
	case h.first < 0 || h.last < h.first:
		return h, "bad times"
	}
	return h, ""
}

// Buffer is the working memory to write a chunk with. Many Writers may share
// one, one after the other.
type Buffer struct {
	plain  []byte // chunk header, events, room for the hash
	packed []byte // the same, compressed; made when first needed
}

// NewBuffer returns a Buffer for chunks of at most size ≤ MaxChunk bytes of
// events.
func NewBuffer(size int) *Buffer {
	return &Buffer{plain: make([]byte, chunkHeaderSize+size+sha256.Size)}
}

// Frames is where the encoded events go before Writer.Write.
func (b *Buffer) Frames() []byte {
	return b.plain[chunkHeaderSize : len(b.plain)-sha256.Size]
}

// pack compresses the first n bytes of Frames. It returns nil when that would
// save less than a sixteenth: then the chunk is stored as it is, and so is
// never larger than its events and ChunkOverhead.
func (b *Buffer) pack(n int) []byte {
	raw := b.Frames()[:n]
	if b.packed == nil {
		b.packed = make([]byte, chunkHeaderSize+s2.MaxEncodedLen(len(b.Frames()))+sha256.Size)
	}
	body := b.packed[chunkHeaderSize:]
	// Encrypted or compressed traffic is found out from a sample in the middle, because it
	// would cost as much to try to compress it as to hash it.
	if n > 4*sampleSize {
		sample := raw[n/2 : n/2+sampleSize]
		if len(s2.Encode(body, sample)) > sampleSize-sampleSize/16 {
			return nil
		}
	}
	packed := s2.Encode(body, raw)
	if len(packed) >= n-n/16 {
		return nil
	}
	return packed
}
