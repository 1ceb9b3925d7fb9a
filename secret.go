package gateway

import (
	"fmt"
	"log/slog"
)

// Secret is bytes that must not be seen. Every way of printing, logging or
// encoding it gives "[secret]"; Reveal is the only way in.
type Secret struct{ b []byte }

const elided = "[secret]"

// NewSecret takes ownership of b.
func NewSecret(b []byte) Secret { return Secret{b} }

// Reveal returns the bytes themselves. Don't keep them.
func (s Secret) Reveal() []byte { return s.b }

// Empty reports whether there is nothing in it.
func (s Secret) Empty() bool { return len(s.b) == 0 }

// Wipe overwrites the bytes.
func (s Secret) Wipe() { clear(s.b) }

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, elided) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(elided), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(elided) }
