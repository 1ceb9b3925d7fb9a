package dialogue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway/internal/dialogue"
)

func testProfile() dialogue.Profile {
	return dialogue.Profile{
		Name: "test", Detect: []string{"TestOS"},
		Login:    []string{`(?i)(?:\S+ )?(?:login|username):`},
		Password: []string{`(?i)password:`},
		Shell:    []string{`[\w.-]+[#>]`},
		Failed:   []string{`(?i)login (?:incorrect|invalid)`, `% Login invalid`},
		Locked:   []string{`% Too many failures`},
		Ignore:   []string{`(?i)last login:`},
		Keypress: []dialogue.Answer{{Prompt: `(?i)press (?:any key|return).*`, Send: "\r"}},
		Menu:     []dialogue.Answer{{Prompt: `\[y/n\]\?`, Send: "y\r"}},
		Second: &dialogue.Second{Command: "enable", Password: []string{`(?i)password:`},
			Shell: []string{`[\w.-]+#`}},
		Commands: []string{"terminal length 0"},
		Logout:   "exit",
	}
}

func newEngine(t testing.TB, p dialogue.Profile, o dialogue.Options) *dialogue.Engine {
	t.Helper()
	profiles, err := dialogue.Compile([]dialogue.Profile{p})
	if err != nil {
		t.Fatal(err)
	}
	e, err := dialogue.New(profiles, "admin", o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEngineLogsIn(t *testing.T) {
	e := newEngine(t, testProfile(), dialogue.Options{Telnet: true, Commands: true})
	var got []dialogue.Action
	say := func(s string) {
		got = append(got, e.Received([]byte(s))...)
		got = append(got, e.Quiet()...)
		got = append(got, e.Quiet()...)
	}
	say("Welcome\r\nPassword: is asked below\r\nPress RETURN to start.\r\n\r\n")
	say("\r\nUsername: ")
	e.Echo(true)
	say("admin\r\nPassw")
	say("ord:")
	say("\r\n\r\nLast login: never\r\nrouter#")
	say("terminal length 0\r\nrouter#")
	want := []dialogue.Action{
		dialogue.Write{Text: "\r"},
		dialogue.WriteUser{},
		dialogue.WritePassword{},
		dialogue.Write{Text: "terminal length 0\r"},
		dialogue.Done{Profile: "test", Prompt: "router#", Logout: "exit"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("actions (-want +got):\n%s", d)
	}
}

// talk gives an engine a dialogue, each piece followed by silence.
func talk(e *dialogue.Engine, pieces ...string) []dialogue.Action {
	var got []dialogue.Action
	for _, p := range pieces {
		got = append(got, e.Received([]byte(p))...)
		got = append(got, e.Quiet()...)
	}
	return got
}

// failure is the kind of the only failure among actions, 0 for none.
func failure(t *testing.T, actions []dialogue.Action) dialogue.Failed {
	t.Helper()
	for _, a := range actions {
		if f, ok := a.(dialogue.Failed); ok {
			return f
		}
	}
	t.Fatalf("no failure in %v", actions)
	return dialogue.Failed{}
}

func TestEndlessBanner(t *testing.T) {
	e := newEngine(t, testProfile(), dialogue.Options{})
	piece := strings.Repeat("Password: ", 100)
	for range 1 << 20 / len(piece) {
		if got := e.Received([]byte(piece)); got != nil {
			t.Fatalf("too early: %v", got)
		}
	}
	f := failure(t, e.Received([]byte("\r\n"+piece)))
	if f.Unrecognised {
		t.Error("it is said to wait")
	}
	if f.Kind != dialogue.NoLoginPrompt || len(f.Tail) != 200 {
		t.Errorf("failed with %v and a tail of %d bytes, want %v and 200", f.Kind, len(f.Tail), dialogue.NoLoginPrompt)
	}
	if got := talk(e, "\r\nlogin: ", "x"); got != nil {
		t.Errorf("after the end: %v", got)
	}
	if e.Expired() != nil || e.Closed() != nil {
		t.Error("it failed twice")
	}
}

func TestExpired(t *testing.T) {
	for _, tt := range []struct {
		name         string
		pieces       []string
		kind         dialogue.Kind
		exit         int
		unrecognised bool
		timeout      time.Duration
	}{
		{"nothing", nil, dialogue.NoLoginPrompt, 2, false, dialogue.DefaultStep},
		{"unknown prompt", []string{"Who?"}, dialogue.NoLoginPrompt, 2, true, dialogue.DefaultStep},
		{"no password prompt", []string{"login: "}, dialogue.NoPasswordPrompt, 3, true, 7 * time.Second},
		{"no shell", []string{"login: ", "\r\nPassword: ", "\r\nWelcome\r\n"}, dialogue.NoShellPrompt, 4, false, dialogue.DefaultStep},
		{"unknown shell", []string{"login: ", "\r\nPassword: ", "\r\nMain menu (1-9)? "}, dialogue.NoShellPrompt, 4, true, dialogue.DefaultStep},
		{"second", []string{"login: ", "\r\nPassword: ", "\r\nr>", "\r\nwhat?"}, dialogue.SecondFailed, 4, true, dialogue.DefaultStep},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testProfile()
			p.Timeouts.Password = 7 * time.Second
			e := newEngine(t, p, dialogue.Options{Second: true})
			talk(e, tt.pieces...)
			if e.Timeout() != tt.timeout || e.QuietTime() != dialogue.DefaultQuiet {
				t.Errorf("Timeout(), QuietTime() = %v, %v, want %v, %v", e.Timeout(), e.QuietTime(), tt.timeout, dialogue.DefaultQuiet)
			}
			step := e.Step()
			f := failure(t, e.Expired())
			if f.Kind != tt.kind || f.Kind.Exit() != tt.exit || f.Unrecognised != tt.unrecognised || e.Step() == step {
				t.Errorf("failed with %+v (exit %d), want %v (exit %d), unrecognised %v", f, f.Kind.Exit(), tt.kind, tt.exit, tt.unrecognised)
			}
		})
	}
}

func TestClosed(t *testing.T) {
	for _, tt := range []struct {
		last string
		want dialogue.Kind
	}{
		{"\r\n% Login invalid", dialogue.AuthenticationFailed}, // without a line end
		{"\r\n% Too many failures", dialogue.LockedOut},
		{"\r\n", dialogue.NoShellPrompt},
		{"% Login invalid", dialogue.NoShellPrompt}, // in the line of the prompt
	} {
		e := newEngine(t, testProfile(), dialogue.Options{})
		talk(e, "login: ", "\r\nPassword: ")
		e.Received([]byte(tt.last))
		if f := failure(t, e.Closed()); f.Kind != tt.want || f.Kind.Again() != (tt.want == dialogue.AuthenticationFailed) {
			t.Errorf("closed after %q: %v, want %v", tt.last, f.Kind, tt.want)
		}
	}
}

func TestStart(t *testing.T) {
	for _, tt := range []struct {
		name   string
		opts   dialogue.Options
		pieces []string
		want   []dialogue.Action
	}{
		{"at the password", dialogue.Options{Start: dialogue.AtPassword}, []string{"Password: ", "\r\nr#"},
			[]dialogue.Action{dialogue.WritePassword{}, dialogue.Done{Profile: "test", Prompt: "r#", Logout: "exit"}}},
		{"at the shell", dialogue.Options{Start: dialogue.AtShell, Second: true}, []string{"motd\r\nr>", "\r\nPassword: ", "\r\nr#"},
			[]dialogue.Action{dialogue.Write{Text: "enable\r"}, dialogue.WritePassword{Second: true}, dialogue.Done{Profile: "test", Prompt: "r#", Logout: "exit"}}},
		{"rights at once", dialogue.Options{Start: dialogue.AtShell, Second: true}, []string{"r#"},
			[]dialogue.Action{dialogue.Done{Profile: "test", Prompt: "r#", Logout: "exit"}}},
		{"a menu", dialogue.Options{Start: dialogue.AtShell}, []string{"Go on? [y/n]?", "\r\n[y/n]? ", "\r\nr#"},
			[]dialogue.Action{dialogue.Write{Text: "y\r"}, dialogue.Done{Profile: "test", Prompt: "r#", Logout: "exit"}}},
		{"a password prompt at the shell is none of ours", dialogue.Options{Start: dialogue.AtShell}, []string{"Password: "}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := talk(newEngine(t, testProfile(), tt.opts), tt.pieces...)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("actions (-want +got):\n%s", d)
			}
		})
	}
}

