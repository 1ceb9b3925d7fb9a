// Package telnet reaches targets over telnet: it negotiates options, logs in by
// a device profile where that was asked for, and relays.
//
// Telnet has no encryption and no proof of who the target is: whoever sits on
// the way to it reads and writes what they like. What is here can't better
// that; it keeps a hostile target from doing more than to lie.
//
//   - The protocol is ours (negotiation.go, pure, and wire.go); the library
//     reads from that, and nothing is written through it.
//   - The zero value of options is off. We ask for none.
//   - 8 bits pass both ways, BINARY or not. Enter is CR NUL, or CR in BINARY.
package telnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"gateway"
	"gateway/protocols"
)

// Backend is the telnet protocol. Its zero value is ready for use.
type Backend struct {
	// Silence is how long a target may say nothing after the person's input has
	// ended, before the gateway hangs up. 0: as usual.
	Silence time.Duration
}

// defaultSilence is long enough for gear that thinks about a command, and not
// too long for a script that does not end with one that logs out.
const defaultSilence = 10 * time.Second

// Protocol is gateway.Telnet.
func (Backend) Protocol() gateway.Protocol { return gateway.Telnet }

// Login implements protocols.Backend. Without passwords the person logs in by
// themselves, and nothing is said to the target before Relay; it is told the
// user's name if it asks (RFC 1572). With passwords the end of ctx ends the
// dialogue.
func (b Backend) Login(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease) (protocols.Conn, error) {
	if r.Action.Kind != "shell" {
		nc.Close()
		return nil, &protocols.LoginError{Kind: protocols.NotSupported,
			Err: fmt.Errorf("telnet has interactive sessions only; leave the %s out, and type it after the login", noun(r.Action.Kind))}
	}
	if cause := context.Cause(ctx); cause != nil {
		nc.Close()
		return nil, fmt.Errorf("log in: %w", cause)
	}
	silence := b.Silence
	if silence == 0 {
		silence = defaultSilence
	}
	if l.Passwords == 0 {
		return newConn(nc, r.Action, newNegotiation("", r.Target.User), silence), nil
	}
	c, err := autologin(ctx, nc, r, l)
	if err != nil {
		return nil, err
	}
	c.silence = silence
	return c, nil
}

// noun is a kind of action in words for people.
func noun(kind string) string {
	if kind == "exec" {
		return "command"
	}
	return gateway.Printable(kind)
}

// errBroken says that the target is gone without having said goodbye.
var errBroken = errors.New("the connection to the target broke")
