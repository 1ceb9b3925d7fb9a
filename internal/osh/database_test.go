package osh_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"gateway/internal/osh"
)

// asking is a monitor that notes what is asked.
type asking struct{ requests []string }

func (a *asking) Run(_ context.Context, command string, request json.RawMessage) (osh.Result, error) {
	a.requests = append(a.requests, string(request))
	return osh.OK(command, "OK", "OK", nil), nil
}

func (a *asking) Complete(context.Context, string, string) ([]string, error) { return nil, nil }

type readFunc func(b []byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// A secret on standard input goes to the monitor, hidden from the recording
// while it is read, and nowhere else.
func TestDatabaseInput(t *testing.T) {
	for _, test := range []struct {
		name, options, in string
		terminal          bool
		sent, hidden      bool
	}{
		{"password", "--password-stdin", "hunter2\n", false, true, true},
		{"CA", "--ca-stdin", "-----BEGIN hunter2", false, true, true},
		{"certificate", "--client-cert-stdin", strings.Repeat("hunter2\n", 64<<10/8), false, true, true},
		{"nothing asked for", "", "hunter2\n", false, false, false},
		{"two at once", "--ca-stdin --password-stdin", "hunter2\n", false, false, false},
		{"no input", "--password-stdin", "", false, false, true},
		{"too long", "--ca-stdin", strings.Repeat("hunter2\n", 64<<10/8) + "x", false, false, true},
		{"no text", "--password-stdin", "hunter2\xff\n", false, false, true},
		{"terminal", "--password-stdin", "hunter2\n", true, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := new(asking)
			var out, errs bytes.Buffer
			hidden, was := false, false
			env := osh.Env{Out: &out, Err: &errs, Client: m, Hide: func(h bool) { hidden, was = h, was || h }}
			env.In = readFunc(func(b []byte) (int, error) {
				if !hidden && test.hidden {
					t.Error("read where it is recorded")
				}
				n := copy(b, test.in)
				test.in = test.in[n:]
				if n == 0 {
					return 0, io.EOF
				}
				return n, nil
			})
			if test.terminal {
				env.Terminal = new(osh.Terminal)
			}
			line, err := osh.ParseLine("--osh dbAdd --group g --name n --host h --database d --user u " + test.options)
			if err != nil {
				t.Fatal(err)
			}
			osh.Execute(t.Context(), env, line)
			if sent := strings.Contains(strings.Join(m.requests, ""), "hunter2"); sent != test.sent || was != test.hidden || hidden {
				t.Errorf("sent %v, hidden %v, still %v; want %v, %v", sent, was, hidden, test.sent, test.hidden)
			}
			if strings.Contains(out.String()+errs.String(), "hunter2") {
				t.Errorf("shown: %s%s", out.String(), errs.String())
			}
		})
	}
}
