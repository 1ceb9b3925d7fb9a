package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/ring"
	"gateway/protocols"
	"gateway/recorder"
)

// monitor answers each operation with what the test gives, and keeps what it
// was asked.
type monitor struct {
	answer func(op control.Op, req any) (reply any, files []*os.File, err error)
	asked  []any
}

func (m *monitor) Call(_ context.Context, op control.Op, req, reply any, _ ...*os.File) ([]*os.File, error) {
	m.asked = append(m.asked, req)
	a, files, err := m.answer(op, req)
	if err != nil || reply == nil {
		return files, err
	}
	b, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	return files, json.Unmarshal(b, reply)
}

func (m *monitor) Notify(_ control.Op, body any, _ ...*os.File) error {
	m.asked = append(m.asked, body)
	return nil
}

func TestLease(t *testing.T) {
	m := &monitor{answer: func(op control.Op, _ any) (any, []*os.File, error) {
		return control.Signature{Signature: []byte("signed")}, nil, nil
	}}
	l := Lease(t.Context(), m, control.OpenReply{
		Session: "s", Legacy: true, HostKeyTypes: []string{"ssh-ed25519"}, Env: []string{"LC_BASTION=alice"},
		Keys: []control.LeasedKey{{Index: 4, Way: gateway.WayPersonal, Key: gateway.EgressKey{ID: 70}}, {Index: 5, Group: "web", Key: gateway.EgressKey{ID: 71}}},
	}, Person{})
	if !l.Legacy || len(l.Keys) != 2 || l.Keys[1].Group != "web" || len(l.HostKeyTypes) != 1 || len(l.Env) != 1 {
		t.Fatalf("lease is %+v", l)
	}
	if sig, err := l.Keys[1].Sign([]byte("data"), "algorithm"); err != nil || string(sig) != "signed" {
		t.Errorf("Sign = %q, %v", sig, err)
	}
	l.Worked(l.Keys[1])
	want := []any{
		control.SignEgress{Session: "s", Key: 5, Algorithm: "algorithm", Data: []byte("data")},
		control.Worked{Session: "s", Key: 5},
	}
	if d := cmp.Diff(want, m.asked); d != "" {
		t.Errorf("the monitor was asked (-want +got):\n%s", d)
	}
}

func TestCheckHostKey(t *testing.T) {
	for _, test := range []struct {
		name            string
		first, accepted control.HostKeyReply
		ask             func(string) bool
		want            error
		shown           string
	}{
		{name: "known", first: control.HostKeyReply{OK: true}},
		{name: "learned", first: control.HostKeyReply{OK: true, Text: "learned"}, shown: "learned"},
		{name: "changed and accepted", first: control.HostKeyReply{OK: true, Text: "changed", Warning: true}, shown: "warned: changed"},
		{name: "refused", first: control.HostKeyReply{Text: "changed"}, want: gateway.ErrDenied},
		{name: "nobody to ask", first: control.HostKeyReply{Ask: true, Text: "new"}, want: gateway.ErrDenied},
		{name: "no", first: control.HostKeyReply{Ask: true}, ask: func(string) bool { return false }, want: gateway.ErrDenied},
		{name: "yes", first: control.HostKeyReply{Ask: true}, accepted: control.HostKeyReply{OK: true, Text: "ok"}, ask: func(string) bool { return true }, shown: "ok"},
		{name: "yes, and refused", first: control.HostKeyReply{Ask: true, OK: true}, ask: func(string) bool { return true }, want: gateway.ErrDenied},
	} {
		m := &monitor{answer: func(_ control.Op, req any) (any, []*os.File, error) {
			if req.(control.HostKey).Accept {
				return test.accepted, nil, nil
			}
			return test.first, nil, nil
		}}
		shown := ""
		err := Lease(t.Context(), m, control.OpenReply{Session: "s"}, Person{Ask: test.ask, Tell: func(s string) { shown += s }, Warn: func(s string) { shown += "warned: " + s }}).CheckHostKey("type", []byte("key"))
		if !errors.Is(err, test.want) || shown != test.shown {
			t.Errorf("%s: CheckHostKey = %v and shows %q, want %v and %q", test.name, err, shown, test.want, test.shown)
		}
		var login *protocols.LoginError
		if err != nil && (!errors.As(err, &login) || login.Kind != protocols.HostKeyRefused) {
			t.Errorf("%s: CheckHostKey = %v, want it to name the host key", test.name, err)
		}
	}
	m := &monitor{answer: func(control.Op, any) (any, []*os.File, error) { return nil, nil, gateway.ErrUnavailable }}
	if err := Lease(t.Context(), m, control.OpenReply{}, Person{}).CheckHostKey("", nil); !errors.Is(err, gateway.ErrUnavailable) {
		t.Errorf("CheckHostKey without a monitor = %v", err)
	}
}

