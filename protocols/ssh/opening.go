package ssh

import (
	"bytes"
	"errors"

	"gateway/internal/tcp"
)

// opening is a connection whose peer's first line is looked at: much gear speaks
// telnet on the port that somebody took for SSH, and would wait for ever.
type opening struct {
	*tcp.Conn
	heard []byte // the beginning of the first line
	over  bool   // there is nothing more to learn
}

// errTelnet ends a connection with who speaks telnet.
var errTelnet = errors.New("it speaks telnet, not SSH; to connect over telnet: -e")

const (
	telnetCommand = 0xff // RFC 854, IAC: in no text, and so in no version of SSH
	maxHeard      = 64
)

// Read implements net.Conn.
func (o *opening) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	if o.over || n == 0 {
		return n, err
	}
	if len(o.heard) == 0 && b[0] == telnetCommand {
		return 0, errTelnet
	}
	o.heard = append(o.heard, b[:min(n, maxHeard-len(o.heard))]...)
	// With the first line the version may be there, and other readers after it.
	o.over = len(o.heard) == maxHeard || bytes.IndexByte(o.heard, '\n') >= 0
	return n, err
}

// hint says what a peer that did not finish the handshake said instead of its version.
func (o *opening) hint() string {
	if len(o.heard) == 0 || bytes.HasPrefix(o.heard, []byte("SSH-")) {
		return ""
	}
	return "; it said \"" + line(string(o.heard)) + "\" in place of a version of SSH; to connect over telnet: -e"
}
