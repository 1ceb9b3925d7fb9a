package session

import (
	"context"
	"errors"
	"io"
	"strings"

	"gateway"
	"gateway/protocols"
)

// askPerson puts a yes-or-no question on a terminal in raw mode.
func askPerson(c protocols.Client, show func(string), question string) bool {
	show(question)
	io.WriteString(c.Stderr(), "Go on? Type yes or no: ")
	var answer []byte
	one := make([]byte, 1)
	for len(answer) < 16 {
		if _, err := io.ReadFull(c, one); err != nil {
			return false
		}
		if one[0] == '\r' || one[0] == '\n' {
			break
		}
		answer = append(answer, one[0])
		io.WriteString(c.Stderr(), gateway.Printable(string(one)))
	}
	io.WriteString(c.Stderr(), "\r\n")
	return strings.EqualFold(strings.TrimSpace(string(answer)), "yes")
}

// Keys that mean something while an answer is typed.
const (
	keyInterrupt = 0x03
	keyEnd       = 0x04
	keyErase     = 0x08
	keyKill      = 0x15
	keyDelete    = 0x7f
)

// maxAnswer bounds an answer to a target's question.
const maxAnswer = 512

var (
	errGivenUp = errors.New("given up by the person")
	errTooLong = errors.New("the answer is too long")
)

// askTarget puts a target's question on a terminal in raw mode and returns what
// is typed. None of that is recorded: the relay, which records, has not begun,
// and a prompt that records keeps still.
func askTarget(ctx context.Context, c protocols.Client, question string, echo bool) (gateway.Secret, error) {
	if h, ok := c.(protocols.Hider); ok {
		h.Hide(true)
		defer h.Hide(false)
	}
	io.WriteString(c.Stderr(), gateway.Printable(question))
	defer io.WriteString(c.Stderr(), "\r\n")
	answer := make([]byte, 0, maxAnswer)
	one := make([]byte, 1)
	defer clear(one)
	for {
		if _, err := io.ReadFull(c, one); err != nil {
			clear(answer[:cap(answer)])
			return gateway.Secret{}, errGivenUp
		}
		if ctx.Err() != nil {
			clear(answer[:cap(answer)])
			return gateway.Secret{}, context.Cause(ctx)
		}
		switch key := one[0]; {
		case key == '\r' || key == '\n':
			return gateway.NewSecret(answer), nil
		case key == keyInterrupt || key == keyEnd:
			clear(answer[:cap(answer)])
			return gateway.Secret{}, errGivenUp
		case key == keyErase || key == keyDelete:
			if len(answer) > 0 {
				answer[len(answer)-1] = 0
				answer = answer[:len(answer)-1]
				if echo {
					io.WriteString(c.Stderr(), "\b \b")
				}
			}
		case key == keyKill:
			if echo {
				io.WriteString(c.Stderr(), strings.Repeat("\b \b", len(answer)))
			}
			clear(answer)
			answer = answer[:0]
		case key < ' ':
		case len(answer) == cap(answer):
			clear(answer)
			return gateway.Secret{}, errTooLong
		default:
			answer = append(answer, key)
			if echo {
				c.Stderr().Write(one)
			}
		}
	}
}
