package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	xssh "golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/dialogue"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/protocols/ssh"
)

// device is a profile that is named: it has a menu, and turns paging off.
var device = dialogue.Profile{
	Name: "device", Fallback: true,
	Login: []string{"login:"}, Password: []string{"(?i)password:"}, Shell: []string{`device#`},
	Locked:   []string{"(?i)account locked.*", "(?i)too many authentication failures.*"},
	Menu:     []dialogue.Answer{{Prompt: "Continue\\?", Send: "y\r"}},
	Commands: []string{"no paging"},
}

// passwordLease gives passwords instead of keys, counts what was had of it, and
// connects again to g.
type passwordLease struct {
	protocols.Lease
	given   []gateway.Secret
	worked  []int
	redials int
}

func withPasswords(t *testing.T, g *target, passwords ...string) *passwordLease {
	t.Helper()
	encoded, err := dialogue.Encode([]dialogue.Profile{device})
	if err != nil {
		t.Fatal(err)
	}
	p := &passwordLease{Lease: lease(newSigner(t))} // the key must not be offered
	p.Profiles, p.Passwords = encoded, len(passwords)
	p.Password = func(_ context.Context, n int) (gateway.Secret, error) {
		p.given = append(p.given, gateway.NewSecret([]byte(passwords[n])))
		return p.given[len(p.given)-1], nil
	}
	p.PasswordWorked = func(n int) { p.worked = append(p.worked, n) }
	p.Redial = func(context.Context) (net.Conn, error) {
		p.redials++
		return g.dial(t), nil
	}
	return p
}

// passwordTarget takes the password "right" by the method that is named.
func passwordTarget(t *testing.T, method string) (g *target, got *[]string) {
	g, got = newTarget(t), new([]string)
	check := func(password string) (*xssh.Permissions, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		*got = append(*got, password)
		if password == "right" {
			return nil, nil
		}
		return nil, errors.New("no")
	}
	g.config.PublicKeyCallback = func(xssh.ConnMetadata, xssh.PublicKey) (*xssh.Permissions, error) {
		t.Error("a key was offered")
		return nil, errors.New("no")
	}
	g.config.MaxAuthTries = 2
	switch method {
	case "password":
		g.config.PasswordCallback = func(_ xssh.ConnMetadata, p []byte) (*xssh.Permissions, error) { return check(string(p)) }
	case "keyboard":
		g.config.KeyboardInteractiveCallback = func(_ xssh.ConnMetadata, ask xssh.KeyboardInteractiveChallenge) (*xssh.Permissions, error) {
			if _, err := ask("", "Welcome", nil, nil); err != nil {
				return nil, err
			}
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			return check(answers[0])
		}
	}
	return g, got
}

func TestPasswords(t *testing.T) {
	for _, method := range []string{"password", "keyboard"} {
		for _, test := range []struct {
			name      string
			passwords []string
			want      string // empty: logged in
			kind      protocols.LoginErrorKind
			worked    []int
		}{
			{name: "right", passwords: []string{"right", "other"}, worked: []int{0}},
			{name: "fallback", passwords: []string{"wrong", "worse", "right"}, worked: []int{2}},
			{name: "none", passwords: []string{"wrong", "worse"}, kind: protocols.PasswordRefused,
				want: "it refused the login name or the password; 2 passwords were tried"},
			{name: "empty", passwords: []string{""}, kind: protocols.PasswordMissing, want: "the egress password is empty"},
		} {
			t.Run(method+" "+test.name, func(t *testing.T) {
				t.Parallel()
				g, got := passwordTarget(t, method)
				l := withPasswords(t, g, test.passwords...)
				checkLogin(t, probe(t, g, l.Lease), test.kind, test.want)
				if diff := cmp.Diff(test.worked, l.worked); diff != "" {
					t.Errorf("worked (-want +got):\n%s", diff)
				}
				for n, s := range l.given {
					if strings.Trim(string(s.Reveal()), "\x00") != "" {
						t.Errorf("password %d was not wiped", n)
					}
				}
				g.mu.Lock()
				defer g.mu.Unlock()
				if len(*got) > 0 && (!slices.Equal(*got, test.passwords[:len(*got)]) || l.redials != len(*got)-1) {
					t.Errorf("passwords %q over %d connections more", *got, l.redials)
				}
			})
		}
	}
}

func checkLogin(t *testing.T, err error, kind protocols.LoginErrorKind, want string) {
	t.Helper()
	var login *protocols.LoginError
	switch {
	case want == "" && err != nil:
		t.Errorf("Login = %v", err)
	case want == "":
	case !errors.As(err, &login) || login.Kind != kind || login.Err.Error() != want:
		t.Errorf("Login = %v, want %s: %s", err, kind, want)
	}
}

