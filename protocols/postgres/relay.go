package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/protocols"
)

// grace is how long a side that does not take what it is sent may hold up the
// end. The monitor, which kills the process with all sessions of the person,
// waits longer.
const grace = time.Second

// guard decides about each message of the client's, before it is recorded and
// forwarded. It is asked by one goroutine. nil: everything may pass.
type guard interface {
	// admit may wait, see relay.settle. An error ends the connection; a *fatal
	// is told to the client.
	admit(ctx context.Context, m message) (verdict, error)
}

// verdict is what becomes of a message.
type verdict struct {
	class  gateway.DatabaseRights // of the statement, for Allow; only for what has a text
	ahead  script                 // of the gateway's own, that runs first
	place  *script                // what the server gets in the place of a Query; nil: the message itself
	refuse *fatal                 // what the client is told instead, as an error; nil: it passes
}

// relay is one connection of a client with the server.
type relay struct {
	ctx     context.Context // ends with the relay; for those who cancel
	conn    *conn
	client  *Client
	session protocols.Session
	guard   guard
	queue   *queue
	up      *pump // from the client
	down    *pump // from the server
	allowed map[gateway.DatabaseRights]bool

	sent     uint64 // events of the client's, numbered
	requests writer
	replies  replies
	names    names // of the client's statements and portals

	copied  atomic.Int64 // bytes of COPY data from the client
	bye     atomic.Bool  // the client has said goodbye
	cancels cancels
	excess  excess
}

// Relay implements protocols.Conn. client must be a *Client.
func (c *conn) Relay(ctx context.Context, client protocols.Client, s protocols.Session) (gateway.Exit, error) {
	person, ok := client.(*Client)
	if !ok {
		return gateway.Exit{}, fmt.Errorf("relay: a client of type %T: %w", client, gateway.ErrInvalid)
	}
	r := newRelay(c, person, s)
	err := r.offered()
	if err == nil {
		r.guard, err = newGate(r)
	}
	if err != nil {
		r.goodbye(ctx, err)
		client.Close()
	} else {
		err = r.run(ctx)
	}
	return r.end(ctx, err)
}

func newRelay(c *conn, client *Client, s protocols.Session) *relay {
	r := &relay{conn: c, client: client, session: s, queue: newQueue(), allowed: map[gateway.DatabaseRights]bool{}}
	r.requests = writer{record: s.Record, number: client.number}
	r.replies = replies{tx: 'I', writer: writer{record: s.Record, number: client.number}}
	r.up = newPump(client, clientRules(), maxClient)
	r.up.dst = c.nc
	r.down = c.server
	r.down.rules = serverRules()
	if c.db.Results > 0 {
		r.down.rules['D'], r.down.rules['T'] = short, short
	}
	r.down.dst, r.down.before = client, r.replies.flush
	if c.ahead != nil {
		r.down.lazy, c.ahead.before = true, r.down.flush
	}
	return r
}

// offered checks that the client asks for what there is.
func (r *relay) offered() error {
	c, db := r.client, &r.conn.db
	switch value := c.settings["replication"]; value {
	case "", "false", "off", "no", "0":
	default:
		return &fatal{state: "0A000", text: "replication is not offered"}
	}
	switch c.database {
	case "", db.Name, db.Database, c.user:
		return nil
	}
	return &fatal{state: "3D000", text: "database " + gateway.Printable(c.database) + " is not offered", hint: "this connection is for " + db.Name}
}

