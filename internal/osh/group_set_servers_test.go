package osh_test

import (
	"strings"
	"testing"

	"gateway/internal/osh"
)

// What is piped in is the list, as it is.
func TestSetServersReadsItsInput(t *testing.T) {
	for _, in := range []string{"", "root@srv\n", "a\r\nb # \"c\"\n", "no end"} {
		var sent []string
		c := &fakeClient{answers: map[string]func(string) osh.Result{"groupSetServers": func(request string) osh.Result {
			sent = append(sent, request)
			return osh.OK("groupSetServers", "OK", "OK", nil)
		}}}
		code, _, errOut := execute(t, c, in, "--osh groupSetServers --group web")
		want := strings.NewReplacer("\n", `\n`, "\r", `\r`, `"`, `\"`).Replace(in)
		if code != 0 || errOut != "" || len(sent) != 1 || !strings.Contains(sent[0], `"Lines":"`+want+`"`) {
			t.Errorf("%q: exit %d, stderr %q, sent %q", in, code, errOut, sent)
		}
	}
}

// What the monitor would not read is not sent.
func TestSetServersTooLong(t *testing.T) {
	for name, in := range map[string]string{
		"long": strings.Repeat("root@192.0.2.1:22\n", 100_000), "long as JSON": strings.Repeat("<", 200_000),
	} {
		c := &fakeClient{}
		code, _, errOut := execute(t, c, in, "--osh groupSetServers --group web")
		if code != 100 || len(c.asked) != 0 || !strings.Contains(errOut, "long") {
			t.Errorf("%s: exit %d, asked %d times, stderr %q", name, code, len(c.asked), errOut)
		}
	}
}

// On a terminal a dot ends the list; Ctrl-C or Ctrl-D gives it up.
func TestSetServersOnTerminal(t *testing.T) {
	t.Parallel()
	for end, want := range map[string]int{".\r": 0, "\x03": 100, "\x04": 100} {
		c := &fakeClient{answers: map[string]func(string) osh.Result{
			"groupSetServers": answer(osh.OK("groupSetServers", "OK", "All set.", nil)),
		}}
		p := sitDown(t, c, nil, "--osh groupSetServers --group web")
		p.await("a dot alone:\r\n")
		p.types("root@srv\rroot@db one\r" + end) // pasted in one go
		if code := <-p.exit; code != want {
			t.Errorf("%q: exit %d, want %d", end, code, want)
		}
		switch {
		case want != 0 && len(c.asked) != 0:
			t.Errorf("%q: a list that was given up is sent: %q", end, c.asked)
		case want == 0 && (len(c.asked) != 1 || !strings.Contains(c.asked[0], `"Lines":"root@srv\nroot@db one\n"`)):
			t.Errorf("%q: sent %q", end, c.asked)
		}
	}
}
