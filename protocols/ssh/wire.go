package ssh

import (
	"strings"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
	"gateway/recorder"
)

// The channel requests of RFC 4254 that we send. Payloads are in wire form.

// request is a channel request.
type request struct {
	name    string
	payload []byte
}

// start is the request for an action; ok is false when there is none for it.
func start(a gateway.Action) (r request, ok bool) {
	text := ssh.Marshal(struct{ Text string }{a.Text})
	switch a.Kind {
	case "shell":
		return request{"shell", nil}, true // section 6.5
	case "exec", "subsystem":
		return request{a.Kind, text}, true
	}
	return request{}, false
}

// ptyReq is section 6.2. The modes are passed on as they are.
func ptyReq(term string, size recorder.Resize, modes string) request {
	if modes == "" {
		modes = "\x00" // TTY_OP_END: none
	}
	return request{"pty-req", ssh.Marshal(struct {
		Term                      string
		Cols, Rows, Width, Height uint32
		Modes                     string
	}{term, size.Cols, size.Rows, size.Width, size.Height, modes})}
}

// windowChange is section 6.7.
func windowChange(size recorder.Resize) request {
	return request{"window-change", ssh.Marshal(struct{ Cols, Rows, Width, Height uint32 }{
		size.Cols, size.Rows, size.Width, size.Height})}
}

// setEnv is section 6.4; ok is false when variable is not NAME=value.
func setEnv(variable string) (r request, ok bool) {
	name, value, ok := strings.Cut(variable, "=")
	if !ok || name == "" {
		return request{}, false
	}
	return request{"env", ssh.Marshal(struct{ Name, Value string }{name, value})}, true
}

// signal is section 6.9, or the break of RFC 4335.
func signal(s protocols.Signal) request {
	if s.Name == "" {
		return request{"break", ssh.Marshal(struct{ Milliseconds uint32 }{s.BreakMS})}
	}
	return request{"signal", ssh.Marshal(struct{ Name string }{s.Name})}
}

// parseExit reads a request that says how the session ended, section 6.10; ok
// is false for any other.
func parseExit(name string, payload []byte) (e gateway.Exit, ok bool) {
	switch name {
	case "exit-status":
		var msg struct{ Status uint32 }
		if ssh.Unmarshal(payload, &msg) != nil {
			return gateway.Exit{}, false
		}
		return gateway.Exit{Code: int(msg.Status)}, true
	case "exit-signal":
		var msg struct {
			Signal     string
			Core       bool
			Text, Lang string
		}
		if ssh.Unmarshal(payload, &msg) != nil || msg.Signal == "" {
			return gateway.Exit{}, false
		}
		return gateway.Exit{Code: gateway.ExitLoginFailed, Signal: line(msg.Signal), Core: msg.Core, Text: line(msg.Text)}, true
	}
	return gateway.Exit{}, false
}
