package ingress

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/osh"
	"gateway/internal/session"
	"gateway/internal/tcp"
	"gateway/protocols"
	"gateway/recorder"
)

// serveChannel takes a channel's requests; the first exec or shell starts what
// the command line asks for.
func (s *Server) serveChannel(ctx context.Context, c *client, requests <-chan *ssh.Request, login control.Login, fast *tcp.Conn) {
	defer c.Close()
	ended := make(chan struct{})
	defer func() { <-ended }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		// The client closed the channel or is gone: whatever runs for it ends.
		defer cancel()
		started := false
		for r := range requests {
			ok := c.control(r)
			var what start
			starts := false
			if !started {
				what, starts = startOf(r)
				started, ok = started || starts, ok || starts
			}
			if r.WantReply {
				_ = r.Reply(ok, nil)
			}
			if starts {
				c.started = true
				fast.Done()
				go func() {
					defer close(ended)
					s.start(ctx, c, what, login)
					c.Close()
				}()
			}
		}
		if !started {
			close(ended)
		}
	}()
	<-ctx.Done()
	c.Close()
}

// start is what a channel's request starts: a command line, or a subsystem.
type start struct{ line, subsystem string }

// startOf reads the request, RFC 4254 section 6.5.
func startOf(r *ssh.Request) (start, bool) {
	switch r.Type {
	case "shell":
		return start{}, true
	case "exec":
		var m struct{ Command string }
		if ssh.Unmarshal(r.Payload, &m) == nil {
			return start{line: m.Command}, true
		}
	case "subsystem":
		var m struct{ Name string }
		if ssh.Unmarshal(r.Payload, &m) == nil && m.Name == subsystemNETCONF {
			return start{subsystem: m.Name}, true
		}
	}
	return start{}, false
}

// start does what is asked for and passes the exit on to the client.
func (s *Server) start(ctx context.Context, c *client, what start, login control.Login) {
	var exit gateway.Exit
	if what.subsystem != "" || login.Target != "" {
		exit = s.direct(ctx, c, what, login)
	} else {
		exit = s.run(ctx, c, what.line, login)
	}
	if exit.Signal != "" {
		_, _ = c.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name string
			Core bool
			Text string
			Lang string
		}{exit.Signal, exit.Core, gateway.Printable(exit.Text), ""}))
		return
	}
	_, _ = c.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(exit.Code)}))
}

// run is the one dispatcher of all command lines.
func (s *Server) run(ctx context.Context, c *client, raw string, login control.Login) gateway.Exit {
	env := s.environment(c, login)
	line, err := osh.ParseLine(raw)
	if login.Refusal != nil {
		// The account may do nothing; what was asked does not matter.
		return gateway.Exit{Code: osh.RefuseLine(env, line, &osh.RefusalError{Refusal: login.Refusal.Refusal, Text: login.Refusal.Text})}
	}
	if err == nil {
		err = env.Refuses(line)
	}
	if err != nil {
		return s.abort(ctx, env, line, raw, err)
	}
	s.greet(c, line, login)
	if line.Action == osh.Connect {
		var side protocols.Client = c
		if c.pty && line.TTY != osh.TTYNever {
			side = terminal{c}
		}
		return s.connect(ctx, side, env, line)
	}
	return s.command(ctx, c, env, line, raw)
}

// greet shows what the monitor has to say at login, to who is about to work
// here or at a target: not to scripts that run one command of the gateway.
func (s *Server) greet(c *client, line osh.Line, login control.Login) {
	works := line.Action == osh.Connect || c.pty && (line.Action == osh.Interactive || line.Action == osh.None)
	if !works || line.Help || line.Quiet {
		return
	}
	for _, text := range login.Notice {
		say(c, gateway.Printable(text))
	}
}

// maxAborted is how much of a refused line is kept, in bytes: written as
// JSON it must fit into a message.
const maxAborted = 1000

