package profiles_test

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"gateway/internal/dialogue"
)

const (
	realUser     = "netops"
	realPassword = "kV3%qP0+zR7#wX2m"
)

// family is how a kind of device words its prompts.
type family struct {
	profile, login, password, shell, refusal string
	again                                    bool // a refusal is followed by the login prompt
}

var families = []family{
	{"cisco-ios", "Username: ", "Password: ", "core-1#", "% Login invalid", true},
	{"cisco-nxos", "n5k login: ", "Password: ", "n5k# ", "Login incorrect", true},
	{"cisco-asa", "Username: ", "Password: ", "fw1> ", "Username/password incorrect", true},
	{"juniper-junos", "login: ", "Password:", "netops@mx-1> ", "Login incorrect", true},
	{"arista-eos", "leaf1 login: ", "Password: ", "leaf1>", "Login incorrect", true},
	{"hpe-procurve", "\x1b[24;1HUsername: \x1b[24;11H", "\x1b[24;1HPassword: \x1b[24;11H", "\x1b[24;1Hsw 1# \x1b[24;7H", "Invalid password", true},
	{"aruba-cx", "cx login: ", "Password: ", "cx# ", "Login incorrect", true},
	{"huawei-vrp", "Username:", "Password:", "<AR-1>", "Error: Local authentication is rejected.", false},
	{"mikrotik-routeros", "Login: ", "Password: ", "\r[netops@edge] > \x1b[K\r[netops@edge] > ", "Login failed, incorrect username or password", true},
	{"fortinet-fortios", "fgt login: ", "Password: ", "fgt # ", "Login incorrect", true},
	{"unix", "srv login: ", "Password: ", "netops@srv:~$ ", "Login incorrect", true},
	{"generic", "Username: ", "Password: ", "apc>", "Authentication failed.", true},
}

// stage is what a simulated device is really doing.
type stage int

const (
	talking stage = iota
	readsUser
	readsPassword
	readsCommand
	gone
)

// device simulates a device. It knows what it waits for, which the engine is
// to find out.
type device struct {
	r        *rand.Rand
	family   family
	good     bool   // the password is the right one
	hostile  bool   // it echoes the password
	pausing  bool   // its banner stops in what looks like a prompt
	asked    bool   // it has read a login name
	only     bool   // who talks to it may think that it asks for a password only
	out      []byte // not sent yet
	then     stage  // once out is sent
	stage    stage
	tries    int
	typed    []byte // received ahead
	echoUser bool
}

func newDevice(r *rand.Rand) *device {
	d := &device{r: r, family: families[r.IntN(len(families))], good: r.IntN(3) > 0, hostile: r.IntN(3) == 0,
		pausing: r.IntN(4) == 0, echoUser: r.IntN(8) > 0}
	d.say(d.banner()+d.family.login, readsUser)
	return d
}

func (d *device) say(text string, then stage) {
	d.out, d.then, d.stage = append(d.out, text...), then, talking
}

// banner is random lines, full of what looks like prompts.
func (d *device) banner() string {
	pieces := []string{"Password: ", "password:", "Enter your Password: ", "Username: ", "login: ", "Last login: ", "router#", "router>", "$ ",
		"User Access Verification", "Authorised use only", "=====", "admin's password: ", "\x1b[1mPassword: \x1b[0m", "\x1b]0;Password: \x07",
		"\t", "\x00", "\x07", "\x1b[24;1H", "a\b", "--- JUNOS ", "Huawei", "ProCurve", "MikroTik", "\xff\xfe", "\x1b[", "ø"}
	var b strings.Builder
	for range d.r.IntN(12) {
		for range d.r.IntN(4) {
			b.WriteString(pieces[d.r.IntN(len(pieces))])
		}
		b.WriteString([]string{"\r\n", "\n", "\n\r", "\r\r\n", "\r\x00\r\n"}[d.r.IntN(5)])
	}
	if d.r.IntN(50) == 0 {
		b.WriteString(strings.Repeat("Password: ", 1000) + "\r\n") // a storm
	}
	if d.pausing && !d.asked { // a whole dialogue, told
		b.WriteString("\r\n" + d.family.login + []string{"", "you "}[d.r.IntN(2)] + "\r\n" + d.family.password + "\r\n")
	}
	if b.Len() > 0 {
		b.WriteString("\r\n")
	}
	return b.String()
}

