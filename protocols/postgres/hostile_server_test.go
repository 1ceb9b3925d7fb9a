package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/recorder"
)

// evil is a server that says whatever a test has it say. nc is its side.
type evil struct {
	t  *testing.T
	nc net.Conn
	b  *pgproto3.Backend
}

func (e *evil) say(messages ...pgproto3.BackendMessage) {
	for _, m := range messages {
		e.b.Send(m)
	}
	_ = e.b.Flush() // the gateway may have had enough
}

// raw says a message as it is.
func (e *evil) raw(kind byte, body string) error {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body)))
	_, err := e.nc.Write(append(b, body...))
	return err
}

// hear reads up to n messages.
func (e *evil) hear(n int) {
	for range n {
		if _, err := e.b.Receive(); err != nil {
			return
		}
	}
}

// welcome logs the gateway in, with no password.
func (e *evil) welcome(superuser string) {
	if _, err := e.b.ReceiveStartupMessage(); err != nil {
		e.t.Error(err)
	}
	e.say(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "is_superuser", Value: superuser}, &pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"},
		&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte("1234")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
}

func newEvil(t *testing.T, serve func(*evil)) (nc net.Conn, served chan struct{}) {
	ours, theirs := net.Pipe()
	deadline := time.Now().Add(20 * time.Second)
	ours.SetDeadline(deadline)
	theirs.SetDeadline(deadline)
	served = make(chan struct{})
	go func() {
		defer close(served)
		defer theirs.Close()
		serve(&evil{t: t, nc: theirs, b: pgproto3.NewBackend(theirs, theirs)})
	}()
	return ours, served
}

func evilLease() protocols.Lease {
	return protocols.Lease{Database: &protocols.Database{
		Name: "offered", TLS: gateway.TLSDisable,
		Answer: func(context.Context, protocols.DatabaseChallenge) (protocols.DatabaseAnswer, error) {
			return protocols.DatabaseAnswer{Proof: []byte("proof"), ServerSignature: []byte("signature")}, nil
		},
		Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("no more connections") },
	}}
}

// TestEvilLogins: each ends with an error, in bounded memory, and never with
// the password.
func TestEvilLogins(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, serve := range map[string]func(*evil){
		"says nothing":       func(*evil) {},
		"another protocol":   func(e *evil) { e.nc.Write([]byte("SSH-2.0-OpenSSH\r\n")) },
		"a huge message":     func(e *evil) { e.nc.Write([]byte{'R', 0x7f, 0xff, 0xff, 0xff, 0}) },
		"a negative message": func(e *evil) { e.nc.Write([]byte{'R', 0, 0, 0, 3, 0}) },
		"endless notices": func(e *evil) {
			for e.raw('N', long) == nil {
			}
		},
		"endless parameters": func(e *evil) {
			e.say(&pgproto3.AuthenticationOk{})
			for e.raw('S', "name\x00value\x00") == nil {
			}
		},
		"many parameters": func(e *evil) {
			e.say(&pgproto3.AuthenticationOk{})
			for i := range 1000 {
				e.say(&pgproto3.ParameterStatus{Name: strings.Repeat("p", i+1), Value: "v"})
			}
		},
		"a long parameter": func(e *evil) { e.say(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "p", Value: long}) },
		"a long key":       func(e *evil) { e.say(&pgproto3.AuthenticationOk{}); e.raw('K', long) },
		"a short key":      func(e *evil) { e.say(&pgproto3.AuthenticationOk{}); e.raw('K', "1234") },
		"rows":             func(e *evil) { e.say(&pgproto3.AuthenticationOk{}, &pgproto3.DataRow{}) },
		"ready at once":    func(e *evil) { e.say(&pgproto3.ReadyForQuery{TxStatus: 'I'}) },
		"a long error":     func(e *evil) { e.say(&pgproto3.ErrorResponse{Code: "28P01", Message: "\x1b]0;evil\a" + long}) },
		"GSSAPI":           func(e *evil) { e.raw('R', "\x00\x00\x00\x07") },
		"the password":     func(e *evil) { e.say(&pgproto3.AuthenticationCleartextPassword{}); e.hear(1) },
		"MD5 twice": func(e *evil) {
			e.say(&pgproto3.AuthenticationMD5Password{})
			e.hear(1)
			e.say(&pgproto3.AuthenticationMD5Password{})
			e.hear(1)
		},
		"MD5 and then SCRAM": func(e *evil) {
			e.say(&pgproto3.AuthenticationMD5Password{})
			e.hear(1)
			e.say(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{mechanism}})
			e.hear(1)
		},
		"SCRAM without an end": func(e *evil) {
			e.say(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{mechanism}})
			e.hear(1)
			e.say(&pgproto3.AuthenticationOk{})
		},
		"SCRAM that begins in the middle": func(e *evil) {
			e.say(&pgproto3.AuthenticationSASLContinue{Data: []byte("r=x,s=eA==,i=4096")})
			e.hear(1)
		},
		"SCRAM that begins at the end": func(e *evil) { e.say(&pgproto3.AuthenticationSASLFinal{Data: []byte("v=eA==")}); e.hear(1) },
		"a mechanism that is not ours": func(e *evil) {
			e.say(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"PLAIN", "OAUTHBEARER"}})
			e.hear(1)
		},
		"a nonce of its own": func(e *evil) {
			e.say(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{mechanism}})
			e.hear(1)
			e.say(&pgproto3.AuthenticationSASLContinue{Data: []byte("r=evil,s=eA==,i=4096")})
			e.hear(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			nc, served := newEvil(t, func(e *evil) {
				if _, err := e.b.ReceiveStartupMessage(); err == nil {
					serve(e)
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			l := evilLease()
			l.Database.Password = func(context.Context) (gateway.Secret, error) {
				t.Error("the password was asked for without TLS")
				return gateway.Secret{}, nil
			}
			conn, err := Backend{}.Login(ctx, nc, gateway.Request{}, l)
			if err == nil {
				conn.Close()
				t.Fatal("the login worked")
			}
			if text := err.Error(); len(text) > 2000 || strings.ContainsAny(text, "\x1b\a") {
				t.Errorf("error of %d bytes: %.100q", len(text), text)
			}
			var known *protocols.LoginError
			if errors.As(err, &known) && (len(known.Tail) > 2000 || strings.ContainsAny(known.Tail, "\x1b\a")) {
				t.Errorf("the server's words: %d bytes, %.100q", len(known.Tail), known.Tail)
			}
			<-served
		})
	}
}

