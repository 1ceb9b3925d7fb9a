package netconf

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"gateway/recorder"
)

// maxWaiting is how many refusals wait until the device has finished its
// message; until then no more is read of the client.
const maxWaiting = 64

// answers is the way from the device to the client. What the gateway answers
// itself goes between two messages of the device.
type answers struct {
	slots chan struct{} // one for each refusal on its way

	writing sync.Mutex // held while the client is written to; guards what follows
	from    framer
	known   bool   // how messages are framed
	mid     bool   // a message has begun
	head    []byte // how it begins
	size    int64
	waiting []refused
}

// refused is an answer of the gateway's own.
type refused struct {
	event recorder.Event
	reply []byte // framed
}

// Write takes what the device says. It is called by one goroutine.
func (g *gate) Write(p []byte) (int, error) {
	for total := len(p); ; {
		if len(p) == 0 {
			return total, nil
		}
		if err := g.settleFraming(); err != nil {
			return 0, err
		}
		n, err := g.pass(p)
		if err != nil {
			return 0, err
		}
		p = p[n:]
	}
}

// settleFraming waits for the client's hello where what follows the device's
// can't be read without.
func (g *gate) settleFraming() error {
	select {
	case <-g.deviceSaid:
	default:
		return nil
	}
	if g.known {
		return nil
	}
	if g.device.v11 {
		select {
		case <-g.clientSaid:
		case <-g.ctx.Done():
			return context.Cause(g.ctx)
		}
	}
	g.writing.Lock()
	defer g.writing.Unlock()
	g.from.chunked, g.known = g.device.v11 && g.client.v11, true
	return nil
}

func blanks(p []byte) int {
	for i, c := range p {
		if !blank(c) {
			return i
		}
	}
	return len(p)
}

// pass forwards p up to the end of a message and says how much that was.
func (g *gate) pass(p []byte) (int, error) {
	g.writing.Lock()
	defer g.writing.Unlock()
	lead, skipped := []byte(nil), 0
	if g.from.chunked && !g.mid {
		// The newline in front of a message is not forwarded alone: a refusal
		// could get between it and the message.
		skipped = blanks(p)
		if _, _, err := g.from.feed(p[:skipped], func([]byte) {}); err != nil || skipped == len(p) {
			return skipped, err
		}
		lead, g.mid = []byte("\n"), true
	}
	n, end, err := g.from.feed(p[skipped:], g.look)
	if err != nil {
		return 0, fmt.Errorf("the device's messages can't be told apart: %w", err)
	}
	n += skipped
	events := make([]recorder.Event, 0, 3)
	parts := [][]byte{lead, p[skipped:n]}
	if skipped > 0 && p[skipped-1] == '\n' {
		parts = [][]byte{p[skipped-1 : n]}
	}
	for _, part := range parts {
		if len(part) > 0 {
			events = append(events, recorder.Data{Stream: recorder.Out, Bytes: part})
		}
	}
	if end {
		events = append(events, g.finish())
	}
	if err := g.record(events...); err != nil {
		return 0, err
	}
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		if _, err := g.Client.Write(part); err != nil {
			return 0, err
		}
	}
	if !end {
		return n, nil
	}
	return n, g.flush()
}

// look keeps the beginning of a message and counts the rest.
func (g *gate) look(b []byte) {
	g.mid = g.mid || blanks(b) < len(b)
	g.size += int64(len(b))
	if room := maxHead - len(g.head); room > 0 {
		g.head = append(g.head, b[:min(room, len(b))]...)
	}
}

// finish takes what is known of a message at its end.
func (g *gate) finish() recorder.Event {
	head, size := g.head, g.size
	g.head, g.size, g.mid = g.head[:0], 0, false
	select {
	case <-g.deviceSaid:
		a := readAnswer(head)
		return a.event(g.settle(a), size, g.now())
	default:
		g.device = offers(head)
		close(g.deviceSaid)
		return answer{root: "hello"}.event(sent{}, size, g.now())
	}
}

// refuse answers m, now or when the device has finished what it says.
func (g *gate) refuse(m *message, why *refusal, size int) error {
	select {
	case g.slots <- struct{}{}:
	case <-g.ctx.Done():
		return context.Cause(g.ctx)
	}
	reply := bytes.Join(framed(g.in.chunked, why.reply(m, g.in.chunked)), nil)
	g.writing.Lock()
	defer g.writing.Unlock()
	g.waiting = append(g.waiting, refused{why.event(m, size), reply})
	if g.mid {
		return nil
	}
	return g.flush()
}

// flush gives the client what waits.
func (g *gate) flush() error {
	for _, r := range g.waiting {
		<-g.slots
		if err := g.record(append(recorder.Split(recorder.Data{Stream: recorder.Out, Bytes: r.reply}), r.event)...); err != nil {
			return err
		}
		if _, err := g.Client.Write(r.reply); err != nil {
			return err
		}
	}
	g.waiting = nil
	return nil
}
