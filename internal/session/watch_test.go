package session

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway"
	"gateway/internal/control"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
)

// watching is a session with a screen that is watched, and its person.
type watching struct {
	t       *testing.T
	p       *Pipeline
	s       *Session
	w       *watch
	person  *protocoltest.Terminal
	ctx     context.Context
	arrived chan string // what passes to the relay
	stop    func()
}

func newWatching(t *testing.T, limits control.Idle, locked bool) *watching {
	x := &watching{t: t, person: protocoltest.NewTerminal(), arrived: make(chan string, 64)}
	x.p, _, _ = newPipeline(t)
	var err error
	if x.s, x.ctx, err = x.p.Open(t.Context(), control.Open{Protocol: gateway.OSH}); err != nil {
		t.Fatal(err)
	}
	x.s.Idle = limits
	x.p.open["s"].locked = locked
	x.w = x.p.watched(x.s, x.person)
	x.stop = x.w.begin(x.ctx)
	go func() {
		buf := make([]byte, 64)
		for {
			n, err := x.w.Read(buf)
			if err != nil {
				close(x.arrived)
				return
			}
			x.arrived <- string(buf[:n])
		}
	}()
	synctest.Wait()
	return x
}

// end is called in the bubble.
func (x *watching) end() {
	x.stop()
	x.person.Close()
	x.s.cancel(nil)
	synctest.Wait()
}

// after lets time pass and returns what the person was shown meanwhile.
func (x *watching) after(d time.Duration) string {
	before := len(x.person.Output())
	time.Sleep(d)
	synctest.Wait()
	return x.person.Output()[before:]
}

// types has the person type, and returns what of it arrived.
func (x *watching) types(text string) string {
	x.t.Helper()
	if _, err := io.WriteString(x.person.Input, text); err != nil {
		x.t.Fatal(err)
	}
	synctest.Wait()
	got := ""
	for len(x.arrived) > 0 {
		got += <-x.arrived
	}
	return got
}

func (x *watching) want(what, got string, parts ...string) {
	x.t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			x.t.Errorf("%s: %q, want %q in it", what, got, part)
		}
	}
	if len(parts) == 0 && got != "" {
		x.t.Errorf("%s: %q, want nothing", what, got)
	}
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWatching(t, control.Idle{Lock: 10 * time.Minute, WarnLock: time.Minute, Kill: 30 * time.Minute, WarnKill: 2 * time.Minute}, false)
		defer x.end()
		x.want("at first", x.after(9*time.Minute-time.Second))
		x.want("typed", x.types("a"), "a")
		x.want("the time begins anew", x.after(9*time.Minute-time.Second))
		x.want("before the lock", x.after(time.Second), "nothing was typed for 9m", "will be locked in 1m")
		x.want("one warning is enough", x.after(59*time.Second))
		x.want("locked", x.after(time.Second), clearScreen, "This session is locked: nothing was typed for 10m.", "--osh unlock")
		io.WriteString(x.w, "secret of the target")
		io.WriteString(x.w.Stderr(), "and one more")
		x.want("locked", x.after(0))
		x.want("typed at the lock", x.types("password"))
		x.after(time.Second)
		before := len(x.person.Output())
		x.want("typed at the lock", x.types("x"))
		x.want("and answered", x.person.Output()[before:], clearScreen, "is locked")
		x.p.Lock(control.Lock{Session: "another"})
		x.want("locked", x.after(0))
		x.p.Lock(control.Lock{Session: "s"})
		x.want("unlocked", x.after(0), clearScreen, "unlocked", "secret of the targetand one more")
		x.want("typed", x.types("b"), "b")
		io.WriteString(x.w, "more")
		x.want("shown", x.person.Output()[len(x.person.Output())-4:], "more")
		x.want("locked again", x.after(10*time.Minute), "will be locked", "This session is locked")
		x.want("locked", x.types("c"))
		x.want("before the end", x.after(18*time.Minute), "nothing was typed for 28m: this session will be ended in 2m")
		if x.ctx.Err() != nil {
			t.Fatal("ended already")
		}
		x.after(2 * time.Minute)
		var over *TerminatedError
		if !errors.As(context.Cause(x.ctx), &over) || over.Code != 117 || over.Text != "ended by the gateway: nothing was typed for 30m" {
			t.Errorf("ended by %v", context.Cause(x.ctx))
		}
	})
}

