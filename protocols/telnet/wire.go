package telnet

import (
	"net"
	"sync"
	"time"

	"gateway/internal/tcp"
)

// wire is the connection beneath the library's: it owns the negotiation. The
// library reads from it, and sees of the target what it understands: data,
// with IAC doubled. Nothing is written through the library, which loses bytes
// that are not UTF-8.
type wire struct {
	*tcp.Conn
	raw     []byte // what is read into; of the reading goroutine only
	data    []byte // decoded
	pending []byte // the rest of data that was not read yet, with IAC doubled
	escaped []byte

	// mu keeps what is sent in one piece, and guards negotiation and out.
	mu          sync.Mutex
	negotiation *negotiation
	out         []byte
}

const readSize = 16 << 10

// keySize is what is sent at once in a login, without a copy of it being left
// behind where a buffer grew.
const keySize = 1 << 10

func newWire(nc net.Conn, n *negotiation) *wire {
	return &wire{Conn: tcp.Wrap(nc), negotiation: n, raw: make([]byte, readSize), out: make([]byte, 0, keySize)}
}

// Read implements io.Reader for the library.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.pending) == 0 {
		n, err := w.Conn.Read(w.raw)
		if n > 0 {
			if err := w.decode(w.raw[:n]); err != nil {
				return 0, err
			}
			continue
		}
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, w.pending)
	w.pending = w.pending[n:]
	return n, nil
}

// ready says whether Read returns at once.
func (w *wire) ready() bool { return len(w.pending) > 0 }

// decode fills pending, and answers.
func (w *wire) decode(in []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	data, err := w.negotiation.feed(w.data[:0], in, time.Now())
	w.data = data
	if err != nil {
		return err
	}
	w.escaped = w.escaped[:0]
	for _, b := range data {
		if w.escaped = append(w.escaped, b); b == iac {
			w.escaped = append(w.escaped, iac)
		}
	}
	w.pending = w.escaped
	return w.send(w.negotiation.takeReply())
}

// Write sends data.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = w.negotiation.encode(w.out[:0], p)
	err := w.send(w.out)
	clear(w.out) // it may be a password
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// resize tells the target a new size of the terminal, if it wants to know.
func (w *wire) resize(cols, rows uint32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.send(w.negotiation.resize(cols, rows))
}

// command sends a command without an option.
func (w *wire) command(c byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.send([]byte{iac, c})
}

// wipe forgets what was read, which may have an echo of a password in it.
func (w *wire) wipe() {
	clear(w.raw)
	clear(w.data[:cap(w.data)])
	clear(w.escaped[:cap(w.escaped)])
}

// echoes says whether the target takes over the echo.
func (w *wire) echoes() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.negotiation.them[optEcho]
}

// begin prepares for the person: their terminal, or none.
func (w *wire) begin(term string, lines bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.negotiation.term, w.negotiation.lines = termName(term), lines
}

// send is called with mu held.
func (w *wire) send(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := w.Conn.Write(b)
	return err
}
