package session

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"gateway"
	"gateway/internal/control"
	"gateway/protocols"
	"gateway/recorder"
)

// watch stands between the person and the relay of a session with a screen,
// whatever its protocol. It ends the session of who types nothing for too long,
// and before that locks it: the screen is hidden and what is typed is refused,
// while the target goes on and is recorded.
type watch struct {
	protocols.Terminal
	s       *Session
	wake    chan struct{}         // holds one token when the screen is to be looked after
	signals chan protocols.Signal // those that may pass

	// out is held while the target's output goes to the screen, or the screen is
	// changed; it is taken before mu.
	out sync.Mutex

	mu       sync.Mutex // guards what follows
	last     time.Time  // when something was typed
	warned   warned     // since then
	locked   bool
	why      string // it was locked
	covered  bool   // what the target says is held back
	refused  bool   // something was typed at the locked session
	held     []byte // the end of what was held back
	heldLost bool   // there was more than that
}

// warned says which warnings were given.
type warned struct{ lock, kill bool }

var (
	_ protocols.Terminal    = (*watch)(nil)
	_ protocols.CloseWriter = (*watch)(nil)
	_ protocols.Hider       = (*watch)(nil)
)

const (
	// maxHeld is how much of what the target says to a locked screen is shown
	// when it is unlocked.
	maxHeld = 64 << 10
	// reminder is the pause between two answers to keys at a locked screen.
	reminder = time.Second
	// clearScreen also clears what was scrolled out of it.
	clearScreen = "\x1b[0m\x1b[H\x1b[2J\x1b[3J"
	// byOrder is why a session is locked that the person wanted to be.
	byOrder = "you asked for it"
)

// watched puts a watch between the person and session s.
func (p *Pipeline) watched(s *Session, t protocols.Terminal) *watch {
	w := &watch{Terminal: t, s: s, wake: make(chan struct{}, 1), signals: make(chan protocols.Signal, 8)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[s.Session].watch = w
	if p.open[s.Session].locked {
		w.lock(byOrder)
	}
	return w
}

// Lock locks or unlocks a session at the monitor's word. It does not wait for
// the screen.
func (p *Pipeline) Lock(l control.Lock) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.open[l.Session]
	switch {
	case o == nil:
	case o.watch == nil: // it is about to be watched
		o.locked = l.Locked
	case l.Locked:
		o.watch.lock(byOrder)
	default:
		o.watch.unlock()
	}
}

// begin watches from now on, and returns what ends that. What is on its way to
// the screen then ends when the person's side is closed.
func (w *watch) begin(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	w.mu.Lock()
	w.last = time.Now()
	w.mu.Unlock()
	go w.run(ctx)
	if w.s.Idle.Kill > 0 {
		go w.kill(ctx)
	}
	return cancel
}

// kill ends the session when it is time to. It is apart from run, which may have
// to wait for a screen that takes nothing any more.
func (w *watch) kill(ctx context.Context) {
	limit := w.s.Idle.Kill
	for rest := limit; rest > 0; rest = limit - w.idle() {
		t := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
	w.s.cancel(&TerminatedError{Text: "ended by the gateway: nothing was typed for " + span(limit), Code: gateway.RefusalSignal.Code})
}

// span writes a duration without the zeros at its end.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (w *watch) idle() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.last)
}