func TestNoSecond(t *testing.T) {
	p := testProfile()
	p.Second = nil
	e := newEngine(t, p, dialogue.Options{Start: dialogue.AtShell, Second: true})
	if f := failure(t, talk(e, "motd\r\nr>")); f.Kind != dialogue.NoSecond || f.Kind.Exit() != 4 || f.Unrecognised {
		t.Errorf("failed with %+v, want %v", f, dialogue.NoSecond)
	}
}

func TestAsksPassword(t *testing.T) {
	p, err := dialogue.Compile([]dialogue.Profile{testProfile()})
	if err != nil {
		t.Fatal(err)
	}
	for prompt, want := range map[string]bool{
		"Password: ": true, "\r\nPassword:": true, "banner\nPassword: ": true, "Password:\r\nPIN: ": false, "": false, "Password: \r\n": false,
		"One-time code: ": false, "New password:": false, strings.Repeat("x", 1000): false, "last login: ": false,
	} {
		if got := p.AsksPassword(prompt, "admin"); got != want {
			t.Errorf("AsksPassword(%q) = %v, want %v", prompt, got, want)
		}
	}
}

// A prompt for somebody else's password gets none.
func TestPromptForSomebodyElse(t *testing.T) {
	p := testProfile()
	p.Password = []string{`(?i)(?:(?P<user>\S+)'s )?password:`, `(?i)password for (?P<user>\S+):`}
	for prompt, want := range map[string]int{
		"Password:": 2, "admin's password:": 2, "admin@192.0.2.1's password:": 2, `Password for CORP\admin:`: 2, "Password for admin@EXAMPLE.ORG:": 2,
		"root's password:": 1, "Password for root:": 1, "administrator's password:": 1, "Password for root@admin:": 1, "Password for badmin:": 1,
	} {
		if got := talk(newEngine(t, p, dialogue.Options{}), "login: ", "admin\r\n"+prompt); len(got) != want {
			t.Errorf("%q: actions %v, want %d", prompt, got, want)
		}
		compiled, err := dialogue.Compile([]dialogue.Profile{p})
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.AsksPassword(prompt, "admin"); got != (want == 2) {
			t.Errorf("AsksPassword(%q) = %v", prompt, got)
		}
	}
}

