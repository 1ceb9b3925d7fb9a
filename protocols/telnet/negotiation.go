package telnet

import (
	"bytes"
	"errors"
	"time"
)

// negotiation is the protocol beneath the data: it takes the target's bytes
// apart into data and commands, decides what to answer, and encodes what is to
// be sent. It is a pure function of what it was given; it reads no clock and
// writes to nothing.
//
// It asks for no option and never gives one back: it agrees to what the target
// asks for and the list below has, and refuses all else. An option so is on or
// off, and of the states of RFC 1143 those with a request of ours on its way
// don't exist. An answer is given only to what changes an option, or is
// refused, so that no two sides can answer each other for ever.
//
// What a target may make it say is bounded: each answer costs its length of a
// budget that grows slowly with time; a target that overdraws it is an error.
type negotiation struct {
	term       string // of the terminal's type, RFC 1091
	user       string // of the person at the target, RFC 1572; empty: not told
	cols, rows uint32 // of the terminal, RFC 1073; 0: unknown
	lines      bool   // the input is lines, not keys

	us, them [256]bool // options that are on, on our side and on theirs

	state  state
	verb   byte   // will, wont, do or dont
	sub    []byte // subnegotiation: the option and what came of the rest
	subLen int    // how much there was of it
	cr     bool   // the byte of data before was CR
	sentCR bool   // and in the input

	reply  []byte // answers that were not taken yet
	budget int    // of bytes of answers
	at     time.Time
}

// state is where in a sequence the next byte of the target stands.
type state uint8

const (
	inData state = iota
	inCommand
	inOption // after will, wont, do or dont
	inSub
	inSubCommand // after IAC in a subnegotiation
)

// Limits of what a target may do. Real gear needs some 200 bytes of answers
// for a login and 3 for each password that it asks for.
const (
	maxBudget    = 8 << 10 // bytes of answers at once
	budgetPerSec = 256
	keptSub      = 512     // of a subnegotiation; no longer one means anything to us
	maxSub       = 8 << 10 // of one that is taken, and thrown away
)

var (
	errFlood  = errors.New("the target floods the connection with telnet options")
	errTooBig = errors.New("the target sent a telnet subnegotiation without end")
)

func newNegotiation(term, user string) *negotiation {
	return &negotiation{term: termName(term), user: userName(user), budget: maxBudget}
}

// accepts says what options we can have on our side.
func (n *negotiation) accepts(option byte) bool {
	switch option {
	case optBinary, optSuppressGA, optTerminalType, optWindowSize:
		return true
	case optEnvironment:
		return n.user != ""
	}
	return false
}

// acceptsOf says what options the target may have on its side.
func acceptsOf(option byte) bool {
	return option == optBinary || option == optEcho || option == optSuppressGA
}

