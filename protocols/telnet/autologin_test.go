package telnet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/dialogue"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/protocols/telnet"
	"gateway/recorder"
)

// The echo is taken over by what gear says first.
const takesEcho = will + "\x01" + will + "\x03" + do + "\x18" + do + "\x1f"

// device is a target that asks who is there. Its talk is a list of lines:
// "> text" is said, "< text" is what has to come then, as it goes over the wire
// without commands; "bytes" has everything after it said one byte at a time.
type device struct {
	t    testing.TB
	talk []string
	more [][]string // of the connections after the first one

	mu  sync.Mutex // guards got
	got strings.Builder
}

func (d *device) serve(talk []string) func(net.Conn) {
	return func(nc net.Conn) {
		in := bufio.NewReader(nc)
		slow := false
		for _, line := range talk {
			text := line[min(2, len(line)):]
			switch {
			case line == "bytes":
				slow = true
			case line == "stay":
				io.Copy(io.Discard, in)
			case line[0] == '<':
				if got := d.read(in, len(text)); got != text {
					d.t.Errorf("the device got %q, want %q", got, text)
				}
			case slow:
				for _, b := range []byte(text) {
					nc.Write([]byte{b})
					time.Sleep(time.Millisecond)
				}
			default:
				io.WriteString(nc, text)
			}
		}
	}
}

// read reads n bytes that are data.
func (d *device) read(in *bufio.Reader, n int) string {
	var got []byte
	for len(got) < n {
		b, err := in.ReadByte()
		if err != nil {
			break
		}
		if b == 0xff {
			verb, _ := in.ReadByte()
			in.ReadByte()
			for last := byte(0); verb == 0xfa; { // a subnegotiation
				b, err := in.ReadByte()
				if err != nil || last == 0xff && b == 0xf0 {
					break
				}
				last = b
			}
			continue
		}
		got = append(got, b)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got.Write(got)
	return string(got)
}

func (d *device) heard() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.got.String()
}

var passwords = []string{"Sesame0pen", "0lder+Sesame"}

