package protocoltest

import (
	"bytes"
	"io"
	"sync"

	"gateway/protocols"
	"gateway/recorder"
)

// Client is a protocols.Client in memory. What is written to Input the relay
// reads. What the relay writes goes to Out and Err or, when they are nil, is
// kept for Output and Errors.
type Client struct {
	Input    *io.PipeWriter
	Out, Err io.Writer
	Vars     []string

	input   *io.PipeReader
	signals chan protocols.Signal
	out     buffer
	err     buffer

	mu     sync.Mutex // guards eof
	eof    bool
	closed chan struct{}
	once   sync.Once
}

// NewClient returns a Client whose input is open and empty.
func NewClient() *Client {
	c := &Client{signals: make(chan protocols.Signal), closed: make(chan struct{})}
	c.input, c.Input = io.Pipe()
	return c
}

// Read implements protocols.Client.
func (c *Client) Read(p []byte) (int, error) { return c.input.Read(p) }

// Write implements protocols.Client.
func (c *Client) Write(p []byte) (int, error) {
	if c.Out != nil {
		return c.Out.Write(p)
	}
	return c.out.Write(p)
}

// Stderr implements protocols.Client.
func (c *Client) Stderr() io.Writer {
	if c.Err != nil {
		return c.Err
	}
	return &c.err
}

// Env implements protocols.Client.
func (c *Client) Env() []string { return c.Vars }

// Signals implements protocols.Client.
func (c *Client) Signals() <-chan protocols.Signal { return c.signals }

// Signal sends a signal and returns when the relay took it.
func (c *Client) Signal(s protocols.Signal) {
	select {
	case c.signals <- s:
	case <-c.closed:
	}
}

// CloseWrite implements protocols.CloseWriter.
func (c *Client) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.eof = true
	return nil
}

// OutputClosed reports whether the relay called CloseWrite.
func (c *Client) OutputClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.eof
}

// Close implements protocols.Client: reads fail from now on, and writes that
// wait for Closed end.
func (c *Client) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.input.CloseWithError(io.ErrClosedPipe)
}

// Closed is closed by Close.
func (c *Client) Closed() <-chan struct{} { return c.closed }

// Output is what was written to the client.
func (c *Client) Output() string { return c.out.String() }

// Errors is what was written to its Stderr.
func (c *Client) Errors() string { return c.err.String() }

// Terminal is a Client with a screen.
type Terminal struct {
	*Client
	Name    string
	Size    recorder.Resize
	Modes   string
	resizes chan recorder.Resize
}

// NewTerminal returns an xterm of 80 by 24 characters.
func NewTerminal() *Terminal {
	return &Terminal{Client: NewClient(), Name: "xterm", Size: recorder.Resize{Cols: 80, Rows: 24}, resizes: make(chan recorder.Resize)}
}

// Term implements protocols.Terminal.
func (t *Terminal) Term() (string, recorder.Resize, string) { return t.Name, t.Size, t.Modes }

// Resizes implements protocols.Terminal.
func (t *Terminal) Resizes() <-chan recorder.Resize { return t.resizes }

// Resize changes the size and returns when the relay took it.
func (t *Terminal) Resize(size recorder.Resize) {
	select {
	case t.resizes <- size:
	case <-t.closed:
	}
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
