package dialogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Profile says how a kind of device talks to who logs in. Each regexp but
// those of Detect must match a line in whole, blanks at its ends aside.
type Profile struct {
	Name     string   `yaml:"name" json:"name"`         // as in --profile
	Vendor   string   `yaml:"vendor" json:"vendor"`     // what it is, for people
	Fallback bool     `yaml:"fallback" json:"fallback"` // used until another profile is detected
	Detect   []string `yaml:"detect" json:"detect"`     // searched in what the device says: banner, prompts
	// Legacy: the device may be offered algorithms that are insecure today.
	Legacy bool `yaml:"legacy" json:"legacy"`

	Login    []string `yaml:"login" json:"login"`       // prompts for the login name
	Password []string `yaml:"password" json:"password"` // prompts for the password
	Shell    []string `yaml:"shell" json:"shell"`       // prompts of somebody who is logged in
	Failed   []string `yaml:"failed" json:"failed"`     // lines that say that the login was refused
	Locked   []string `yaml:"locked" json:"locked"`     // lines that say that no more logins are accepted
	Ignore   []string `yaml:"ignore" json:"ignore"`     // unfinished lines that are no prompt, whatever else matches

	PasswordOnly bool `yaml:"password_only" json:"password_only"` // a device may ask for a password without a name
	// EchoAny: a password is written over telnet although the device did not
	// say that it takes over the echo.
	EchoAny bool `yaml:"echo_any" json:"echo_any"`

	Keypress []Answer `yaml:"keypress" json:"keypress"` // to what is asked before the login
	Menu     []Answer `yaml:"menu" json:"menu"`         // to what is asked after the password
	Second   *Second  `yaml:"second" json:"second"`     // the second password, if there is one
	Commands []string `yaml:"commands" json:"commands"` // typed after the login, such as for paging off
	Logout   string   `yaml:"logout" json:"logout"`     // typed to leave
	Timeouts Timeouts `yaml:"timeouts" json:"timeouts"`
}

// Answer is what is typed when the device says something; \r is the Enter key.
type Answer struct {
	Prompt string `yaml:"prompt" json:"prompt"`
	Send   string `yaml:"send" json:"send"`
}

// Second is a second password, for more rights.
type Second struct {
	Command  string   `yaml:"command" json:"command"`   // asks for it, such as enable
	Password []string `yaml:"password" json:"password"` // its prompts
	Shell    []string `yaml:"shell" json:"shell"`       // prompts of somebody who has the rights
}

// Timeouts of the steps of a login; zero: as usual.
type Timeouts struct {
	Quiet    time.Duration `yaml:"quiet" json:"quiet"`       // silence that makes a line a prompt
	Login    time.Duration `yaml:"login" json:"login"`       // until the login prompt
	Password time.Duration `yaml:"password" json:"password"` // from there to the password prompt
	Shell    time.Duration `yaml:"shell" json:"shell"`       // from there to the shell prompt, and for each command
}

// The usual times.
const (
	DefaultQuiet = 300 * time.Millisecond
	DefaultStep  = 45 * time.Second
)

// Bounds of a profile.
const (
	maxProfiles = 128
	maxEncoded  = 1 << 20
	maxName     = 32
	maxText     = 256 // bytes of a text or regexp
	maxList     = 32
	minQuiet    = 50 * time.Millisecond
	maxQuiet    = 10 * time.Second
	maxStep     = 10 * time.Minute
)

// FieldError says what is wrong with a key of a profile.
type FieldError struct {
	Key string // such as shell[2] or second.command
	Err error
}

func (e *FieldError) Error() string { return "key " + e.Key + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *FieldError) Unwrap() error { return e.Err }

// Profiles are compiled profiles, one or several to choose among.
type Profiles struct{ all []*compiled }

// compiled is a profile with its expressions.
type compiled struct {
	Profile
	detect, login, password, shell, failed, locked, ignore []*regexp.Regexp
	secondPassword, secondShell                            []*regexp.Regexp
	keypress, menu                                         []*regexp.Regexp // as Keypress and Menu
}

// Encode gives profiles as a session process reads them with Decode.
func Encode(profiles []Profile) (string, error) {
	b, err := json.Marshal(profiles)
	if err != nil {
		return "", fmt.Errorf("encode device profiles: %w", err)
	}
	return string(b), nil
}

// Decode reads and compiles what Encode wrote.
func Decode(text string) (*Profiles, error) {
	if len(text) > maxEncoded {
		return nil, fmt.Errorf("device profiles: longer than %d KiB", maxEncoded>>10)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var list []Profile
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("device profiles: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("device profiles: more than one value")
	}
	return Compile(list)
}

// Compile checks profiles and compiles them. If there are several, exactly one
// is the fallback.
func Compile(list []Profile) (*Profiles, error) {
	if len(list) == 0 || len(list) > maxProfiles {
		return nil, fmt.Errorf("%d device profiles: want 1 to %d", len(list), maxProfiles)
	}
	p := &Profiles{}
	fallbacks := 0
	for _, profile := range list {
		c, err := compile(profile)
		if err != nil {
			return nil, fmt.Errorf("device profile %q: %w", profile.Name, err)
		}
		if profile.Fallback {
			fallbacks++
		}
		p.all = append(p.all, c)
	}
	if len(list) > 1 && fallbacks != 1 {
		return nil, fmt.Errorf("%d of the device profiles have fallback: true: want one", fallbacks)
	}
	return p, nil
}

// Check reports the first thing that is wrong with p, as a *FieldError.
func (p Profile) Check() error {
	_, err := compile(p)
	return err
}

// AsksPassword reports whether the text of an explicit prompt, such as one of
// SSH's keyboard-interactive, asks for the login password of user.
func (p *Profiles) AsksPassword(prompt, user string) bool {
	if len(prompt) > maxLine {
		return false
	}
	line := newScreen()
	line.write([]byte(prompt), func([]byte) {})
	for _, c := range p.all {
		if c.asksPassword(line.unfinished(), user) && !matches(c.ignore, line.unfinished()) {
			return true
		}
	}
	return false
}

// asksPassword reports whether a prompt asks for the password of user: where it
// names somebody, that is who it has to name, with or without a host or domain.
func (c *compiled) asksPassword(prompt []byte, user string) bool {
	for _, re := range c.password {
		match, i := re.FindSubmatch(prompt), re.SubexpIndex("user")
		if match == nil {
			continue
		}
		if i < 0 || len(match[i]) == 0 {
			return true
		}
		name := string(match[i])
		if name == user || strings.HasPrefix(name, user+"@") || strings.HasSuffix(name, `\`+user) {
			return true
		}
	}
	return false
}

func matches(list []*regexp.Regexp, line []byte) bool {
	for _, re := range list {
		if re.Match(line) {
			return true
		}
	}
	return false
}

// trim takes the blanks off that devices put around prompts.
func trim(line []byte) []byte { return bytes.Trim(line, " ") }