// The end does not wait for a screen that takes nothing, as that of a computer
// that sleeps.
func TestIdleOfAnAbsentScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWatching(t, control.Idle{Kill: 2 * time.Minute}, false)
		asleep := &asleep{awake: make(chan struct{})}
		x.person.Out = asleep
		go io.WriteString(x.w, "and nobody reads it")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		var over *TerminatedError
		if !errors.As(context.Cause(x.ctx), &over) {
			t.Errorf("ended by %v", context.Cause(x.ctx))
		}
		told := time.Now()
		exit, comment := x.p.failed(x.ctx, context.Cause(x.ctx), x.s, func(s string) { io.WriteString(x.person, s) })
		if exit.Code != 117 || comment == "" || time.Since(told) != tellWithin {
			t.Errorf("after %v exit %d, %q", time.Since(told), exit.Code, comment)
		}
		close(asleep.awake)
		x.end()
	})
}

// asleep takes what is written when it is awake.
type asleep struct{ awake chan struct{} }

func (a *asleep) Write(b []byte) (int, error) {
	<-a.awake
	return len(b), nil
}

func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWatching(t, control.Idle{}, true)
		defer x.end()
		x.want("locked from the start", x.person.Output(), clearScreen, "locked: you asked for it")
		x.want("locked", x.types("a"))
		x.person.Signal(protocols.Signal{Name: "INT"})
		synctest.Wait()
		if len(x.w.Signals()) > 0 {
			t.Error("a signal passes the lock")
		}
		long := strings.Repeat("line\n", maxHeld/4)
		io.WriteString(x.w, long)
		io.WriteString(x.w, "end")
		x.p.Lock(control.Lock{Session: "s"})
		shown := x.after(0)
		x.want("unlocked", shown, "only in the recording", "\nline\nline\nend")
		if len(shown) > maxHeld+1024 || strings.Contains(shown, "\nine") {
			t.Errorf("%d bytes are shown, from %q on", len(shown), shown[:200])
		}
		x.want("nobody is idle for ever", x.after(48*time.Hour))
		x.person.Signal(protocols.Signal{Name: "INT"})
		if s := <-x.w.Signals(); s.Name != "INT" {
			t.Errorf("signal %v", s)
		}
		for range 3 { // the last word counts, and nothing is lost
			x.p.Lock(control.Lock{Session: "s", Locked: true})
			io.WriteString(x.w, "x")
			x.p.Lock(control.Lock{Session: "s"})
			io.WriteString(x.w, "y")
		}
		x.want("open", x.after(0), "x", "y")
		x.want("open", x.types("z"), "z")
		if out := x.person.Output(); strings.Count(out, "x") != 3 || strings.Count(out[strings.LastIndex(out, clearScreen):], "y") == 0 {
			t.Errorf("shown %q", out[len(out)-300:])
		}
	})
}

// What a terminal answers by itself is no key; keys that look like it are.
func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, key := range map[string]bool{
			"\x1b[12;40R": false, "\x1b[?62;22c": false, "\x1b[0n\x1b[>0;276;0c": false, "\x1b]11;rgb:0000/0000/0000\x07": false, "\x1bP1+r544e\x1b\\": false,
			"\x1b[A": true, "\x1bOP": true, "\x1b": true, "\x1b[12;40Rx": true, "a": true, "\x1b[15~": true,
		} {
			x := newWatching(t, control.Idle{Lock: 10 * time.Minute}, false)
			x.after(9 * time.Minute)
			x.want("it arrives", x.types(text), text)
			x.after(time.Minute)
			if locked := strings.Contains(x.person.Output(), "is locked"); locked == key {
				t.Errorf("after %q: locked %v", text, locked)
			}
			if !key {
				x.after(time.Minute)
				before := len(x.person.Output())
				x.want("at the lock", x.types(text))
				x.want("and it is no answer that a locked screen answers", x.person.Output()[before:])
			}
			x.end()
		}
	})
}

func TestSpan(t *testing.T) {
	for want, d := range map[string]time.Duration{"10m": 10 * time.Minute, "1h": time.Hour, "1h0m30s": time.Hour + 30*time.Second, "45s": 45 * time.Second, "20s": 20 * time.Second, "100h20m": 100*time.Hour + 20*time.Minute} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}
