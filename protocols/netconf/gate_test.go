package netconf

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway"
	"gateway/protocols/protocoltest"
	"gateway/recorder"
)

const (
	hello10 = `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>`
	hello11 = `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities></hello>`
)

// rights is a session that allows what a list of rights does.
type rights struct {
	protocoltest.Session
	lists string
	full  atomic.Bool // nothing more is recorded
	tape  *recorder.Writer
}

func (r *rights) Record(e recorder.Event) error {
	if r.full.Load() {
		return gateway.ErrNoRecord
	}
	if r.tape != nil {
		if err := r.tape.Note(time.Second, e); err != nil {
			return err
		}
	}
	return r.Session.Record(e)
}

func (r *rights) Allow(ctx context.Context, a gateway.Action) error {
	if err := r.Session.Allow(ctx, a); err != nil {
		return err
	}
	rpc, err := gateway.ParseRPC(a.Text)
	if a.Kind != "rpc" || err != nil || !gateway.NETCONFAllows(r.lists, rpc) {
		return gateway.ErrDenied
	}
	return nil
}

// scene is a gate between a client and a device, which both are the test.
type scene struct {
	t       testing.TB
	gate    *gate
	client  *protocoltest.Client
	session *rights
	chunked bool

	mu     sync.Mutex // guards device
	device bytes.Buffer
	ended  chan error
}

// start begins a scene in which both have said hello.
func start(t testing.TB, lists string, chunked bool) *scene {
	t.Helper()
	return startTaped(t, lists, chunked, nil)
}

// startTaped records it as well.
func startTaped(t testing.TB, lists string, chunked bool, tape *recorder.Writer) *scene {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s := &scene{t: t, client: protocoltest.NewClient(), session: &rights{lists: lists, tape: tape}, ended: make(chan error, 1), chunked: chunked}
	s.gate = newGate(ctx, s.client, s.session)
	t.Cleanup(func() { s.client.Close() })
	go func() {
		p := make([]byte, 4096)
		for {
			n, err := s.gate.Read(p)
			s.mu.Lock()
			s.device.Write(p[:n])
			s.mu.Unlock()
			if err != nil {
				s.client.Close() // who still sends need not wait
				s.ended <- err
				return
			}
		}
	}()
	hello := hello10
	if chunked {
		hello = hello11
	}
	s.answer(hello + endOfMessage)
	s.send(hello + endOfMessage)
	return s
}

func (s *scene) send(text string) { io.WriteString(s.client.Input, text) }

func (s *scene) answer(text string) {
	s.t.Helper()
	if _, err := s.gate.Write([]byte(text)); err != nil {
		s.t.Fatalf("Write: %v", err)
	}
}

// framed gives a message as the scene's protocol has it.
func (s *scene) framed(message string) string {
	return string(bytes.Join(frame(s.chunked, []byte(message)), nil))
}

// finish ends the client's input, and gives the messages that reached the
// device, hello left out, and how the reading ended.
func (s *scene) finish() ([]string, error) {
	s.t.Helper()
	s.client.Input.Close()
	done := make(chan struct{})
	go s.answered(done)
	err := <-s.ended
	close(done)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, rest, ok := strings.Cut(s.device.String(), endOfMessage)
	if !ok {
		return nil, err
	}
	var list []string
	f := framer{chunked: s.chunked}
	for p := []byte(rest); len(p) > 0; {
		var message strings.Builder
		n, end, err := f.feed(p, func(b []byte) { message.Write(b) })
		if err != nil || !end {
			s.t.Fatalf("the device got %q: %v", rest, err)
		}
		list = append(list, message.String())
		p = p[n:]
	}
	return list, err
}

// answered has the gate believe that the device answers everything.
func (s *scene) answered(done <-chan struct{}) {
	for {
		s.gate.callsMu.Lock()
		s.gate.open = nil
		s.gate.callsMu.Unlock()
		select {
		case s.gate.settled <- struct{}{}:
		case <-done:
			return
		}
	}
}

func rpc(id, body string) string {
	return `<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="` + id + `">` + body + `</rpc>`
}

const okReply = `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><ok/></rpc-reply>`

