package postgres

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway/protocols"
)

// ErrCancelRequest says that a connection was there to cancel a statement,
// which was seen to: close it.
var ErrCancelRequest = errors.New("cancel request")

// Codes in the place of a protocol version; PostgreSQL 15, section 55.7.
const (
	codeCancel  = 80877102
	codeSSL     = 80877103
	codeGSS     = 80877104
	protocol3   = 3
	keySize     = 8 // of what cancels: a process and a secret
	optionsName = "_pq_."
)

// Front speaks with the programs of one person. It knows how the statements of
// each are cancelled.
type Front struct {
	hashKey [32]byte // of recorded parameters

	mu     sync.Mutex // guards what follows
	relays map[uint32]canceler
	last   int // connection that was accepted
}

// canceler is what a client can cancel.
type canceler struct {
	secret [keySize - 4]byte
	cancel func(ctx context.Context)
}

// NewFront makes a Front.
func NewFront() *Front {
	f := &Front{relays: map[uint32]canceler{}}
	rand.Read(f.hashKey[:])
	return f
}

// register gives the key that cancels, until forget.
func (f *Front) register(cancel func(ctx context.Context)) [keySize]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		var key [keySize]byte
		rand.Read(key[:])
		id := binary.BigEndian.Uint32(key[:])
		if _, taken := f.relays[id]; taken {
			continue
		}
		f.relays[id] = canceler{[keySize - 4]byte(key[4:]), cancel}
		return key
	}
}

func (f *Front) forget(key [keySize]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.relays, binary.BigEndian.Uint32(key[:]))
}

// cancel obeys a cancel request. One with a wrong key is not answered either.
func (f *Front) cancel(ctx context.Context, key []byte) {
	if len(key) != keySize {
		return
	}
	f.mu.Lock()
	c := f.relays[binary.BigEndian.Uint32(key)]
	f.mu.Unlock()
	if c.cancel != nil && subtle.ConstantTimeCompare(key[4:], c.secret[:]) == 1 {
		c.cancel(ctx)
	}
}

// Accept reads what a client says before it is asked who it is. It answers
// requests for encryption, which the way to here has already, with no, and obeys
// a cancel request for a connection of this Front: ErrCancelRequest. How long it
// takes is for the caller to bound. It does not close nc.
func (f *Front) Accept(ctx context.Context, nc io.ReadWriteCloser) (*Client, error) {
	for range 3 { // TLS, GSSAPI, and the message itself
		code, body, err := readStartup(nc)
		if err != nil {
			return nil, fmt.Errorf("startup message: %w", err)
		}
		switch code {
		case codeSSL, codeGSS:
			if len(body) != 0 {
				return nil, errors.New("startup message: encryption request of a wrong size")
			}
			if _, err := nc.Write([]byte{'N'}); err != nil {
				return nil, fmt.Errorf("startup message: %w", err)
			}
		case codeCancel:
			f.cancel(ctx, body)
			return nil, ErrCancelRequest
		default:
			return f.startup(nc, code, body)
		}
	}
	return nil, errors.New("startup message: encryption was refused, and is asked for again")
}

// readStartup reads a message that has no kind. Nothing after it is read.
func readStartup(r io.Reader) (code uint32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > maxStartup {
		return 0, nil, fmt.Errorf("%d bytes, want 8 to %d", n, maxStartup)
	}
	body = make([]byte, n-8)
	_, err = io.ReadFull(r, body)
	return binary.BigEndian.Uint32(head[4:]), body, unexpected(err)
}

func (f *Front) startup(nc io.ReadWriteCloser, code uint32, body []byte) (*Client, error) {
	f.mu.Lock()
	f.last++
	c := &Client{nc: nc, front: f, number: f.last, settings: map[string]string{}}
	f.mu.Unlock()
	if code>>16 != protocol3 {
		err := fmt.Errorf("startup message: protocol %d.%d, and the gateway speaks 3.0", code>>16, code&0xffff)
		return nil, errors.Join(err, c.Refuse("0A000", "the gateway speaks version 3.0 of the protocol"))
	}
	var unknown []string
	if err := c.read(body, &unknown); err != nil {
		return nil, errors.Join(err, c.Refuse("08P01", "the startup message is malformed"))
	}
	if code&0xffff == 0 && len(unknown) == 0 {
		return c, nil
	}
	// Section 55.2.1: the client goes on with less, or not at all.
	b, err := (&pgproto3.NegotiateProtocolVersion{UnrecognizedOptions: unknown}).Encode(nil)
	if err == nil {
		_, err = nc.Write(b)
	}
	return c, err
}

// read takes the parameters of a startup message apart.
func (c *Client) read(body []byte, unknown *[]string) error {
	text := string(body)
	for text != "\x00" {
		name, rest, ok := strings.Cut(text, "\x00")
		value, rest, ok2 := strings.Cut(rest, "\x00")
		if !ok || !ok2 || name == "" {
			return errors.New("startup message: parameters without an end")
		}
		text = rest
		switch {
		case name == "user":
			c.user = value
		case name == "database":
			c.database = value
		case strings.HasPrefix(name, optionsName):
			*unknown = append(*unknown, name)
		default:
			c.settings[name] = value
		}
	}
	return nil
}

// Client is a program of the person's that has said what it wants.
type Client struct {
	nc             io.ReadWriteCloser
	front          *Front
	number         int    // of the Front's connections, from 1
	user, database string // as the client says; the user means nothing
	settings       map[string]string
}

var _ protocols.Client = (*Client)(nil)

// Database is the database that the client named; it may be empty.
func (c *Client) Database() string { return c.database }

// Settings are the parameters that the client wants its session to begin with,
// for protocols.Database.
func (c *Client) Settings() map[string]string { return c.settings }

// Refuse tells the client why it can't go on; close it then.
func (c *Client) Refuse(sqlstate, text string) error {
	return c.fatal(&fatal{state: sqlstate, text: text})
}

func (c *Client) fatal(f *fatal) error {
	b, err := f.response("FATAL").Encode(nil)
	if err == nil {
		_, err = c.nc.Write(b)
	}
	return err
}

// Read implements protocols.Client.
func (c *Client) Read(p []byte) (int, error) { return c.nc.Read(p) }

// Write implements protocols.Client.
func (c *Client) Write(p []byte) (int, error) { return c.nc.Write(p) }

// Close implements protocols.Client.
func (c *Client) Close() error { return c.nc.Close() }

// Stderr implements protocols.Client: there is none, and what is written to it is lost.
func (c *Client) Stderr() io.Writer { return io.Discard }

// Env implements protocols.Client: there is none.
func (c *Client) Env() []string { return nil }

// Signals implements protocols.Client: there are none.
func (c *Client) Signals() <-chan protocols.Signal { return nil }

// fatal ends a connection, and the client is told why.
type fatal struct{ state, text, hint string }

func (f *fatal) Error() string { return f.text }

func (f *fatal) response(severity string) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity, Code: f.state, Message: "gateway: " + f.text, Hint: f.hint,
	}
}
