package telnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/dialogue"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
)

// enabling is a lease for a device with a second password, and what the monitor
// is told and asked, in order.
func (d *device) enabling(t *testing.T) (protocols.Lease, *strings.Builder) {
	l, asked := d.lease(t), new(strings.Builder)
	encoded, err := dialogue.Encode([]dialogue.Profile{{
		Name: "test", Fallback: true, Login: []string{`login:`}, Password: []string{`Password:`}, Shell: []string{`router>`},
		Second:   &dialogue.Second{Command: "enable", Password: []string{"Password:"}, Shell: []string{"router#"}},
		Timeouts: dialogue.Timeouts{Quiet: 50 * time.Millisecond, Login: time.Second, Password: time.Second, Shell: time.Second},
	}})
	if err != nil {
		t.Fatal(err)
	}
	l.Profiles = encoded
	l.PasswordWorked = func(n int) { fmt.Fprintf(asked, "worked %d;", n) }
	l.Second = func(context.Context) (gateway.Secret, error) {
		asked.WriteString("second;")
		return gateway.NewSecret([]byte("Rights4More")), nil
	}
	return l, asked
}

// A device that has a second password gets it when that was asked for, and what
// it shows of it is hidden.
func TestSecondPassword(t *testing.T) {
	for _, test := range []struct {
		asked bool
		talk  []string
		seen  string
		want  string
	}{
		{true, []string{"< enable\r\x00", "> enable\r\nPassword: ", "< Rights4More\r\x00", "> Rights4More\r\nrouter#"},
			"enable\r\nPassword: [...]\r\nrouter#", "worked 0;second;"},
		{false, nil, "", "worked 0;"},
		{true, []string{"< enable\r\x00", "> enable\r\nrouter#"}, "enable\r\nrouter#", "worked 0;"}, // without a password
	} {
		d := &device{t: t, talk: concat(asksUser, []string{"< Sesame0pen\r\x00", "> \r\nrouter>"}, test.talk, []string{"< exit\r\x00", "> exit\r\n"})}
		l, asked := d.enabling(t)
		if !test.asked {
			l.Second = nil
		}
		conn, err := d.login(t.Context(), t, l)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c, out := protocoltest.NewClient(), new(strings.Builder)
		c.Out = out
		go func() {
			io.WriteString(c.Input, "exit\n")
			c.Input.Close()
		}()
		if _, err := conn.Relay(t.Context(), c, &protocoltest.Session{}); err != nil {
			t.Fatal(err)
		}
		if want := "Welcome\r\nlogin: admin\r\nPassword: \r\nrouter>" + test.seen + "exit\r\n"; out.String() != want {
			t.Errorf("shown %q, want %q", out.String(), want)
		}
		if asked.String() != test.want {
			t.Errorf("the monitor was asked %q, want %q", asked.String(), test.want)
		}
	}
}

// The second password is for its own prompt alone, and no other password follows
// one that is refused.
func TestSecondPasswordRefused(t *testing.T) {
	for _, test := range []struct {
		talk  []string
		kind  protocols.LoginErrorKind
		asked string
	}{
		{[]string{"< enable\r\x00", "> enable\r\nPassword: ", "< Rights4More\r\x00", "> \r\nPassword: "}, protocols.NoShellPrompt, "worked 0;second;"},
		{[]string{"< enable\r\x00", "> enable\r\nrouter>"}, protocols.NoShellPrompt, ""},
		{[]string{"< enable\r\x00", "> enable\r\nYour password is asked for below. Password: not yet\r\n", "stay"}, protocols.NoShellPrompt, ""},
		{[]string{"< enable\r\x00", "> " + wont + "\x01Password: ", "stay"}, protocols.NoShellPrompt, ""},
	} {
		d := &device{t: t, talk: concat(asksUser, []string{"< Sesame0pen\r\x00", "> \r\nrouter>"}, test.talk)}
		l, asked := d.enabling(t)
		_, err := d.login(t.Context(), t, l)
		login, ok := errors.AsType[*protocols.LoginError](err)
		if !ok || login.Kind != test.kind || strings.Contains(login.Tail, "Rights4More") {
			t.Errorf("%q: the login ends with %v, want %s", test.talk, err, test.kind)
		}
		if got := asked.String(); got != test.asked {
			t.Errorf("%q: the monitor was asked %q, want %q", test.talk, got, test.asked)
		}
	}
}
