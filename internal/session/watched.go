package session

import (
	"io"
	"regexp"
	"time"

	"gateway/protocols"
)

// What a relay sees of a watch.

// Read implements protocols.Client: what is typed while the session is locked is
// dropped, and nobody is told what it was.
func (w *watch) Read(b []byte) (int, error) {
	for {
		n, err := w.Terminal.Read(b)
		if n == 0 || w.typed(b[:n]) {
			return n, err
		}
		clear(b[:n])
		if err != nil {
			return 0, err
		}
	}
}

// reports is what terminals answer to a target by themselves (ECMA-48, and as
// xterm does): their kind, the cursor's place, sizes, modes, colours. A target
// that asks again and again does not keep a session awake by it.
var reports = regexp.MustCompile(`\A(?:\x1b\[[?>=]?[0-9;]*(?:[cnRt]|\$y)|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\))+\z`)

// typed notes that something came from the keyboard, and says whether it may pass.
func (w *watch) typed(b []byte) bool {
	report := b[0] == 0x1b && reports.Match(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.locked && !report:
		w.last, w.warned = time.Now(), warned{}
		return true
	case !w.locked || report:
		return !w.locked
	}
	w.refused = true
	w.look()
	return false
}

// Write implements protocols.Client.
func (w *watch) Write(b []byte) (int, error) { return w.show(w.Terminal, b) }

// Stderr implements protocols.Client.
func (w *watch) Stderr() io.Writer { return watchedErr{w} }

type watchedErr struct{ w *watch }

func (e watchedErr) Write(b []byte) (int, error) { return e.w.show(e.w.Terminal.Stderr(), b) }

func (w *watch) show(to io.Writer, b []byte) (int, error) {
	w.out.Lock()
	defer w.out.Unlock()
	if w.hold(b) {
		return len(b), nil
	}
	return to.Write(b)
}

// Signals implements protocols.Client.
func (w *watch) Signals() <-chan protocols.Signal { return w.signals }

// CloseWrite implements protocols.CloseWriter, if the person's side does.
func (w *watch) CloseWrite() error {
	if c, ok := w.Terminal.(protocols.CloseWriter); ok {
		return c.CloseWrite()
	}
	return nil
}

// Hide implements protocols.Hider, likewise.
func (w *watch) Hide(hidden bool) {
	if h, ok := w.Terminal.(protocols.Hider); ok {
		h.Hide(hidden)
	}
}