// run greets the client and relays until one side ends.
func (r *relay) run(ctx context.Context) error {
	var stop context.CancelFunc
	r.ctx, stop = context.WithCancel(ctx)
	defer stop()
	key := r.client.front.register(func(ctx context.Context) { r.cancels.obey(ctx, r) })
	defer r.client.front.forget(key)
	if err := r.greet(key); err != nil {
		return err
	}
	up, down := make(chan error, 1), make(chan error, 1)
	go func() { up <- r.fromClient(ctx) }()
	go func() { down <- r.fromServer() }()
	var late chan error
	if c := r.conn.db; c.StatementTimeout > 0 || c.IdleInTransaction > 0 {
		late = make(chan error, 1)
		go func() { late <- r.watch(r.ctx) }()
		defer func() { <-late }()
	}
	var err error
	select {
	case err = <-late:
		late <- err
	case err = <-up:
		up <- err
	case err = <-down:
		down <- err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	r.queue.close()
	stop()
	r.conn.nc.SetDeadline(time.Unix(1, 0)) // ends what waits for the server
	slow := time.AfterFunc(grace/2, func() { r.client.Close() })
	ended, left := make(chan struct{}), make(chan struct{})
	go func() {
		<-down
		r.goodbye(ctx, err)
		slow.Stop()
		r.client.Close()
		<-up
		close(ended)
	}()
	go func() {
		if !errors.Is(err, errTerminated) && !errors.Is(err, errServerGone) {
			r.stopWork()
		}
		r.conn.Close() // whatever the client takes, or does not
		close(left)
	}()
	// A write into an SSH channel whose other side takes nothing does not end with
	// the channel, but with the connection. Whatever it still does is in vain.
	select {
	case <-ended:
	case <-time.After(grace):
	}
	<-left
	return err
}

// stopWork cancels what the server still does for a session that may not go on,
// or for a client that went without goodbye; it would not notice for long.
func (r *relay) stopWork() {
	if r.queue.running() == 0 {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), grace)
	defer stop()
	// What can't be reached can't be stopped.
	_, _ = r.conn.cancelAt(ctx)
}

// goodbye tells the client why the connection ends, if that is the gateway's
// doing and the client is not in the middle of a message.
func (r *relay) goodbye(ctx context.Context, err error) {
	if r.down.torn || err == nil || errors.Is(err, errTerminated) || errors.Is(err, errClientGone) || errors.Is(err, errServerGone) {
		return
	}
	f := &fatal{state: "08006", text: "the connection with the server broke"}
	switch {
	case errors.As(err, &f):
	case ctx.Err() != nil:
		f = &fatal{state: "57P01", text: gateway.Printable(context.Cause(ctx).Error())}
	case errors.Is(err, errTooLong):
		f = &fatal{state: "54000", text: err.Error()}
	case errors.Is(err, errMalformed), errors.Is(err, errOutOfStep):
		f = &fatal{state: "08P01", text: err.Error()}
	case errors.Is(err, gateway.ErrNoRecord):
		f = &fatal{state: "58030", text: "the session can't be recorded any more"}
	case errors.Is(err, gateway.ErrDenied):
		f = &fatal{state: "42501", text: "this is not allowed"}
	}
	// An error of this can't be told to anybody.
	_ = r.client.fatal(f)
}

// end turns why a relay ended into how the session did.
func (r *relay) end(ctx context.Context, err error) (gateway.Exit, error) {
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return gateway.Exit{}, cause
	case err == nil, errors.Is(err, errTerminated), errors.Is(err, errClientGone):
		return gateway.Exit{}, nil
	}
	return gateway.Exit{}, err
}

var (
	errTerminated = errors.New("the client has said goodbye")
	errClientGone = errors.New("the client has closed the connection")
	errServerGone = errors.New("the server has closed the connection")
)

func (r *relay) greet(key [keySize]byte) error {
	b, err := (&pgproto3.AuthenticationOk{}).Encode(nil)
	for _, p := range r.conn.params {
		if err == nil {
			b, err = (&pgproto3.ParameterStatus{Name: p[0], Value: p[1]}).Encode(b)
		}
	}
	if err == nil {
		b, err = (&pgproto3.BackendKeyData{ProcessID: binary.BigEndian.Uint32(key[:]), SecretKey: key[4:]}).Encode(b)
	}
	if err == nil {
		b, err = (&pgproto3.ReadyForQuery{TxStatus: 'I'}).Encode(b)
	}
	if err == nil {
		_, err = r.client.Write(b)
	}
	return err
}

// settle waits until the server has answered everything, and gives the state of
// its transaction. It is for the guard.
func (r *relay) settle() (tx byte, err error) {
	if err := r.up.flush(); err != nil {
		return 0, err
	}
	return r.queue.wait(0)
}
