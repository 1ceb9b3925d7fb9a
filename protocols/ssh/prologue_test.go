package ssh_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/dialogue"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/protocols/ssh"
)

// deviceShell asks a question and shows a prompt; it tells what was typed.
func deviceShell(prompt string) func(s *serverSession) {
	return func(s *serverSession) {
		if s.name == "exec" {
			io.WriteString(s, "ran "+s.text)
			s.exit(0)
			return
		}
		in := bufio.NewReader(s)
		io.WriteString(s, "Welcome!\r\nContinue? ")
		for {
			typed, err := in.ReadString('\r')
			if err != nil || typed == "exit\r" {
				s.exit(0)
				return
			}
			io.WriteString(s, "\r\ntyped "+strings.TrimRight(typed, "\r")+"\r\n"+prompt)
		}
	}
}

// enables is a device that asks for the password again, for more rights, and
// shows it.
func enables(s *serverSession) {
	in := bufio.NewReader(s)
	level := "device#"
	io.WriteString(s, level)
	for {
		typed, err := in.ReadString('\r')
		switch {
		case err != nil || typed == "exit\r":
			s.exit(0)
			return
		case typed == "enable\r":
			io.WriteString(s, "\r\nPassword: ")
			answer, _ := in.ReadString('\r')
			if answer == "rights4more\r" {
				level = "device##"
			}
			io.WriteString(s, strings.TrimRight(answer, "\r"))
		}
		io.WriteString(s, "\r\n"+level)
	}
}

// secondDevice has the profile of a device like enables.
func secondDevice(t *testing.T) string {
	profile := device
	profile.Commands = nil
	profile.Second = &dialogue.Second{Command: "enable", Password: []string{"Password:"}, Shell: []string{"device##"}}
	encoded, err := dialogue.Encode([]dialogue.Profile{profile})
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// A device that has a second password gets it when that was asked for, whatever
// the login was with, and what it shows of it is hidden.
func TestSecondPassword(t *testing.T) {
	for _, test := range []struct {
		name, second, want string
		keys               bool
		kind               protocols.LoginErrorKind
	}{
		{name: "right", second: "rights4more", want: "device#\r\nPassword: [...]\r\ndevice##"},
		{name: "after a key", keys: true, second: "rights4more", want: "device#\r\nPassword: [...]\r\ndevice##"},
		{name: "not asked for", want: "device#"},
		{name: "wrong", second: "nonsense", kind: protocols.NoShellPrompt, want: "device#\r\nPassword: [...]\r\ndevice#"},
		{name: "not to be typed", second: "two\rlines", kind: protocols.PasswordMissing, want: "device#\r\nPassword: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g, _ := passwordTarget(t, "password")
			l := withPasswords(t, g, "right").Lease
			if test.keys {
				key := newSigner(t)
				g, l = newTarget(t, key), lease(key)
			}
			g.handle = enables
			l.Profiles = secondDevice(t)
			if test.second != "" {
				l.Second = func(context.Context) (gateway.Secret, error) { return gateway.NewSecret([]byte(test.second)), nil }
			}
			r := gateway.Request{Target: gateway.Target{User: "root"}, Action: gateway.Action{Kind: "shell"}}
			conn, err := new(ssh.Backend).Login(context.Background(), g.dial(t), r, l)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			c, out := protocoltest.NewClient(), new(strings.Builder)
			c.Out = out
			go func() {
				io.WriteString(c.Input, "exit\r")
				c.Input.Close()
			}()
			_, err = conn.Relay(context.Background(), c, &protocoltest.Session{})
			login, _ := errors.AsType[*protocols.LoginError](err)
			if (login != nil) != (test.kind != "") || login != nil && login.Kind != test.kind || test.kind == "" && err != nil {
				t.Errorf("Relay = %v, want %q", err, test.kind)
			}
			if out.String() != test.want {
				t.Errorf("shown %q, want %q", out.String(), test.want)
			}
		})
	}
}

func TestPrologue(t *testing.T) {
	for _, test := range []struct {
		name, prompt string
		screen       bool
		action       gateway.Action
		want         string
		kind         protocols.LoginErrorKind
	}{
		{name: "script", prompt: "device# ", action: gateway.Action{Kind: "shell"},
			want: "Welcome!\r\nContinue? \r\ntyped y\r\ndevice# \r\ntyped no paging\r\ndevice# \r\ntyped show\r\ndevice# "},
		{name: "screen", prompt: "device# ", screen: true, action: gateway.Action{Kind: "shell"},
			want: "Welcome!\r\nContinue? \r\ntyped y\r\ndevice# \r\ntyped show\r\ndevice# "},
		{name: "command", prompt: "device# ", action: run("show"), want: "ran show"},
		{name: "another device", prompt: "thing> ", action: gateway.Action{Kind: "shell"},
			want: "Welcome!\r\nContinue? \r\ntyped y\r\nthing> ", kind: protocols.NoShellPrompt},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g, _ := passwordTarget(t, "password")
			g.handle = deviceShell(test.prompt)
			l := withPasswords(t, g, "right")
			l.Timeout = 1 // a nanosecond: the step is over when the device is silent
			if test.kind == "" {
				l.Timeout = 0
			}
			r := gateway.Request{Target: gateway.Target{User: "root"}, Action: test.action}
			conn, err := new(ssh.Backend).Login(context.Background(), g.dial(t), r, l.Lease)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			c, out := protocoltest.NewClient(), new(strings.Builder)
			var client protocols.Client = c
			c.Out = out
			if test.screen {
				term := protocoltest.NewTerminal()
				term.Out = out
				client, c.Input = term, term.Input
			}
			go func() {
				io.WriteString(c.Input, "show\rexit\r")
				c.Input.Close()
			}()
			_, err = conn.Relay(context.Background(), client, &protocoltest.Session{})
			var login *protocols.LoginError
			if errors.As(err, &login) != (test.kind != "") || login != nil && login.Kind != test.kind {
				t.Errorf("Relay = %v, want %s", err, test.kind)
			}
			if test.kind == "" && out.String() != test.want {
				t.Errorf("shown %q, want %q", out.String(), test.want)
			}
		})
	}
}