// However the client's bytes come, the device gets the same messages.
func TestSplitEverywhere(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		var s *scene
		s = &scene{chunked: chunked}
		messages := []string{rpc("1", "<get/>"), rpc("2", "<get-config><source><running/></source></get-config>"), rpc("3", "<close-session/>")}
		stream := ""
		for _, m := range messages {
			stream += s.framed(m)
		}
		if chunked { // another way to cut the first
			stream = "\n#5\n" + messages[0][:5] + "\n#" + itoa(len(messages[0])-5) + "\n" + messages[0][5:] + "\n##\n" + strings.TrimPrefix(stream, s.framed(messages[0]))
		}
		for cut := 0; cut <= len(stream); cut++ {
			s := start(t, "get,get-config", chunked)
			s.send(stream[:cut])
			s.send(stream[cut:])
			got, err := s.finish()
			if err != io.EOF || strings.Join(got, "|") != strings.Join(messages, "|") {
				t.Fatalf("cut at %d: the device got %q, %v", cut, got, err)
			}
		}
		s = start(t, "get,get-config", chunked)
		for i := range len(stream) {
			s.send(stream[i : i+1])
		}
		if got, err := s.finish(); err != io.EOF || strings.Join(got, "|") != strings.Join(messages, "|") {
			t.Fatalf("byte by byte: the device got %q, %v", got, err)
		}
	}
}

func itoa(n int) string {
	b := []byte{}
	for ; n > 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

// However the device's bytes come, the client gets them, and a refusal is
// between two messages.
func TestRepliesSplit(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		probe := scene{chunked: chunked}
		stream := probe.framed(okReply) + probe.framed(okReply)
		for cut := 0; cut <= len(stream); cut++ {
			s := start(t, "get", chunked)
			s.answer(stream[:cut])
			s.send(s.framed(rpc("7", "<kill-session><session-id>1</session-id></kill-session>")))
			s.client.Input.Close()
			<-s.ended // what is refused is refused by now, or waits
			s.answer(stream[cut:])
			_, out, _ := strings.Cut(s.client.Output(), endOfMessage)
			f, got := framer{chunked: chunked}, []string{}
			for p := []byte(out); len(p) > 0; {
				var m strings.Builder
				n, end, err := f.feed(p, func(b []byte) { m.Write(b) })
				if err != nil || !end {
					t.Fatalf("cut at %d: the client got %q: %v", cut, out, err)
				}
				got, p = append(got, m.String()), p[n:]
			}
			refused := 0
			for _, m := range got {
				if a := readAnswer([]byte(m)); a.errTag == "access-denied" && a.id == "7" {
					refused++
				} else if m != okReply {
					t.Fatalf("cut at %d: the client got %q", cut, m)
				}
			}
			if refused != 1 || len(got) != 3 {
				t.Fatalf("cut at %d: the client got %q", cut, got)
			}
			if s.session.Data(recorder.Out) != s.client.Output() {
				t.Fatal("what was recorded is not what the client got")
			}
		}
	}
}

// What is refused is answered with its message-id and recorded, and the
// session goes on.
func TestRefusal(t *testing.T) {
	s := start(t, "read", true)
	s.send(s.framed(`<nc:rpc xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:x="&lt;" message-id="a&amp;b"><nc:edit-config><nc:target><nc:running/></nc:target><nc:config/></nc:edit-config></nc:rpc>`))
	s.send(s.framed(rpc("2", "<get/>")))
	got, err := s.finish()
	if err != io.EOF || len(got) != 1 || got[0] != rpc("2", "<get/>") {
		t.Fatalf("the device got %q, %v", got, err)
	}
	want := `<nc:rpc-reply xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:x="&lt;" message-id="a&amp;b"><rpc-error xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><error-type>protocol</error-type><error-tag>access-denied</error-tag><error-severity>error</error-severity><error-message xml:lang="en">gateway: edit-config of running is not allowed by your access</error-message></rpc-error></nc:rpc-reply>`
	if out := s.client.Output(); !strings.Contains(out, want) {
		t.Errorf("the client got %s", out)
	}
	events := s.session.Events()
	reply, ok := events[len(events)-2].(recorder.Reply)
	if !ok || reply.OK || reply.Name != "rpc-reply edit-config" || !strings.Contains(reply.Text, `"refused":true`) || !strings.Contains(reply.Text, `"message_id":"a\u0026b"`) {
		t.Errorf("recorded %+v", events)
	}
	actions := s.session.Actions()
	if len(actions) != 2 || actions[0] != (gateway.Action{Kind: "rpc", Text: "edit-config:running"}) || actions[1] != (gateway.Action{Kind: "rpc", Text: "get"}) {
		t.Errorf("asked for %v", actions)
	}
}

