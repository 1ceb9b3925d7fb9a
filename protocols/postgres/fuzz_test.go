package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
	"gateway/protocols"
	"gateway/recorder"
)

// said is a connection with somebody who has said all that they will.
type said struct {
	*bytes.Reader
	bytes.Buffer
}

func (s *said) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s *said) Write(p []byte) (int, error) { return s.Buffer.Write(p) }
func (s *said) Close() error                { return nil }

// nowhere is where what is sent to goes.
type nowhere struct{ net.Conn }

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// slowly gives what r has in pieces whose sizes are taken from a seed.
type slowly struct {
	r    io.Reader
	seed []byte
	at   int
}

func (s *slowly) Read(p []byte) (int, error) {
	n := len(p)
	if len(s.seed) > 0 {
		n = min(n, 1+int(s.seed[s.at%len(s.seed)]))
		s.at++
	}
	return s.r.Read(p[:n])
}

func encode(tb testing.TB, messages ...interface {
	Encode([]byte) ([]byte, error)
}) []byte {
	tb.Helper()
	var b []byte
	var err error
	for _, m := range messages {
		if b, err = m.Encode(b); err != nil {
			tb.Fatal(err)
		}
	}
	return b
}

// FuzzStartup: what is accepted is a startup message for pgproto3 too, with the
// same meaning; nothing after it is read.
func FuzzStartup(f *testing.F) {
	startup := &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "u", "database": "d", "application_name": "psql"}}
	f.Add(encode(f, startup))
	f.Add(encode(f, &pgproto3.SSLRequest{}, &pgproto3.GSSEncRequest{}, startup))
	f.Add(encode(f, &pgproto3.CancelRequest{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}))
	f.Add(encode(f, &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion32, Parameters: map[string]string{"_pq_.x": "y"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		nc := &said{Reader: bytes.NewReader(b)}
		c, err := NewFront().Accept(context.Background(), nc)
		if err != nil || len(c.settings) == 0 && c.user == "" && c.database == "" {
			return
		}
		used := b[:len(b)-nc.Reader.Len()]
		for len(used) >= 8 && binary.BigEndian.Uint32(used[4:])>>16 != protocol3 {
			used = used[8:]
		}
		var m pgproto3.StartupMessage
		if minor := binary.BigEndian.Uint32(used[4:]) & 0xffff; minor != 0 && minor != 2 {
			return // which pgproto3 does not know
		}
		if err := m.Decode(used[4:]); err != nil {
			t.Fatalf("accepted %q, and pgproto3 does not: %v", b, err)
		}
		if m.Parameters["user"] != c.user || m.Parameters["database"] != c.Database() || m.Parameters["application_name"] != c.settings["application_name"] {
			t.Errorf("%q is %+v, and %+v for pgproto3", b, c, m)
		}
	})
}

// fuzzed makes a relay between two sides that have said all that they will.
func fuzzed(client, server io.Reader, events *[]recorder.Event) *relay {
	c := &Client{nc: &said{}, front: NewFront(), number: 1}
	r := newRelay(&conn{nc: nil, server: newPump(server, serverRules(), maxServer), db: protocols.Database{Results: 1}}, c, keeper{events})
	r.up.src, r.up.dst = client, io.Discard
	return r
}

// keeper is a session that keeps what is recorded.
type keeper struct{ events *[]recorder.Event }

func (keeper) Allow(context.Context, gateway.Action) error { return nil }

func (k keeper) Record(e recorder.Event) error {
	*k.events = append(*k.events, e)
	return nil
}

// FuzzClient: what passes is just what pgproto3 reads as well, however it is cut
// into pieces, and what runs something is recorded.
func FuzzClient(f *testing.F) {
	f.Add(encode(f, &pgproto3.Query{String: "select 1"}, &pgproto3.Terminate{}), []byte{})
	f.Add(encode(f, &pgproto3.Parse{Name: "s", Query: "select $1", ParameterOIDs: []uint32{23}}, &pgproto3.Describe{ObjectType: 'S', Name: "s"},
		&pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{[]byte("x"), nil}, ParameterFormatCodes: []int16{0, 1}, ResultFormatCodes: []int16{1}},
		&pgproto3.Execute{MaxRows: 2}, &pgproto3.Close{ObjectType: 'P'}, &pgproto3.Flush{}, &pgproto3.Sync{}), []byte{0, 7})
	f.Add(encode(f, &pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{Message: "no"}), []byte{2})
	f.Add(encode(f, &pgproto3.FunctionCall{Function: 1, Arguments: [][]byte{{1}}}), []byte{4})
	f.Fuzz(func(t *testing.T, b, seed []byte) {
		var events []recorder.Event
		var passed bytes.Buffer
		r := fuzzed(&slowly{r: bytes.NewReader(b), seed: seed}, nil, &events)
		r.up.dst = &passed
		err := r.fromClient(context.Background())
		if !bytes.HasPrefix(b, passed.Bytes()) {
			t.Fatalf("%q passed, of %q", passed.Bytes(), b)
		}
		if !errors.Is(err, errTerminated) {
			return
		}
		run := 0
		for reader := pgproto3.NewBackend(&passed, io.Discard); ; {
			m, err := reader.Receive()
			if err != nil {
				if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
					t.Fatalf("passed, and pgproto3 says %v", err)
				}
				break
			}
			switch m.(type) {
			case *pgproto3.Query, *pgproto3.Parse, *pgproto3.Bind, *pgproto3.Execute, *pgproto3.FunctionCall:
				run++
			}
		}
		if run != len(events) {
			t.Errorf("%d messages passed that run something, %d are recorded", run, len(events))
		}
	})
}