// run warns, locks, and looks after the screen, until ctx ends.
func (w *watch) run(ctx context.Context) {
	drawn := time.Time{} // when the screen was last hidden; zero: it is shown
	in := w.Terminal.Signals()
	for {
		warning, next := w.tick()
		if warning != "" {
			w.say(warning)
		}
		drawn = w.draw(drawn)
		t := time.NewTimer(next)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case s, ok := <-in:
			if !ok {
				in = nil
			}
			w.signal(s, ok)
		case <-w.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// tick locks when it is time to, or gives the warning that is due, and says when
// to look again.
func (w *watch) tick() (warning string, next time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	limits, idle, next := w.s.Idle, time.Since(w.last), time.Hour
	due := func(limit, before time.Duration) bool {
		if limit-before > idle {
			next = min(next, limit-before-idle)
		}
		return limit > 0 && limit-before <= idle
	}
	if !w.locked && due(limits.Lock, 0) {
		w.setLocked("nothing was typed for " + span(limits.Lock))
	}
	warn := func(limit, before time.Duration, done *bool, what string) {
		if before > 0 && due(limit, before) && !*done {
			*done = true
			warning += "\r\n*** nothing was typed for " + span(limit-before) + ": this session will be " + what + " in " + span(before) + "\r\n"
		}
	}
	if !w.locked {
		warn(limits.Lock, limits.WarnLock, &w.warned.lock, "locked")
	}
	warn(limits.Kill, limits.WarnKill, &w.warned.kill, "ended")
	return warning, next
}

// setLocked is called with mu held.
func (w *watch) setLocked(why string) {
	if !w.locked {
		w.locked, w.covered, w.why = true, true, why
	}
}

func (w *watch) lock(why string) {
	w.mu.Lock()
	w.setLocked(why)
	w.mu.Unlock()
	w.look()
}

func (w *watch) unlock() {
	w.mu.Lock()
	w.locked, w.last, w.warned = false, time.Now(), warned{}
	w.mu.Unlock()
	w.look()
}

// look has run look after the screen.
func (w *watch) look() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// say writes text of ours to the screen.
func (w *watch) say(text string) {
	w.out.Lock()
	defer w.out.Unlock()
	_, _ = w.Terminal.Write([]byte(text)) // who is gone is noticed elsewhere
}

// draw hides the screen of a session that is locked, once more when something was
// typed, and gives it back when it is unlocked.
func (w *watch) draw(drawn time.Time) time.Time {
	w.mu.Lock()
	locked, covered, refused, why := w.locked, w.covered, w.refused, w.why
	w.refused = false
	w.mu.Unlock()
	switch {
	case locked && (drawn.IsZero() || refused && time.Since(drawn) >= reminder):
		if drawn.IsZero() {
			_ = w.s.Record(recorder.Mark{Text: "locked: " + why}) // its failure ends the session at the next byte
		}
		w.say(clearScreen + strings.Join([]string{
			"*** This session is locked: " + why + ".",
			"    What runs at the target goes on, and is recorded.",
			"    To unlock it, log in to the gateway anew and run: --osh unlock", "",
		}, "\r\n"))
		return time.Now()
	case !locked && covered:
		_ = w.s.Record(recorder.Mark{Text: "unlocked"})
		w.uncover()
		return time.Time{}
	}
	return drawn
}

// uncover gives the screen back, with the end of what the target said meanwhile.
func (w *watch) uncover() {
	w.out.Lock()
	defer w.out.Unlock()
	w.mu.Lock()
	if w.locked { // again
		w.mu.Unlock()
		return
	}
	held, lost := w.held, w.heldLost
	w.covered, w.held, w.heldLost = false, nil, false
	w.mu.Unlock()
	text := clearScreen + "*** This session is unlocked. Have the screen drawn again if it needs that (Ctrl-L).\r\n"
	if lost {
		held = held[bytes.IndexByte(held, '\n')+1:]
		text += "    The beginning of what the target said meanwhile is only in the recording.\r\n"
	}
	_, _ = w.Terminal.Write(append([]byte(text), held...))
}

// hold keeps what the target says, if the screen is hidden.
func (w *watch) hold(b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.covered {
		return false
	}
	if over := len(w.held) + len(b) - maxHeld; over > 0 {
		w.heldLost = true
		w.held = w.held[min(over, len(w.held)):]
		b = b[max(0, len(b)-maxHeld):]
	}
	w.held = append(w.held, b...)
	return true
}

// signal passes a signal or break on, which a locked session refuses.
func (w *watch) signal(s protocols.Signal, ok bool) {
	w.mu.Lock()
	locked := w.locked
	w.mu.Unlock()
	if !ok || locked {
		return
	}
	select {
	case w.signals <- s:
	default:
	}
}