// TestPasswordQuestions asks all that must get no password, or not again.
func TestPasswordQuestions(t *testing.T) {
	one := func(question string) [][]string { return [][]string{{question}} }
	for _, test := range []struct {
		name  string
		asks  [][]string
		echo  bool
		given int
		kind  protocols.LoginErrorKind
		want  string
	}{
		{"one-time code", one("Verification code: "), false, 0, protocols.NoPasswordPrompt,
			"it asks what the gateway does not answer with a password: Verification code: "},
		{"new password", one("New password: "), false, 0, protocols.NoPasswordPrompt,
			"it asks what the gateway does not answer with a password: New password: "},
		{"echo", one("Password: "), true, 0, protocols.NoPasswordPrompt,
			"it asks what the gateway does not answer with a password: Password: "},
		{"two at once", [][]string{{"Password: ", "Token: "}}, false, 0, protocols.NoPasswordPrompt,
			"it asks 2 questions at once, and the gateway answers only that for the password: Password:  | Token: "},
		{"second factor", [][]string{{"Password: "}, {"Token: "}}, false, 1, protocols.AuthFailed,
			"it asks what the gateway does not answer with a password: Token: "},
		{"password twice", [][]string{{"Password: "}, {"Password: "}}, false, 1, protocols.PasswordRefused,
			"it refused the login name or the password"},
		{"echoed in the question", [][]string{{"Password: "}, {"is it %s? "}}, false, 1, protocols.AuthFailed,
			"it asks what the gateway does not answer with a password: is it [...]? "},
		{"a prompt in many words", one("In order to go on, type your password: "), false, 0, protocols.NoPasswordPrompt,
			"it asks what the gateway does not answer with a password: In order to go on, type your password: "},
		{"terminal codes", one("\x1b[8mPIN: "), false, 0, protocols.NoPasswordPrompt,
			`it asks what the gateway does not answer with a password: \x1b[8mPIN: `},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newTarget(t)
			var given atomic.Int32
			g.config.KeyboardInteractiveCallback = func(_ xssh.ConnMetadata, ask xssh.KeyboardInteractiveChallenge) (*xssh.Permissions, error) {
				last := ""
				for _, questions := range test.asks {
					asked := slices.Clone(questions)
					asked[0] = strings.Replace(asked[0], "%s", last, 1)
					answers, err := ask("", "", asked, slices.Repeat([]bool{test.echo}, len(questions)))
					if err != nil {
						return nil, err
					}
					given.Add(1)
					last = answers[0]
				}
				return nil, nil
			}
			l := withPasswords(t, g, "secret")
			checkLogin(t, probe(t, g, l.Lease), test.kind, test.want)
			if int(given.Load()) != test.given || len(l.given) != test.given {
				t.Errorf("%d answers of %d passwords, want %d", given.Load(), len(l.given), test.given)
			}
		})
	}
}

func TestPasswordRefusals(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(g *target)
		kind protocols.LoginErrorKind
		want string
	}{
		{"keys only", func(*target) {}, protocols.NoPasswordPrompt, "it takes no password, but only publickey"},
		{"more than the password", func(g *target) {
			g.config.PasswordCallback = func(xssh.ConnMetadata, []byte) (*xssh.Permissions, error) {
				return nil, &xssh.PartialSuccessError{Next: xssh.ServerAuthCallbacks{
					PublicKeyCallback: g.config.PublicKeyCallback, KeyboardInteractiveCallback: func(xssh.ConnMetadata, xssh.KeyboardInteractiveChallenge) (*xssh.Permissions, error) {
						return nil, errors.New("no")
					}}}
			}
		}, protocols.AuthFailed, "it took the password and wants more than that: publickey, keyboard-interactive"},
		{"locked in a banner", func(g *target) {
			g.config.PasswordCallback = func(xssh.ConnMetadata, []byte) (*xssh.Permissions, error) {
				return nil, &xssh.BannerError{Err: errors.New("no"), Message: "Sorry!\r\nAccount locked for 5 minutes\r\n"}
			}
		}, protocols.LockedOut, "it takes no more logins: Account locked for 5 minutes"},
		{"one try", func(g *target) {
			g.config.MaxAuthTries = 1
			g.config.PasswordCallback = func(xssh.ConnMetadata, []byte) (*xssh.Permissions, error) { return nil, errors.New("no") }
		}, protocols.PasswordRefused, "it refused the login name or the password, and hung up: too many authentication failures"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newTarget(t)
			test.set(g)
			checkLogin(t, probe(t, g, withPasswords(t, g, "Xyz%1").Lease), test.kind, test.want)
		})
	}
}

