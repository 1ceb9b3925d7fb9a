package osh

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gateway"
)

// Bounds of a line. The longest real ones carry a remote command.
const (
	maxLine  = 1 << 20
	maxWords = 4096
)

// Action is what a line asks for.
type Action int

// The actions of a line.
const (
	None        Action = iota // neither a host nor a command
	Connect                   // a session with a target
	Run                       // a command of the gateway
	Interactive               // the gateway's own prompt
)

// JSONForm is how the answer is also given to machines.
type JSONForm int

// The JSON forms.
const (
	NoJSON        JSONForm = iota
	JSON                   // one line between JSON_START and JSON_END
	JSONPretty             // the same, indented
	JSONGreppable          // one line that starts with JSON_OUTPUT=
)

// TTY is what the line says about a pseudo-terminal at the target.
type TTY int

// The values of TTY.
const (
	TTYDefault TTY = iota
	TTYForce
	TTYNever
)

// Line is a parsed line. Host and User have the right syntax and mean nothing
// yet: the monitor resolves and decides.
type Line struct {
	Action                    Action
	JSON                      JSONForm
	Quiet, Verbose, Debug     bool
	Help, LongHelp            bool
	TTY                       TTY
	User, Host                string
	Port                      uint16         // 0: the protocol's own
	Jump                      gateway.Target // egress jump host; zero: none. Its User may be empty: that at the target
	Bind                      netip.Addr
	Timeout                   time.Duration // of the connection; 0: the gateway's
	UseKey                    string
	Protocol                  gateway.Protocol   // empty: SSH
	Password                  gateway.PasswordOf // log in with a password instead of keys
	Enable                    bool               // type the second password of the device's profile after the login
	EnablePassword            gateway.PasswordOf // whose; zero: that of the login
	FallbackDelay             time.Duration      // between two passwords
	KeyboardInteractive       bool               // the person answers what the target asks
	TermPassthrough           bool               // the device is told the type of terminal, also when logging in with a password
	SSHAs                     string             // connect as that account
	Wait                      bool
	AlwaysEscape, NeverEscape bool
	Remote                    string // the remote command, byte for byte; empty: a shell
	Command                   string // with Run, and what a command connects: its present name
	Args                      []string
}

// RefusalError says why a line can't be served, and with which exit status.
type RefusalError struct {
	Refusal gateway.Refusal
	Text    string
	Usage   bool // how to write a line is shown before
}

func (e *RefusalError) Error() string { return e.Text }

// Unwrap makes every RefusalError a gateway.ErrInvalid.
func (e *RefusalError) Unwrap() error { return gateway.ErrInvalid }

func refuse(r gateway.Refusal, format string, args ...any) error {
	return &RefusalError{Refusal: r, Text: fmt.Sprintf(format, args...)}
}

// ParseLine reads what a client sent as its command line. Its errors are
// *RefusalError; the Line then still says in which form the refusal is wanted.
func ParseLine(raw string) (Line, error) {
	if len(raw) > maxLine {
		return Line{}, refuse(gateway.RefusalOptions, "the command line is longer than %d bytes", maxLine)
	}
	p := parser{scan: scanner{line: raw}}
	err := p.parse()
	if err == nil {
		return p.line, nil
	}
	if _, ok := errors.AsType[*RefusalError](err); !ok {
		err = refuse(gateway.RefusalOptions, "can't read the command line: %v", err)
	}
	return outputFlags(raw), err
}

// outputFlags finds the form of the answer on a line that has a fault anywhere.
func outputFlags(raw string) Line {
	var p parser
	s := scanner{line: raw}
	for {
		w, ok, err := s.next()
		if err != nil || !ok || w.text == "--" {
			return p.line
		}
		if o, ok := findOuter(outputOptions(), w.text); ok && o.value == nil {
			o.flag(&p)
		}
	}
}

type parser struct {
	scan  scanner
	words int
	line  Line

	// As written: what they mean depends on whether a command follows.
	host, user, port string
	interactive      bool
	bothTTY          bool // -t and -T
	bothProtocols    bool // two of --telnet and --netconf
}

func (p *parser) tty(t TTY) {
	p.bothTTY = p.bothTTY || p.line.TTY != TTYDefault && p.line.TTY != t
	p.line.TTY = t
}

func (p *parser) next() (word, bool, error) {
	p.words++
	if p.words > maxWords {
		return word{}, false, refuse(gateway.RefusalOptions, "the command line has more than %d words", maxWords)
	}
	return p.scan.next()
}

func (p *parser) parse() error {
	for {
		w, ok, err := p.next()
		if err != nil {
			return err
		}
		if !ok {
			return p.finish()
		}
		if w.text == "--" {
			p.line.Remote = p.scan.rest()
			return p.finish()
		}
		flag, value, hasValue, isFlag := splitFlag(w.text)
		switch {
		case isFlag && flag == "--osh":
			if value, err = p.value(flag, value, hasValue); err != nil {
				return err
			}
			return p.command(value)
		case isFlag:
			if err := p.option(flag, value, hasValue); err != nil {
				return err
			}
		case p.host == "" && w.text == "mosh-server":
			return refuse(gateway.Refusal{Code: 116, Name: "MOSH_DISABLED"}, "mosh is not offered by this gateway")
		case p.host == "":
			if p.host = w.text; p.host == "" {
				return refuse(gateway.RefusalRemoteHost, "the host is empty")
			}
		default: // the first word after the host that is no option
			p.line.Remote = p.scan.line[w.start:]
			return p.finish()
		}
	}
}