func TestClosedDeviceDoesNotWait(t *testing.T) {
	e := newEngine(t, testProfile(), dialogue.Options{})
	talk(e, "login: ", "admin\r\nWhat? ")
	if f := failure(t, e.Closed()); f.Unrecognised {
		t.Errorf("failed with %+v, and is said to wait", f)
	}
}

func TestInterrupted(t *testing.T) {
	e := newEngine(t, testProfile(), dialogue.Options{})
	if got := talk(e, "login: ", "\r\nPassword: "); len(got) != 2 || e.Interrupted() != nil {
		t.Fatalf("actions %v, then interrupted: %v", got, e.Interrupted())
	}
	e.Received([]byte("x"))
	if f := failure(t, e.Interrupted()); f.Kind != dialogue.NoPasswordPrompt {
		t.Errorf("interrupted: %v, want %v", f.Kind, dialogue.NoPasswordPrompt)
	}
	if got := e.Interrupted(); got != nil {
		t.Errorf("interrupted twice: %v", got)
	}
	e = newEngine(t, testProfile(), dialogue.Options{Telnet: true})
	e.Echo(true)
	talk(e, "login: ", "admin\r\nPassword: ")
	e.Echo(false)
	if f := failure(t, e.Interrupted()); f.Kind != dialogue.NoPasswordPrompt {
		t.Errorf("the echo was given back: %v, want %v", f.Kind, dialogue.NoPasswordPrompt)
	}
}

