package dialogue

import (
	"fmt"
	"strconv"
	"strings"
)

// A stored dialogue is a text, a line for each thing that happens:
//
//	< TEXT      the device sends this line, and \r\n
//	<- TEXT     the device sends this, and no line end: a prompt
//	~           the device is quiet
//	> TEXT      what is to be written now: {user}, {password}, {second} or other text
//	= done PROMPT, = failed KIND, = waiting   how it is to end
//	@ echo on|off, @ closed, @ expired        what else happens
//	@ slow      from here on each byte of the device comes alone
//	@ start login|password|shell, @ second, @ commands, @ ssh
//	            how it begins; telnet with the echo taken over, if nothing else is said
//	# TEXT      a remark
//
// In TEXT, {user} and {password} are replaced, and \r \n \t \e \\ \xHH are
// bytes. Only the first blank after the sign is no part of TEXT. Without any
// > or = the dialogue is played and nothing is checked.

// Bounds of a stored dialogue.
const (
	MaxScript  = 256 << 10
	maxRepeats = 1 << 21 // bytes that it may grow to
)

// Stand-ins in stored dialogues.
const (
	scriptUser     = "admin"
	scriptPassword = "Pa55+word#1"
	scriptSecond   = "S3cond%word2"
)

// Happening is one thing that happened in a stored dialogue.
type Happening struct {
	Line int // of the text; 0: its end
	// Kind is device, quiet, echo, closed, expired, write, user, password,
	// second, done, failed or wrong: something else was to happen.
	Kind string
	Text string // without passwords, with \r and the like as the dialogue has them
}

// rehearsal plays a stored dialogue.
type rehearsal struct {
	profiles *Profiles
	opts     Options
	echo     bool
	slow     bool
	engine   *Engine
	scrub    *Scrubber
	line     int
	size     int
	pending  []string // what was written and not yet expected
	outcome  string   // done PROMPT or failed KIND
	checked  bool     // the text says what is to happen
	happened []Happening
}

// Rehearse plays a stored dialogue and says what happens, and whether that is
// what the text says. The error is about the text itself.
func Rehearse(p *Profiles, text string) (happened []Happening, ok bool, err error) {
	if len(text) > MaxScript {
		return nil, false, fmt.Errorf("the dialogue is longer than %d KiB", MaxScript>>10)
	}
	r := &rehearsal{profiles: p, opts: Options{Telnet: true}, echo: true, scrub: NewScrubber()}
	defer r.scrub.Wipe()
	for line := range strings.Lines(text) {
		r.line++
		if err := r.do(strings.TrimRight(line, "\r\n")); err != nil {
			return nil, false, fmt.Errorf("line %d of the dialogue: %w", r.line, err)
		}
	}
	r.line = 0
	r.leftover()
	ok = true
	for _, h := range r.happened {
		ok = ok && h.Kind != "wrong"
	}
	return r.happened, ok, nil
}

func (r *rehearsal) do(line string) error {
	sign, text, _ := strings.Cut(line, " ")
	switch sign {
	case "":
		if text == "" {
			return nil
		}
	case "<", "<-":
		return r.device(text, sign == "<")
	case "~":
		if err := r.begin(); err != nil {
			return err
		}
		r.leftover()
		r.note("quiet", "")
		r.act(r.engine.Quiet())
		return nil
	case ">":
		r.expect(text)
		return nil
	case "=":
		r.end(text)
		return nil
	case "@":
		return r.directive(text)
	}
	if strings.HasPrefix(sign, "#") {
		return nil
	}
	return fmt.Errorf("%q: want a line that starts with <, <-, ~, >, =, @ or #", line)
}

// begin makes the engine when the first thing happens.
func (r *rehearsal) begin() error {
	if r.engine != nil {
		return nil
	}
	e, err := New(r.profiles, scriptUser, r.opts)
	if err != nil {
		return err
	}
	e.Echo(r.echo)
	r.engine = e
	return nil
}

func (r *rehearsal) device(text string, lineEnd bool) error {
	if err := r.begin(); err != nil {
		return err
	}
	r.leftover()
	b, err := unescape(text)
	if err != nil {
		return err
	}
	if lineEnd {
		b += "\r\n"
	}
	if r.size += len(b); r.size > maxRepeats {
		return fmt.Errorf("the device sends more than %d KiB", maxRepeats>>10)
	}
	var shown []byte
	pieces := []string{b}
	if r.slow {
		pieces = strings.Split(b, "")
	}
	var actions []Action
	for _, p := range pieces {
		shown = append(shown, r.scrub.Scrub([]byte(p))...)
		actions = append(actions, r.engine.Received([]byte(p))...)
	}
	r.note("device", escape(string(shown)))
	r.act(actions)
	return nil
}

