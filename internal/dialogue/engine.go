package dialogue

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Start says how far the login is when the Engine begins.
type Start int

// Where a dialogue may begin.
const (
	AtLogin    Start = iota // nothing was said
	AtPassword              // the protocol carried the login name
	AtShell                 // the protocol did the whole login
)

// Options change how the Engine goes on.
type Options struct {
	Start Start
	// Telnet: the login password waits until the device takes over the echo,
	// which Echo tells, unless the profile has echo_any.
	Telnet bool
	// Second: go on with the profile's second password. Without one in the
	// profile the dialogue fails.
	Second bool
	// Commands: type the profile's commands after the login, such as for
	// paging off. People at a terminal want their pages.
	Commands bool
	// Timeout replaces the times of the profile's steps; 0: it doesn't.
	Timeout time.Duration
}

// Action is something that the caller does: Write, WriteUser, WritePassword,
// Done or Failed.
type Action interface{ action() }

// Write has Text written; \r in it is the Enter key.
type Write struct{ Text string }

// WriteUser has the login name written, and Enter.
type WriteUser struct{}

// WritePassword has a password written, and Enter.
type WritePassword struct {
	Second bool // the second password, not that of the login
}

// Done ends the dialogue: the device waits at a shell prompt.
type Done struct {
	Profile string // the one that recognised it
	Prompt  string
	Logout  string // what leaves the device; empty: the profile has nothing
}

// Failed ends the dialogue: the connection is of no use any more.
type Failed struct {
	Kind    Kind
	Profile string // the one in use
	// Unrecognised: the device waits, but at no prompt that the profile knows.
	Unrecognised bool
	// Tail is what the device said last, for the audit only. It may have an
	// echo of the password in it: Scrubber.Text takes that out.
	Tail []byte
}

func (Write) action()         {}
func (WriteUser) action()     {}
func (WritePassword) action() {}
func (Done) action()          {}
func (Failed) action()        {}

// state is what the Engine waits for.
type state int

const (
	wantLogin state = iota
	wantPassword
	wantShell
	wantCommand        // the prompt after a command of the profile
	wantSecondPassword // the second password prompt
	wantSecondShell
	ended
)

// Bounds of a dialogue.
const (
	maxUser    = 256
	maxTail    = 200
	maxStepped = 1 << 20 // bytes received within one step
	maxAnswers = 16      // keypresses and menu answers
)

// Engine is one login dialogue. It is not safe for concurrent use.
type Engine struct {
	profiles *Profiles
	now      *compiled // the profile in use
	fallback *compiled // the one that counts besides, unless one was named; nil: one was
	decided  bool      // it was named, or detected in this half of the dialogue
	user     string
	opts     Options

	state   state
	step    int
	stepped int // bytes received in this step
	answers int
	command int // index of the profile's next command

	screen *screen
	// written is how many lines were begun when something was last written: a
	// prompt in the same line is the one that was answered.
	written  int
	answered int    // length of the line when the login name was written to it; -1: it has ended
	mistaken bool   // it ended without an echo of the name: it was no prompt
	last     []byte // last line that ended and was not empty
	fresh    bool   // last ended after something was last written
	echo     bool   // the device echoes, says telnet
	tail     []byte
	gone     bool // it closed the connection
	refused  Kind // what a line of failure text said; 0: there was none
}

// New begins a dialogue with profiles, one or several to choose among.
func New(profiles *Profiles, user string, o Options) (*Engine, error) {
	if profiles == nil || len(profiles.all) == 0 {
		return nil, errors.New("no device profile")
	}
	if len(user) > maxUser || !oneLine(user) {
		return nil, fmt.Errorf("login name: want at most %d bytes without control characters", maxUser)
	}
	e := &Engine{profiles: profiles, now: profiles.all[0], decided: len(profiles.all) == 1, user: user, opts: o,
		screen: newScreen(), written: -1, answered: -1, tail: make([]byte, 0, 2*maxTail)}
	for _, c := range profiles.all {
		if c.Fallback && !e.decided {
			e.now, e.fallback = c, c
		}
	}
	switch o.Start {
	case AtPassword:
		e.state = wantPassword
	case AtShell:
		e.state = wantShell
	}
	return e, nil
}

// Step counts the steps of the dialogue. Timeout is about one of them.
func (e *Engine) Step() int { return e.step }

// Timeout is how long the present step may take.
func (e *Engine) Timeout() time.Duration {
	d := e.now.Timeouts.Shell
	switch {
	case e.opts.Timeout > 0:
		d = e.opts.Timeout
	case e.state == wantLogin:
		d = e.now.Timeouts.Login
	case e.state == wantPassword:
		d = e.now.Timeouts.Password
	}
	if d == 0 {
		d = DefaultStep
	}
	return d
}

// QuietTime is the silence after which Quiet is to be called.
func (e *Engine) QuietTime() time.Duration {
	if e.now.Timeouts.Quiet > 0 {
		return e.now.Timeouts.Quiet
	}
	return DefaultQuiet
}

