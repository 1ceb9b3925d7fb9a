package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of messages, in bytes.
const (
	maxStartup = 10_000    // as PostgreSQL's MAX_STARTUP_PACKET_LENGTH
	maxWhole   = 16 << 20  // of what is looked into, and held whole for it
	maxShort   = 64 << 10  // of what is held whole if that is no burden
	maxClient  = 256 << 20 // of what passes in pieces from the client
	maxServer  = 1 << 30   // and from the server, which makes none that is longer
	blockSize  = 64 << 10
	muchSize   = 32 << 10 // a packet of SSH
	firstBlock = 4 << 10  // most connections are idle, or say little at a time
)

// errTooLong says that a message is longer than its kind may be.
var errTooLong = errors.New("message too long")

// rule says how messages of a kind are read.
type rule uint8

const (
	refused  rule = iota
	whole         // held until it is complete, as it is looked into
	short         // held when it is short, else passes in pieces
	streamed      // passes in pieces
)

// message is one that was read. It is valid until the next.
type message struct {
	kind byte
	body []byte // nil for what is streamed
	size int    // of the body
}

// pump reads messages from one side and passes them on to the other. What is
// passed unchanged is written from where it was read to, as late as possible:
// when there is nothing more to look at, all that may pass is written at once.
type pump struct {
	src   io.Reader
	dst   io.Writer
	rules *[256]rule
	limit int // of a streamed message
	// before is called ahead of each write. nil: nothing is to be done.
	before func() error
	// lazy: src calls flush before it waits, so it need not be done ahead of each read.
	lazy bool

	buf  []byte
	out  []byte // passes ahead of buf[from:at]; only filled when something was put in or taken out
	from int    // buf[from:at] passes
	at   int    // buf[at:end] is unread
	end  int
	left int  // of a streamed message, to come
	skip bool // and to be dropped
	size int  // of the message that next gave, with its header
	// torn says that what was written last did not end with a message.
	torn bool
}

func newPump(src io.Reader, rules *[256]rule, limit int) *pump {
	return &pump{src: src, rules: rules, limit: limit, buf: make([]byte, firstBlock)}
}

// next gives the next message; pass or drop follows.
func (p *pump) next() (message, error) {
	if err := p.rest(); err != nil {
		return message{}, err
	}
	if err := p.need(5); err != nil {
		return message{}, err
	}
	m := message{kind: p.buf[p.at], size: int(binary.BigEndian.Uint32(p.buf[p.at+1:])) - 4}
	rule, limit := p.rules[m.kind], p.limit
	if rule == whole {
		limit = maxWhole
	}
	switch {
	case rule == refused:
		return m, fmt.Errorf("message %q is not possible here: %w", m.kind, errMalformed)
	case m.size < 0:
		return m, fmt.Errorf("message %q of %d bytes: %w", m.kind, m.size+4, errMalformed)
	case m.size > limit:
		return m, fmt.Errorf("message %q of %d bytes: %w", m.kind, m.size, errTooLong)
	}
	p.size = 5 + m.size
	if rule == whole || rule == short && m.size <= maxShort {
		if err := p.need(p.size); err != nil {
			return m, err
		}
		m.body = p.buf[p.at+5 : p.at+p.size]
	}
	return m, nil
}

// pass lets the message that next gave pass.
func (p *pump) pass() {
	n := min(p.size, p.end-p.at)
	p.at += n
	p.left, p.skip = p.size-n, false
}

// drop takes the message that next gave out.
func (p *pump) drop() {
	if p.from < p.at {
		p.out = append(p.out, p.buf[p.from:p.at]...)
	}
	n := min(p.size, p.end-p.at)
	p.at += n
	p.left, p.skip = p.size-n, true
	p.from = p.at
}

// put puts b in, ahead of the message that next gave.
func (p *pump) put(b []byte) {
	p.out = append(p.out, p.buf[p.from:p.at]...)
	p.out = append(p.out, b...)
	p.from = p.at
}

// rest passes or drops what is left of a streamed message.
func (p *pump) rest() error {
	for p.left > 0 {
		if p.at == p.end {
			if err := p.fill(); err != nil {
				return unexpected(err)
			}
		}
		n := min(p.left, p.end-p.at)
		p.at += n
		p.left -= n
		if p.skip {
			p.from = p.at
		}
	}
	return nil
}

// need reads until n bytes are unread.
func (p *pump) need(n int) error {
	for p.end-p.at < n {
		begun := p.end > p.at
		if !p.waits() || len(p.buf)-p.at < n {
			if err := p.flush(); err != nil {
				return err
			}
			p.room(n)
		}
		if err := p.fill(); err != nil {
			if begun {
				err = unexpected(err)
			}
			return err
		}
	}
	return nil
}

// waits reports whether there is something that may pass and had better wait for
// more of it.
func (p *pump) waits() bool {
	return p.lazy && p.from < p.at && p.at-p.from < muchSize
}

// unexpected is err for a message that has begun.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// room makes room for n unread bytes at least, and gives much room back.
func (p *pump) room(n int) {
	unread := p.buf[p.at:p.end]
	size := len(p.buf)
	switch {
	case size > blockSize && len(unread) <= blockSize && n <= blockSize:
		size = blockSize
	case p.end == size && size < blockSize:
		size = blockSize // the last read filled it
	case n > size:
		// It grows with what arrives, not with what was announced.
		size = min(n, max(2*size, blockSize))
	}
	if size == len(p.buf) {
		copy(p.buf, unread)
	} else {
		p.buf = append(make([]byte, 0, size), unread...)[:size]
	}
	p.from, p.at, p.end = 0, 0, len(unread)
}

// fill writes what may pass, if that is much or the read may wait, and reads more.
func (p *pump) fill() error {
	if !p.waits() || p.end == len(p.buf) {
		if err := p.flush(); err != nil {
			return err
		}
		if p.at > 0 || p.end == len(p.buf) {
			p.room(p.end - p.at + 1)
		}
	}
	n, err := p.src.Read(p.buf[p.end:])
	p.end += n
	if n > 0 {
		return nil
	}
	if err := p.flush(); err != nil {
		return err
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// flush writes what may pass.
func (p *pump) flush() error {
	if p.from == p.at && len(p.out) == 0 {
		return nil
	}
	if p.before != nil {
		if err := p.before(); err != nil {
			return err
		}
	}
	b := p.buf[p.from:p.at]
	if len(p.out) > 0 {
		b = append(p.out, b...)
		p.out = b[:0]
		if cap(p.out) > 4*blockSize {
			p.out = nil
		}
	}
	p.from, p.torn = p.at, true
	_, err := p.dst.Write(b)
	p.torn = err != nil || p.left > 0 && !p.skip
	return err
}
