package recorder

import (
	"context"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"gateway"
)

const maxPause = float64(365 * 24 * time.Hour)

// Play writes what the person saw to w, in its own time: speed times as fast,
// and with no pause longer than maxIdle (0: as long as it was).
//
// w is a terminal as a rule, and the bytes are foreign. What makes a terminal
// answer (and so type into the shell of whoever looks on), reach the clipboard
// or change the window is left out: control strings, device reports, window
// operations.
func Play(ctx context.Context, w io.Writer, r *Reader, speed float64, maxIdle time.Duration) error {
	if !(speed > 0) {
		return fmt.Errorf("play: speed %v: %w", speed, gateway.ErrInvalid)
	}
	var out []byte
	scan := scanner{emit: func(t token) {
		switch {
		case t.kind == tokenInvalid:
			out = utf8.AppendRune(out, utf8.RuneError)
		case t.harmless():
			out = append(out, t.raw...)
		}
	}}
	var last time.Duration
	return each(r, func(t timed) error {
		b := t.shown()
		if len(b) == 0 {
			return nil
		}
		pause := time.Duration(min(float64(t.at-last)/speed, maxPause))
		if maxIdle > 0 {
			pause = min(pause, maxIdle)
		}
		last = t.at
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		out = out[:0]
		scan.write(b)
		if _, err := w.Write(out); err != nil {
			return fmt.Errorf("play: %w", err)
		}
		return nil
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// harmless reports whether a terminal does no more than show t.
func (t token) harmless() bool {
	switch t.kind {
	case tokenControl:
		return t.r != 0x05 // ENQ makes a terminal answer
	case tokenEscape:
		// DECID answers; the others leave UTF-8, or change how the terminal sends.
		return t.final != 'Z' && t.raw[1] != ' ' && t.raw[1] != '%'
	case tokenCSI:
		return t.harmlessCSI()
	}
	return true
}

func (t token) harmlessCSI() bool {
	body := t.raw[2 : len(t.raw)-1]
	private := len(body) > 0 && body[0] >= '<'
	intermediate := len(body) > 0 && body[len(body)-1] < '0'
	switch t.final {
	case 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'L', 'M', 'P', 'S', 'T', 'X', 'Z', '@', '`',
		'a', 'b', 'd', 'e', 'f', 'g', 'r', 's':
		return !private && !intermediate
	case 'J', 'K':
		return !intermediate
	case 'm':
		return !private && !intermediate // with '>' it sets how keys are sent, with '?' it asks
	case 'h', 'l':
		return !intermediate && t.harmlessMode()
	case 'q':
		return intermediate && !private // shape of the cursor
	case 'u':
		return len(body) == 0 // else the keyboard protocol
	}
	return false // reports (c, n, x), window operations (t), checksums (y), …
}

// harmlessMode lets pass the modes that change what is shown, and not those
// that make the terminal send something: mouse, focus, paste, keypad.
func (t token) harmlessMode() bool {
	switch string(t.raw[2 : len(t.raw)-1]) {
	case "4", "20", "?1", "?3", "?5", "?6", "?7", "?12", "?25", "?45", "?47", "?1047", "?1048", "?1049", "?2026":
		return true
	}
	return false
}
