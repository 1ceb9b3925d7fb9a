package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/dialogue"
	"gateway/protocols"
)

// autologin is how a login with the lease's passwords stands, over one
// connection. One password is given, once:
//
//   - after the host key was found good, which is before authentication begins;
//   - to the method "password", or to a question of "keyboard-interactive" that
//     a device profile knows as that for the password, and that hides what is
//     typed;
//   - never to what follows: a second factor, a password to be changed, the
//     same question once more.
type autologin struct {
	get      func() (gateway.Secret, error) // gives the password
	user     string
	profiles *dialogue.Profiles
	scrub    *dialogue.Scrubber
	secret   gateway.Secret
	given    bool
	locked   string                // what the target said of logins that it does not take
	stop     *protocols.LoginError // why nothing more is to be tried
}

// loginWithPasswords tries the lease's passwords, each over a connection of its
// own, until one is accepted.
func (b *Backend) loginWithPasswords(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease) (*conn, error) {
	profiles, err := dialogue.Decode(l.Profiles)
	if err == nil && r.Jump != (gateway.Target{}) {
		err = errors.New("logins with passwords do not go through a jump host")
	}
	if err != nil {
		nc.Close()
		return nil, &protocols.LoginError{Kind: protocols.NotSupported, Err: err}
	}
	l.Keys = nil
	for n := 0; ; n++ {
		c, err := b.loginWithPassword(ctx, nc, r, l, profiles, n)
		login, ok := errors.AsType[*protocols.LoginError](err)
		switch {
		case err == nil:
			return c, nil
		case !ok || login.Kind != protocols.PasswordRefused:
			return nil, err
		case n+1 == l.Passwords:
			if n > 0 {
				login.Err = fmt.Errorf("%w; %d passwords were tried", login.Err, n+1)
			}
			return nil, err
		}
		if nc, err = again(ctx, l); err != nil {
			return nil, err
		}
	}
}

// loginWithPassword is one login with one password.
func (b *Backend) loginWithPassword(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease, profiles *dialogue.Profiles, n int) (*conn, error) {
	p := &autologin{user: r.Target.User, profiles: profiles, scrub: dialogue.NewScrubber(),
		get: func() (gateway.Secret, error) { return l.Password(ctx, n) }}
	defer p.wipe()
	c, err := b.handshake(ctx, nc, &attempt{peer: "the target", user: r.Target.User, lease: l, password: p}, r.Action)
	if err != nil {
		return nil, err
	}
	if l.PasswordWorked != nil && p.given { // there are targets that ask for nothing
		l.PasswordWorked(n)
	}
	return c, nil
}

func (p *autologin) wipe() {
	p.scrub.Wipe()
	p.secret.Wipe()
}

// again connects for the next password.
func again(ctx context.Context, l protocols.Lease) (net.Conn, error) {
	pause := time.NewTimer(l.FallbackDelay)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
		return nil, fmt.Errorf("log in: %w", context.Cause(ctx))
	}
	nc, err := l.Redial(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, fmt.Errorf("log in: %w", cause)
	}
	if err != nil {
		return nil, &protocols.LoginError{Kind: protocols.BrokenHandshake, Err: fmt.Errorf("connect again for the next password: %w", err)}
	}
	return nc, nil
}

// next chooses the method by what the target offers. It is asked again after
// each method that did not finish the login, which no other one follows.
func (p *autologin) next(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	switch {
	case p.stop != nil:
		return nil, p.stop
	case len(c.PartialSuccessMethods) > 0:
		return nil, p.refuse(protocols.AuthFailed, "it took the password and wants more than that: "+p.show(strings.Join(c.AllowedMethods, ", ")))
	case p.given:
		return nil, p.refused(c.LastError)
	case len(c.TriedMethods) > 1 && (c.LastError == nil || strings.Contains(c.LastError.Error(), plainFailure)):
		return nil, p.refuse(protocols.AuthFailed, "it refused the login without asking for the password")
	case c.LastError != nil:
		return nil, c.LastError
	case slices.Contains(c.AllowedMethods, "password"):
		return ssh.PasswordCallback(p.answer), nil
	case slices.Contains(c.AllowedMethods, "keyboard-interactive"):
		return ssh.KeyboardInteractive(p.challenge), nil
	}
	return nil, p.refuse(protocols.NoPasswordPrompt, "it takes no password, but only "+p.show(strings.Join(c.AllowedMethods, ", ")))
}