func (r *rehearsal) directive(text string) error {
	words := strings.Fields(text)
	switch strings.Join(words, " ") {
	case "slow":
		r.slow = true
	case "echo on", "echo off":
		r.echo = words[1] == "on"
		if r.engine != nil {
			r.engine.Echo(r.echo)
			r.note("echo", words[1])
		}
	case "closed", "expired":
		if err := r.begin(); err != nil {
			return err
		}
		r.leftover()
		r.note(words[0], "")
		if words[0] == "closed" {
			r.act(r.engine.Closed())
		} else {
			r.act(r.engine.Expired())
		}
	default:
		return r.option(words)
	}
	return nil
}

// option is for what comes before anything happens.
func (r *rehearsal) option(words []string) error {
	starts := map[string]Start{"start login": AtLogin, "start password": AtPassword, "start shell": AtShell}
	word := strings.Join(words, " ")
	start, isStart := starts[word]
	switch {
	case r.engine != nil:
		return fmt.Errorf("@ %s: want echo on, echo off, closed, expired or slow here; the rest comes first", word)
	case isStart:
		r.opts.Start = start
	case word == "second":
		r.opts.Second = true
	case word == "commands":
		r.opts.Commands = true
	case word == "ssh":
		r.opts.Telnet = false
	default:
		return fmt.Errorf("@ %s: want echo on|off, closed, expired, slow, start login|password|shell, second, commands or ssh", word)
	}
	return nil
}

// act does what the engine says.
func (r *rehearsal) act(actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case Write:
			r.wrote("write", escape(a.Text))
		case WriteUser:
			r.wrote("user", "{user}")
		case WritePassword:
			kind, password := "password", scriptPassword
			if a.Second {
				kind, password = "second", scriptSecond
			}
			r.scrub.Add([]byte(password))
			r.wrote(kind, "{"+kind+"}")
		case Done:
			r.outcome = "done " + escape(a.Prompt)
			r.note("done", escape(a.Prompt)+" (profile "+a.Profile+")")
		case Failed:
			r.outcome = "failed " + a.Kind.Name()
			r.note("failed", fmt.Sprintf("%s: %s (profile %s); the device said last: %s", a.Kind.Name(), a.Kind, a.Profile, escape(string(r.scrub.Text(a.Tail)))))
		}
	}
}

func (r *rehearsal) note(kind, text string) {
	r.happened = append(r.happened, Happening{Line: r.line, Kind: kind, Text: text})
}

func (r *rehearsal) wrote(kind, text string) {
	r.pending = append(r.pending, text)
	r.note(kind, text)
}

func (r *rehearsal) expect(text string) {
	r.checked = true
	if len(r.pending) == 0 {
		r.note("wrong", "nothing is written here; the dialogue has "+text)
		return
	}
	if r.pending[0] != text {
		r.note("wrong", "the dialogue has "+text)
	}
	r.pending = r.pending[1:]
}

// leftover says that more was written than the text has, if it has anything.
func (r *rehearsal) leftover() {
	for range r.pending {
		if r.checked {
			r.note("wrong", "the dialogue has nothing that is written here")
		}
	}
	r.pending = nil
}

func (r *rehearsal) end(text string) {
	r.checked = true
	r.leftover()
	got := r.outcome
	if got == "" {
		got = "waiting"
	}
	if got != text {
		r.note("wrong", "it is "+got+"; the dialogue has "+text)
	}
}

// unescape gives the bytes that a text stands for.
func unescape(text string) (string, error) {
	text = strings.NewReplacer("{user}", scriptUser, "{password}", scriptPassword, "{second}", scriptSecond).Replace(text)
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) {
			return "", fmt.Errorf(`%q ends in \; want \\`, text)
		}
		switch j := strings.IndexByte(`rnte\`, text[i]); {
		case j >= 0:
			b.WriteByte("\r\n\t\x1b\\"[j])
		case text[i] == 'x' && i+2 < len(text):
			n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil {
				return "", fmt.Errorf(`\x%s: want two hexadecimal digits`, text[i+1:i+3])
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			return "", fmt.Errorf(`\%c: want \r \n \t \e \\ or \xHH`, text[i])
		}
	}
	return b.String(), nil
}

// escape writes bytes as a stored dialogue has them.
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch j := strings.IndexByte("\r\n\t\x1b\\", c); {
		case j >= 0:
			b.WriteByte('\\')
			b.WriteByte(`rnte\`[j])
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