// option applies one option that stands outside of a command's own.
func (p *parser) option(flag, value string, hasValue bool) error {
	o, ok := findOuter(outerOptions(), flag)
	if !ok {
		return refuse(gateway.RefusalOptions, "unknown option %s%s", gateway.Printable(clip(flag)), maybe(flag, outerNames()))
	}
	if o.refusal != nil {
		return refuse(*o.refusal, "%s: %s", flag, o.text)
	}
	if o.value == nil {
		if hasValue {
			return refuse(gateway.RefusalOptions, "option %s takes no value", flag)
		}
		o.flag(p)
		return nil
	}
	value, err := p.value(flag, value, hasValue)
	if err != nil {
		return err
	}
	return o.value(p, value)
}

// value returns the value of an option: given with =, or the next word.
func (p *parser) value(flag, value string, hasValue bool) (string, error) {
	if hasValue {
		return value, nil
	}
	w, ok, err := p.next()
	if err != nil {
		return "", err
	}
	if !ok {
		return "", refuse(gateway.RefusalOptions, "option %s needs a value", flag)
	}
	return w.text, nil
}

// command reads the rest of a line that names a command.
func (p *parser) command(name string) error {
	cmd, ok := Lookup(name)
	if !ok {
		return refuse(gateway.RefusalUnknownCommand, "unknown command %s%s",
			gateway.Printable(clip(name)), maybe(name, names()))
	}
	p.line.Action, p.line.Command = Run, cmd.Name
	for _, o := range [][2]string{{"--host", p.host}, {"--user", p.user}, {"--port", p.port}} {
		if o[1] != "" {
			p.line.Args = append(p.line.Args, o[0], o[1])
		}
	}
	opts := Options(cmd.New())
	for {
		w, ok, err := p.next()
		if err != nil {
			return err
		}
		if !ok {
			return p.finish()
		}
		if w.text == "--" {
			return p.rawArgs()
		}
		flag, _, hasValue, isFlag := splitFlag(w.text)
		own, isOwn := find(opts, flag)
		if isFlag && !isOwn {
			if o, ok := findOuter(outputOptions(), w.text); ok {
				o.flag(p)
				continue
			}
		}
		p.line.Args = append(p.line.Args, w.text)
		if isFlag && isOwn && own.Arg != "" && !hasValue {
			v, ok, err := p.next()
			if err != nil {
				return err
			}
			if ok {
				p.line.Args = append(p.line.Args, v.text)
			}
		}
	}
}

// rawArgs takes the words after -- as they are.
func (p *parser) rawArgs() error {
	p.line.Args = append(p.line.Args, "--")
	for {
		w, ok, err := p.next()
		if err != nil {
			return err
		}
		if !ok {
			return p.finish()
		}
		p.line.Args = append(p.line.Args, w.text)
	}
}

// finish checks what the options mean together.
func (p *parser) finish() error {
	l := &p.line
	switch {
	case p.interactive && l.Action == Run:
		return refuse(gateway.RefusalConflictOptions, "--interactive and --osh exclude each other")
	case l.SSHAs != "" && (p.interactive || l.Action == Run):
		return refuse(gateway.RefusalConflictOptions, "--ssh-as is for connections only; adminSudo runs a command as another account")
	case l.SSHAs != "" && p.host == "" && !l.Help:
		return refuse(gateway.RefusalNoHost, "--ssh-as without a host")
	case l.Wait && l.Jump != (gateway.Target{}):
		return refuse(gateway.RefusalConflictOptions, "--wait and -J exclude each other: the gateway can't see the target's port")
	case p.host == "" && l.Remote != "":
		return refuse(gateway.RefusalNoHost, "a remote command without a host")
	case p.interactive && p.host != "":
		return refuse(gateway.RefusalConflictOptions, "--interactive and a host exclude each other")
	case p.bothTTY:
		return refuse(gateway.RefusalConflictOptions, "--tty and --no-tty exclude each other")
	case l.AlwaysEscape && l.NeverEscape:
		return refuse(gateway.RefusalConflictOptions, "--always-escape and --never-escape exclude each other")
	case l.Action == Run:
		return p.connects()
	case p.interactive:
		l.Action = Interactive
		return nil
	case p.host == "" || l.Help:
		l.Remote = ""
		return nil
	}
	l.Action = Connect
	if strings.IndexByte(l.Remote, 0) >= 0 {
		return refuse(gateway.RefusalOptions, "the remote command holds a NUL")
	}
	return p.target()
}

// clip keeps a message short whatever was sent.
func clip(s string) string {
	if len(s) > 128 {
		return s[:128] + "…"
	}
	return s
}
