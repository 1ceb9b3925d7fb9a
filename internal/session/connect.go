package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"gateway"
	"gateway/internal/control"
	"gateway/protocols"
)

// Connect opens a session to a target and relays it to its end. The caller
// passes the exit on to the client and closes it. quiet leaves out what is
// said when all goes well. refuse tells the client why nothing was opened and
// returns the exit status.
func (p *Pipeline) Connect(ctx context.Context, r control.Open, c protocols.Client, quiet bool, refuse func(control.Refusal) int) gateway.Exit {
	show := shower(c)
	term, ok := c.(protocols.Terminal)
	if ok {
		r.Term, r.Size, _ = term.Term()
		r.Screen = r.Action.Kind != "subsystem"
	}
	s, ctx, err := p.Open(ctx, r)
	if err != nil {
		return gateway.Exit{Code: refuse(refusalOf(err))}
	}
	if r.Screen {
		c = p.watched(s, term)
	}
	tell := show
	if quiet {
		tell = func(string) {}
	}
	if r.As != "" {
		tell(fmt.Sprintf("*** you connect as %s; it is recorded that %s does", gateway.Printable(r.As), p.Account))
	}
	p.welcome(s, r.Protocol, cmp.Or(r.As, p.Account), tell)
	exit, err := p.relay(ctx, r, s, c, show, tell)
	comment := ""
	if err != nil {
		exit, comment = p.failed(ctx, err, s, show)
	}
	if err := s.End(exit, comment); err != nil && !errors.Is(err, gateway.ErrUnavailable) {
		show("the end of this session could not be recorded: " + errorText(err))
	}
	return exit
}

// shower shows the person lines of ours.
func shower(c protocols.Client) func(text string) {
	if _, ok := c.(protocols.Terminal); ok {
		return func(text string) { io.WriteString(c.Stderr(), strings.ReplaceAll(text, "\n", "\r\n")+"\r\n") }
	}
	return func(text string) { fmt.Fprintln(c.Stderr(), text) }
}

// loginTimeout is how long a target may take for the handshake when the person
// set no timeout. Some gear needs many seconds for the key exchange alone.
const loginTimeout = 30 * time.Second

// autologinTimeout is that of one login with a password, as The Bastion has it.
const autologinTimeout = 45 * time.Second

// relay logs in to the target and moves bytes until the end.
func (p *Pipeline) relay(ctx context.Context, r control.Open, s *Session, c protocols.Client, show, tell func(string)) (gateway.Exit, error) {
	backend := p.Backends[r.Protocol]
	if backend == nil {
		return gateway.Exit{}, fmt.Errorf("protocol %s: %w", r.Protocol, gateway.ErrInvalid)
	}
	nc, err := net.FileConn(s.target)
	if err != nil {
		return gateway.Exit{}, fmt.Errorf("take over target connection: %w", err)
	}
	s.target.Close()
	request := gateway.Request{
		Session: s.Session, Principal: gateway.Principal{Account: cmp.Or(r.As, p.Account)}, Protocol: r.Protocol,
		Target: s.Target, Jump: s.Jump, Action: r.Action, UseKey: r.UseKey, Password: r.Password,
	}
	within := loginTimeout
	if r.Timeout > 0 {
		within = r.Timeout
	}
	if s.Passwords > 0 { // gear is slow to say no, and each password has a connection of its own
		each := cmp.Or(r.Timeout, autologinTimeout)
		if r.Protocol == gateway.Telnet {
			each *= 5 // the dialogue bounds the wait for each prompt: login, password, shell, and two for a second password
		}
		within = time.Duration(s.Passwords) * (each + r.FallbackDelay)
	}
	loginCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(within, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	who := Person{Tell: tell, Warn: show}
	if _, ok := c.(protocols.Terminal); ok {
		who.Ask = func(q string) bool {
			late.Stop() // the person may take their time
			defer late.Reset(within)
			return askPerson(c, show, q)
		}
		who.Answer = func(ctx context.Context, q string, echo bool) (gateway.Secret, error) {
			late.Stop()
			defer late.Reset(within)
			return askTarget(ctx, c, q, echo)
		}
	}
	lease := Lease(ctx, p.Monitor, s.OpenReply, who)
	lease.FallbackDelay, lease.Timeout, lease.Term = r.FallbackDelay, r.Timeout, r.Term
	_, lease.Terminal = c.(protocols.Terminal)
	conn, err := backend.Login(loginCtx, nc, request, lease)
	if err != nil {
		return gateway.Exit{}, err
	}
	defer conn.Close()
	if w, ok := c.(*watch); ok {
		defer w.begin(ctx)()
	}
	return conn.Relay(ctx, c, s)
}

// welcome says what is going to be tried, and that it is recorded.
func (p *Pipeline) welcome(s *Session, protocol gateway.Protocol, who string, tell func(string)) {
	tell(fmt.Sprintf("*** %s: welcome %s, you are allowed to log on to %s", gateway.Printable(p.Name), gateway.Printable(who), s.Target))
	if s.Jump != (gateway.Target{}) {
		tell("    through the jump host " + s.Jump.String())
	}
	if protocol == gateway.Telnet {
		tell("    over telnet, which is not encrypted: whoever is between the gateway and the target can read and change it all")
	}
	tell(fmt.Sprintf("    recorded as %s, sealed with %s", s.Session, s.AuditKey))
	if protocol == gateway.Telnet && s.Passwords == 0 {
		tell("    the target will ask who you are")
		tell("Connecting...")
		return
	}
	tell("    will try the following accesses you have:")
	for _, k := range s.Keys {
		way := string(k.Way)
		if k.Group != "" {
			way += " of " + k.Group
		}
		tell(fmt.Sprintf("     - %s with %s key %s", way, strings.ToUpper(strings.TrimPrefix(k.Key.Type, "ssh-")), k.Key.Fingerprint))
	}
	if s.Passwords > 0 {
		tell(fmt.Sprintf("     - with egress passwords: %d", s.Passwords))
	}
	if s.Second {
		tell("     - and then with a second password, for more rights")
	}
	tell("Connecting...")
}

// refusalOf says why nothing was opened.
func refusalOf(err error) control.Refusal {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.Refusal
	}
	return control.Refusal{Refusal: gateway.RefusalExecFailed, Text: "the gateway could not open the session: " + errorText(err)}
}