// evilRelay relays between a client, whose side it gives, and an evil server.
func evilRelay(t *testing.T, rights gateway.DatabaseRights, serve func(*evil)) (client net.Conn, session *protocoltest.Session, ended chan error) {
	t.Helper()
	nc, served := newEvil(t, func(e *evil) {
		e.welcome("off")
		if rights != gateway.DatabaseAll {
			e.hear(1)
			e.say(&pgproto3.CommandComplete{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
		serve(e)
	})
	l := evilLease()
	l.Database.Allow = rights
	conn, err := Backend{}.Login(t.Context(), nc, gateway.Request{}, l)
	if err != nil {
		t.Fatal(err)
	}
	client, theirs := net.Pipe()
	client.SetDeadline(time.Now().Add(20 * time.Second))
	session, ended = &protocoltest.Session{}, make(chan error, 1)
	go func() {
		defer theirs.Close()
		c, err := NewFront().Accept(t.Context(), theirs)
		if err == nil {
			_, err = conn.Relay(t.Context(), c, session)
		}
		conn.Close()
		<-served
		ended <- err
	}()
	b, err := (&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "x"}}).Encode(nil)
	if err == nil {
		_, err = client.Write(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return client, session, ended
}

// TestEvilAnswers: what does not fit ends the session, and a client is asked for
// nothing.
func TestEvilAnswers(t *testing.T) {
	none := func(*evil) {}
	for name, serve := range map[string]func(*evil){
		"a row": func(e *evil) {
			e.say(&pgproto3.DataRow{}, &pgproto3.ReadyForQuery{TxStatus: 'I'}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		},
		"ready twice":          func(e *evil) { e.say(&pgproto3.ReadyForQuery{TxStatus: 'I'}, &pgproto3.ReadyForQuery{TxStatus: 'I'}) },
		"an unknown state":     func(e *evil) { e.say(&pgproto3.ReadyForQuery{TxStatus: 'X'}) },
		"parsed":               func(e *evil) { e.say(&pgproto3.ParseComplete{}) },
		"a question":           func(e *evil) { e.say(&pgproto3.AuthenticationCleartextPassword{}) },
		"a new key":            func(e *evil) { e.say(&pgproto3.BackendKeyData{SecretKey: []byte("4321")}) },
		"another protocol":     func(e *evil) { e.say(&pgproto3.NegotiateProtocolVersion{}) },
		"replication":          func(e *evil) { e.say(&pgproto3.CopyBothResponse{}) },
		"suspended":            func(e *evil) { e.say(&pgproto3.PortalSuspended{}) },
		"a function's answer":  func(e *evil) { e.say(&pgproto3.FunctionCallResponse{}) },
		"an error of no code":  func(e *evil) { e.raw('E', "Mno\x00\x00") },
		"an error of any code": func(e *evil) { e.raw('E', "C"+strings.Repeat("x", 100)+"\x00\x00") },
		"an endless error":     func(e *evil) { e.raw('E', "Cxxxxx") },
		"a tag without an end": func(e *evil) { e.raw('C', "SELECT") },
		"half a message":       func(e *evil) { e.nc.Write([]byte{'T', 0, 0, 1, 0, 'x'}) },
		"a long description":   func(e *evil) { e.nc.Write([]byte{'t', 0x7f, 0xff, 0xff, 0xff, 'x'}) },
		"many parameters": func(e *evil) {
			for i := range 1000 {
				e.say(&pgproto3.ParameterStatus{Name: strings.Repeat("p", i+1), Value: "v"})
			}
		},
		"nothing": none,
	} {
		t.Run(name, func(t *testing.T) {
			client, session, ended := evilRelay(t, gateway.DatabaseAll, func(e *evil) {
				e.hear(1)
				serve(e)
			})
			heard := make(chan bool)
			go func() {
				asked := false
				f := pgproto3.NewFrontend(client, io.Discard)
				for {
					m, err := f.Receive()
					if err != nil {
						heard <- asked
						return
					}
					_, ok := m.(*pgproto3.AuthenticationCleartextPassword)
					asked = asked || ok
				}
			}()
			b, err := (&pgproto3.Query{String: "select 1"}).Encode(nil)
			if err == nil {
				_, err = client.Write(b)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err == nil {
				t.Error("the session ended as it should")
			}
			if <-heard {
				t.Error("the client was asked for a password")
			}
			for _, e := range session.Events() {
				if r, ok := e.(recorder.Reply); ok && r.OK && r.Name == "query" {
					t.Errorf("recorded %+v", r)
				}
			}
		})
	}
}

// TestEvilFlood: what nobody waits for passes in bounded memory, and does not
// reach the recording.
func TestEvilFlood(t *testing.T) {
	const count = 200
	client, session, ended := evilRelay(t, gateway.DatabaseAll, func(e *evil) {
		b := bytes.Repeat([]byte{'x'}, 1<<20)
		copy(b, []byte{'N', 0, 0xf, 0xff, 0xff})
		for range count {
			if _, err := e.nc.Write(b); err != nil {
				return
			}
		}
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := io.Copy(io.Discard, client)
	runtime.ReadMemStats(&after)
	if err != nil || got < count<<20 {
		t.Errorf("%d bytes passed, %v", got, err)
	}
	if more := after.TotalAlloc - before.TotalAlloc; more > 32<<20 {
		t.Errorf("%d bytes were allocated", more)
	}
	if err := <-ended; err == nil || len(session.Events()) > 1 {
		t.Errorf("ended with %v, and %d events", err, len(session.Events()))
	}
}

// TestEvilGate: whatever a server says of itself and of the gateway's own
// statements, what is refused is not sent to it.
func TestEvilGate(t *testing.T) {
	for name, serve := range map[string]func(*evil){
		"becomes a superuser": func(e *evil) { e.say(&pgproto3.ParameterStatus{Name: "is_superuser", Value: "on"}) },
		"refuses what limits": func(e *evil) {
			e.hear(5)
			e.say(&pgproto3.ErrorResponse{Code: "42501"}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		},
		"does not do what limits": func(e *evil) { e.hear(5); e.say(&pgproto3.CommandComplete{}, &pgproto3.ReadyForQuery{TxStatus: 'I'}) },
		"says that it did at once": func(e *evil) {
			e.say(&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.CommandComplete{}, &pgproto3.CloseComplete{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var heard []string
			client, _, ended := evilRelay(t, gateway.DatabaseRead, func(e *evil) {
				e.nc.SetDeadline(time.Now().Add(2 * time.Second))
				serve(e)
				for {
					m, err := e.b.Receive()
					if err != nil {
						return
					}
					if q, ok := m.(*pgproto3.Query); ok {
						heard = append(heard, q.String)
					}
				}
			})
			client.SetDeadline(time.Now().Add(time.Second)) // it waits for an honest server
			go io.Copy(io.Discard, client)
			b, err := (&pgproto3.Query{String: "insert into kept values (1)"}).Encode(nil)
			for range 3 {
				if err == nil {
					_, err = client.Write(b) // until the session ends
				}
			}
			client.Close()
			<-ended
			for _, sql := range heard {
				if strings.Contains(sql, "insert") {
					t.Errorf("the server was sent %q", sql)
				}
			}
		})
	}
}