// newPipeline has a monitor that opens sessions for commands.
func newPipeline(t *testing.T) (*Pipeline, *monitor, *ring.Shared) {
	t.Helper()
	shared, err := ring.New(ring.MinSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(shared.Close)
	m := &monitor{answer: func(op control.Op, _ any) (any, []*os.File, error) {
		p := shared.Producer
		return control.OpenReply{Session: "s", Started: time.Now()}, []*os.File{p.Mem, p.Wake, p.Space}, nil
	}}
	return &Pipeline{Monitor: m, Account: "alice"}, m, shared
}

func TestSessionRecordsAndCounts(t *testing.T) {
	p, m, shared := newPipeline(t)
	s, ctx, err := p.Open(t.Context(), control.Open{Protocol: gateway.OSH})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ring.NewConsumer(shared.Consumer, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	in, err := io.ReadAll(s.Reader(strings.NewReader("typed")))
	if err != nil || string(in) != "typed" {
		t.Errorf("Reader gives %q, %v", in, err)
	}
	for _, w := range []io.Writer{s.Writer(&out, recorder.Out), s.Writer(&errs, recorder.Err)} {
		if n, err := io.WriteString(w, "shown"); n != 5 || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
	}
	m.answer = func(control.Op, any) (any, []*os.File, error) { return nil, nil, nil }
	if err := s.End(gateway.Exit{Code: 3}, "over"); err != nil {
		t.Error(err)
	}
	want := control.End{Session: "s", Exit: gateway.Exit{Code: 3}, Comment: "over", In: 5, Out: 10}
	if d := cmp.Diff(want, m.asked[len(m.asked)-1]); d != "" {
		t.Errorf("the monitor was told (-want +got):\n%s", d)
	}
	if ctx.Err() == nil {
		t.Error("the context goes on after the end")
	}
	buf := make([]byte, c.Size())
	n, err := c.Drain(buf)
	if err != nil || bytes.Count(buf[:n], []byte("typed")) != 1 || bytes.Count(buf[:n], []byte("shown")) != 2 {
		t.Errorf("recorded are %q, %v", buf[:n], err)
	}
	// Nothing passes unrecorded.
	if n, err := io.WriteString(s.Writer(&out, recorder.Out), "more"); n != 0 || !errors.Is(err, gateway.ErrNoRecord) || out.Len() != 5 {
		t.Errorf("Write after the end = %d, %v", n, err)
	}
	if n, err := s.Reader(strings.NewReader("more")).Read(make([]byte, 9)); n != 0 || !errors.Is(err, gateway.ErrNoRecord) {
		t.Errorf("Read after the end = %d, %v", n, err)
	}
}

func TestTerminate(t *testing.T) {
	for _, test := range []struct {
		session gateway.SessionID
		ends    bool
	}{{"s", true}, {"", true}, {"another", false}} {
		p, _, _ := newPipeline(t)
		s, ctx, err := p.Open(t.Context(), control.Open{Protocol: gateway.OSH})
		if err != nil {
			t.Fatal(err)
		}
		p.Terminate(control.Terminate{Session: test.session, Text: "frozen", Code: 7})
		var terminated *TerminatedError
		if ended := errors.As(context.Cause(ctx), &terminated); ended != test.ends || ended && (terminated.Text != "frozen" || terminated.Code != 7) {
			t.Errorf("Terminate(%q): cause is %v, want an end %v", test.session, context.Cause(ctx), test.ends)
		}
		s.cancel(nil)
	}
}

func TestOpenRefused(t *testing.T) {
	refusal := &control.Refusal{Refusal: gateway.RefusalAccessDenied, Text: "no"}
	for _, test := range []struct {
		name  string
		reply control.OpenReply
		err   error
		want  error
	}{
		{"refusal", control.OpenReply{Refusal: refusal}, nil, gateway.ErrDenied},
		{"error", control.OpenReply{}, gateway.ErrUnavailable, gateway.ErrUnavailable},
		{"no descriptors", control.OpenReply{Session: "s"}, nil, gateway.ErrUnavailable},
	} {
		m := &monitor{answer: func(control.Op, any) (any, []*os.File, error) { return test.reply, nil, test.err }}
		p := &Pipeline{Monitor: m}
		if s, _, err := p.Open(t.Context(), control.Open{Protocol: gateway.SSH}); !errors.Is(err, test.want) || s != nil {
			t.Errorf("%s: Open = %v, want %v", test.name, err, test.want)
		}
		var refused *RefusedError
		if _, _, err := p.Open(t.Context(), control.Open{}); errors.As(err, &refused) != (test.reply.Refusal != nil) {
			t.Errorf("%s: Open = %v", test.name, err)
		}
	}
}

func TestExits(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
	}{
		{&protocols.LoginError{Kind: protocols.HandshakeTimeout, Err: io.EOF}, gateway.ExitConnectTimeout},
		{&protocols.LoginError{Kind: protocols.HostKeyRefused, Err: io.EOF}, gateway.ExitLoginFailed},
		{gateway.ErrNoRecord, gateway.RefusalRecorder.Code},
		{gateway.ErrDenied, gateway.RefusalAccessDenied.Code},
		{errors.New("line\nand \x1b[2J escape"), gateway.ExitLoginFailed},
	} {
		var shown string
		exit, comment := (&Pipeline{}).failed(t.Context(), test.err, &Session{}, func(s string) { shown += s })
		if exit.Code != test.code || comment == "" || shown == "" || strings.ContainsAny(shown+comment, "\x1b\n") {
			t.Errorf("%v: exit %d, comment %q, shown %q, want exit %d", test.err, exit.Code, comment, shown, test.code)
		}
	}
}
