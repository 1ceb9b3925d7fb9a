package recorderproc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"gateway"
	"gateway/internal/ring"
	"gateway/recorder"
)

// recording is one file being written. Its goroutine owns everything but end.
type recording struct {
	k        *Keeper
	id       gateway.SessionID
	file     file
	w        *recorder.Writer
	reserve  *reserve
	ring     *ring.Consumer // nil: lost
	base     time.Time      // when we began, with a monotonic reading
	offset   time.Duration  // of base from the session's start
	failure  error          // the first; nothing is accepted after it
	broken   bool           // the file can't be written
	once     sync.Once
	closing  chan struct{}
	end      *recorder.End // set before closing is closed; nil: don't seal
	farewell string        // Mark that goes before the seal
}

// newRecording begins an empty file.
func newRecording(k *Keeper, h recorder.Header, f *os.File, files ring.Files) (*recording, error) {
	r := newBase(k, h, f)
	w, err := recorder.NewWriter(f, h)
	if err != nil {
		return nil, noRecord(err)
	}
	r.w = w
	if err := r.attach(f, files); err != nil {
		return nil, err
	}
	return r, nil
}

// resumeRecording goes on with a file that has no seal.
func resumeRecording(k *Keeper, id gateway.SessionID, f *os.File, files ring.Files) (*recording, error) {
	w, h, err := recorder.Resume(f)
	if err != nil {
		return nil, err
	}
	if h.Session != id {
		return nil, fmt.Errorf("file is of session %s: %w", h.Session, gateway.ErrInvalid)
	}
	r := newBase(k, h, f)
	r.w = w
	if files.Mem == nil {
		r.reserve = newReserve(f, 0)
		r.farewell = "recorder died; what it had accepted and not written is lost"
		return r, nil
	}
	if err := r.attach(f, files); err != nil {
		return nil, err
	}
	return r, nil
}

func newBase(k *Keeper, h recorder.Header, f *os.File) *recording {
	now := time.Now()
	return &recording{
		k: k, id: h.Session, file: f, base: now,
		offset:  max(now.Round(0).Sub(h.Start.Round(0)), 0),
		closing: make(chan struct{}),
	}
}

// attach reserves room for a full ring before it opens the ring.
func (r *recording) attach(f *os.File, files ring.Files) error {
	c, err := ring.NewConsumer(files, r.w.Position())
	if err != nil {
		return err
	}
	r.reserve = newReserve(f, c.Size())
	if err := r.reserve.extend(r.w.Size()); err != nil {
		return errors.Join(err, c.Detach())
	}
	r.ring = c
	return nil
}

func noRecord(err error) error { return fmt.Errorf("%w: %w", gateway.ErrNoRecord, err) }

func (r *recording) now() time.Duration { return r.offset + time.Since(r.base) }

// close asks the goroutine to end.
func (r *recording) close(end *recorder.End) {
	r.once.Do(func() {
		r.end = end
		close(r.closing)
		if r.ring != nil {
			r.ring.Interrupt()
		}
	})
}

// run drains the ring until close, and then finishes the file.
func (r *recording) run() {
	if r.ring != nil {
		for r.failure == nil {
			err := r.ring.Wait(r.k.cfg.Nap)
			if err != nil && err != io.EOF {
				r.fail(err)
				break
			}
			r.drain()
			if err == io.EOF {
				break // the producer is gone, or close was called
			}
		}
	}
	<-r.closing
	if r.ring != nil {
		if r.end != nil {
			r.ring.Refuse()
		}
		r.drain()
		r.ring.Close()
	}
	r.finish()
}

// fail ends the recording: nothing more is accepted. What was accepted before
// is still written when it can be.
func (r *recording) fail(err error) {
	if r.failure != nil {
		return
	}
	r.failure = err
	r.ring.Refuse()
	r.k.cfg.OnFailed(r.id, err)
}

// drain writes what is in the ring as one chunk. The room in the ring is given
// back only when the chunk is written and the room for the next ones is
// reserved, so the reserve always covers what the ring holds.
func (r *recording) drain() {
	if r.broken {
		return
	}
	b := r.k.buffers.Get().(*recorder.Buffer)
	defer r.k.buffers.Put(b)
	n, err := r.ring.Drain(b.Frames())
	if err == nil && n > 0 {
		err = r.w.Write(b, n, r.now())
	}
	var bad *recorder.FrameError
	switch {
	case err == nil && n == 0:
		return
	case errors.As(err, &bad):
		r.broken = true // what follows can't be told apart any more
		r.farewell = "recording ended: session wrote a malformed event: " + bad.Error()
		r.fail(err)
		return
	case errors.Is(err, gateway.ErrInvalid):
		r.broken = true
		r.farewell = "recording ended: session damaged its ring"
		r.fail(err)
		return
	case err != nil:
		r.cut(err)
		return
	}
	if err := r.reserve.extend(r.w.Size()); err != nil {
		r.farewell = "recording ended: no disk space"
		r.fail(err)
	}
	r.ring.Release(n)
}

// cut restores the file to its last whole chunk after a write failed.
func (r *recording) cut(err error) {
	r.broken = true
	r.farewell = "recording ended: write error; accepted events were lost"
	if cutErr := r.file.Truncate(r.w.Size()); cutErr != nil {
		err = errors.Join(err, cutErr)
	}
	r.fail(noRecord(err))
}

// finish seals the file, or leaves it to the next recorder, and reports.
func (r *recording) finish() {
	r.k.forget(r)
	if r.end == nil {
		if err := errors.Join(r.file.Sync(), r.file.Close()); err != nil && r.failure == nil {
			r.k.cfg.OnFailed(r.id, noRecord(err))
		}
		return
	}
	s := Sealed{Session: r.id, Err: r.failure}
	if err := r.seal(&s); err != nil {
		s.Err = errors.Join(s.Err, noRecord(err))
	}
	r.k.cfg.OnSealed(s)
}

func (r *recording) seal(s *Sealed) error {
	defer r.file.Close()
	end := *r.end
	if end.At.IsZero() {
		end.At = time.Now()
	}
	if r.farewell != "" {
		if err := r.w.Note(r.now(), recorder.Mark{Text: r.farewell}); err != nil {
			return errors.Join(err, r.file.Truncate(r.w.Size()))
		}
		if end.Reason == "" {
			end.Reason = r.farewell
		}
	}
	chain := r.w.Chain()
	seal, err := r.w.Seal(r.k.cfg.Key, end)
	if err != nil {
		return errors.Join(err, r.file.Truncate(r.w.Size()))
	}
	s.Seal, s.Chain, s.Size = seal, chain, r.w.Size()
	// Gives the reserve back. The size stays what it is.
	return errors.Join(r.file.Truncate(r.w.Size()), r.file.Sync())
}
