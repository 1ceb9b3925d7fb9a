package recorderproc_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/recorderproc"
	"gateway/internal/ring"
	"gateway/recorder"
)

type failed struct {
	id  gateway.SessionID
	err error
}

// station is a Keeper and the folder that it keeps.
type station struct {
	*recorderproc.Keeper
	dir    string
	pub    ed25519.PublicKey
	sealed chan recorderproc.Sealed
	failed chan failed
}

func newStation(t testing.TB, dir string, nap time.Duration) *station {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	s := &station{
		dir: dir, pub: key.Public().(ed25519.PublicKey),
		sealed: make(chan recorderproc.Sealed, 16), failed: make(chan failed, 16),
	}
	s.Keeper, err = recorderproc.New(recorderproc.Config{
		Root: root, Key: key, Nap: nap,
		OnFailed: func(id gateway.SessionID, err error) { s.failed <- failed{id, err} },
		OnSealed: func(r recorderproc.Sealed) { s.sealed <- r },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func header() recorder.Header {
	return recorder.Header{
		Session: gateway.NewSessionID(), Account: "alice", Protocol: gateway.SSH, Kind: "shell", Start: time.Now(),
	}
}

// record creates a recording and gives the producer's side of its ring, and
// the consumer's descriptors as the monitor would keep them.
func (s *station) record(t testing.TB, h recorder.Header) (*ring.Producer, ring.Files) {
	t.Helper()
	shared, err := ring.New(ring.DefaultSize)
	if err != nil {
		t.Fatal(err)
	}
	kept := dup(t, shared.Consumer)
	if err := s.Create(h, shared.Consumer); err != nil {
		t.Fatal(err)
	}
	p, err := ring.NewProducer(shared.Producer, h.Start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, kept
}

func (s *station) verify(t testing.TB, id gateway.SessionID) (recorder.Result, []recorder.Event) {
	t.Helper()
	f, err := s.OpenRead(id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	res, err := recorder.Verify(f, s.pub)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	r, err := recorder.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var events []recorder.Event
	for {
		_, e, err := r.Next()
		if err != nil {
			return res, events
		}
		if d, ok := e.(recorder.Data); ok {
			e = recorder.Data{Stream: d.Stream, Bytes: bytes.Clone(d.Bytes)}
		}
		events = append(events, e)
	}
}

func output(events []recorder.Event) []byte {
	var b []byte
	for _, e := range events {
		if d, ok := e.(recorder.Data); ok && d.Stream == recorder.Out {
			b = append(b, d.Bytes...)
		}
	}
	return b
}

func TestKeeperRecordsAndSeals(t *testing.T) {
	s := newStation(t, t.TempDir(), time.Millisecond)
	h := header()
	p, _ := s.record(t, h)
	want := make([]byte, 3<<20) // several times around
	for i := range want {
		want[i] = byte(rand.Uint32())
	}
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 1+rand.IntN(100<<10))
		if err := p.PutData(recorder.Out, rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := p.Put(recorder.Request{Name: "exec", Text: strings.Repeat("x", 100<<10)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(h.Session, recorder.End{Code: 3}); err != nil {
		t.Fatal(err)
	}
	got := <-s.sealed
	if got.Err != nil || got.Session != h.Session || got.Seal.Code != 3 || got.Seal.Out != uint64(len(want)) {
		t.Fatalf("sealed = %+v", got)
	}
	if err := p.PutData(recorder.Out, []byte("late")); !errors.Is(err, gateway.ErrNoRecord) {
		t.Errorf("PutData after the seal = %v, want ErrNoRecord", err)
	}
	res, events := s.verify(t, h.Session)
	if res.State != recorder.Sealed || res.Chain != got.Chain || res.Seal.Totals != got.Seal.Totals {
		t.Errorf("Verify = %+v, want as reported: %+v", res, got)
	}
	if !bytes.Equal(output(events), want) {
		t.Error("the recording's output differs from what was put")
	}
	path := filepath.Join(s.dir, h.Start.UTC().Format("2006-01-02"), string(h.Session)+".rec")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != got.Size {
		t.Errorf("Stat(%s) = %v, %v; want mode 0600 and %d bytes", path, info, err, got.Size)
	}
	if s.Live() != 0 {
		t.Errorf("Live() = %d after the end", s.Live())
	}
}
