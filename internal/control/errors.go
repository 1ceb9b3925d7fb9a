package control

import (
	"errors"
	"fmt"

	"gateway"
)

// wireError is an error on its way through a control socket: which sentinel
// it wraps, and its text.
type wireError struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// sentinels are the errors that mean the same on both sides. The first that an
// error wraps is passed on.
func sentinels() []sentinel {
	return []sentinel{
		{"denied", gateway.ErrDenied},
		{"not-found", gateway.ErrNotFound},
		{"conflict", gateway.ErrConflict},
		{"invalid", gateway.ErrInvalid},
		{"no-record", gateway.ErrNoRecord},
		{"unavailable", gateway.ErrUnavailable},
	}
}

type sentinel struct {
	kind string
	err  error
}

func encodeError(err error) wireError {
	for _, s := range sentinels() {
		if errors.Is(err, s.err) {
			return wireError{Kind: s.kind, Text: err.Error()}
		}
	}
	return wireError{Kind: "internal", Text: "internal error"}
}

// remoteError carries the peer's text and unwraps to the sentinel.
type remoteError struct {
	text string
	kind error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }

func decodeError(body []byte) error {
	var w wireError
	if err := Decode(body, &w); err != nil {
		return err
	}
	for _, s := range sentinels() {
		if s.kind == w.Kind {
			return &remoteError{text: w.Text, kind: s.err}
		}
	}
	return fmt.Errorf("%s: %w", w.Text, gateway.ErrUnavailable)
}
