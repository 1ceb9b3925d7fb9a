package audit

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/crewjam/rfc5424"

	"gateway"
)

// Limits of the way to syslog, which must never hold up a session.
const (
	queueLen     = 4096
	dialTimeout  = 5 * time.Second
	writeTimeout = 5 * time.Second
	drainTimeout = 2 * time.Second
	minRetry     = 100 * time.Millisecond
	maxRetry     = 30 * time.Second
)

// Syslog is a sink that sends RFC 5424 messages over a bounded queue. Its
// Write never fails and never blocks: what does not fit is counted, and the
// count is sent when the way is free again.
type Syslog struct {
	network, address string
	header           rfc5424.Message
	own              *Log // encodes the record of what was dropped

	queue   chan Line
	dropped atomic.Int64
	stop    chan struct{}
	stopped sync.Once
	done    chan struct{}

	// The rest belongs to the sending goroutine.
	conn     net.Conn
	framed   bool  // conn is a stream: octet counting, RFC 6587 section 3.4.1
	reported int64 // how many of dropped the other side was told of
}

// SyslogConfig says where to send and under which name.
type SyslogConfig struct {
	Address  string // unix:///PATH, udp://HOST:PORT or tcp://HOST:PORT
	Facility string // user, daemon, auth, authpriv, local0 … local7
	AppName  string
	Node     string // the gateway's name, in the record of dropped ones
}

// NewSyslog returns a sink that connects when there is something to send.
func NewSyslog(c SyslogConfig) (*Syslog, error) {
	u, err := url.Parse(c.Address)
	if err != nil {
		return nil, fmt.Errorf("syslog address %q: %w", gateway.Printable(c.Address), gateway.ErrInvalid)
	}
	s := &Syslog{network: u.Scheme, address: u.Host,
		queue: make(chan Line, queueLen), stop: make(chan struct{}), done: make(chan struct{})}
	switch u.Scheme {
	case "unix":
		s.address = u.Path
	case "udp", "tcp":
	default:
		return nil, fmt.Errorf("syslog address %q: want unix, udp or tcp: %w", gateway.Printable(c.Address), gateway.ErrInvalid)
	}
	facility, ok := facilities()[c.Facility]
	if !ok {
		return nil, fmt.Errorf("syslog facility %q: %w", gateway.Printable(c.Facility), gateway.ErrInvalid)
	}
	host, err := os.Hostname()
	if err != nil {
		host = c.Node
	}
	s.header = rfc5424.Message{Priority: facility, Hostname: host, AppName: c.AppName, ProcessID: strconv.Itoa(os.Getpid())}
	if _, err := s.header.MarshalBinary(); err != nil {
		return nil, fmt.Errorf("syslog name %q: %w", gateway.Printable(c.AppName), gateway.ErrInvalid)
	}
	s.own = New(c.Node, time.Now)
	go s.run()
	return s, nil
}

func facilities() map[string]rfc5424.Priority {
	return map[string]rfc5424.Priority{
		"user": rfc5424.User, "daemon": rfc5424.Daemon, "auth": rfc5424.Auth, "authpriv": rfc5424.Authpriv,
		"local0": rfc5424.Local0, "local1": rfc5424.Local1, "local2": rfc5424.Local2, "local3": rfc5424.Local3,
		"local4": rfc5424.Local4, "local5": rfc5424.Local5, "local6": rfc5424.Local6, "local7": rfc5424.Local7,
	}
}

// Dropped returns how many records were not sent.
func (s *Syslog) Dropped() int64 { return s.dropped.Load() }

// Write queues the line.
func (s *Syslog) Write(l Line) error {
	select {
	case <-s.stop:
		s.dropped.Add(1)
		return nil
	default:
	}
	select {
	case s.queue <- l:
	default:
		s.dropped.Add(1)
	}
	return nil
}

// Reopen does nothing: a broken connection is made anew by itself.
func (s *Syslog) Reopen() error { return nil }

// Close sends what is queued, for at most two seconds, and ends.
func (s *Syslog) Close() error {
	s.stopped.Do(func() { close(s.stop) })
	<-s.done
	return nil
}

func (s *Syslog) run() {
	defer close(s.done)
	defer func() {
		if s.conn != nil {
			s.conn.Close()
		}
	}()
	for {
		select {
		case l := <-s.queue:
			s.send(l, s.stop)
		case <-s.stop:
			s.drain()
			return
		}
	}
}

// drain sends what is left until it is done or its time is over.
func (s *Syslog) drain() {
	over := make(chan struct{})
	t := time.AfterFunc(drainTimeout, func() { close(over) })
	defer t.Stop()
	for {
		select {
		case <-over:
			s.dropped.Add(int64(len(s.queue)))
			return
		default:
		}
		select {
		case l := <-s.queue:
			s.send(l, over)
		default:
			return
		}
	}
}

// send tries until the line is sent or stop is closed. Meanwhile the queue
// holds what comes.
func (s *Syslog) send(l Line, stop <-chan struct{}) {
	for wait := minRetry; ; wait = min(2*wait, maxRetry) {
		err := s.try(l)
		if err == nil {
			return
		}
		if errors.Is(err, syscall.EMSGSIZE) || errors.As(err, new(rfc5424.ErrInvalidValue)) {
			s.dropped.Add(1) // it would not go through the next time either
			return
		}
		select {
		case <-stop:
			s.dropped.Add(1)
			return
		case <-time.After(wait):
		}
	}
}

// try sends the line over the connection there is, and over a new one when
// that turns out to be broken.
func (s *Syslog) try(l Line) error {
	if s.conn != nil {
		if err := s.transmit(l); err == nil || errors.Is(err, syscall.EMSGSIZE) {
			return err
		}
		s.conn.Close()
		s.conn = nil
	}
	conn, framed, err := s.dial()
	if err != nil {
		return err
	}
	s.conn, s.framed = conn, framed
	if err := s.transmit(l); err != nil {
		conn.Close()
		s.conn = nil
		return err
	}
	return nil
}

func (s *Syslog) dial() (conn net.Conn, framed bool, err error) {
	networks := []string{s.network}
	if s.network == "unix" { // as syslog(3) does
		networks = []string{"unixgram", "unix"}
	}
	for _, network := range networks {
		conn, err = net.DialTimeout(network, s.address, dialTimeout)
		if err == nil {
			return conn, network == "tcp" || network == "unix", nil
		}
	}
	return nil, false, err
}

// transmit sends the line, and before it the number of dropped ones if that
// has grown.
func (s *Syslog) transmit(l Line) error {
	if dropped := s.dropped.Load(); dropped != s.reported {
		note, err := s.own.line(Record{Event: Node, Action: "records dropped on their way to syslog",
			Details: []Detail{{"dropped", strconv.FormatInt(dropped-s.reported, 10)}}})
		if err != nil {
			return err
		}
		if err := s.write(note, rfc5424.Warning); err != nil {
			return err
		}
		s.reported = dropped
	}
	severity := rfc5424.Info
	if l.Refused {
		severity = rfc5424.Warning
	}
	return s.write(l, severity)
}

func (s *Syslog) write(l Line, severity rfc5424.Priority) error {
	m := s.header
	m.Priority |= severity
	m.Timestamp = l.Time.UTC()
	m.MessageID = string(l.Event)
	m.Message = l.JSON
	b, err := m.MarshalBinary()
	if err != nil {
		return err
	}
	if s.framed {
		b = append(strconv.AppendInt(nil, int64(len(b)), 10), append([]byte{' '}, b...)...)
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err = s.conn.Write(b)
	return err
}