// FuzzServer: whatever a server says, what passes is a part of it, and the relay
// ends.
func FuzzServer(f *testing.F) {
	f.Add(encode(f, &pgproto3.RowDescription{}, &pgproto3.DataRow{Values: [][]byte{[]byte("x"), nil}}, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'}), "Q", []byte{})
	f.Add(encode(f, &pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.PortalSuspended{}, &pgproto3.ErrorResponse{Severity: "ERROR", Code: "XX000", Message: "no"}, &pgproto3.ReadyForQuery{TxStatus: 'E'}), "PBEES", []byte{3})
	f.Add(encode(f, &pgproto3.CopyInResponse{}, &pgproto3.CommandComplete{CommandTag: []byte("COPY 1")}, &pgproto3.ReadyForQuery{TxStatus: 'T'}), "QSdc", []byte{1, 9})
	f.Add(encode(f, &pgproto3.CopyOutResponse{}, &pgproto3.CopyData{Data: []byte("x")}, &pgproto3.CopyDone{}, &pgproto3.NoticeResponse{}, &pgproto3.ParameterStatus{Name: "a", Value: "b"}, &pgproto3.NotificationResponse{}), "E", []byte{})
	f.Fuzz(func(t *testing.T, b []byte, asked string, seed []byte) {
		var events []recorder.Event
		r := fuzzed(nil, &slowly{r: bytes.NewReader(b), seed: seed}, &events)
		for i := range min(len(asked), 1000) {
			if bytes.IndexByte([]byte("PBDECSQFdc"), asked[i]) >= 0 {
				r.queue.push(pending{kind: asked[i], n: uint64(i), own: i%7 == 6})
			}
		}
		if err := r.fromServer(); err == nil {
			t.Fatal("the relay did not end")
		}
		rest := r.client.nc.(*said).Buffer.Bytes()
		for from := b; len(rest) > 0; from = from[1:] {
			// In the same order, with own answers taken out.
			if len(from) == 0 {
				t.Fatalf("something passed that the server did not say: %q of %q", rest, b)
			}
			if from[0] == rest[0] {
				rest = rest[1:]
			}
		}
	})
}

// FuzzLogin: no server makes the login hang, panic, or send anything that an
// honest one would not get.
func FuzzLogin(f *testing.F) {
	f.Add(encode(f, &pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "a", Value: "b"}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}, &pgproto3.ReadyForQuery{TxStatus: 'I'}))
	f.Add(encode(f, &pgproto3.AuthenticationMD5Password{Salt: [4]byte{1, 2, 3, 4}}, &pgproto3.AuthenticationOk{}))
	f.Add(encode(f, &pgproto3.AuthenticationCleartextPassword{}, &pgproto3.AuthenticationOk{}))
	f.Add(encode(f, &pgproto3.AuthenticationSASL{AuthMechanisms: []string{mechanism, mechanismBinding}}, &pgproto3.AuthenticationSASLContinue{Data: []byte("r=x,s=eA==,i=4096")}, &pgproto3.AuthenticationSASLFinal{Data: []byte("v=eA==")}))
	f.Add(encode(f, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "no"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &conn{server: newPump(bytes.NewReader(b), loginRules(), maxServer)}
		c.nc = nowhere{}
		c.db.Answer = func(context.Context, protocols.DatabaseChallenge) (protocols.DatabaseAnswer, error) {
			return protocols.DatabaseAnswer{Proof: []byte("proof"), ServerSignature: []byte("signature")}, nil
		}
		c.db.Password = func(context.Context) (gateway.Secret, error) {
			t.Fatal("the password was asked for without TLS")
			return gateway.Secret{}, nil
		}
		if err := c.authenticate(context.Background()); err == nil {
			c.greeting()
		}
	})
}

// FuzzSCRAM: what is proven is bound to our nonce and to bounds, and only the
// right signature is accepted.
func FuzzSCRAM(f *testing.F) {
	f.Add("r=%snonce,s=c2FsdA==,i=4096", "v=c2lnbmF0dXJl")
	f.Add("r=%s,s=c2FsdA==,i=4096", "e=invalid-proof")
	f.Add("r=%snonce,s=,i=0", "")
	f.Add("r=%snonce,s=c2FsdA==,i=99999999999,m=x", "v=")
	f.Fuzz(func(t *testing.T, first, final string) {
		s, err := newSCRAM([]string{mechanism}, nil)
		if err != nil {
			t.Fatal(err)
		}
		message := bytes.Replace([]byte(first), []byte("%s"), []byte(s.nonce), 1)
		signature := sha256.Sum256([]byte(first))
		asked := false
		_, err = s.answer(context.Background(), message, func(_ context.Context, q protocols.DatabaseChallenge) (protocols.DatabaseAnswer, error) {
			asked = true
			if q.Iterations < gateway.MinSCRAMIterations || q.Iterations > gateway.MaxSCRAMIterations || len(q.Salt) == 0 || len(q.Salt) > gateway.MaxSCRAMSalt ||
				!bytes.HasPrefix(q.AuthMessage, []byte("n=,r="+s.nonce+",r="+s.nonce)) {
				t.Errorf("asked for %+v", q)
			}
			return protocols.DatabaseAnswer{Proof: []byte("p"), ServerSignature: signature[:]}, nil
		})
		if (err == nil) != asked {
			t.Errorf("answer = %v, asked %v", err, asked)
		}
		if err := s.verify([]byte(final)); err == nil && final != "v="+base64.StdEncoding.EncodeToString(signature[:]) {
			t.Errorf("%q is accepted", final)
		}
	})
}