// A confirmed commit may be confirmed in time, if nothing was changed since.
func TestConfirmedCommit(t *testing.T) {
	s := start(t, "edit,commit:confirmed-60", false)
	confirmed := "<commit><confirmed/><confirm-timeout>60</confirm-timeout></commit>"
	step := func(id, body string, passes bool) {
		t.Helper()
		s.send(s.framed(rpc(id, body)))
		s.send(" ") // taken when the message before is done with
		s.mu.Lock()
		sent := strings.Contains(s.device.String(), rpc(id, body))
		s.mu.Unlock()
		if sent != passes {
			t.Errorf("%s %s: sent on: %v, want %v", id, body, sent, passes)
		}
		if sent {
			s.answer(strings.ReplaceAll(okReply, `"1"`, `"`+id+`"`) + endOfMessage)
		}
	}
	edit := "<edit-config><target><candidate/></target><config/></edit-config>"
	step("1", edit, true)
	step("2", "<commit/>", false)
	step("3", "<commit><confirmed/></commit>", false) // 600 seconds
	step("4", confirmed, true)
	step("5", "<commit/>", true)
	step("6", "<commit/>", false)
	step("7", confirmed, true)
	step("8", edit, true)
	step("9", "<commit/>", false)
	step("10", confirmed, true)
	s.gate.callsMu.Lock()
	s.gate.confirm = s.gate.confirm.AddDate(-1, 0, 0) // too late
	s.gate.callsMu.Unlock()
	step("11", "<commit/>", false)
}

// A client that is not to be understood any more is told so.
func TestBrokenFraming(t *testing.T) {
	for _, text := range []string{"\n#0\n", "\n#01\n<", "\n#4294967296\n", "\n#99999999999\n", "\n##\n", "\n#x\n", "#5\n<rpc>", "\n#3\nabcd", "\n#5\n<rpc>\n\n#1\n", "<rpc", rpc("1", "<get/>") + endOfMessage, "\n#+5\n<rpc>"} {
		s := start(t, "get", true)
		s.send(text)
		got, err := s.finish()
		if !errors.Is(err, errFraming) || len(got) != 0 {
			t.Errorf("%q: the device got %q, %v", text, got, err)
		}
		if out := s.client.Output(); !strings.Contains(out, "malformed-message") {
			t.Errorf("%q: the client got %q", text, out)
		}
	}
}

// A request that is too large is answered, and the next is taken.
func TestTooBig(t *testing.T) {
	s := start(t, "get", true)
	s.send("\n#" + itoa(maxRequest+100) + "\n" + rpc("1", "<get/>")[:60])
	block := strings.Repeat(" ", 1<<20)
	for sent := 60; sent < maxRequest+100; {
		n := min(len(block), maxRequest+100-sent)
		s.send(block[:n])
		sent += n
	}
	s.send("\n##\n")
	s.send(s.framed(rpc("2", "<get/>")))
	got, err := s.finish()
	if err != io.EOF || len(got) != 1 {
		t.Errorf("the device got %d messages, %v", len(got), err)
	}
	if out := s.client.Output(); !strings.Contains(out, "too-big") {
		t.Errorf("the client got %q", out)
	}
}

// Without a record nothing passes.
func TestRecorderFails(t *testing.T) {
	s := start(t, "get", false)
	s.session.full.Store(true)
	s.send(s.framed(rpc("1", "<get/>")))
	if got, err := s.finish(); !errors.Is(err, gateway.ErrNoRecord) || len(got) != 0 {
		t.Errorf("the device got %q, %v", got, err)
	}
	if _, err := s.gate.Write([]byte(okReply + endOfMessage)); !errors.Is(err, errOver) {
		t.Errorf("Write = %v, want the end", err)
	}
}
