package ssh_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"gateway"
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
