package control

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"gateway"
)

// TestHostilePeer sends what no Conn would. Each time Serve must end with a
// violation, and keep nothing open.
func TestHostilePeer(t *testing.T) {
	type sent struct {
		packet []byte
		fds    int
	}
	full := strings.Repeat("x", maxPacket-headerSize)
	flood := func(kind byte, id uint32, bytes int) []sent {
		all := make([]sent, bytes/len(full)+1)
		for i := range all {
			all[i] = sent{packet(kind, flagMore, OpRun, id, full), 0}
		}
		return all
	}
	for _, test := range []struct {
		name string
		sent []sent
		want string
	}{
		{"short", []sent{{[]byte{kindRequest, 0, 0}, 2}}, "short packet"},
		{"longer than a packet", []sent{{packet(kindRequest, 0, OpEnd, 1, full+"x"), 2}}, "truncated packet"},
		{"too many descriptors", []sent{{packet(kindRequest, 0, OpEnd, 1, "{}"), maxFiles + 1}}, "truncated packet"},
		{"very many descriptors", []sent{{packet(kindRequest, 0, OpEnd, 1, "{}"), 250}}, "truncated packet"},
		{"kind 0", []sent{{packet(0, 0, OpEnd, 1, "{}"), 0}}, "malformed packet"},
		{"kind 5", []sent{{packet(5, 0, OpEnd, 1, "{}"), 2}}, "malformed packet"},
		{"unknown flag", []sent{{packet(kindRequest, 2, OpEnd, 1, "{}"), 2}}, "malformed packet"},
		{"interleaved call", []sent{{packet(kindRequest, flagMore, OpEnd, 1, "{"), 2}, {packet(kindRequest, 0, OpEnd, 2, "}"), 0}}, "interleaved message"},
		{"interleaved operation", []sent{{packet(kindRequest, flagMore, OpEnd, 1, "{"), 0}, {packet(kindRequest, 0, OpRun, 1, "}"), 0}}, "interleaved message"},
		{"interleaved kind", []sent{{packet(kindRequest, flagMore, OpEnd, 1, "{"), 0}, {packet(kindNotify, 0, OpEnd, 1, "}"), 0}}, "interleaved message"},
		{"descriptors later", []sent{{packet(kindRequest, flagMore, OpEnd, 1, "{"), 2}, {packet(kindRequest, 0, OpEnd, 1, "}"), 2}}, "descriptors in a later packet"},
		{"request without end", flood(kindRequest, 1, large), "too large"},
		{"notification without end", flood(kindNotify, 0, large), "too large"},
		{"answer to nothing", []sent{{packet(kindReply, flagMore, OpEnd, 1, full), 2}}, "answer to nothing"},
		{"error to nothing", []sent{{packet(kindError, 0, OpEnd, 1, "{}"), 2}}, "answer to nothing"},
		{"answer without id", []sent{{packet(kindReply, 0, OpEnd, 0, "{}"), 2}}, "answer to nothing"},
		{"refused by the gate", []sent{{packet(kindRequest, 0, OpProve, 1, "{}"), 2}}, "out of phase"},
		{"malformed body", []sent{{packet(kindRequest, 0, OpEnd, 1, "{]"), 2}}, "malformed body"},
		{"more after the body", []sent{{packet(kindRequest, 0, OpEnd, 1, "{}}"), 2}}, "bytes after the body"},
		{"unknown field", []sent{{packet(kindRequest, 0, OpEnd, 1, `{"evil":1}`), 2}}, "malformed body"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewGate(SessionTable())
			p, end := attack(t, server{
				admit: func(op Op, size int) error { return g.Admit(op, Authenticated, size) },
				handle: func(_ context.Context, _ Op, body []byte, files []*os.File) (any, []*os.File, error) {
					CloseFiles(files)
					var e End
					return struct{}{}, nil, Decode(body, &e)
				},
			})
			for _, s := range test.sent {
				p.send(s.packet, make([]int, s.fds)...)
			}
			var v *ViolationError
			if err := <-end; !errors.As(err, &v) || v.What != test.want {
				t.Errorf("Serve = %v, want a violation: %s", err, test.want)
			}
		})
	}
}

// TestEmptyPacket: it reads like the end, but may bring descriptors.
func TestEmptyPacket(t *testing.T) {
	p, end := attack(t, server{})
	oob := unix.UnixRights(0, 0, 0)
	header := unix.Msghdr{Control: &oob[0]}
	header.SetControllen(len(oob))
	// Sendmsg would add a byte.
	if _, _, errno := unix.Syscall(unix.SYS_SENDMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&header)), 0); errno != 0 {
		t.Fatal(errno)
	}
	if err := <-end; err != nil {
		t.Errorf("Serve = %v, want the end", err)
	}
}