// lease has the passwords, for a device like d.
func (d *device) lease(t testing.TB) protocols.Lease {
	profiles, err := dialogue.Encode([]dialogue.Profile{{
		Name: "test", Fallback: true,
		Login: []string{`login:`}, Password: []string{`Password:`}, Shell: []string{`router[#>]`},
		Failed: []string{`% Login invalid`}, Locked: []string{`% Locked`}, Commands: []string{"terminal length 0"},
		Timeouts: dialogue.Timeouts{Quiet: 50 * time.Millisecond, Login: time.Second, Password: time.Second, Shell: time.Second},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return protocols.Lease{
		Passwords: len(passwords), Profiles: profiles,
		Password: func(_ context.Context, n int) (gateway.Secret, error) {
			return gateway.NewSecret([]byte(passwords[n])), nil
		},
		Redial: func(context.Context) (net.Conn, error) {
			if len(d.more) == 0 {
				return nil, errors.New("connection refused")
			}
			talk := d.more[0]
			d.more = d.more[1:]
			return dial(t, d.serve(talk)), nil
		},
	}
}

func (d *device) login(ctx context.Context, t testing.TB, l protocols.Lease) (protocols.Conn, error) {
	r := gateway.Request{Protocol: gateway.Telnet, Target: gateway.Target{User: "admin"}, Action: shell}
	return telnet.Backend{}.Login(ctx, dial(t, d.serve(d.talk)), r, l)
}

// The usual beginning and end of a dialogue.
var (
	asksUser = []string{"> " + takesEcho + "Welcome\r\nlogin: ", "< admin\r\x00", "> admin\r\nPassword: "}
	atShell  = []string{"> \r\nrouter>", "< terminal length 0\r\x00", "> terminal length 0\r\nrouter>"}
)

func concat(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func TestAutologin(t *testing.T) {
	const greeting = "Welcome\r\nlogin: admin\r\nPassword: \r\nrouter>terminal length 0\r\nrouter>"
	right := []string{"< Sesame0pen\r\x00"}
	rest := []string{"< exit\r\x00", "> exit\r\n"}
	tests := []struct {
		name string
		talk []string
		more [][]string
		want string // is seen
		term bool
	}{
		{"at once", concat(asksUser, right, atShell, rest), nil, greeting + "exit\r\n", false},
		{"byte by byte", concat([]string{"bytes"}, asksUser, right, atShell, rest), nil, greeting + "exit\r\n", false},
		{"password echoed", concat(asksUser, right, []string{"> Sesame", "> 0pen"}, atShell, rest), nil,
			strings.Replace(greeting, "Password: ", "Password: [...]", 1) + "exit\r\n", false},
		{"fallback", concat(asksUser, right, []string{"> \r\n% Login invalid\r\nlogin: ", "stay"}),
			[][]string{concat(asksUser, []string{"< 0lder+Sesame\r\x00"}, atShell, rest)}, greeting + "exit\r\n", false},
		{"asked again", concat(asksUser, right, []string{"> \r\nPassword: ", "stay"}),
			[][]string{concat(asksUser, []string{"< 0lder+Sesame\r\x00"}, atShell, rest)}, greeting + "exit\r\n", false},
		{"prompt in the banner", concat([]string{"> " + takesEcho + "Password: is what we ask for\r\nrouter> is our prompt\r\nPassword:\r\n"}, asksUser, right, atShell, rest), nil,
			"Password: is what we ask for\r\nrouter> is our prompt\r\nPassword:\r\n" + greeting + "exit\r\n", false},
		{"terminal", concat(asksUser, right, atShell[:1], rest), nil, strings.TrimSuffix(greeting, "terminal length 0\r\nrouter>") + "exit\r\n", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := &device{t: t, talk: test.talk, more: test.more}
			l := d.lease(t)
			l.Terminal = test.term
			conn, err := d.login(context.Background(), t, l)
			if err != nil {
				t.Fatalf("%v (%q)", err, err.(*protocols.LoginError).Tail)
			}
			defer conn.Close()
			session, c := &protocoltest.Session{}, protocoltest.NewTerminal()
			defer c.Close()
			go io.WriteString(c.Input, "exit\r")
			exit, err := conn.Relay(context.Background(), c, session)
			if exit != (gateway.Exit{}) || err != nil {
				t.Errorf("Relay = %+v, %v, want exit 0", exit, err)
			}
			if c.Output() != test.want || session.Data(recorder.Out) != test.want {
				t.Errorf("seen %q, recorded %q, want %q", c.Output(), session.Data(recorder.Out), test.want)
			}
			if in := session.Data(recorder.In); in != "exit\r" {
				t.Errorf("recorded input %q", in)
			}
		})
	}
}

func TestAutologinFails(t *testing.T) {
	wrong := concat(asksUser, []string{"< Sesame0pen\r\x00", "> \r\n% Login invalid\r\nlogin: ", "stay"})
	wrongToo := concat(asksUser, []string{"< 0lder+Sesame\r\x00", "> \r\n% Login invalid\r\nlogin: ", "stay"})
	noEcho := []string{"> login: ", "< admin\r\x00", "> admin\r\nPassword: ", "stay"}
	tests := []struct {
		name string
		talk []string
		more [][]string
		want protocols.LoginErrorKind
		text string
		got  string // by the device
	}{
		{"all refused", wrong, [][]string{wrongToo}, protocols.PasswordRefused, "2 passwords were tried", "admin\r\x00Sesame0pen\r\x00admin\r\x000lder+Sesame\r\x00"},
		{"no second connection", wrong, nil, protocols.BrokenHandshake, "connection refused", "admin\r\x00Sesame0pen\r\x00"},
		{"locked out", concat(asksUser, []string{"< Sesame0pen\r\x00", "> \r\n% Locked\r\n", "stay"}), nil, protocols.LockedOut, "locked", "admin\r\x00Sesame0pen\r\x00"},
		{"silence", []string{"stay"}, nil, protocols.NoLoginPrompt, "login name", ""},
		{"hangs up", []string{"> login: "}, nil, protocols.NoLoginPrompt, "login name", ""},
		{"unknown prompt", []string{"> who goes there? ", "stay"}, nil, protocols.NoLoginPrompt, "does not know", ""},
		{"password without a name", []string{"> " + takesEcho + "Password: ", "stay"}, nil, protocols.NoLoginPrompt, "login name", ""},
		{"a shell at once", []string{"> " + takesEcho + "router>", "stay"}, nil, protocols.NoLoginPrompt, "login name", ""},
		{"no password prompt", []string{"> " + takesEcho + "login: ", "< admin\r\x00", "> admin\r\nrouter>", "stay"}, nil, protocols.NoPasswordPrompt, "password", "admin\r\x00"},
		{"the password would be echoed", noEcho, nil, protocols.NoPasswordPrompt, "password", "admin\r\x00"},
		{"no shell prompt", concat(asksUser, []string{"< Sesame0pen\r\x00", "> \r\nSesame0pen is wrong? ", "stay"}), nil, protocols.NoShellPrompt, "prompt", "admin\r\x00Sesame0pen\r\x00"},
		{"endless banner", []string{"> " + strings.Repeat("Password: \r\n", 200_000), "stay"}, nil, protocols.NoLoginPrompt, "", ""},
		{"option storm", []string{"> " + strings.Repeat(do+"\x05", 10_000), "stay"}, nil, protocols.BrokenHandshake, "floods", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := &device{t: t, talk: test.talk, more: test.more}
			_, err := d.login(context.Background(), t, d.lease(t))
			login, ok := errors.AsType[*protocols.LoginError](err)
			if !ok || login.Kind != test.want || !strings.Contains(login.Err.Error(), test.text) {
				t.Fatalf("Login = %v, want %s: %s", err, test.want, test.text)
			}
			for _, p := range passwords {
				if strings.Contains(fmt.Sprintf("%v %q", err, login.Tail), p) {
					t.Errorf("the password is in %v or %q", err, login.Tail)
				}
			}
			if diff := cmp.Diff(test.got, d.heard()); diff != "" {
				t.Errorf("the device heard something else (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoPassword: none can be had, or none that can be typed.
func TestNoPassword(t *testing.T) {
	for name, password := range map[string]func(context.Context, int) (gateway.Secret, error){
		"refused":  func(context.Context, int) (gateway.Secret, error) { return gateway.Secret{}, gateway.ErrDenied },
		"empty":    func(context.Context, int) (gateway.Secret, error) { return gateway.Secret{}, nil },
		"two keys": func(context.Context, int) (gateway.Secret, error) { return gateway.NewSecret([]byte("a\rb")), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &device{t: t, talk: concat(asksUser, []string{"stay"})}
			l := d.lease(t)
			l.Password = password
			_, err := d.login(context.Background(), t, l)
			if login, ok := errors.AsType[*protocols.LoginError](err); !ok || login.Kind != protocols.PasswordMissing {
				t.Errorf("Login = %v, want password_unavailable", err)
			}
			if got := d.heard(); got != "admin\r\x00" {
				t.Errorf("the device heard %q", got)
			}
		})
	}
}

// TestAutologinEnds ends the context of a login.
func TestAutologinEnds(t *testing.T) {
	d := &device{t: t, talk: concat(asksUser, []string{"stay"})}
	l := d.lease(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	errGone := errors.New("gone")
	l.Password = func(context.Context, int) (gateway.Secret, error) {
		cancel(errGone)
		return gateway.Secret{}, errGone
	}
	if _, err := d.login(ctx, t, l); !errors.Is(err, errGone) {
		t.Errorf("Login = %v, want the cause", err)
	}
	late, stop := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer stop()
	d = &device{t: t, talk: []string{"stay"}}
	_, err := d.login(late, t, d.lease(t))
	if login, ok := errors.AsType[*protocols.LoginError](err); !ok || login.Kind != protocols.NoLoginPrompt {
		t.Errorf("Login = %v, want no_login_prompt", err)
	}
}

// A device that goes on talking while the password is fetched was at no prompt;
// one that gives the echo back would have the password seen.
func TestTalkWhileThePasswordIsFetched(t *testing.T) {
	for said, want := range map[string]protocols.LoginErrorKind{
		" is what the next line asks for\r\n": protocols.NoPasswordPrompt, wont + "\x01": protocols.NoPasswordPrompt,
		"\r\n% Login invalid\r\n": protocols.PasswordRefused,
	} {
		var nc net.Conn
		ready := make(chan struct{})
		d := &device{t: t}
		target := dial(t, func(c net.Conn) {
			nc = c
			close(ready)
			d.serve(append(asksUser, "stay"))(c)
		})
		l := d.lease(t)
		l.Passwords = 1
		fetched := l.Password
		l.Password = func(ctx context.Context, n int) (gateway.Secret, error) {
			<-ready
			io.WriteString(nc, said)
			time.Sleep(20 * time.Millisecond) // to be there when it is looked for
			return fetched(ctx, n)
		}
		r := gateway.Request{Protocol: gateway.Telnet, Target: gateway.Target{User: "admin"}, Action: shell}
		_, err := telnet.Backend{}.Login(t.Context(), target, r, l)
		login, ok := errors.AsType[*protocols.LoginError](err)
		if !ok || login.Kind != want {
			t.Errorf("%q: the login ends with %v, want %s", said, err, want)
		}
		if strings.Contains(d.heard(), passwords[0]) {
			t.Errorf("%q: the device got %q", said, d.heard())
		}
	}
}
