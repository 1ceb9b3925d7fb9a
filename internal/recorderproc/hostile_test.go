package recorderproc

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/ring"
	"gateway/recorder"
)

type report struct {
	failed chan error
	sealed chan Sealed
}

// rig starts one recording and gives its insides and the raw ring.
func rig(t *testing.T) (*Keeper, *recording, ring.Files, report) {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	rep := report{make(chan error, 4), make(chan Sealed, 4)}
	k, err := New(Config{
		Root: root, Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Nap: time.Millisecond,
		OnFailed: func(_ gateway.SessionID, err error) { rep.failed <- err },
		OnSealed: func(s Sealed) { rep.sealed <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
	shared, err := ring.New(ring.MinSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(shared.Producer.Close)
	h := recorder.Header{Session: gateway.NewSessionID(), Account: "mallory", Start: time.Now()}
	if err := k.Create(h, shared.Consumer); err != nil {
		t.Fatal(err)
	}
	return k, k.live[h.Session], shared.Producer, rep
}

func (k *Keeper) mustVerify(t *testing.T, id gateway.SessionID) recorder.Result {
	t.Helper()
	f, err := k.OpenRead(id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	res, err := recorder.Verify(f, k.cfg.Key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestHostileSession writes what no Producer writes, straight to the memory.
func TestHostileSession(t *testing.T) {
	good, err := recorder.Append(nil, 0, recorder.Mark{Text: "good"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		bytes  []byte
		index  uint64 // 0: len(bytes)
		events uint64
	}{
		{"garbage", bytes.Repeat([]byte{0xff}, 500), 0, 0},
		{"zeros", make([]byte, 500), 0, 0},
		{"good, then garbage", append(bytes.Clone(good), 1, 2, 3), 0, 1},
		{"cut event", good[:len(good)-1], 0, 0},
		{"index beyond the ring", nil, ring.MinSize + 1, 0},
		{"negative index", nil, 1 << 62, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, r, files, rep := rig(t)
			mem, err := unix.Mmap(int(files.Mem.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Munmap(mem)
			copy(mem[4096:], tt.bytes)
			if tt.index == 0 {
				tt.index = uint64(len(tt.bytes))
			}
			for i := range 8 { // the write index is the first word
				mem[i] = byte(tt.index >> (8 * i))
			}
			if _, err := files.Wake.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
			if err := <-rep.failed; !errors.Is(err, gateway.ErrInvalid) {
				t.Errorf("OnFailed got %v, want ErrInvalid", err)
			}
			if err := k.Close(r.id, recorder.End{}); err != nil {
				t.Fatal(err)
			}
			if s := <-rep.sealed; !errors.Is(s.Err, gateway.ErrInvalid) {
				t.Errorf("sealed = %+v, want the reason", s)
			}
			// One Mark of ours comes after what was good.
			if res := k.mustVerify(t, r.id); res.State != recorder.Sealed || res.Totals.Events != tt.events+1 || res.Seal.Reason == "" {
				t.Errorf("Verify = %+v, want sealed with %d events and a Mark", res, tt.events)
			}
		})
	}
}

func TestWriteError(t *testing.T) {
	k, r, files, rep := rig(t)
	p, err := ring.NewProducer(files, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := r.file.Close(); err != nil { // every write fails from now on
		t.Fatal(err)
	}
	for err == nil {
		err = p.PutData(recorder.Out, []byte("x"))
	}
	if got := <-rep.failed; !errors.Is(err, gateway.ErrNoRecord) || !errors.Is(got, gateway.ErrNoRecord) {
		t.Errorf("PutData = %v, OnFailed got %v; want ErrNoRecord", err, got)
	}
	if err := k.Close(r.id, recorder.End{}); err != nil {
		t.Fatal(err)
	}
	if s := <-rep.sealed; !errors.Is(s.Err, os.ErrClosed) || s.Seal.Key != "" {
		t.Errorf("sealed = %+v, want no seal and the error", s)
	}
	if res := k.mustVerify(t, r.id); res.State != recorder.Unsealed {
		t.Errorf("Verify = %+v, want an unsealed prefix", res)
	}
}

func TestReserve(t *testing.T) {
	var asked [][2]int64
	var free int64
	var fails error
	r := &reserve{need: 100}
	r.allocate = func(off, n int64) error {
		asked = append(asked, [2]int64{off, n})
		if fails != nil {
			return fails
		}
		if n > free {
			return unix.ENOSPC
		}
		free -= n
		return nil
	}
	free = 250
	for _, size := range []int64{10, 50, 110} { // reserves [10,210), nothing, nothing
		if err := r.extend(size); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 1 || r.until != 210 {
		t.Errorf("asked for %v, until %d; want once, until 210", asked, r.until)
	}
	if err := r.extend(150); err != nil || r.until != 250 { // 350 does not fit, 250 does
		t.Errorf("extend = %v, until %d; want 250", err, r.until)
	}
	if err := r.extend(200); !errors.Is(err, gateway.ErrNoRecord) || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("extend of a full disk = %v, want ErrNoRecord", err)
	}
	fails = unix.EOPNOTSUPP
	if err := r.extend(200); err != nil || !r.absent {
		t.Errorf("extend without fallocate = %v, want to go on", err)
	}
}

func TestNamesComeFromSessionIDsOnly(t *testing.T) {
	k, r, _, _ := rig(t)
	for _, id := range []gateway.SessionID{"", "../../../../etc/passwd", r.id + "x", "..", gateway.SessionID(bytes.Repeat([]byte{'/'}, 24))} {
		if _, err := k.OpenRead(id); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("OpenRead(%q) = %v, want ErrInvalid", id, err)
		}
		if err := k.Create(recorder.Header{Session: id}, ring.Files{}); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("Create(%q) = %v, want ErrInvalid", id, err)
		}
		if err := k.Recover(id, ring.Files{}); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("Recover(%q) = %v, want ErrInvalid", id, err)
		}
	}
	if err := k.Create(recorder.Header{Session: r.id, Start: time.Now()}, ring.Files{}); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("Create of a live recording = %v, want ErrConflict", err)
	}
	if err := k.Close(gateway.NewSessionID(), recorder.End{}); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Close of an unknown recording = %v, want ErrNotFound", err)
	}
}
