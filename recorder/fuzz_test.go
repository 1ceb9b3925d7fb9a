package recorder_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gateway/recorder"
)

// FuzzDecode: what decodes, encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, it := range items() {
		b, err := recorder.Append(nil, it.At, it.Event)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		at, e, n, err := recorder.Decode(b)
		if err != nil {
			return
		}
		again, err := recorder.Append(nil, at, e)
		if err != nil || !bytes.Equal(again, b[:n]) {
			t.Errorf("Append(Decode(%x)) = %x, %v", b[:n], again, err)
		}
	})
}

func addVectors(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.rec"))
	if err != nil || len(files) == 0 {
		f.Fatal("no vectors", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// FuzzReader: any bytes give events, an end or an error; every export of them
// ends; and only what we sealed verifies as sealed.
func FuzzReader(f *testing.F) {
	addVectors(f)
	sealed := make(map[string]bool)
	for _, name := range []string{"sealed", "sealed-by-hand", "empty-sealed"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".rec"))
		if err != nil {
			f.Fatal(err)
		}
		sealed[string(b)] = true
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if res := verify(t, file); res.State == recorder.Sealed && !sealed[string(file)] {
			t.Error("a foreign file verifies as sealed")
		}
		for _, export := range exports() {
			r, err := recorder.NewReader(bytes.NewReader(file))
			if err != nil {
				if !errors.Is(err, recorder.ErrFormat) {
					t.Errorf("NewReader = %v", err)
				}
				return
			}
			var damage *recorder.DamageError
			if err := export(io.Discard, r); err != nil && !errors.As(err, &damage) {
				t.Error(err)
			}
		}
	})
}

// FuzzWrite: whatever a session puts into its ring, the file reads back.
func FuzzWrite(f *testing.F) {
	var all []byte
	for _, it := range items() {
		b, err := recorder.Append(all, it.At, it.Event)
		if err != nil {
			f.Fatal(err)
		}
		all = b
		f.Add(bytes.Clone(all))
	}
	f.Fuzz(func(t *testing.T, frames []byte) {
		if len(frames) > 1<<16 {
			return
		}
		var file bytes.Buffer
		rec, err := recorder.NewWriter(&file, testHeader())
		if err != nil {
			t.Fatal(err)
		}
		b := recorder.NewBuffer(1 << 16)
		err = rec.Write(b, copy(b.Frames(), frames), 5*time.Millisecond)
		var bad *recorder.FrameError
		if err != nil && !errors.As(err, &bad) {
			t.Fatal(err)
		}
		if _, err := rec.Seal(sealKey(), recorder.End{}); err != nil {
			t.Fatal(err)
		}
		if res := verify(t, file.Bytes()); res.State != recorder.Sealed {
			t.Errorf("Verify = %+v", res)
		}
	})
}

// FuzzText: the text export holds nothing that drives a terminal, and what is
// played nothing that makes one answer.
func FuzzText(f *testing.F) {
	for _, s := range hostile() {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, screen []byte, cut int) {
		if len(screen) == 0 {
			return
		}
		cut = int(uint(cut) % uint(len(screen)))
		file := sealed(t, []item{
			{0, recorder.Data{Stream: recorder.Out, Bytes: screen[:cut]}},
			{0, recorder.Data{Stream: recorder.Out, Bytes: screen[cut:]}},
		})
		checkText(t, export(t, file, recorder.Text))
		checkPlayed(t, play(t, file))
	})
}