// abort refuses a line and has that written down.
func (s *Server) abort(ctx context.Context, env osh.Env, line osh.Line, raw string, err error) gateway.Exit {
	refused, ok := errors.AsType[*osh.RefusalError](err)
	if !ok {
		refused = &osh.RefusalError{Refusal: gateway.RefusalOptions, Text: err.Error()}
	}
	// Without a record of it there is no service either, but there is nothing
	// left to refuse.
	raw = strings.ToValidUTF8(raw[:min(len(raw), maxAborted)], "")
	_, _ = s.Monitor.Call(ctx, control.OpAbort, control.Abort{Refusal: refused.Refusal, Text: gateway.Printable(refused.Text), Command: raw}, nil)
	return gateway.Exit{Code: osh.RefuseLine(env, line, refused)}
}

// connect opens a session with a target, for a line that came with env.
func (s *Server) connect(ctx context.Context, c protocols.Client, env osh.Env, line osh.Line) gateway.Exit {
	refuse := func(r control.Refusal) int {
		return osh.RefuseLine(env, line, &osh.RefusalError{Refusal: r.Refusal, Text: r.Text})
	}
	if line.Protocol == gateway.Postgres {
		return s.Pipeline.ConnectClient(ctx, control.Open{
			Protocol: gateway.Postgres, Host: line.Host, Timeout: line.Timeout, Command: line.Command,
			Action: gateway.Action{Kind: "psql", Text: strings.Join(line.Args, " ")}, Client: &control.Client{Args: line.Args},
		}, c, line.Quiet, refuse)
	}
	user := line.User
	if user == "" {
		user = s.Boot.DefaultLogin
	}
	if user == "" {
		user = cmp.Or(line.SSHAs, s.Pipeline.Account)
	}
	protocol := cmp.Or(line.Protocol, gateway.SSH)
	port := line.Port
	if port == 0 {
		port = map[gateway.Protocol]uint16{gateway.SSH: 22, gateway.Telnet: 23, gateway.NETCONF: 830}[protocol]
	}
	action := gateway.Action{Kind: "shell"}
	switch {
	case protocol == gateway.NETCONF:
		action = gateway.Action{Kind: "subsystem", Text: subsystemNETCONF}
	case line.Remote != "":
		action = gateway.Action{Kind: "exec", Text: line.Remote}
	}
	if t, ok := c.(protocols.Terminal); ok && line.Password.Asked() && !line.TermPassthrough {
		c = plainTerminal{t}
	}
	open := control.Open{
		Protocol: protocol, Host: line.Host, User: user, Port: port, UseKey: line.UseKey,
		Timeout: line.Timeout, Wait: line.Wait, Bind: line.Bind, Action: action, As: line.SSHAs,
		Password: line.Password, FallbackDelay: line.FallbackDelay, KeyboardInteractive: line.KeyboardInteractive,
		Enable: line.Enable, EnablePassword: line.EnablePassword,
	}
	if j := line.Jump; j != (gateway.Target{}) {
		open.Jump = &control.Hop{Host: j.Host, User: cmp.Or(j.User, user), Port: j.Port}
	}
	return s.Pipeline.Connect(ctx, open, c, line.Quiet, refuse)
}

// plainTerminal is a terminal of no type: what gear makes of the names of modern
// ones can confuse a login.
type plainTerminal struct{ protocols.Terminal }

// Term implements protocols.Terminal.
func (t plainTerminal) Term() (string, recorder.Resize, string) {
	_, size, modes := t.Terminal.Term()
	return "", size, modes
}

// CloseWrite implements protocols.CloseWriter, if the terminal does.
func (t plainTerminal) CloseWrite() error {
	if w, ok := t.Terminal.(protocols.CloseWriter); ok {
		return w.CloseWrite()
	}
	return nil
}

