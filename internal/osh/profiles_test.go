package osh_test

import (
	"strings"
	"testing"

	"gateway/internal/dialogue"
	"gateway/internal/osh"
)

func TestProfileTest(t *testing.T) {
	profiles, err := dialogue.Encode([]dialogue.Profile{{
		Name: "acme", Detect: []string{"ACME"}, Login: []string{"Login:"}, Password: []string{"Password:"}, Shell: []string{"acme>"},
		Failed: []string{"No[.]"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	login := "<- Login: \n~\n> {user}\n< admin\n<- Password: \n~\n> {password}\n< {password}\n"
	for _, tt := range []struct {
		name, in, want string
		code           int
	}{
		{"success", login + "<- acme>\n~\n= done acme>\n", "   10  done      acme> (profile acme)", 0},
		{"what is echoed", login, `    8  device    [...]\r\n`, 0},
		{"refused", login + "< No.\n= failed authentication-failed\n", "    9  failed    authentication-failed: the device refused", 0},
		{"differs", login + "< No.\n= done acme>\n", "   10  wrong     it is failed authentication-failed; the dialogue has done acme>", 100},
		{"no dialogue", "hello\n", "", 100},
		{"control characters", "< \\e[31m\\x07é\n", `    1  device    \e[31m\x07\xc3\xa9\r\n`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &fakeClient{answers: map[string]func(string) osh.Result{
				"profileTest": answer(osh.OK("profileTest", "OK", "OK", osh.ProfileTestPlan{Profiles: profiles})),
			}}
			code, out, errOut := execute(t, c, tt.in, "--osh profileTest --profile acme")
			if code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit %d, want %d; stdout\n%swant in it %s\nstderr %q", code, tt.code, out, tt.want, errOut)
			}
			if tt.name == "no dialogue" && !strings.Contains(errOut, `line 1 of the dialogue: "hello": want a line that starts with`) {
				t.Errorf("stderr %q", errOut)
			}
		})
	}
}
