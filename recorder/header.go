package recorder

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"
	"unicode/utf8"

	"gateway"
)

// Header says what a recording is of. It is written once, before any event.
type Header struct {
	Session gateway.SessionID `json:"session"`
	Gateway string            `json:"gateway,omitempty"` // name of the gateway
	Account string            `json:"account"`
	By      string            `json:"by,omitempty"` // the administrator who acted as the account
	Realm   string            `json:"realm,omitempty"`
	From    netip.AddrPort    `json:"from,omitzero"`
	Via     netip.AddrPort    `json:"via,omitzero"` // the gateway's own end of the ingress connection

	Protocol gateway.Protocol `json:"protocol"`
	Kind     string           `json:"kind"`           // "shell", "exec", "subsystem", "osh", "interactive"
	User     string           `json:"user,omitempty"` // login at the target
	Host     string           `json:"host,omitempty"` // as the person wrote it
	Addr     netip.Addr       `json:"addr,omitzero"`
	Port     uint16           `json:"port,omitempty"`
	Jump     *Jump            `json:"jump,omitempty"` // nil: the target was reached directly
	Database *Database        `json:"database,omitempty"`
	// Command is the command line or the subsystem's name, at most 8 KiB of it
	// and as UTF-8. The exact and whole text is the Request event of the relay.
	Command string `json:"command,omitempty"`

	Term  string    `json:"term,omitempty"` // empty: no terminal
	Cols  uint32    `json:"cols,omitempty"`
	Rows  uint32    `json:"rows,omitempty"`
	Start time.Time `json:"start"`

	IngressKey string `json:"ingress_key,omitempty"` // fingerprint of the key the person proved
	AuditKey   string `json:"audit_key,omitempty"`   // KeyID of the key that is to seal the recording
}

// Who names the account, and the administrator if one acted as it.
func (h Header) Who() string {
	who := gateway.Principal{Account: h.Account, Realm: h.Realm}.String()
	if h.By != "" {
		who += " (by " + h.By + ")"
	}
	return who
}

// To names the target, and the jump host if there was one; it is empty when a
// recording is of something else.
func (h Header) To() string {
	if h.Host == "" && !h.Addr.IsValid() {
		return ""
	}
	to := gateway.Target{User: h.User, Host: h.Host, Addr: h.Addr, Port: h.Port}.String()
	if d := h.Database; d != nil {
		to = d.Offered + " " + to + "/" + d.Name
	}
	if j := h.Jump; j != nil {
		to += " via " + gateway.Target{User: j.User, Host: j.Host, Addr: j.Addr, Port: j.Port}.String()
	}
	return to
}

// Database is what a session with a database is with.
type Database struct {
	Offered string `json:"offered"` // the gateway's name for it
	Name    string `json:"name"`    // the server's
}

// Jump is the egress jump host that a target was reached through.
type Jump struct {
	User string     `json:"user"`
	Host string     `json:"host"` // as the person wrote it
	Addr netip.Addr `json:"addr"`
	Port uint16     `json:"port"`
}

const (
	magic      = "gwrec\x00\x00\x01" // the last byte is the version
	maxHeader  = 64 << 10
	maxCommand = 8 << 10
)

type hash = [sha256.Size]byte

// ErrFormat: the bytes are not a recording, or not even its header is whole.
var ErrFormat = errors.New("not a recording")

// prelude encodes the magic and h.
func prelude(h Header) ([]byte, error) {
	if _, err := gateway.ParseSessionID(string(h.Session)); err != nil {
		return nil, fmt.Errorf("encode recording header: %w", err)
	}
	if len(h.Command) > maxCommand {
		cut := maxCommand
		for cut > maxCommand-utf8.UTFMax && !utf8.RuneStart(h.Command[cut]) {
			cut--
		}
		h.Command = h.Command[:cut]
	}
	h.Start = h.Start.UTC()
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode recording header: %w", err)
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("encode recording header: %d bytes: %w", len(text), gateway.ErrInvalid)
	}
	b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(text)))
	return append(b, text...), nil
}

// readPrelude reads what prelude wrote, and returns the chain's first hash and
// how many bytes it took.
func readPrelude(r io.Reader) (Header, hash, int64, error) {
	var h Header
	var fixed [len(magic) + 4]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return h, hash{}, 0, preludeError(err)
	}
	if string(fixed[:len(magic)]) != magic {
		return h, hash{}, 0, fmt.Errorf("read recording header: unknown magic or version: %w", ErrFormat)
	}
	n := binary.LittleEndian.Uint32(fixed[len(magic):])
	if n > maxHeader {
		return h, hash{}, 0, fmt.Errorf("read recording header: length %d: %w", n, ErrFormat)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, hash{}, 0, preludeError(err)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, hash{}, 0, fmt.Errorf("read recording header: bad JSON: %w", ErrFormat)
	}
	if _, err := gateway.ParseSessionID(string(h.Session)); err != nil {
		return h, hash{}, 0, fmt.Errorf("read recording header: bad session: %w", ErrFormat)
	}
	return h, firstHash(fixed[:], text), int64(len(fixed) + len(text)), nil
}

func preludeError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read recording header: cut off: %w", ErrFormat)
	}
	return fmt.Errorf("read recording header: %w", err)
}

func firstHash(parts ...[]byte) hash {
	s := sha256.New()
	for _, p := range parts {
		s.Write(p)
	}
	var h hash
	s.Sum(h[:0])
	return h
}
