package session

import (
	"io"

	"gateway/recorder"
)

// Hide has Reader and Writer record nothing while a person answers a target's
// question for a password: that session's own recording has no input yet.
func (s *Session) Hide(hidden bool) { s.hidden.Store(hidden) }

// Reader records what is read from r as the person's input.
func (s *Session) Reader(r io.Reader) io.Reader { return recordedReader{s, r} }

// Writer records what is written to w before it is.
func (s *Session) Writer(w io.Writer, stream recorder.Stream) io.Writer {
	return recordedWriter{s, w, stream}
}

type recordedReader struct {
	s *Session
	r io.Reader
}

func (r recordedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if n > 0 && !r.s.hidden.Load() {
		if recErr := r.s.Record(recorder.Data{Stream: recorder.In, Bytes: b[:n]}); recErr != nil {
			return 0, recErr
		}
	}
	return n, err
}

type recordedWriter struct {
	s      *Session
	w      io.Writer
	stream recorder.Stream
}

func (w recordedWriter) Write(b []byte) (int, error) {
	if w.s.hidden.Load() {
		return w.w.Write(b)
	}
	if err := w.s.Record(recorder.Data{Stream: w.stream, Bytes: b}); err != nil {
		return 0, err
	}
	return w.w.Write(b)
}