func TestNewRefuses(t *testing.T) {
	p, err := dialogue.Compile([]dialogue.Profile{testProfile()})
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"a\rb", "a\nb", strings.Repeat("a", 257)} {
		if _, err := dialogue.New(p, user, dialogue.Options{}); err == nil {
			t.Errorf("New accepts the login name %q", user)
		}
	}
	if _, err := dialogue.New(nil, "a", dialogue.Options{}); err == nil {
		t.Error("New accepts no profile")
	}
	if _, err := dialogue.Compile([]dialogue.Profile{testProfile(), testProfile()}); err == nil {
		t.Error("Compile accepts several profiles without a fallback")
	}
	for _, text := range []string{"", "[]", "{}", `[{"name":"x","surprise":1}]`, "[]x", strings.Repeat(" ", 2<<20)} {
		if _, err := dialogue.Decode(text); err == nil {
			t.Errorf("Decode accepts %.30q", text)
		}
	}
}

// FuzzEngine: whatever a device says, the login password is asked for at most
// once, only after the name, at what ends in a prompt, and nothing follows the
// end. In script every 0xff is silence and 0xfe the echo option.
func FuzzEngine(f *testing.F) {
	f.Add([]byte("banner\r\nlogin: \xffadmin\r\nPassword: \xff\r\nr#\xff"), byte(0))
	f.Add([]byte("Password: \xff\xfe\r\x1b[24;1HPassword:\x1b[1;1H\xff"), byte(1))
	f.Add([]byte("Press any key\xff\r\nlogin:\xff"), byte(15))
	f.Fuzz(func(t *testing.T, script []byte, how byte) {
		o := dialogue.Options{Telnet: how&1 != 0, Second: how&2 != 0, Commands: how&4 != 0, Start: dialogue.Start(how >> 3 % 3)}
		e := newEngine(t, testProfile(), o)
		user, passwords, ended, echo := o.Start != dialogue.AtLogin, 0, false, false
		for _, c := range script {
			var actions []dialogue.Action
			switch c {
			case 0xff:
				actions = e.Quiet()
			case 0xfe:
				echo = !echo
				e.Echo(echo)
			default:
				actions = e.Received([]byte{c})
			}
			if ended && len(actions) > 0 {
				t.Fatalf("after the end: %v", actions)
			}
			for _, a := range actions {
				switch a := a.(type) {
				case dialogue.WriteUser:
					user = true
				case dialogue.WritePassword:
					passwords++
					if c != 0xff || !user && !a.Second || o.Telnet && !echo {
						t.Errorf("a password after %q", script)
					}
				case dialogue.Done, dialogue.Failed:
					ended = true
				}
			}
		}
		if passwords > 2 || passwords > 1 && !o.Second {
			t.Errorf("%d passwords after %q", passwords, script)
		}
	})
}

func FuzzRehearse(f *testing.F) {
	f.Add("# a login\n@ second\n@ slow\n< ACME\n<- login: \n~\n> {user}\n@ echo off\n@ expired\n= failed no-password-prompt\n")
	f.Add("<- \\e[1H\\x41\\\\{password}\n@ closed\n")
	p, err := dialogue.Compile([]dialogue.Profile{testProfile()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		happened, ok, err := dialogue.Rehearse(p, text)
		if err != nil && (ok || happened != nil) {
			t.Errorf("Rehearse = %v, %v, %v", happened, ok, err)
		}
		for _, h := range happened {
			if strings.ContainsFunc(h.Text, func(r rune) bool { return r < ' ' || r > '~' }) && h.Kind != "wrong" {
				t.Errorf("Rehearse shows %q", h.Text)
			}
		}
	})
}
