package netconf

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gateway"
	"gateway/recorder"
)

// Bounds of what a list keeps of a session: of one message, and of those that
// were read and that edits are compared with.
const (
	maxShownMessage = 1 << 20
	maxReads        = 8
	maxOpenShown    = 64
	maxReady        = 4 << 20 // bytes of messages whose event has not come
)

// List writes the rpcs of a recorded session, one line for each, and what each
// edit changes: against what the session had read of the same before, if it
// had. Nothing that w gets can drive a terminal.
func List(w io.Writer, r *recorder.Reader) error {
	l := lister{page: page{w: w}}
	for {
		at, e, err := r.Next()
		if err == io.EOF {
			return l.rest()
		}
		if err != nil {
			return err
		}
		l.event(at, e)
		if l.err != nil {
			return l.err
		}
	}
}

// rest writes what was never answered.
func (l *lister) rest() error {
	for _, q := range l.open {
		l.unanswered(q)
	}
	return l.err
}

func (l *lister) unanswered(q asked) {
	l.out(fmt.Sprintf("%10.3fs  #%s  %s  no answer", q.at.Seconds(), q.ID, strings.TrimSpace(q.Operation+" "+q.Datastore)))
	if q.Operation == "edit-config" {
		l.edit(q)
	}
}

// lister follows a session through its events. Each message has one; what it
// says is found again in the bytes that were recorded before.
type lister struct {
	page
	client, device side
	open           []asked
	reads          []read
}

// asked is an rpc without an answer.
type asked struct {
	Call
	at      time.Duration
	message []byte
}

// read is what was read of a datastore.
type read struct {
	store string
	at    time.Duration
	data  *node
}

func (l *lister) event(at time.Duration, e recorder.Event) {
	switch e := e.(type) {
	case recorder.Data:
		switch e.Stream {
		case recorder.In:
			l.client.take(e.Bytes)
		case recorder.Out:
			l.device.take(e.Bytes)
		}
		if l.client.hello != nil && l.device.hello != nil {
			chunked := l.client.hello.v11 && l.device.hello.v11
			l.client.settle(chunked)
			l.device.settle(chunked)
		}
	case recorder.Request:
		var c Call
		if (e.Name == callName || strings.HasPrefix(e.Name, callName+" ") || e.Name == "hello") && json.Unmarshal([]byte(e.Text), &c) == nil {
			if message := l.client.next(); e.Name != "hello" {
				l.ask(asked{c, at, message})
			}
		}
	case recorder.Reply:
		var a Answer
		if json.Unmarshal([]byte(e.Text), &a) == nil {
			l.answer(e, a, l.device.next())
		}
	}
}

// ask notes an rpc. A device that answers nothing is not waited for.
func (l *lister) ask(q asked) {
	if q.Operation != "edit-config" {
		q.message = nil
	}
	if len(l.open) == maxOpenShown {
		l.unanswered(l.open[0])
		l.open = slices.Delete(l.open, 0, 1)
	}
	l.open = append(l.open, q)
}

// answer writes what was asked, now that it is known what came of it.
func (l *lister) answer(e recorder.Reply, a Answer, message []byte) {
	if e.Name == "hello" || e.Name == "notification" {
		return
	}
	i := slices.IndexFunc(l.open, func(q asked) bool { return q.ID == a.ID && q.Operation == a.Operation })
	if i < 0 {
		return
	}
	q := l.open[i]
	l.open = slices.Delete(l.open, i, i+1)
	l.title(q, a, e.OK)
	switch q.Operation {
	case "edit-config":
		l.edit(q)
	case "get", "get-config":
		l.keep(q, message)
	}
}

// title writes the line of an rpc.
func (l *lister) title(q asked, a Answer, ok bool) {
	end := fmt.Sprintf("ok, %.1f ms, %d bytes", a.Milliseconds, a.Bytes)
	switch {
	case a.Refused:
		end = "REFUSED by the gateway: " + a.Error
	case !ok:
		end = fmt.Sprintf("error %s: %s", a.ErrorTag, a.Error)
	}
	what := q.Operation
	if what == "" {
		what = "(not understood)"
	}
	if q.Datastore != "" {
		what += " " + q.Datastore
	}
	l.out(fmt.Sprintf("%10.3fs  #%s  %s  %s", q.at.Seconds(), q.ID, what, end))
}

// out writes one line.
func (l *lister) out(s string) {
	if l.err == nil {
		_, l.err = fmt.Fprintln(l.w, gateway.Printable(s))
	}
}

// keep remembers what was read.
func (l *lister) keep(q asked, message []byte) {
	tree, err := parseTree(message)
	if err != nil {
		return
	}
	data := tree.find("data")
	if data == nil {
		return
	}
	if len(l.reads) == maxReads {
		l.reads = slices.Delete(l.reads, 0, 1)
	}
	l.reads = append(l.reads, read{q.Datastore, q.at, data})
}

// edit writes what an edit-config changes.
func (l *lister) edit(q asked) {
	tree, err := parseTree(q.message)
	if err != nil {
		l.out("    (too large to be shown, or not understood)")
		return
	}
	config := tree.find("edit-config", "config")
	if config == nil {
		return
	}
	l.lines = 0
	for _, k := range config.kids {
		old, from := l.before(q.Datastore, k)
		if from == nil {
			l.out("    (not read before: as it was sent)")
			l.all(' ', k, 0, "")
			continue
		}
		what := from.store
		if what == "" {
			what = "get"
		}
		l.out(fmt.Sprintf("    (against %s as read at %.3fs)", what, from.at.Seconds()))
		l.diff(old, k, 0, "")
	}
}

// before gives what was read last that has the subtree of k, of the same
// datastore if it was.
func (l *lister) before(store string, k *node) (*node, *read) {
	for _, same := range []bool{true, false} {
		for i := len(l.reads) - 1; i >= 0; i-- {
			r := &l.reads[i]
			if same != (r.store == store) {
				continue
			}
			if old := r.data.match(k); old != nil {
				return old, r
			}
		}
	}
	return nil, nil
}

// side is what one side sent.
type side struct {
	framer
	message []byte
	size    int
	ready   [][]byte  // complete, and not asked for yet; nil is one that was too large
	kept    int       // bytes of ready
	hello   *versions // what it offers
	settled bool      // the framing after that is known
	waiting []byte    // until then
	broken  bool
}

// take finds the messages in b.
func (s *side) take(b []byte) {
	for len(b) > 0 && !s.broken {
		if s.hello != nil && !s.settled {
			s.waiting = append(s.waiting, b...)
			s.broken = len(s.waiting) > maxShownMessage
			return
		}
		n, end, err := s.feed(b, func(p []byte) {
			if s.size += len(p); s.size <= maxShownMessage {
				s.message = append(s.message, p...)
			}
		})
		s.broken = err != nil
		b = b[n:]
		if !end {
			continue
		}
		if s.size > maxShownMessage {
			s.message = nil
		}
		if s.hello == nil {
			v := offers(s.message)
			s.hello = &v
		}
		s.ready = append(s.ready, s.message)
		s.kept += len(s.message)
		s.broken = s.broken || s.kept > maxReady
		s.message, s.size = nil, 0
	}
}

func (s *side) settle(chunked bool) {
	if s.settled {
		return
	}
	s.settled, s.chunked = true, chunked
	b := s.waiting
	s.waiting = nil
	s.take(b)
}

// next gives the oldest message that was not given yet.
func (s *side) next() []byte {
	if len(s.ready) == 0 {
		return nil
	}
	m := s.ready[0]
	s.ready = s.ready[1:]
	s.kept -= len(m)
	return m
}
