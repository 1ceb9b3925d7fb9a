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

func sentinels() map[string]error {
	return map[string]error{
		"denied":      gateway.ErrDenied,
		"not-found":   gateway.ErrNotFound,
		"conflict":    gateway.ErrConflict,
		"invalid":     gateway.ErrInvalid,
		"expired":     gateway.ErrExpired,
		"unavailable": gateway.ErrUnavailable,
		"no-record":   gateway.ErrNoRecord,
	}
}

func encodeError(err error) wireError {
	for kind, s := range sentinels() {
		if errors.Is(err, s) {
			return wireError{Kind: kind, Text: err.Error()}
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
	if kind := sentinels()[w.Kind]; kind != nil {
		return &remoteError{text: w.Text, kind: kind}
	}
	return fmt.Errorf("%s: %w", w.Text, gateway.ErrUnavailable)
}