// TestPasswordInBanners: a target sends the password back, one character in each
// banner.
func TestPasswordInBanners(t *testing.T) {
	g := newTarget(t)
	var target xssh.ServerPreAuthConn
	g.config.PreAuthConnCallback = func(c xssh.ServerPreAuthConn) { target = c }
	g.config.PasswordCallback = func(_ xssh.ConnMetadata, p []byte) (*xssh.Permissions, error) {
		for _, text := range append(strings.Split(string(p), ""), "Welcome, ", string(p[:4])) {
			if err := target.SendAuthBanner(text); err != nil {
				t.Error(err)
			}
		}
		return nil, nil
	}
	g.handle = deviceShell("")
	r := gateway.Request{Target: gateway.Target{User: "root"}, Action: run("show")}
	conn, err := new(ssh.Backend).Login(context.Background(), g.dial(t), r, withPasswords(t, g, "Xyz%1abc").Lease)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, shown := protocoltest.NewClient(), new(strings.Builder)
	c.Err = shown
	if _, err := conn.Relay(t.Context(), c, &protocoltest.Session{}); err != nil {
		t.Fatal(err)
	}
	if want := "[...]\r\nWelcome, \r\n[...]\r\n"; shown.String() != want {
		t.Errorf("shown %q, want %q", shown, want)
	}
}

// TestPasswordNeedsHostKey: a host that is not who it should be gets no password.
func TestPasswordNeedsHostKey(t *testing.T) {
	g, got := passwordTarget(t, "password")
	l := withPasswords(t, g, "right")
	l.CheckHostKey = func(string, []byte) error { return gateway.ErrDenied }
	var login *protocols.LoginError
	if err := probe(t, g, l.Lease); !errors.As(err, &login) || login.Kind != protocols.HostKeyRefused {
		t.Errorf("Login = %v", err)
	}
	if len(l.given) != 0 || len(*got) != 0 {
		t.Errorf("%d passwords had, %d given", len(l.given), len(*got))
	}
}

// TestNoAuthentication logs in where nobody asks for anything: old gear does so,
// and asks in its shell.
func TestNoAuthentication(t *testing.T) {
	g := newTarget(t)
	g.config.NoClientAuth = true
	l := withPasswords(t, g, "secret")
	checkLogin(t, probe(t, g, l.Lease), "", "")
	if len(l.given)+len(l.worked) != 0 {
		t.Error("a password was had for nothing")
	}
}

// TestTypedAnswers has the person answer what keys did not open.
func TestTypedAnswers(t *testing.T) {
	for _, method := range []string{"password", "keyboard"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			g, _ := passwordTarget(t, method)
			g.config.PublicKeyCallback = func(xssh.ConnMetadata, xssh.PublicKey) (*xssh.Permissions, error) { return nil, errors.New("no") }
			g.config.MaxAuthTries = 6
			l := lease(newSigner(t))
			var asked []string
			answers := []string{"wrong", "right"}
			l.KeyboardInteractive, l.TypedPassword = method == "keyboard", method == "password"
			var typed []gateway.Secret
			l.Ask = func(_ context.Context, question string, echo bool) (gateway.Secret, error) {
				asked = append(asked, fmt.Sprint(question, echo))
				typed = append(typed, gateway.NewSecret([]byte(answers[len(asked)-1])))
				return typed[len(typed)-1], nil
			}
			checkLogin(t, probe(t, g, l), "", "")
			want := map[string]string{"password": "root@:0's password: false", "keyboard": "(root@:0) Password: false"}[method]
			if diff := cmp.Diff([]string{want, want}, asked); diff != "" {
				t.Errorf("questions differ (-want +got):\n%s", diff)
			}
			for _, s := range typed {
				if strings.Trim(string(s.Reveal()), "\x00") != "" {
					t.Error("an answer was not wiped")
				}
			}
			l.Ask = func(context.Context, string, bool) (gateway.Secret, error) {
				return gateway.Secret{}, errors.New("given up")
			}
			var login *protocols.LoginError
			if err := probe(t, g, l); !errors.As(err, &login) || login.Err.Error() != "ask for root@:0: given up" {
				t.Errorf("Login of who gives up = %v", err)
			}
			l.KeyboardInteractive, l.TypedPassword = false, false
			if err := probe(t, g, l); !errors.As(err, &login) || login.Kind != protocols.AuthFailed {
				t.Errorf("Login without the methods = %v", err)
			}
		})
	}
}