// reasonWithin bounds the wait for the monitor's word why nothing is recorded.
const reasonWithin = time.Second

// tellWithin bounds the wait for a screen that takes nothing.
const tellWithin = time.Second

// failed tells the person why an open session ends, and gives the exit status
// and the comment for the log.
func (p *Pipeline) failed(ctx context.Context, err error, s *Session, show func(string)) (gateway.Exit, string) {
	if errors.Is(err, gateway.ErrNoRecord) {
		// The recorder tells the monitor why, and the monitor tells us.
		select {
		case <-ctx.Done():
		case <-time.After(reasonWithin):
		}
	}
	var terminated *TerminatedError
	if errors.As(context.Cause(ctx), &terminated) {
		// Who is told may be asleep: the end is written down in any case.
		told := make(chan struct{})
		go func() {
			defer close(told)
			show(terminated.Text)
		}()
		select {
		case <-told:
		case <-time.After(tellWithin):
		}
		return gateway.Exit{Code: terminated.Code}, terminated.Text
	}
	var login *protocols.LoginError
	switch {
	case errors.As(err, &login):
		show(fmt.Sprintf(">>> BASTION SAYS: %s: %s", s.Target, errorText(login.Err)))
		comment := string(login.Kind)
		if login.Tail != "" {
			comment += "; the target said last: " + gateway.Printable(login.Tail)
		}
		return gateway.Exit{Code: loginExit(login.Kind)}, comment
	case errors.Is(err, gateway.ErrNoRecord):
		text := "ended by the gateway: the recording accepts nothing more, and nothing may pass unrecorded"
		show(text)
		return gateway.Exit{Code: gateway.RefusalRecorder.Code}, text
	case errors.Is(err, gateway.ErrDenied):
		show("the gateway does not allow this")
		return gateway.Exit{Code: gateway.RefusalAccessDenied.Code}, "operation denied"
	}
	show(fmt.Sprintf(">>> BASTION SAYS: the connection with %s ended: %s", s.Target, errorText(err)))
	return gateway.Exit{Code: gateway.ExitLoginFailed}, errorText(err)
}

func loginExit(k protocols.LoginErrorKind) int {
	switch k {
	case protocols.HandshakeTimeout:
		return gateway.ExitConnectTimeout
	case protocols.PasswordRefused, protocols.LockedOut: // as The Bastion's autologin has them, from here on
		return 100
	case protocols.PasswordMissing:
		return 101
	case protocols.NoLoginPrompt:
		return 2
	case protocols.NoPasswordPrompt:
		return 3
	case protocols.NoShellPrompt:
		return 4
	}
	return gateway.ExitLoginFailed
}

// errorText is an error in one printable line.
func errorText(err error) string {
	return gateway.Printable(strings.ReplaceAll(err.Error(), "\n", "; "))
}
