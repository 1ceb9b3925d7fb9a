package ingress

import (
	"io"
	"path"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"gateway/internal/osh"
	"gateway/protocols"
	"gateway/recorder"
)

// Bounds of what a client may set before it starts something.
const (
	maxEnv      = 64
	maxEnvBytes = 32 << 10
)

// client is the person's side of one session channel.
type client struct {
	ssh.Channel
	accept  []string // patterns of environment names
	signals chan protocols.Signal
	done    chan struct{} // closed with the client
	once    sync.Once

	env      []string
	envBytes int
	started  bool       // exec, shell or subsystem was asked for
	hide     func(bool) // keeps a prompt's streams out of its recording; nil: they are in none

	mu      sync.Mutex // guards what follows
	pty     bool
	term    string
	size    recorder.Resize
	modes   string
	resizes chan recorder.Resize
}

func newClient(ch ssh.Channel, accept []string) *client {
	return &client{
		Channel: ch, accept: accept,
		signals: make(chan protocols.Signal, 8), resizes: make(chan recorder.Resize, 1), done: make(chan struct{}),
	}
}

var _ protocols.Client = (*client)(nil)

// Stderr implements protocols.Client. A screen shows one stream: on two, what
// is said first may be shown last.
func (c *client) Stderr() io.Writer {
	if c.pty {
		return c.Channel
	}
	return c.Channel.Stderr()
}

// Env implements protocols.Client.
func (c *client) Env() []string { return c.env }

// Signals implements protocols.Client.
func (c *client) Signals() <-chan protocols.Signal { return c.signals }

// CloseWrite implements protocols.CloseWriter by doing nothing: the end of the
// output is told with the exit status. A client whose input has ended answers
// the end of the output by closing the channel, and no exit status could
// follow: OpenSSH does that when it multiplexes.
func (c *client) CloseWrite() error { return nil }

// Close implements protocols.Client.
func (c *client) Close() error {
	c.once.Do(func() { close(c.done) })
	return c.Channel.Close()
}

// terminal is a client that asked for a pseudo-terminal.
type terminal struct{ *client }

var _ protocols.Terminal = terminal{}

// Term implements protocols.Terminal.
func (t terminal) Term() (string, recorder.Resize, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.term, t.size, t.modes
}

// Resizes implements protocols.Terminal.
func (t terminal) Resizes() <-chan recorder.Resize { return t.resizes }

// prompted is a client whose prompt lends its streams to a session: reading
// the channel itself would race with the prompt.
type prompted struct {
	*client
	env *osh.Env
}

var _ protocols.Client = prompted{}

// Read implements protocols.Client.
func (p prompted) Read(b []byte) (int, error) { return p.env.In.Read(b) }

// Write implements protocols.Client.
func (p prompted) Write(b []byte) (int, error) { return p.env.Out.Write(b) }

// Stderr implements protocols.Client.
func (p prompted) Stderr() io.Writer { return p.env.Err }

// CloseWrite does nothing: the channel lives on with the prompt.
func (p prompted) CloseWrite() error { return nil }

// Hide implements protocols.Hider.
func (p prompted) Hide(hidden bool) {
	if p.hide != nil {
		p.hide(hidden)
	}
}

// Close does nothing, for the same reason.
func (p prompted) Close() error { return nil }

// promptedTerminal is a prompted client with a screen.
type promptedTerminal struct{ prompted }

var _ protocols.Terminal = promptedTerminal{}

// Term implements protocols.Terminal.
func (p promptedTerminal) Term() (string, recorder.Resize, string) { return terminal{p.client}.Term() }

// Resizes implements protocols.Terminal.
func (p promptedTerminal) Resizes() <-chan recorder.Resize { return p.resizes }

// control takes the requests that may come before and during a session
// (RFC 4254 section 6, RFC 4335) and says whether they were understood.
func (c *client) control(r *ssh.Request) bool {
	switch r.Type {
	case "env":
		var m struct{ Name, Value string }
		return !c.started && ssh.Unmarshal(r.Payload, &m) == nil && c.addEnv(m.Name, m.Value)
	case "pty-req":
		return !c.started && c.setPTY(r.Payload)
	case "window-change":
		var m struct{ Cols, Rows, Width, Height uint32 }
		return ssh.Unmarshal(r.Payload, &m) == nil && c.resize(recorder.Resize(m))
	case "signal":
		var m struct{ Name string }
		return ssh.Unmarshal(r.Payload, &m) == nil && isSignal(m.Name) && c.signal(protocols.Signal{Name: m.Name})
	case "break":
		var m struct{ MS uint32 }
		return ssh.Unmarshal(r.Payload, &m) == nil && c.signal(protocols.Signal{BreakMS: min(m.MS, 3000)})
	}
	return false
}

func (c *client) addEnv(name, value string) bool {
	if name == "" || len(c.env) >= maxEnv || c.envBytes+len(name)+len(value) > maxEnvBytes || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
		return false
	}
	// These two are the gateway's own word to the target.
	if strings.HasPrefix(name, "LC_BASTION") {
		return false
	}
	for _, p := range c.accept {
		if ok, err := path.Match(p, name); err == nil && ok {
			c.env = append(c.env, name+"="+value)
			c.envBytes += len(name) + len(value)
			return true
		}
	}
	return false
}

func (c *client) setPTY(payload []byte) bool {
	var m struct {
		Term                      string
		Cols, Rows, Width, Height uint32
		Modes                     string
	}
	if ssh.Unmarshal(payload, &m) != nil || len(m.Term) > 64 || len(m.Modes) > 1024 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pty {
		return false
	}
	c.pty, c.term, c.modes = true, m.Term, m.Modes
	c.size = recorder.Resize{Cols: m.Cols, Rows: m.Rows, Width: m.Width, Height: m.Height}
	return true
}

// resize keeps the newest size for whoever reads Resizes next.
func (c *client) resize(size recorder.Resize) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.pty {
		return false
	}
	c.size = size
	select {
	case <-c.resizes:
	default:
	}
	c.resizes <- size
	return true
}

// signal passes s on unless nobody takes signals fast enough.
func (c *client) signal(s protocols.Signal) bool {
	select {
	case c.signals <- s:
		return true
	default:
		return false
	}
}

// isSignal knows the names of RFC 4254 section 6.10.
func isSignal(name string) bool {
	switch name {
	case "ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2":
		return true
	}
	return false
}

// say writes a line for the person, past whatever runs.
func say(c *client, text string) {
	end := "\n"
	if c.pty {
		end = "\r\n" // the person's terminal is in raw mode
	}
	_, _ = io.WriteString(c.Stderr(), text+end) // a client that is gone misses it
}
