package netconf

import (
	"encoding/json"
	"time"

	"gateway/recorder"
)

// What is recorded of one rpc, besides the bytes: a Request and a Reply, whose
// texts are JSON.

// Call is the text of the Request of an rpc.
type Call struct {
	ID        string `json:"message_id,omitempty"`
	Operation string `json:"operation,omitempty"`
	Datastore string `json:"datastore,omitempty"`
	Bytes     int    `json:"bytes"`
}

// Answer is the text of the Reply to it.
type Answer struct {
	ID        string `json:"message_id,omitempty"`
	Operation string `json:"operation,omitempty"`
	// Milliseconds is from when the rpc was sent on to the end of the reply.
	Milliseconds float64 `json:"milliseconds"`
	Bytes        int64   `json:"bytes"`
	ErrorTag     string  `json:"error_tag,omitempty"`
	Error        string  `json:"error,omitempty"`
	// Refused: the gateway answered, and the device never saw the rpc.
	Refused bool `json:"refused,omitempty"`
}

// The names of the events begin with these; the operation follows.
const (
	callName   = "rpc"
	answerName = "rpc-reply"
)

// maxShown bounds texts of strangers in an event, and its name.
const (
	maxShown     = 1024
	maxEventName = 200
)

func eventName(kind, operation string) string {
	if operation == "" {
		return kind
	}
	return clip(kind+" "+operation, maxEventName)
}

func (m *message) call(size int) recorder.Event {
	name := callName
	if m.hello {
		name = "hello"
	}
	return recorder.Request{Name: eventName(name, m.operation), Text: text(Call{
		ID: clip(m.id, maxShown), Operation: clip(m.operation, maxShown), Datastore: clip(m.store, maxShown), Bytes: size,
	})}
}

func (a answer) event(r sent, size int64, now time.Time) recorder.Event {
	name := answerName
	if a.root != answerName {
		name = clip(a.root, maxEventName)
	}
	if name == "" {
		name = "unknown message"
	}
	e := Answer{ID: clip(a.id, maxShown), Operation: clip(r.operation, maxShown), Bytes: size, ErrorTag: clip(a.errTag, maxShown), Error: clip(a.text, maxShown)}
	if !r.at.IsZero() {
		e.Milliseconds = float64(now.Sub(r.at).Microseconds()) / 1000
	}
	return recorder.Reply{Name: eventName(name, r.operation), Text: text(e), OK: a.ok || a.root == "notification" || a.root == "hello"}
}

func (r *refusal) event(m *message, size int) recorder.Event {
	return recorder.Reply{Name: eventName(answerName, m.operation), Text: text(Answer{
		ID: clip(m.id, maxShown), Operation: clip(m.operation, maxShown), Bytes: int64(size),
		ErrorTag: r.tag, Error: clip(r.text, maxShown), Refused: true,
	})}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