func TestEndInsideMessage(t *testing.T) {
	p, end := attack(t, server{})
	p.send(packet(kindRequest, flagMore, OpEnd, 1, "{"), 0, 0)
	if err := unix.Shutdown(p.fd, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if err := <-end; err != nil {
		t.Errorf("Serve = %v, want the end", err)
	}
}

// TestPeerThatDoesNotRead lets answers pile up; the end of the context ends
// everything nevertheless.
func TestPeerThatDoesNotRead(t *testing.T) {
	before := openFiles(t)
	c, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ctx, cancel := context.WithCancel(t.Context())
	full := make(chan struct{}, 1<<16)
	done := make(chan error)
	go func() {
		done <- c.Serve(ctx, server{handle: func(context.Context, Op, []byte, []*os.File) (any, []*os.File, error) {
			full <- struct{}{}
			return text{strings.Repeat("x", 1<<20)}, nil, nil
		}})
	}()
	p := peer{t, int(file.Fd())}
	for i := range maxInFlight {
		p.send(packet(kindRequest, 0, OpRun, uint32(i), "{}"))
	}
	for range maxInFlight {
		<-full
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("Serve ended well without its peer")
	}
	c.Close()
	file.Close()
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

// TestHostileAnswers: the peer may answer a call with anything.
func TestHostileAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		packet []byte
		want   error // nil: any
	}{
		{"malformed answer", packet(kindReply, 0, OpOpen, 1, "]"), nil},
		{"malformed error", packet(kindError, 0, OpOpen, 1, "]"), nil},
		{"unknown error", packet(kindError, 0, OpOpen, 1, `{"kind":"x","text":"y"}`), gateway.ErrUnavailable},
		{"interleaved", packet(kindReply, flagMore, OpOpen, 1, "{"), gateway.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := openFiles(t)
			c, file, err := Pair()
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				_ = c.Serve(t.Context(), server{})
			}()
			got := make(chan error)
			go func() {
				var reply text
				_, err := c.Call(t.Context(), OpOpen, nil, &reply)
				got <- err
			}()
			p := peer{t, int(file.Fd())}
			if _, err := unix.Read(p.fd, make([]byte, maxPacket)); err != nil {
				t.Fatal(err)
			}
			p.send(test.packet, 0, 0)
			p.send(packet(kindReply, 0, OpClose, 1, "{}"), 0, 0) // an answer too many
			if err := <-got; err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("Call = %v, want an error %v", err, test.want)
			}
			file.Close()
			<-served
			c.Close()
			if after := openFiles(t); after != before {
				t.Errorf("%d descriptors are open, %d before", after, before)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		body string
		ok   bool
	}{
		{`{"text":"x"}`, true},
		{` {} ` + "\n", true},
		{`null`, true},
		{``, false},
		{`{`, false},
		{`{}{}`, false},
		{`{}]`, false},
		{`{} x`, false},
		{`{"text":1}`, false},
		{`{"other":"x"}`, false},
		{`[]`, false},
		{strings.Repeat("[", 100_000), false},
	} {
		var v *ViolationError
		if err := Decode([]byte(test.body), new(text)); (err == nil) != test.ok || err != nil && !errors.As(err, &v) {
			t.Errorf("Decode(%.20q) = %v, want success %v", test.body, err, test.ok)
		}
	}
}

// FuzzDecoder lets a hostile peer send packets, each with up to 15 descriptors:
// the input is a row of them, with their length and that number before each.
func FuzzDecoder(f *testing.F) {
	row := func(packets ...[]byte) []byte {
		var b []byte
		for i, p := range packets {
			b = append(binary.BigEndian.AppendUint16(append(b, byte(i)), uint16(len(p))), p...)
		}
		return b
	}
	f.Add(row(packet(kindRequest, 0, OpEnd, 1, `{"session":"x"}`)))
	f.Add(row(packet(kindRequest, flagMore, OpEnd, 1, `{"session"`), packet(kindRequest, 0, OpEnd, 1, `:"x"}`)))
	f.Add(row(packet(kindNotify, 0, OpBoot, 0, `{}`), packet(kindReply, 0, OpEnd, 1, `{}`)))
	f.Add(row(packet(kindRequest, 0, OpProve, 7, `{"user":"a","blob":"AA=="}`), nil))
	f.Add(row(packet(kindRequest, 0, OpOpen, 7, `{"host":"a","action":{"Kind":"shell"}}`), []byte{1}))
	f.Fuzz(func(t *testing.T, in []byte) {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pipe[0])
		c, file, err := Pair()
		if err != nil {
			t.Fatal(err)
		}
		raw := int(file.Fd())
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			defer file.Close()
			for len(in) >= 3 {
				n, fds := int(binary.BigEndian.Uint16(in[1:])), slices.Repeat(pipe[1:], int(in[0]%16))
				in = in[3:]
				n = min(n, len(in))
				var oob []byte
				if len(fds) > 0 {
					oob = unix.UnixRights(fds...)
				}
				if unix.Sendmsg(raw, in[:n], oob, nil, unix.MSG_NOSIGNAL) != nil {
					return
				}
				in = in[n:]
			}
		}()
		_ = c.Serve(t.Context(), decoding{t})
		c.Close()
		<-sent
		unix.Close(pipe[1])
		// The end comes only when no copy of the other end is left.
		if n, err := unix.Read(pipe[0], make([]byte, 1)); n != 0 || err != nil {
			t.Errorf("a passed descriptor is open: %v", err)
		}
	})
}

// decoding reads every message that may come as what it should be.
type decoding struct{ t *testing.T }

func (decoding) Admit(Op, int) error { return nil }

func (d decoding) Handle(_ context.Context, op Op, body []byte, files []*os.File) (any, []*os.File, error) {
	defer CloseFiles(files)
	if len(body) > large || len(files) > maxFiles {
		d.t.Errorf("message of %d bytes and %d files", len(body), len(files))
	}
	into := map[Op]any{
		OpSignHost: new(SignHost), OpUserKey: new(UserKey), OpProve: new(Prove), OpOpen: new(Open),
		OpSignEgress: new(SignEgress), OpHostKey: new(HostKey), OpWorked: new(Worked), OpAllow: new(Allow), OpEnd: new(End),
		OpRun: new(Run), OpComplete: new(Complete), OpAbort: new(Abort), OpPassword: new(Password), OpRedial: new(Redial), OpBoot: new(Boot), OpTerminate: new(Terminate),
		OpSealed: new(Sealed), OpFailed: new(Failed), OpCreate: new(Create), OpRunLocal: new(RunLocal),
	}[op]
	if into == nil {
		into = new(struct{})
	}
	return struct{}{}, nil, Decode(body, into)
}
