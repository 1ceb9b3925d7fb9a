// Package protocoltest has what the tests of every protocol share: a session
// and clients in memory, and checks that each backend must pass.
package protocoltest

import (
	"context"
	"crypto/sha256"
	"hash"
	"slices"
	"sync"

	"gateway"
	"gateway/recorder"
)

// kept is how many bytes of data a Session remembers literally.
const kept = 1 << 20

// Session is a protocols.Session that records into memory.
type Session struct {
	// Deny, if set, is what Allow returns.
	Deny error
	// Refuse, if set, is asked before e is recorded; its error is Record's.
	Refuse func(e recorder.Event) error

	mu      sync.Mutex // guards what follows
	actions []gateway.Action
	events  []recorder.Event
	streams map[recorder.Stream]*stream
}

// stream is what was recorded of one.
type stream struct {
	size int64
	sum  hash.Hash
	head []byte
}

// Allow implements protocols.Session.
func (s *Session) Allow(_ context.Context, a gateway.Action) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actions = append(s.actions, a)
	return s.Deny
}

// Record implements protocols.Session.
func (s *Session) Record(e recorder.Event) error {
	if s.Refuse != nil {
		if err := s.Refuse(e); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := e.(recorder.Data)
	if !ok {
		s.events = append(s.events, e)
		return nil
	}
	st := s.stream(d.Stream)
	st.size += int64(len(d.Bytes))
	st.sum.Write(d.Bytes)
	st.head = append(st.head, d.Bytes[:min(len(d.Bytes), kept-len(st.head))]...)
	return nil
}

func (s *Session) stream(of recorder.Stream) *stream {
	if s.streams == nil {
		s.streams = map[recorder.Stream]*stream{}
	}
	if s.streams[of] == nil {
		s.streams[of] = &stream{sum: sha256.New()}
	}
	return s.streams[of]
}

// Size is how many bytes of a stream were recorded.
func (s *Session) Size(of recorder.Stream) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream(of).size
}

// Sum is the SHA-256 of a stream.
func (s *Session) Sum(of recorder.Stream) [sha256.Size]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return [sha256.Size]byte(s.stream(of).sum.Sum(nil))
}

// Data is the first megabyte of a stream.
func (s *Session) Data(of recorder.Stream) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.stream(of).head)
}

// Events are the recorded events that are not Data.
func (s *Session) Events() []recorder.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Actions are what Allow was asked about.
func (s *Session) Actions() []gateway.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.actions)
}
