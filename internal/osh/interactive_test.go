package osh_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gateway/internal/osh"
)

// screen is what a person sees, and can wait for.
type screen struct {
	mu   sync.Mutex
	cond *sync.Cond
	buf  bytes.Buffer // guarded by mu
	seen int          // guarded by mu: up to where await has looked
}

func newScreen() *screen {
	s := new(screen)
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.cond.Broadcast()
	return s.buf.Write(p)
}

// await waits until text appears after what was awaited before.
func (s *screen) await(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if i := strings.Index(s.buf.String()[s.seen:], text); i >= 0 {
			s.seen += i + len(text)
			return
		}
		s.cond.Wait()
	}
}

// person is at the prompt of the gateway.
type person struct {
	*screen
	keys io.WriteCloser
	exit chan int
	env  osh.Env
}

func sitDown(t *testing.T, c osh.Client, change func(*osh.Env), raw string) *person {
	t.Helper()
	r, w := io.Pipe()
	p := &person{screen: newScreen(), keys: w, exit: make(chan int, 1)}
	p.env = osh.Env{
		In: r, Out: p, Err: p, Client: c, Account: "bob", Name: "gw", Now: time.Now, InteractiveAllowed: true, InteractiveByDefault: true,
		Terminal: &osh.Terminal{Size: func() (int, int) { return 80, 24 }},
	}
	p.env.Connect = func(_ context.Context, e *osh.Env, l osh.Line) int {
		typed := make([]byte, 5)
		io.ReadFull(e.In, typed)
		io.WriteString(e.Out, "connected to "+l.Host+" with "+string(typed))
		return 0
	}
	if change != nil {
		change(&p.env)
	}
	line, err := osh.ParseLine(raw)
	if err != nil {
		t.Fatal(err)
	}
	go func() { p.exit <- osh.Execute(t.Context(), p.env, line) }()
	t.Cleanup(func() { w.Close() })
	return p
}

func (p *person) types(s string) { io.WriteString(p.keys, s) }

func TestInteractive(t *testing.T) {
	c := &fakeClient{
		answers: map[string]func(string) osh.Result{
			"nc": answer(osh.OK("nc", "OK", "srv:22 is open.", osh.NCValue{Host: "srv", Port: 22, Result: "open"})),
		},
		names: map[string][]string{"command": {"groupCreate", "groupDelete", "nc"}, "account": {"alice"}, "group": {"ops"}, "host": {"root@srv", "other"}},
	}
	p := sitDown(t, c, nil, "-i")
	p.await("bob@gw(master)> ")
	p.types("nc srv 22\r")
	p.await("srv:22 is open.\r\n")
	p.await("bob@gw(master)> ")
	p.types("ncc srv\r")
	p.await("did you mean nc")
	p.types("grou\t")
	p.await("group")
	p.types("\t")
	p.await("groupCreate groupDelete")
	p.types("C\t--ow\tal\t")
	p.await("--owner alice ")
	p.types("\x03groupAddMember o\ta\t--t\t") // the group first, then the account
	p.await("groupAddMember ops alice --ttl ")
	p.types("\x03root@srv\r") // Ctrl-C clears the line
	p.types("a\x03cde")       // and is the target's business during a connection
	p.await("connected to srv with a\x03cde")
	p.await("bob@gw(master)> ")
	p.types("ssh ro\t\rhello") // Tab knows what can be reached
	p.await("connected to srv with hello")
	p.types("-i\r")
	p.await("already")
	p.types("ssh srv\rhello")
	p.await("connected to srv with hello")
	p.types("exit\r")
	if code := <-p.exit; code != 0 {
		t.Errorf("exit %d", code)
	}
}

