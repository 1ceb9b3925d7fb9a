package dialogue_test

import (
	"testing"

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