// receive takes what was typed.
func (d *device) receive(line string) {
	d.typed = append(d.typed, line+"\r"...)
	d.read()
}

// read works on a line that was typed, if the device waits for one.
func (d *device) read() {
	i := bytes.IndexByte(d.typed, '\r')
	if i < 0 || d.stage == talking || d.stage == gone {
		return
	}
	line := string(d.typed[:i])
	d.typed = d.typed[i+1:]
	switch d.stage {
	case readsUser:
		d.asked = true
		echo := ""
		if d.echoUser {
			echo = line
		}
		between := ""
		if d.r.IntN(4) == 0 {
			between = d.banner()
		}
		d.say(echo+"\r\n"+between+d.family.password, readsPassword)
	case readsPassword:
		d.password(line)
	case readsCommand:
		d.say(line+"\r\n"+d.family.shell, readsCommand)
	}
}

func (d *device) password(line string) {
	echo := ""
	if d.hostile {
		echo = []string{line, strings.Join(strings.Split(line, ""), "\r"), strings.Repeat("*", len(line)), line + line,
			strings.Join(strings.Split(line, ""), "\b*"), "x" + line[:5] + line}[d.r.IntN(6)]
	}
	d.tries++
	switch {
	case d.good:
		motd := d.banner()
		if d.r.IntN(2) == 0 {
			motd = ""
		}
		d.say(echo+"\r\n"+motd+d.family.shell, readsCommand)
	case d.family.again && d.tries < 3:
		d.say(echo+"\r\n"+d.family.refusal+"\r\n\r\n"+d.family.login, readsUser)
	default:
		d.say(echo+"\r\n"+d.family.refusal+"\r\n", gone)
	}
}

// send gives the next bytes, a random number of them.
func (d *device) send() []byte {
	n := 1
	if d.r.IntN(3) > 0 {
		n += d.r.IntN(len(d.out))
	}
	if i := bytes.Index(d.out, []byte(": ")); d.pausing && i >= 0 && d.r.IntN(2) == 0 {
		n = i + len(": ")
	}
	b := d.out[:n]
	d.out = d.out[n:]
	if len(d.out) == 0 {
		d.stage = d.then
	}
	return b
}

var (
	asksPassword = regexp.MustCompile(`(?i)(?:password(?: for \S+)?):? *$`)
	asksAnything = regexp.MustCompile(`(?i)(?:password|login|username)[^\r\n]*$`)
	invisible    = regexp.MustCompile(`\x1b(?:\[[\d;?]*[A-Za-z]|\][^\x07]*\x07)|[\x00\x07]|[^\n]\x08`)
)

// maySilent reports whether the device may be silent for long where it is: not
// in the middle of its text right after what nobody could tell from its
// password prompt.
func (d *device) maySilent(sent []byte) bool {
	if len(d.out) == 0 {
		return true
	}
	tail := invisible.ReplaceAll(sent[max(0, len(sent)-300):], nil)
	if d.pausing {
		return !d.asked && !d.only || !asksPassword.Match(tail)
	}
	return !asksAnything.Match(tail)
}

