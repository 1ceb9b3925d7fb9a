package recorder_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gateway/recorder"
)

var update = flag.Bool("update", false, "rewrite the vectors in testdata")

// vector is what Verify must find in testdata/NAME.rec.
type vector struct {
	State  recorder.State `json:"state"`
	Torn   bool           `json:"torn,omitempty"`
	Chunk  uint64         `json:"chunk,omitempty"`
	Reason string         `json:"reason,omitempty"`
	Events uint64         `json:"events"`
}

// craft writes a recording from docs/PROTOCOL-recording.md alone, so that it
// can be malformed with a valid chain.
type craft struct {
	file     []byte
	chain    [32]byte
	position uint64
}

func newCraft(header string) *craft {
	c := &craft{file: []byte("gwrec\x00\x00\x01")}
	c.file = binary.LittleEndian.AppendUint32(c.file, uint32(len(header)))
	c.file = append(c.file, header...)
	c.chain = sha256.Sum256(c.file)
	return c
}

func mark(at uint64, text string) []byte {
	b := []byte{5, 0, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	b = binary.LittleEndian.AppendUint64(b, at)
	return append(b, text...)
}

func (c *craft) chunk(flags byte, events uint32, first, last uint64, body []byte) *craft {
	c.position += uint64(len(body))
	h := []byte{1, flags, 0, 0}
	h = binary.LittleEndian.AppendUint32(h, uint32(len(body)))
	h = binary.LittleEndian.AppendUint32(h, uint32(len(body)))
	h = binary.LittleEndian.AppendUint32(h, events)
	h = binary.LittleEndian.AppendUint64(h, first)
	h = binary.LittleEndian.AppendUint64(h, last)
	h = binary.LittleEndian.AppendUint64(h, c.position)
	h = append(h, make([]byte, 8)...)
	h = append(h, body...)
	c.chain = sha256.Sum256(append(c.chain[:], h...))
	c.file = append(append(c.file, h...), c.chain[:]...)
	return c
}

func (c *craft) seal(text string) *craft {
	sig := ed25519.Sign(sealKey(), append(append([]byte("gateway-recording-seal-v1\x00"), c.chain[:]...), text...))
	c.file = append(c.file, 2, 0, 0, 0)
	c.file = binary.LittleEndian.AppendUint32(c.file, uint32(len(text)))
	c.file = append(append(c.file, text...), sig...)
	c.file = binary.LittleEndian.AppendUint32(c.file, uint32(len(text)+80))
	c.file = append(c.file, "gwsl"...)
	return c
}

const craftHeader = `{"session":"0123456789abcdef01234567","account":"a","protocol":"ssh","kind":"shell","start":"2026-11-21T12:00:00Z"}`

func craftSeal(chunks, events string) string {
	return `{"chunks":` + chunks + `,"events":` + events + `,"in":0,"out":0,"err":0,"end":"2026-11-21T13:00:00Z","code":0,"key":"` +
		recorder.KeyID(sealPub()) + `"}`
}

func vectors(t *testing.T) map[string][]byte {
	all := items()
	good := sealed(t, all[:3], all[3:])
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
	one := func() *craft { return newCraft(craftHeader).chunk(0, 1, 5, 5, mark(5, "one")) }
	two := append(mark(9, "a"), mark(8, "b")...)
	unsealed := func() []byte {
		var b bytes.Buffer
		write(t, &b, all[:3], all[3:])
		return b.Bytes()
	}()
	return map[string][]byte{
		"sealed":           good,
		"sealed-by-hand":   one().seal(craftSeal("1", "1")).file,
		"empty-sealed":     sealed(t),
		"unsealed":         unsealed,
		"torn":             unsealed[:len(unsealed)-1],
		"header-only":      newCraft(craftHeader).file,
		"bad-magic":        flip(0),
		"bad-version":      flip(7),
		"bad-session":      newCraft(`{"session":"../../../../etc/passwd"}`).file,
		"huge-header":      append([]byte("gwrec\x00\x00\x01"), 0xff, 0xff, 0xff, 0xff),
		"flipped-header":   flip(40),
		"flipped-hash":     flip(-400),
		"flipped-seal":     flip(-120),
		"flipped-trailer":  flip(-1),
		"trailing":         append(bytes.Clone(good), 0),
		"chunk-removed":    append(bytes.Clone(one().file[:12+len(craftHeader)]), one().chunk(0, 1, 6, 6, mark(6, "two")).file[len(one().file):]...),
		"time-back":        newCraft(craftHeader).chunk(0, 2, 9, 8, two).file,
		"time-back-inside": newCraft(craftHeader).chunk(0, 3, 9, 9, append(two, mark(9, "c")...)).file,
		"wrong-first-time": newCraft(craftHeader).chunk(0, 1, 4, 5, mark(5, "x")).file,
		"wrong-count":      newCraft(craftHeader).chunk(0, 2, 5, 5, mark(5, "x")).file,
		"unknown-event":    newCraft(craftHeader).chunk(0, 1, 0, 0, append([]byte{9}, make([]byte, 15)...)).file,
		"unknown-flag":     newCraft(craftHeader).chunk(8, 1, 5, 5, mark(5, "x")).file,
		"encrypted":        newCraft(craftHeader).chunk(2, 1, 5, 5, mark(5, "x")).file,
		"wrong-totals":     one().seal(craftSeal("1", "2")).file,
	}
}

func TestVectors(t *testing.T) {
	index := filepath.Join("testdata", "vectors.json")
	if *update {
		want := make(map[string]vector)
		for name, file := range vectors(t) {
			if err := os.WriteFile(filepath.Join("testdata", name+".rec"), file, 0o644); err != nil {
				t.Fatal(err)
			}
			want[name] = found(t, file)
		}
		text, err := json.MarshalIndent(want, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(index, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]vector
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.rec"))
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d vectors, %d expectations, %v", len(files), len(want), err)
	}
	for name, want := range want {
		file, err := os.ReadFile(filepath.Join("testdata", name+".rec"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, found(t, file)); diff != "" {
			t.Errorf("Verify(%s) differs (-want +got):\n%s", name, diff)
		}
	}
}

func found(t testing.TB, file []byte) vector {
	res := verify(t, file)
	return vector{res.State, res.Torn, res.Chunk, res.Reason, res.Totals.Events}
}
