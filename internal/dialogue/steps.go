package dialogue

import "regexp"

// is reports whether a line is of the kind that pick gives the expressions of.
func (e *Engine) is(line []byte, pick func(*compiled) []*regexp.Regexp) bool {
	return matches(pick(e.now), line) || e.fallback != nil && matches(pick(e.fallback), line)
}

func isLogin(c *compiled) []*regexp.Regexp    { return c.login }
func isPassword(c *compiled) []*regexp.Regexp { return c.password }
func isShell(c *compiled) []*regexp.Regexp    { return c.shell }
func isFailed(c *compiled) []*regexp.Regexp   { return c.failed }
func isLocked(c *compiled) []*regexp.Regexp   { return c.locked }
func isIgnored(c *compiled) []*regexp.Regexp  { return c.ignore }

// question is a line that asks who somebody is, and no more: the prompt of a
// shell has the name of the device, and none that is named like that is worth a
// login that did not end.
var question = regexp.MustCompile(`(?i)\A(?:(?:enter|your|new|old|current|next|verify|confirm|retype|re-enter|one-time|the) )*` +
	`(?:password|passwd|passcode|pass ?phrase|pin|pin ?code|token|tokencode|otp|user ?name|login)(?: again)? ?[>#$%:?]+\z`)

func asks(line []byte) bool { return question.Match(line) }

// atPrompt reports whether a line is the prompt of a shell.
func (e *Engine) atPrompt(line []byte) bool {
	return !asks(line) && (e.is(line, isShell) || matches(e.now.secondShell, line))
}

// Quiet tells that nothing came for QuietTime.
func (e *Engine) Quiet() []Action {
	line := e.screen.unfinished()
	if e.state == ended {
		return nil
	}
	e.detect(line)
	if a := e.keypress(line); a != nil {
		return a
	}
	// After a carriage return the line may be about to end.
	if len(line) == 0 || e.screen.cr || e.screen.escape != ground || e.screen.breaks <= e.written || e.is(line, isIgnored) {
		return nil
	}
	switch e.state {
	case wantLogin:
		return e.atLogin(line)
	case wantPassword:
		return e.atPassword(line)
	case wantShell:
		return e.atShell(line)
	case wantCommand:
		if e.atPrompt(line) {
			return e.next(line)
		}
	case wantSecondPassword, wantSecondShell:
		return e.atSecond(line)
	}
	return nil
}

func (e *Engine) atLogin(line []byte) []Action {
	switch {
	case e.is(line, isLogin):
		e.wrote(wantPassword)
		e.answered = len(e.screen.line)
		return []Action{WriteUser{}}
	case e.now.PasswordOnly:
		return e.atPasswordPrompt(line)
	}
	return nil
}

func (e *Engine) atPassword(line []byte) []Action {
	if e.is(line, isLogin) {
		return e.fail(AuthenticationFailed) // the name was refused
	}
	return e.atPasswordPrompt(line)
}

func (e *Engine) atPasswordPrompt(line []byte) []Action {
	ours := e.now.asksPassword(line, e.user) || e.fallback != nil && e.fallback.asksPassword(line, e.user)
	if !ours || !e.hidden() {
		return nil
	}
	e.wrote(wantShell)
	// What the device says to who is logged in may tell more than its banner.
	e.decided = len(e.profiles.all) == 1
	return []Action{WritePassword{}}
}

func (e *Engine) atShell(line []byte) []Action {
	switch {
	case e.opts.Start != AtShell && (e.is(line, isPassword) || e.is(line, isLogin)):
		return e.fail(AuthenticationFailed)
	case e.atPrompt(line):
		return e.next(line)
	}
	for i, re := range e.now.menu {
		if re.Match(line) {
			return e.answer(e.now.Menu[i].Send)
		}
	}
	return nil
}

// keypress answers what is asked before the login, and after it what has the
// same words. The text may have ended: it often stands above the last line.
func (e *Engine) keypress(line []byte) []Action {
	if e.state != wantLogin {
		return nil
	}
	if len(line) == 0 {
		if !e.fresh || e.screen.long {
			return nil
		}
		line = e.last
	} else if e.screen.breaks <= e.written {
		return nil
	}
	for i, re := range e.now.keypress {
		if re.Match(line) {
			return e.answer(e.now.Keypress[i].Send)
		}
	}
	return nil
}

func (e *Engine) answer(text string) []Action {
	if e.answers++; e.answers > maxAnswers {
		return e.fail(e.missing())
	}
	e.wrote(e.state)
	return []Action{Write{text}}
}

// next goes on from a shell prompt: the second password, the commands, the end.
func (e *Engine) next(line []byte) []Action {
	s := e.now.Second
	if e.opts.Second && e.state == wantShell && !matches(e.now.secondShell, line) {
		if s == nil {
			return e.fail(NoSecond)
		}
		e.wrote(wantSecondPassword)
		return []Action{Write{s.Command + "\r"}}
	}
	if e.opts.Commands && e.command < len(e.now.Commands) {
		e.wrote(wantCommand)
		e.command++
		return []Action{Write{e.now.Commands[e.command-1] + "\r"}}
	}
	e.state = ended
	e.step++
	clear(e.tail) // it may have an echo of the password in it
	by := e.now
	if !matches(by.shell, line) && !matches(by.secondShell, line) {
		by = e.fallback
	}
	return []Action{Done{Profile: by.Name, Prompt: string(line), Logout: by.Logout}}
}

func (e *Engine) atSecond(line []byte) []Action {
	switch {
	case matches(e.now.secondShell, line) && !asks(line):
		return e.next(line)
	case e.state == wantSecondPassword && matches(e.now.secondPassword, line):
		if !e.hidden() {
			return nil
		}
		e.wrote(wantSecondShell)
		return []Action{WritePassword{Second: true}}
	case matches(e.now.secondPassword, line) || e.is(line, isShell):
		return e.fail(SecondFailed)
	}
	return nil
}

// wrote begins a step after something was written.
func (e *Engine) wrote(next state) {
	if next != e.state || next == wantCommand {
		e.step++
		e.stepped = 0
	}
	e.state, e.written, e.fresh = next, e.screen.breaks, false
	if len(e.screen.unfinished()) == 0 {
		e.written-- // what comes in this line is new
	}
}
