package recorderproc_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/recorderproc"
	"gateway/internal/ring"
	"gateway/recorder"
)

// TestMain lets the test binary be a recorder that gets killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("RECORDER_TEST_DIR"); dir != "" {
		os.Exit(recorderChild(dir, gateway.SessionID(os.Getenv("RECORDER_TEST_ID"))))
	}
	os.Exit(m.Run())
}

func recorderChild(dir string, id gateway.SessionID) int {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 1
	}
	k, err := recorderproc.New(recorderproc.Config{
		Root: root, Key: bytes.Repeat([]byte{1}, 64), Nap: time.Millisecond,
		OnFailed: func(gateway.SessionID, error) { os.Exit(3) }, OnSealed: func(recorderproc.Sealed) {},
	})
	if err != nil {
		return 1
	}
	files := ring.Files{Mem: os.NewFile(3, "mem"), Wake: os.NewFile(4, "wake"), Space: os.NewFile(5, "space")}
	h := header()
	h.Session = id
	if err := k.Create(h, files); errors.Is(err, gateway.ErrConflict) {
		err = k.Recover(id, files)
		if err != nil {
			return 2
		}
	} else if err != nil {
		return 2
	}
	fmt.Println("ready")
	select {}
}

// TestRecorderKilledAgainAndAgain: a session goes on through the deaths of
// recorders, and not a byte is missing or there twice.
func TestRecorderKilledAgainAndAgain(t *testing.T) {
	dir, id := t.TempDir(), gateway.NewSessionID()
	shared, err := ring.New(ring.DefaultSize)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ring.NewProducer(shared.Producer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	put := make(chan []byte)
	go func() { put <- putRandom(t, p) }()
	for range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "RECORDER_TEST_DIR="+dir, "RECORDER_TEST_ID="+string(id))
		cmd.ExtraFiles = []*os.File{shared.Consumer.Mem, shared.Consumer.Wake, shared.Consumer.Space}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil { // while it drains
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	s := newStation(t, dir, time.Millisecond)
	if err := s.Recover(id, dup(t, shared.Consumer)); err != nil {
		t.Fatal(err)
	}
	want := <-put
	if err := s.Close(id, recorder.End{}); err != nil {
		t.Fatal(err)
	}
	if got := <-s.sealed; got.Err != nil {
		t.Fatal(got.Err)
	}
	res, events := s.verify(t, id)
	if got := output(events); res.State != recorder.Sealed || !bytes.Equal(got, want) {
		t.Errorf("%v, %d bytes recorded, want sealed and the %d put", res.State, len(got), len(want))
	}
}

// putRandom puts some 12 MB of output, and returns it.
func putRandom(t *testing.T, p *ring.Producer) []byte {
	var all []byte
	for range 400 {
		b := make([]byte, 1+rand.IntN(60<<10))
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		if err := p.PutData(recorder.Out, b); err != nil {
			t.Error(err)
		}
		all = append(all, b...)
	}
	return all
}

func TestStopAndRecover(t *testing.T) {
	dir, h := t.TempDir(), header()
	s := newStation(t, dir, time.Hour)
	p, kept := s.record(t, h)
	if err := p.PutData(recorder.Out, []byte("before ")); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := p.PutData(recorder.Out, []byte("meanwhile ")); err != nil {
		t.Fatal(err)
	}
	next := newStation(t, dir, time.Hour)
	if res, events := next.verify(t, h.Session); res.State != recorder.Unsealed || string(output(events)) != "before " {
		t.Errorf("after Stop: %v, %q", res.State, output(events))
	}
	if err := next.Recover(h.Session, kept); err != nil {
		t.Fatal(err)
	}
	if err := p.PutData(recorder.Out, []byte("after")); err != nil {
		t.Fatal(err)
	}
	if err := next.Close(h.Session, recorder.End{}); err != nil {
		t.Fatal(err)
	}
	if got := <-next.sealed; got.Err != nil {
		t.Fatal(got.Err)
	}
	res, events := next.verify(t, h.Session)
	if got := string(output(events)); res.State != recorder.Sealed || got != "before meanwhile after" {
		t.Errorf("%v, %q", res.State, got)
	}
	if err := next.Recover(h.Session, ring.Files{}); !errors.Is(err, recorder.ErrSealed) {
		t.Errorf("Recover of a sealed recording = %v, want ErrSealed", err)
	}
}

func TestRecoverWithoutRing(t *testing.T) {
	dir, h := t.TempDir(), header()
	s := newStation(t, dir, time.Hour)
	s.record(t, h)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	next := newStation(t, dir, time.Hour)
	if err := next.Recover(h.Session, ring.Files{}); err != nil {
		t.Fatal(err)
	}
	if err := next.Close(h.Session, recorder.End{Reason: "node lost power"}); err != nil {
		t.Fatal(err)
	}
	if got := <-next.sealed; got.Err != nil || got.Seal.Reason != "node lost power" {
		t.Errorf("sealed = %+v", got)
	}
	if res, events := next.verify(t, h.Session); res.State != recorder.Sealed || len(events) != 1 {
		t.Errorf("%v, %v; want a sealed recording with one Mark", res.State, events)
	}
}

// TestDiskFull fills a small disk while a session is recorded.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skip("may not mount a tmpfs:", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := newStation(t, dir, time.Millisecond)
	h := header()
	p, _ := s.record(t, h)
	fillDisk(t, dir)
	var want []byte
	var err error
	for err == nil {
		b := make([]byte, 30<<10)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		if err = p.PutData(recorder.Out, b); err == nil {
			want = append(want, b...)
		}
	}
	if got := <-s.failed; !errors.Is(err, gateway.ErrNoRecord) || got.id != h.Session || !errors.Is(got.err, unix.ENOSPC) {
		t.Errorf("PutData = %v, OnFailed got %v; want ErrNoRecord, ENOSPC", err, got)
	}
	shared, err := ring.New(ring.DefaultSize)
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	h2 := header()
	if err := s.Create(h2, shared.Consumer); !errors.Is(err, gateway.ErrNoRecord) {
		t.Errorf("Create on a full disk = %v, want ErrNoRecord", err)
	}
	if _, err := s.OpenRead(h2.Session); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("OpenRead of what was not created = %v, want ErrNotFound", err)
	}
	if err := s.Close(h.Session, recorder.End{}); err != nil {
		t.Fatal(err)
	}
	if got := <-s.sealed; !errors.Is(got.Err, unix.ENOSPC) {
		t.Errorf("sealed = %+v, want ENOSPC", got)
	}
	res, events := s.verify(t, h.Session)
	if got := output(events); res.State != recorder.Sealed || !bytes.Equal(got, want) {
		t.Errorf("%v, %d bytes recorded, want sealed and the %d accepted", res.State, len(got), len(want))
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, h.Start.UTC().Format("2006-01-02"), string(h.Session)+".rec"), &st); err != nil || st.Blocks*512 > st.Size+4096 {
		t.Errorf("%d bytes on the disk for a file of %d, %v: the reserve was not given back", st.Blocks*512, st.Size, err)
	}
	if m, ok := events[len(events)-1].(recorder.Mark); !ok || res.Seal.Reason != m.Text {
		t.Errorf("last event %v, reason %q; want a Mark that says why", events[len(events)-1], res.Seal.Reason)
	}
}

func fillDisk(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for b := make([]byte, 4096); err == nil; {
		_, err = f.Write(b)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}