// Echo tells whether the device said that it takes over the echo.
func (e *Engine) Echo(on bool) { e.echo = on }

// hidden reports whether what is typed now is not shown, as far as is known.
func (e *Engine) hidden() bool { return !e.opts.Telnet || e.echo || e.now.EchoAny }

// Received takes what the device sent.
func (e *Engine) Received(b []byte) []Action {
	for _, c := range b {
		if e.state == ended {
			return nil
		}
		e.tail = keepLast(append(e.tail, c))
		e.screen.byte(c, e.finished)
		if e.wronglyAnswered() {
			return e.fail(NoLoginPrompt)
		}
		if e.refused != 0 {
			return e.fail(e.refused)
		}
		if e.stepped++; e.stepped > maxStepped {
			return e.fail(e.missing())
		}
	}
	return nil
}

// keepLast bounds the tail without moving it for each byte.
func keepLast(tail []byte) []byte {
	if len(tail) < 2*maxTail {
		return tail
	}
	return append(tail[:0], tail[len(tail)-maxTail:]...)
}

// finished takes a line that ended.
func (e *Engine) finished(line []byte) {
	if e.answered >= 0 {
		e.mistaken = e.screen.fed && e.echoes() && string(e.afterPrompt()) != e.user
		e.answered = -1
	}
	if len(line) == 0 {
		return
	}
	e.last, e.fresh = append(e.last[:0], line...), true
	e.detect(line)
	if e.state != wantLogin && e.screen.breaks > e.written {
		e.refused = e.refusal(line)
	}
}

// wronglyAnswered reports that the login name was written to what was no
// prompt: something else than its echo follows in the same line.
func (e *Engine) wronglyAnswered() bool {
	if e.answered < 0 {
		return e.mistaken
	}
	return e.screen.long || !strings.HasPrefix(e.user, string(e.afterPrompt()))
}

// afterPrompt is what came after the prompt that the login name was written to.
func (e *Engine) afterPrompt() []byte {
	return bytes.TrimRight(e.screen.line[min(e.answered, len(e.screen.line)):], " ")
}

// echoes reports whether the device said that it echoes what it reads.
func (e *Engine) echoes() bool { return e.opts.Telnet && e.echo && !e.now.EchoAny }

// detect chooses the profile by what the device says.
func (e *Engine) detect(line []byte) {
	if e.decided {
		return
	}
	for _, c := range e.profiles.all {
		if matches(c.detect, line) {
			e.now, e.decided = c, true
			return
		}
	}
}

// refusal says what kind of failure a line tells, 0 for none.
func (e *Engine) refusal(line []byte) Kind {
	switch {
	case e.is(line, isLocked):
		return LockedOut
	case !e.is(line, isFailed):
		return 0
	case e.state == wantPassword || e.state == wantShell && e.opts.Start != AtShell:
		return AuthenticationFailed
	case e.state == wantSecondPassword || e.state == wantSecondShell:
		return SecondFailed
	}
	return 0
}

// Interrupted is to be called when a password is at hand, right before it is
// written, after what came meanwhile was given to Received and Echo: a device
// that went on talking was at no prompt, and one that gave the echo back would
// have the password seen.
func (e *Engine) Interrupted() []Action {
	if e.state == ended || e.stepped == 0 && e.hidden() {
		return nil
	}
	if e.state == wantSecondShell {
		return e.fail(SecondFailed)
	}
	return e.fail(NoPasswordPrompt)
}

// Expired tells that the present step took longer than Timeout.
func (e *Engine) Expired() []Action {
	if e.state == ended {
		return nil
	}
	return e.fail(e.missing())
}

// Closed tells that the device closed the connection.
func (e *Engine) Closed() []Action {
	if e.state == ended {
		return nil
	}
	k := e.missing()
	if e.screen.breaks > e.written && e.state != wantLogin {
		if r := e.refusal(e.screen.unfinished()); r != 0 {
			k = r
		}
	}
	e.gone = true
	return e.fail(k)
}

// Wipe forgets what the device said, in which the password may be.
func (e *Engine) Wipe() {
	for _, b := range [][]byte{e.tail, e.last, e.screen.line} {
		clear(b[:cap(b)])
	}
}

func (e *Engine) fail(k Kind) []Action {
	f := Failed{Kind: k, Profile: e.now.Name, Tail: e.tail[max(0, len(e.tail)-maxTail):],
		Unrecognised: k == e.missing() && e.waits()}
	e.state = ended
	e.step++
	return []Action{f}
}

// waits reports whether the device is there, and stopped within a line.
func (e *Engine) waits() bool {
	return !e.gone && e.stepped <= maxStepped && len(e.screen.unfinished()) > 0 && !e.screen.cr
}

// missing is the kind of failure when what the Engine waits for doesn't come.
func (e *Engine) missing() Kind {
	switch e.state {
	case wantLogin:
		return NoLoginPrompt
	case wantPassword:
		return NoPasswordPrompt
	case wantSecondPassword, wantSecondShell:
		return SecondFailed
	}
	return NoShellPrompt
}