// refuse notes why the login is given up.
func (p *autologin) refuse(kind protocols.LoginErrorKind, text string) error {
	p.stop = &protocols.LoginError{Kind: kind, Err: errors.New(text)}
	return p.stop
}

// How the library reports messages of RFC 4252 that it does not expect.
const (
	passwordChange = "unexpected message type 60" // SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, section 8
	plainFailure   = "unexpected message type 51" // SSH_MSG_USERAUTH_FAILURE, to keyboard-interactive
)

const refusedLogin = "it refused the login name or the password"

// refused is for what came instead of a success, after the password was given.
func (p *autologin) refused(err error) error {
	switch {
	case p.locked != "":
		return p.refuse(protocols.LockedOut, "it takes no more logins: "+p.show(p.locked))
	case err == nil:
		return p.refuse(protocols.PasswordRefused, refusedLogin)
	case strings.Contains(err.Error(), passwordChange):
		return p.refuse(protocols.AuthFailed, "it wants the password to be changed, which the gateway does not do")
	}
	return p.refuse(protocols.PasswordRefused, "it closed the connection instead of taking the password")
}

// failed says why the handshake ended with err, nil if err says it as well. Many
// devices take one password for each connection and end it with the words "too
// many authentication failures": the next one may be right.
func (p *autologin) failed(err error) *protocols.LoginError {
	_, text, disconnected := strings.Cut(err.Error(), "ssh: disconnect, reason ")
	_, text, _ = strings.Cut(text, ": ")
	if plain, err := strconv.Unquote(text); err == nil {
		text = plain
	}
	switch {
	case p.stop != nil || !disconnected:
	case p.profiles.Locked(text) && !(p.given && strings.Contains(strings.ToLower(text), "authentication failures")):
		_ = p.refuse(protocols.LockedOut, "it takes no more logins: "+p.show(text))
	case p.given:
		_ = p.refuse(protocols.PasswordRefused, refusedLogin+", and hung up: "+p.show(text))
	}
	return p.stop
}

// hear looks for news of locked accounts in what the target wants to be read.
func (p *autologin) hear(text string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); p.locked == "" && p.profiles.Locked(line) {
			p.locked = line
		}
	}
}

// answer gives the password. It is asked for here: a target that does not come
// so far gets none out of the vault.
func (p *autologin) answer() (string, error) {
	if p.given {
		return "", p.refuse(protocols.PasswordRefused, "it asked for the password a second time")
	}
	secret, err := p.get()
	if err != nil {
		return "", p.refuse(protocols.PasswordMissing, "get the egress password: "+err.Error())
	}
	if secret.Empty() {
		return "", p.refuse(protocols.PasswordMissing, "the egress password is empty")
	}
	p.given, p.secret = true, secret
	p.scrub.Add(secret.Reveal())
	return asString(secret), nil
}

// challenge answers a message of keyboard-interactive, RFC 4256.
func (p *autologin) challenge(_, instruction string, questions []string, echos []bool) ([]string, error) {
	p.hear(instruction)
	if p.locked != "" {
		return nil, p.refused(nil)
	}
	switch {
	case len(questions) == 0: // only something to read
		return nil, nil
	case p.given && p.profiles.AsksPassword(questions[0], p.user) && len(questions) == 1:
		return nil, p.refuse(protocols.PasswordRefused, refusedLogin)
	case len(questions) > 1:
		return nil, p.refuse(p.unexpected(), fmt.Sprintf("it asks %d questions at once, and the gateway answers only that for the password: %s",
			len(questions), p.show(strings.Join(questions, " | "))))
	case echos[0] || !p.profiles.AsksPassword(questions[0], p.user):
		return nil, p.refuse(p.unexpected(), "it asks what the gateway does not answer with a password: "+p.show(questions[0]))
	}
	password, err := p.answer()
	if err != nil {
		return nil, err
	}
	return []string{password}, nil
}

// unexpected is the kind of failure when the target asks something else.
func (p *autologin) unexpected() protocols.LoginErrorKind {
	if p.given {
		return protocols.AuthFailed
	}
	return protocols.NoPasswordPrompt
}

// show makes a text of the target's fit to be shown: without the password.
func (p *autologin) show(text string) string { return line(string(p.scrub.Text([]byte(text)))) }

// asString is s as the library wants it. It shares the bytes of s, so that
// nothing is left of them when s is wiped: it must not be used after that.
func asString(s gateway.Secret) string {
	b := s.Reveal()
	return unsafe.String(unsafe.SliceData(b), len(b))
}