// feed takes what came from the target, in pieces of any size, and appends the
// data in it to dst. What is to be answered is for takeReply. After an error
// the connection is of no use.
func (n *negotiation) feed(dst, in []byte, now time.Time) ([]byte, error) {
	n.earn(now)
	for len(in) > 0 {
		if n.state == inData {
			run := n.run(in)
			if run > 0 {
				dst = append(dst, in[:run]...)
				n.cr = in[run-1] == '\r'
				in = in[run:]
				continue
			}
		}
		b := in[0]
		in = in[1:]
		var err error
		if dst, err = n.step(dst, b); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// run is how many bytes at the start of in are data as they are.
func (n *negotiation) run(in []byte) int {
	if n.cr && in[0] == 0 && !n.them[optBinary] {
		return 0
	}
	if i := bytes.IndexByte(in, iac); i >= 0 {
		in = in[:i]
	}
	if n.them[optBinary] {
		return len(in)
	}
	for from := 0; ; { // up to the NUL of a CR NUL
		i := bytes.IndexByte(in[from:], 0)
		if i < 0 {
			return len(in)
		}
		if from += i; from > 0 && in[from-1] == '\r' {
			return from
		}
		from++
	}
}

// step takes one byte that is not simply data.
func (n *negotiation) step(dst []byte, b byte) ([]byte, error) {
	switch n.state {
	case inData: // IAC, or the NUL of a CR NUL
		if b == iac {
			n.state = inCommand
		} else {
			n.cr = false
		}
	case inCommand:
		n.state = inData
		switch b {
		case iac:
			n.cr = false
			return append(dst, iac), nil
		case will, wont, do, dont:
			n.state, n.verb = inOption, b
		case sb:
			n.state, n.sub, n.subLen = inSub, n.sub[:0], 0
		case ayt:
			// Any text would be typed into whatever runs there.
			return dst, n.answer(iac, nop)
		}
		// NOP, DM, BRK, GA, EOR and all others are no data, and ask for nothing.
	case inOption:
		n.state = inData
		return dst, n.option(n.verb, b)
	case inSub:
		if b == iac {
			n.state = inSubCommand
			return dst, nil
		}
		return dst, n.addSub(b)
	case inSubCommand:
		switch b {
		case iac:
			n.state = inSub
			return dst, n.addSub(iac)
		case se:
			n.state = inData
			return dst, n.endSub()
		}
		// Its end is missing. The command counts.
		n.state = inCommand
		return n.step(dst, b)
	}
	return dst, nil
}

// option answers a request or a word on an option.
func (n *negotiation) option(verb, option byte) error {
	switch verb {
	case do, dont:
		on := verb == do && n.accepts(option)
		if on == n.us[option] && (on || verb == dont) {
			return nil
		}
		n.us[option] = on
		if !on {
			return n.answer(iac, wont, option)
		}
		if err := n.answer(iac, will, option); err != nil {
			return err
		}
		if size := n.windowSize(); option == optWindowSize && size != nil {
			return n.answer(size...)
		}
	default:
		on := verb == will && acceptsOf(option)
		if on == n.them[option] && (on || verb == wont) {
			return nil
		}
		n.them[option] = on
		if on {
			return n.answer(iac, do, option)
		}
		return n.answer(iac, dont, option)
	}
	return nil
}

// addSub takes a byte of a subnegotiation.
func (n *negotiation) addSub(b byte) error {
	if n.subLen++; n.subLen > maxSub {
		return errTooBig
	}
	if len(n.sub) < keptSub {
		n.sub = append(n.sub, b)
	}
	return nil
}

// endSub answers a subnegotiation.
func (n *negotiation) endSub() error {
	if len(n.sub) < 2 || n.subLen > keptSub || n.sub[1] != subSend {
		return nil
	}
	option := n.sub[0]
	if !n.us[option] {
		return nil
	}
	answer := []byte{iac, sb, option, subIs}
	switch option {
	case optTerminalType:
		answer = append(answer, n.term...)
	case optEnvironment:
		if asksForUser(n.sub[2:]) {
			answer = append(answer, envVar, 'U', 'S', 'E', 'R', envValue)
			answer = append(answer, n.user...)
		}
	default:
		return nil
	}
	return n.answer(append(answer, iac, se)...)
}

// earn lets the budget grow.
func (n *negotiation) earn(now time.Time) {
	if n.at.IsZero() || now.Before(n.at) {
		n.at = now
		return
	}
	seconds := min(int64(now.Sub(n.at)/time.Second), maxBudget/budgetPerSec)
	if seconds > 0 {
		n.at = now
		n.budget = min(maxBudget, n.budget+int(seconds)*budgetPerSec)
	}
}

func (n *negotiation) answer(b ...byte) error {
	if n.budget -= len(b); n.budget < 0 {
		return errFlood
	}
	n.reply = append(n.reply, b...)
	return nil
}

// takeReply returns what is to be sent. It is valid until the next call of feed.
func (n *negotiation) takeReply() []byte {
	reply := n.reply
	n.reply = n.reply[:0]
	return reply
}

// resize returns what tells the target a new size, nil if it does not want to
// know.
func (n *negotiation) resize(cols, rows uint32) []byte {
	n.cols, n.rows = cols, rows
	if !n.us[optWindowSize] {
		return nil
	}
	return n.windowSize()
}

// windowSize is the size as RFC 1073 has it; nil if it is not known.
func (n *negotiation) windowSize() []byte {
	if n.cols == 0 && n.rows == 0 {
		return nil
	}
	cols, rows := min(n.cols, 1<<16-1), min(n.rows, 1<<16-1)
	out := []byte{iac, sb, optWindowSize}
	for _, b := range []byte{byte(cols >> 8), byte(cols), byte(rows >> 8), byte(rows)} {
		if out = append(out, b); b == iac {
			out = append(out, iac)
		}
	}
	return append(out, iac, se)
}

// encode appends what the person sent to dst, as it goes over the wire.
//
// Enter is CR: by itself if the target takes what we send as it is (BINARY),
// else CR NUL, as RFC 854 has it. Where the input is lines their ends, LF as
// well as CR LF, are Enter too.
func (n *negotiation) encode(dst, p []byte) []byte {
	for _, b := range p {
		after := n.sentCR
		n.sentCR = b == '\r'
		switch {
		case b == iac:
			dst = append(dst, iac, iac)
			continue
		case b == '\n' && n.lines && after:
			continue
		case b == '\n' && n.lines:
			b = '\r'
		}
		if dst = append(dst, b); b == '\r' && !n.us[optBinary] {
			dst = append(dst, 0)
		}
	}
	return dst
}