// command opens a session for commands of the gateway and runs the line in it.
func (s *Server) command(ctx context.Context, c *client, env osh.Env, line osh.Line, raw string) gateway.Exit {
	kind := "osh"
	if env.Prompts(line) {
		kind = "interactive"
	}
	r := control.Open{Protocol: gateway.OSH, Action: gateway.Action{Kind: kind, Text: raw}, Command: line.Command}
	if c.pty {
		r.Term, r.Size, _ = terminal{c}.Term()
	}
	sess, ctx, err := s.Pipeline.Open(ctx, r)
	if err != nil {
		refused, ok := errors.AsType[*session.RefusedError](err)
		if !ok {
			refused = &session.RefusedError{Refusal: control.Refusal{Refusal: gateway.RefusalExecFailed, Text: err.Error()}}
		}
		return gateway.Exit{Code: osh.RefuseLine(env, line, &osh.RefusalError{Refusal: refused.Refusal.Refusal, Text: refused.Text})}
	}
	env.Client = oshClient{monitor: s.Monitor, id: sess.Session}
	c.hide, env.Hide = sess.Hide, sess.Hide
	env.In = sess.Reader(env.In)
	env.Out = sess.Writer(env.Out, recorder.Out)
	env.Err = sess.Writer(env.Err, recorder.Err)
	exit := gateway.Exit{Code: osh.Execute(ctx, env, line)}
	comment := ""
	if terminated, ok := errors.AsType[*session.TerminatedError](context.Cause(ctx)); ok {
		say(c, terminated.Text)
		exit, comment = gateway.Exit{Code: terminated.Code}, terminated.Text
	}
	if err := sess.End(exit, comment); err != nil && !errors.Is(err, gateway.ErrUnavailable) {
		say(c, "the end of this command could not be recorded")
	}
	return exit
}

// environment is what command lines are executed with, unrecorded.
func (s *Server) environment(c *client, login control.Login) osh.Env {
	env := osh.Env{
		In: c, Out: c, Err: c.Stderr(), Account: login.Account, Name: s.Boot.Name, Slave: s.Boot.ReadOnly, Now: time.Now,
		InteractiveAllowed: s.Boot.Interactive, InteractiveByDefault: s.Boot.ByDefault, InteractiveTimeout: s.Boot.IdleTimeout,
		Connect: func(ctx context.Context, e *osh.Env, l osh.Line) int {
			var side protocols.Client = prompted{c, e}
			if c.pty && l.TTY != osh.TTYNever {
				side = promptedTerminal{prompted{c, e}}
			}
			exit := s.connect(ctx, side, *e, l)
			if exit.Signal != "" {
				return gateway.RefusalSignal.Code
			}
			return exit.Code
		},
		Play: play,
	}
	if c.pty {
		env.Fanciness = fanciness(s.Boot.Fanciness, c.term)
		env.Terminal = &osh.Terminal{Size: func() (int, int) {
			_, size, _ := terminal{c}.Term()
			return int(size.Cols), int(size.Rows)
		}}
	}
	return env
}

// fanciness is what is configured, on a terminal that knows about colours.
func fanciness(configured, term string) string {
	if term == "" || term == "dumb" {
		return osh.FancinessNone
	}
	return configured
}

// maxIdle shortens the pauses of a recording that is played.
const maxIdle = 3 * time.Second

// play shows a recording in its own time.
func play(ctx context.Context, e *osh.Env, f *os.File) error {
	r, err := recorder.NewReader(f)
	if err != nil {
		return err
	}
	return recorder.Play(ctx, e.Out, r, 1, maxIdle)
}

// oshClient runs commands inside one session.
type oshClient struct {
	monitor session.Monitor
	id      gateway.SessionID
	as      string // empty: the account itself
}

var _ osh.Impersonator = oshClient{}

// As implements osh.Impersonator.
func (o oshClient) As(account string) osh.Client {
	o.as = account
	return o
}

// Run implements osh.Client.
func (o oshClient) Run(ctx context.Context, command string, request json.RawMessage) (osh.Result, error) {
	var r control.RunReply
	files, err := o.monitor.Call(ctx, control.OpRun, control.Run{Session: o.id, Command: command, Request: request, As: o.as}, &r)
	if err != nil {
		return osh.Result{}, err
	}
	return osh.Result{Command: r.Command, Code: r.Code, Message: r.Message, Value: r.Value, Exit: r.Exit, Files: files}, nil
}

// Complete implements osh.Client.
func (o oshClient) Complete(ctx context.Context, kind, prefix string) ([]string, error) {
	var r control.CompleteReply
	_, err := o.monitor.Call(ctx, control.OpComplete, control.Complete{Session: o.id, Kind: kind, Prefix: prefix}, &r)
	return r.Names, err
}