// TestNoPasswordOutsideItsPrompt plays random dialogues: no password is written
// but to a device that waits for one, and none is shown.
func TestNoPasswordOutsideItsPrompt(t *testing.T) {
	t.Parallel()
	compiled := map[string]*dialogue.Profiles{"": profilesOf(t, "")}
	for _, f := range families {
		compiled[f.profile] = profilesOf(t, f.profile)
	}
	rounds := 10000
	if testing.Short() {
		rounds = 1000
	}
	ends := map[string]int{}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 7))
		d := newDevice(r)
		profile := d.family.profile
		if r.IntN(3) == 0 {
			profile = ""
		}
		d.only = profile == "" || strings.Contains(shippedFile(t, profile), "\npassword_only: true")
		p := &play{t: t, d: d, scrub: dialogue.NewScrubber(), seed: seed}
		var err error
		p.e, err = dialogue.New(compiled[profile], realUser, dialogue.Options{Telnet: true, Commands: r.IntN(2) == 0})
		if err != nil {
			t.Fatal(err)
		}
		p.run()
		ends[p.end]++
		if t.Failed() {
			t.Fatalf("seed %d, family %s, profile %q, sent %q", seed, d.family.profile, profile, p.sent)
		}
	}
	t.Logf("how they ended: %v", ends)
	if ends["done"] < rounds/3 || ends["authentication-failed"] < rounds/10 {
		t.Errorf("how they ended: %v: most honest dialogues are to succeed", ends)
	}
}

// play is one dialogue between the engine and a device.
type play struct {
	t         *testing.T
	seed      uint64
	d         *device
	e         *dialogue.Engine
	scrub     *dialogue.Scrubber
	sent      []byte // by the device
	shown     []byte
	passwords int
	end       string
}

func (p *play) run() {
	p.e.Echo(true)
	for range 100000 {
		p.d.read()
		switch {
		case p.end != "":
			p.finish()
			return
		case len(p.d.out) > 0:
			b := p.d.send()
			p.sent = append(p.sent, b...)
			p.shown = append(p.shown, p.scrub.Scrub(b)...)
			p.act(p.e.Received(b))
			if p.d.r.IntN(4) == 0 && p.d.maySilent(p.sent) {
				p.act(p.e.Quiet())
			}
		case p.d.stage == gone:
			p.act(p.e.Closed())
		default: // it waits
			step := p.e.Step()
			p.act(p.e.Quiet())
			if p.e.Step() == step && p.end == "" && len(p.d.out) == 0 && !bytes.Contains(p.d.typed, []byte("\r")) {
				p.act(p.e.Expired())
			}
		}
	}
	p.t.Error("the dialogue does not end")
}

func (p *play) act(actions []dialogue.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case dialogue.Write:
			p.d.receive(strings.TrimSuffix(a.Text, "\r"))
		case dialogue.WriteUser:
			p.d.receive(realUser)
		case dialogue.WritePassword:
			if p.d.stage != readsPassword {
				p.t.Errorf("a password is written while the device is at stage %d", p.d.stage)
			}
			if p.passwords++; p.passwords > 1 || p.end != "" {
				p.t.Error("a password is written once more")
			}
			p.scrub.Add([]byte(realPassword))
			p.d.receive(realPassword)
		case dialogue.Done:
			if p.d.tries == 0 || !p.d.good {
				p.t.Errorf("success at %q of a device that was not logged in to", a.Prompt)
			}
			p.end = "done"
		case dialogue.Failed:
			if bytes.Contains(p.scrub.Text(a.Tail), []byte(realPassword)) {
				p.t.Errorf("the tail has the password: %q", a.Tail)
			}
			p.end = a.Kind.Name()
		default:
			p.t.Errorf("unknown action %T", a)
		}
	}
}

// finish has the device say the rest: nothing may follow the end.
func (p *play) finish() {
	for len(p.d.out) > 0 {
		b := p.d.send()
		p.shown = append(p.shown, p.scrub.Scrub(b)...)
		p.end += strings.Repeat("!", len(p.e.Received(b))+len(p.e.Quiet()))
	}
	p.shown = append(p.shown, p.scrub.Release()...)
	if bytes.Contains(p.shown, []byte(realPassword)) {
		p.t.Errorf("the password is shown: %q", p.shown)
	}
	if strings.HasSuffix(p.end, "!") {
		p.t.Error("something is done after the end")
	}
}
