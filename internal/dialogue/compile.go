package dialogue

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// checker compiles the parts of a profile and keeps the first error.
type checker struct{ err error }

func (c *checker) fail(key, format string, args ...any) {
	if c.err == nil {
		c.err = &FieldError{Key: key, Err: fmt.Errorf(format, args...)}
	}
}

func compile(p Profile) (*compiled, error) {
	var c checker
	if !validName(p.Name) {
		c.fail("name", "want 1 to %d of a-z, 0-9 and -", maxName)
	}
	c.text("vendor", p.Vendor, false)
	out := &compiled{
		Profile:  p,
		detect:   c.list("detect", p.Detect, false),
		login:    c.list("login", p.Login, true),
		password: c.list("password", p.Password, true),
		shell:    c.list("shell", p.Shell, true),
		failed:   c.list("failed", p.Failed, true),
		locked:   c.list("locked", p.Locked, true),
		ignore:   c.list("ignore", p.Ignore, true),
		keypress: c.answers("keypress", p.Keypress),
		menu:     c.answers("menu", p.Menu),
	}
	if len(p.Login) == 0 && !p.PasswordOnly {
		c.fail("login", "it is missing: want at least one prompt, or password_only: true")
	}
	if len(p.Password) == 0 {
		c.fail("password", "it is missing: want at least one prompt")
	}
	if len(p.Shell) == 0 {
		c.fail("shell", "it is missing: want at least one prompt")
	}
	if len(p.Detect) == 0 && !p.Fallback {
		c.fail("detect", "it is missing: want at least one expression, or fallback: true")
	}
	if s := p.Second; s != nil {
		c.text("second.command", s.Command, true)
		out.secondPassword = c.list("second.password", s.Password, true)
		out.secondShell = c.list("second.shell", s.Shell, true)
		if len(s.Password) == 0 || len(s.Shell) == 0 {
			c.fail("second", "want command, password and shell")
		}
	}
	if len(p.Commands) > maxList {
		c.fail("commands", "%d commands: want at most %d", len(p.Commands), maxList)
	}
	for i, cmd := range p.Commands {
		c.text(fmt.Sprintf("commands[%d]", i), cmd, true)
	}
	c.text("logout", p.Logout, false)
	c.duration("timeouts.quiet", p.Timeouts.Quiet, minQuiet, maxQuiet)
	c.duration("timeouts.login", p.Timeouts.Login, time.Second, maxStep)
	c.duration("timeouts.password", p.Timeouts.Password, time.Second, maxStep)
	c.duration("timeouts.shell", p.Timeouts.Shell, time.Second, maxStep)
	if c.err != nil {
		return nil, c.err
	}
	return out, nil
}

// list compiles expressions. Those of whole lines may match nothing that is
// empty: an empty line is no prompt.
func (c *checker) list(key string, list []string, whole bool) []*regexp.Regexp {
	if len(list) > maxList {
		c.fail(key, "%d expressions: want at most %d", len(list), maxList)
		return nil
	}
	var out []*regexp.Regexp
	for i, text := range list {
		if re := c.expression(fmt.Sprintf("%s[%d]", key, i), text, whole); re != nil {
			out = append(out, re)
		}
	}
	return out
}

func (c *checker) expression(key, text string, whole bool) *regexp.Regexp {
	if len(text) == 0 || len(text) > maxText {
		c.fail(key, "%d bytes: want an expression of 1 to %d", len(text), maxText)
		return nil
	}
	if _, err := regexp.Compile(text); err != nil { // alone, so that it can't close our group
		c.fail(key, "%w; want RE2 syntax", unprefixed(err))
		return nil
	}
	if whole {
		text = `\A(?:` + text + `)\z`
	}
	re, err := regexp.Compile(text)
	if err != nil {
		c.fail(key, "%w; want RE2 syntax", unprefixed(err))
		return nil
	}
	if re.MatchString("") {
		c.fail(key, "it matches an empty line: want an expression that needs some text")
	}
	return re
}

// unprefixed leaves the words that name the Go package out.
func unprefixed(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}

func (c *checker) answers(key string, list []Answer) []*regexp.Regexp {
	if len(list) > maxList {
		c.fail(key, "%d answers: want at most %d", len(list), maxList)
		return nil
	}
	var out []*regexp.Regexp
	for i, a := range list {
		k := fmt.Sprintf("%s[%d].", key, i)
		if len(a.Send) == 0 || len(a.Send) > maxText {
			c.fail(k+"send", "%d bytes: want 1 to %d", len(a.Send), maxText)
		}
		if re := c.expression(k+"prompt", a.Prompt, true); re != nil {
			out = append(out, re)
		}
	}
	return out
}

// text checks one line of text.
func (c *checker) text(key, text string, required bool) {
	switch {
	case required && text == "":
		c.fail(key, "it is missing: want one line of text")
	case len(text) > maxText:
		c.fail(key, "%d bytes: want at most %d", len(text), maxText)
	case !oneLine(text):
		c.fail(key, "it has control characters: want one line of text")
	}
}

func (c *checker) duration(key string, d, low, high time.Duration) {
	if d != 0 && (d < low || d > high) {
		c.fail(key, "%v: want %v to %v", d, low, high)
	}
}

func oneLine(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func validName(name string) bool {
	if name == "" || len(name) > maxName || name[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
}
