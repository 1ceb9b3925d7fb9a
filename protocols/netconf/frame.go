package netconf

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// RFC 6242 section 4: a message ends with endOfMessage (base:1.0, and every
// hello), or is a sequence of chunks that tell their size (base:1.1).

const endOfMessage = "]]>]]>"

// errFraming: the bytes are no messages. There is no way to find the next one.
var errFraming = errors.New("the framing of RFC 6242 is broken")

// framer finds the messages in a stream, however it is cut into pieces.
type framer struct {
	chunked bool
	held    int // 1.0: so much of endOfMessage was seen, and not given as content

	state  chunkState
	digits int
	size   uint64 // 1.1: what is left of the chunk
	chunks bool   // 1.1: the message has one
}

type chunkState uint8

const (
	betweenMessages chunkState = iota
	wantHash                   // after the newline
	wantSize                   // after the hash
	inSize                     // after a digit
	inChunk
	wantNewline // after a chunk
	wantEnd     // after the second hash
)

// feed takes bytes up to the end of a message, or all of p. It gives the
// message's content to body, in pieces.
func (f *framer) feed(p []byte, body func([]byte)) (n int, end bool, err error) {
	if f.chunked {
		return f.feedChunks(p, body)
	}
	n, end = f.feedText(p, body)
	return n, end, nil
}

// failure is the failure function of endOfMessage: how much of it still
// matches when the byte after the first held ones does not.
var failure = [len(endOfMessage)]int{0, 0, 1, 0, 1, 2}

func (f *framer) feedText(p []byte, body func([]byte)) (n int, end bool) {
	for f.held > 0 && n < len(p) {
		if p[n] != endOfMessage[f.held] {
			still := failure[f.held]
			body([]byte(endOfMessage[:f.held-still]))
			f.held = still
			continue
		}
		n++
		if f.held++; f.held == len(endOfMessage) {
			f.held = 0
			return n, true
		}
	}
	rest := p[n:]
	if len(rest) == 0 {
		return n, false
	}
	if i := bytes.Index(rest, []byte(endOfMessage)); i >= 0 {
		body(rest[:i])
		return n + i + len(endOfMessage), true
	}
	for f.held = min(len(rest), len(endOfMessage)-1); !bytes.HasSuffix(rest, []byte(endOfMessage[:f.held])); f.held-- {
	}
	body(rest[:len(rest)-f.held])
	return len(p), false
}

func (f *framer) feedChunks(p []byte, body func([]byte)) (n int, end bool, err error) {
	for n < len(p) {
		if f.state == inChunk {
			take := int(min(f.size, uint64(len(p)-n)))
			body(p[n : n+take])
			n += take
			if f.size -= uint64(take); f.size == 0 {
				f.state = wantNewline
			}
			continue
		}
		c := p[n]
		n++
		if c == '\n' && f.state == wantEnd {
			f.state, f.chunks = betweenMessages, false
			return n, true, nil
		}
		if !f.header(c) {
			return n, false, errFraming
		}
	}
	return n, false, nil
}

// header takes one byte of what is around the chunks, RFC 6242 section 4.2.
// More blank lines than one are taken in front of a message only.
func (f *framer) header(c byte) bool {
	switch {
	case f.state == betweenMessages && blank(c):
		if c == '\n' {
			f.state = wantHash
		}
	case f.state == wantHash && !f.chunks && blank(c):
		if c != '\n' {
			f.state = betweenMessages
		}
	case f.state == wantNewline && c == '\n':
		f.state = wantHash
	case f.state == wantHash && c == '#':
		f.state, f.digits, f.size = wantSize, 0, 0
	case f.state == wantSize && c == '#' && f.chunks:
		f.state = wantEnd
	case f.state == wantSize && c >= '1' && c <= '9', f.state == inSize && c >= '0' && c <= '9':
		f.digits++
		f.size = f.size*10 + uint64(c-'0')
		f.state = inSize
		return f.digits <= 10 && f.size <= math.MaxUint32
	case f.state == inSize && c == '\n':
		f.state, f.chunks = inChunk, true
	default:
		return false
	}
	return true
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// frame gives a message as it is sent: one chunk, or several so that nowhere
// in what is sent a chunk's content looks like the end of the message, for
// devices that look for that instead of counting. A small one is in one piece.
func frame(chunked bool, message []byte) [][]byte {
	parts := framed(chunked, message)
	if len(message) <= maxPiece {
		return [][]byte{bytes.Join(parts, nil)}
	}
	return parts
}

// maxPiece bounds what is copied to be sent in one piece.
const maxPiece = 16 << 10

func framed(chunked bool, message []byte) [][]byte {
	if !chunked {
		return [][]byte{message, []byte(endOfMessage)}
	}
	var parts [][]byte
	for len(message) > 0 {
		size := len(message)
		if i := bytes.Index(message, []byte("\n##")); i >= 0 {
			size = i + 2
		}
		parts = append(parts, []byte("\n#"+strconv.Itoa(size)+"\n"), message[:size])
		message = message[size:]
	}
	return append(parts, []byte("\n##\n"))
}