// Without a terminal the lines are taken as they come.
func TestInteractiveFromPipe(t *testing.T) {
	c := &fakeClient{answers: map[string]func(string) osh.Result{
		"nc": answer(osh.OK("nc", "OK", "srv:22 is open.", nil)),
	}}
	code, out, _ := execute(t, c, "nc srv 22 --json-greppable\n\nnc srv 23\nquit\nnc srv 24\n", "-i")
	if code != 0 || strings.Count(out, "is open.\n") != 2 || len(c.asked) != 2 {
		t.Errorf("exit %d, asked %q, %s", code, c.asked, out)
	}
}

func TestInteractiveDisabled(t *testing.T) {
	p := sitDown(t, &fakeClient{}, func(e *osh.Env) { e.InteractiveAllowed = false }, "")
	p.await("disabled")
	if code := <-p.exit; code != 114 {
		t.Errorf("exit %d, want 114", code)
	}
}

func TestInteractiveTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sitDown(t, &fakeClient{}, func(e *osh.Env) { e.InteractiveTimeout, e.Slave = time.Minute, true }, "")
		start := time.Now()
		if code := <-p.exit; code != 0 {
			t.Errorf("exit %d", code)
		}
		p.await("bob@gw(slave)> ")
		p.await("goodbye")
		if idle := time.Since(start); idle != time.Minute {
			t.Errorf("ended after %v, want a minute", idle)
		}
		p.keys.Close()
	})
}

// Ctrl-C ends a command that waits.
func TestInterrupt(t *testing.T) {
	asked := make(chan struct{})
	c := &fakeClient{answers: map[string]func(string) osh.Result{
		"alive": func(string) osh.Result {
			close(asked)
			r := osh.OK("alive", "OK", "OK", osh.EchoTarget{Host: "srv"})
			r.Files = append(r.Files, host(t, 0))
			return r
		},
	}}
	p := sitDown(t, c, nil, "--osh alive srv")
	<-asked
	p.types("typed ahead")
	p.types("\x03")
	if code := <-p.exit; code != 100 {
		t.Errorf("exit %d, want 100", code)
	}
	p.await("did not answer\r\n")
}

// On a terminal mtr shows what it learns until somebody has seen enough.
func TestMTROnTerminal(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"q": "xq", "Ctrl-C": "\x03"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &fakeClient{answers: map[string]func(string) osh.Result{"mtr": func(string) osh.Result { return farHost(t) }}}
			p := sitDown(t, c, nil, "--osh mtr srv")
			p.await("\x1b[?1049h")
			p.await("mtr to srv, q ends it\r\n")
			p.await("\x1b[2Jmtr to srv")
			p.await("  1  192.0.2.7   0.0%     1 ")
			p.types(key)
			p.await("\x1b[?1049l")
			p.await("Route to srv:\r\n")
			if code := <-p.exit; code != 0 {
				t.Errorf("exit %d", code)
			}
		})
	}
}

// A question that is asked on a terminal can be answered there.
func TestConfirmationOnTerminal(t *testing.T) {
	c := &fakeClient{answers: map[string]func(string) osh.Result{"groupDelete": func(request string) osh.Result {
		if strings.Contains(request, `"Confirm":"yes"`) {
			return osh.OK("groupDelete", "OK", "gone", nil)
		}
		return osh.Fail("groupDelete", osh.CodeUnconfirmed, "type: yes", nil)
	}}}
	p := sitDown(t, c, nil, "-i")
	p.await("> ")
	p.types("groupDelete --group web\r")
	p.await("type: yes\r\n")
	p.await("> ")
	p.types("yes\r")
	p.await("gone")
	p.types("groupDelete --group web\r")
	p.await("type: yes\r\n")
	p.types("\x04")
	p.await("nothing was changed")
	p.types("q\r")
	if code := <-p.exit; code != 0 {
		t.Errorf("exit %d", code)
	}
	p = sitDown(t, c, nil, "--osh groupDelete --group web")
	p.await("> ")
	p.types("\x03")
	if code := <-p.exit; code != 100 {
		t.Errorf("after Ctrl-C at the question: exit %d", code)
	}
}
