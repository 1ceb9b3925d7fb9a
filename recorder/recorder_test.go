package recorder_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/recorder"
)

type item struct {
	At    time.Duration
	Event recorder.Event
}

func sealKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

func sealPub() ed25519.PublicKey { return sealKey().Public().(ed25519.PublicKey) }

func testHeader() recorder.Header {
	return recorder.Header{
		Session: "0123456789abcdef01234567", Gateway: "gw1", Account: "alice", Realm: "partner",
		From: netip.MustParseAddrPort("192.0.2.1:40000"), Protocol: gateway.SSH, Kind: "exec",
		User: "root", Host: "srv", Addr: netip.MustParseAddr("198.51.100.7"), Port: 22,
		Command: "ls", Term: "xterm", Cols: 100, Rows: 30,
		Start: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
}

func items() []item {
	ms := time.Millisecond
	return []item{
		{1 * ms, recorder.Request{Name: "exec", Text: "ls -l"}},
		{2 * ms, recorder.Resize{Cols: 100, Rows: 30, Width: 800, Height: 600}},
		{3 * ms, recorder.Data{Stream: recorder.In, Bytes: []byte("q\r")}},
		{4 * ms, recorder.Data{Stream: recorder.Out, Bytes: []byte(strings.Repeat("total 0\r\n", 40))}},
		{4 * ms, recorder.Data{Stream: recorder.Err, Bytes: []byte{0xff, 0, 0x1b}}},
		{5 * ms, recorder.Reply{Name: "exec", Text: "part", OK: true, More: true}},
		{6 * ms, recorder.Reply{Name: "exec", Text: "", OK: false}},
		{7 * ms, recorder.Mark{Text: "the end"}},
	}
}

// write makes a recording of one chunk per group.
func write(t testing.TB, w io.Writer, groups ...[]item) *recorder.Writer {
	t.Helper()
	rec, err := recorder.NewWriter(w, testHeader())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		writeChunk(t, rec, g)
	}
	return rec
}

func writeChunk(t testing.TB, rec *recorder.Writer, g []item) {
	t.Helper()
	b := recorder.NewBuffer(recorder.MaxChunk)
	n := 0
	for _, it := range g {
		for _, part := range recorder.Split(it.Event) {
			frame, err := recorder.Append(nil, it.At, part)
			if err != nil {
				t.Fatal(err)
			}
			n += copy(b.Frames()[n:], frame)
		}
	}
	if err := rec.Write(b, n, time.Hour); err != nil {
		t.Fatal(err)
	}
}

func sealed(t testing.TB, groups ...[]item) []byte {
	t.Helper()
	var buf bytes.Buffer
	rec := write(t, &buf, groups...)
	if _, err := rec.Seal(sealKey(), recorder.End{At: time.Unix(1800000000, 0), Code: 1, Reason: "frozen"}); err != nil {
		t.Fatal(err)
	}
	if rec.Size() != int64(buf.Len()) {
		t.Fatalf("Size() = %d, want %d", rec.Size(), buf.Len())
	}
	return buf.Bytes()
}

func read(t testing.TB, file []byte) (*recorder.Reader, []item, error) {
	t.Helper()
	r, err := recorder.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, nil, err
	}
	var got []item
	for {
		at, e, err := r.Next()
		if err != nil {
			return r, got, err
		}
		if d, ok := e.(recorder.Data); ok {
			e = recorder.Data{Stream: d.Stream, Bytes: bytes.Clone(d.Bytes)}
		}
		got = append(got, item{at, e})
	}
}

func verify(t testing.TB, file []byte) recorder.Result {
	t.Helper()
	res, err := recorder.Verify(bytes.NewReader(file), sealPub())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestEventRoundTrip(t *testing.T) {
	for _, it := range items() {
		b, err := recorder.Append([]byte("x"), it.At, it.Event)
		if err != nil {
			t.Fatal(err)
		}
		at, e, n, err := recorder.Decode(append(b[1:], "more"...))
		if err != nil || at != it.At || n != len(b)-1 {
			t.Errorf("Decode(%#v) = %v, %d, %v", it, at, n, err)
		}
		if diff := cmp.Diff(it.Event, e); diff != "" {
			t.Errorf("Decode(Append(e)) differs (-want +got):\n%s", diff)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	long := strings.Repeat("n", 256)
	for _, e := range []recorder.Event{
		nil,
		recorder.Data{},
		recorder.Data{Stream: 4},
		recorder.Data{Stream: recorder.Out, Bytes: make([]byte, recorder.MaxBody+1)},
		recorder.Request{Name: long},
		recorder.Reply{Name: long},
		recorder.Mark{Text: strings.Repeat("m", recorder.MaxBody+1)},
	} {
		if b, err := recorder.Append(nil, 0, e); !errors.Is(err, gateway.ErrInvalid) || len(b) != 0 {
			t.Errorf("Append(%T) = %d bytes, %v; want ErrInvalid", e, len(b), err)
		}
	}
}

func TestSplit(t *testing.T) {
	text := strings.Repeat("0123456789", 20000)
	var joined strings.Builder
	parts := recorder.Split(recorder.Request{Name: "rpc", Text: text})
	for i, p := range parts {
		r := p.(recorder.Request)
		joined.WriteString(r.Text)
		if r.Name != "rpc" || r.More != (i < len(parts)-1) {
			t.Errorf("part %d: name %q, more %v", i, r.Name, r.More)
		}
		if _, err := recorder.Append(nil, 0, p); err != nil {
			t.Error(err)
		}
	}
	if joined.String() != text {
		t.Error("the parts do not make the whole")
	}
}

func TestReadBack(t *testing.T) {
	all := items()
	file := sealed(t, all[:3], all[3:])
	r, got, err := read(t, file)
	if err != io.EOF {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(testHeader(), r.Header(), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("header differs (-want +got):\n%s", diff)
	}
	seal, ok := r.Seal()
	if !ok || seal.Code != 1 || seal.Reason != "frozen" || seal.In != 2 || seal.Out != 360 || seal.Err != 3 || seal.Events != 8 {
		t.Errorf("Seal() = %+v, %v", seal, ok)
	}
	if res := verify(t, file); res.State != recorder.Sealed || res.Seal != seal {
		t.Errorf("Verify = %+v", res)
	}
	at, found, err := recorder.ReadSeal(bytes.NewReader(file), int64(len(file)))
	if err != nil || !found || at != seal {
		t.Errorf("ReadSeal = %+v, %v, %v", at, found, err)
	}
}

func TestEveryBitFlipIsDetected(t *testing.T) {
	all := items()
	file := sealed(t, all[:3], all[3:])
	for i := range file {
		for bit := range 8 {
			file[i] ^= 1 << bit
			if res := verify(t, file); res.State == recorder.Sealed {
				t.Errorf("bit %d of byte %d flipped: still sealed", bit, i)
			}
			file[i] ^= 1 << bit
		}
	}
}

func TestEveryTruncationIsAPrefix(t *testing.T) {
	all := items()
	var unsealed bytes.Buffer
	whole := []int64{write(t, &unsealed).Size()}
	unsealed.Reset()
	rec := write(t, &unsealed, all[:3])
	whole = append(whole, rec.Size())
	writeChunk(t, rec, all[3:])
	whole = append(whole, rec.Size())
	file := sealed(t, all[:3], all[3:])
	for n := range file {
		res := verify(t, file[:n])
		_, got, err := read(t, file[:n])
		if int64(n) < whole[0] {
			if res.State != recorder.Damaged || !errors.Is(err, recorder.ErrFormat) {
				t.Errorf("cut at %d: %v, %v; want a bad header", n, res.State, err)
			}
			continue
		}
		want := 0
		torn := true
		for i, events := range []int{0, 3, len(all)} {
			if int64(n) >= whole[i] {
				want = events
			}
			if int64(n) == whole[i] {
				torn = false
			}
		}
		if res.State != recorder.Unsealed || res.Torn != torn || err != io.EOF || len(got) != want {
			t.Errorf("cut at %d: %v, torn %v, %d events, %v; want unsealed, %v, %d", n, res.State, res.Torn, len(got), err, torn, want)
		}
	}
}

func TestVerifyNamesTheDamage(t *testing.T) {
	all := items()
	file := sealed(t, all[:3], all[3:])
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	res, err := recorder.Verify(bytes.NewReader(file), other)
	if err != nil || res.State != recorder.Damaged || res.Reason != "sealed with another key" {
		t.Errorf("Verify with another key = %+v, %v", res, err)
	}
	if res := verify(t, append(bytes.Clone(file), 0)); res.Reason != "data after the seal" {
		t.Errorf("Verify with a byte appended = %+v", res)
	}
	if res := verify(t, append(bytes.Clone(file), file[len(file)-400:]...)); res.State != recorder.Damaged {
		t.Errorf("Verify with data appended = %+v", res)
	}
}

func TestWriterPutsTimesRight(t *testing.T) {
	var buf bytes.Buffer
	rec, err := recorder.NewWriter(&buf, testHeader())
	if err != nil {
		t.Fatal(err)
	}
	b, n := recorder.NewBuffer(1<<16), 0
	for _, at := range []time.Duration{5, 3, 90, 7} {
		frame, err := recorder.Append(nil, at, recorder.Mark{Text: "x"})
		if err != nil {
			t.Fatal(err)
		}
		n += copy(b.Frames()[n:], frame)
	}
	if err := rec.Write(b, n, 60); err != nil {
		t.Fatal(err)
	}
	_, got, _ := read(t, buf.Bytes())
	var at []time.Duration
	for _, it := range got {
		at = append(at, it.At)
	}
	if diff := cmp.Diff([]time.Duration{5, 5, 60, 60}, at); diff != "" {
		t.Errorf("times differ (-want +got):\n%s", diff)
	}
}

func TestWriterStopsAtMalformedEvent(t *testing.T) {
	var buf bytes.Buffer
	rec := write(t, &buf, items())
	b := recorder.NewBuffer(1 << 16)
	good, err := recorder.Append(nil, time.Second, recorder.Mark{Text: "good"})
	if err != nil {
		t.Fatal(err)
	}
	n := copy(b.Frames(), good)
	n += copy(b.Frames()[n:], bytes.Repeat([]byte{9}, 40))
	err = rec.Write(b, n, time.Hour)
	var bad *recorder.FrameError
	if !errors.As(err, &bad) || bad.Event != 9 || bad.Offset != len(good) || !errors.Is(err, gateway.ErrInvalid) {
		t.Fatalf("Write = %v, want a FrameError at event 9, byte %d", err, len(good))
	}
	if _, err := rec.Seal(sealKey(), recorder.End{}); err != nil {
		t.Fatal(err)
	}
	if res := verify(t, buf.Bytes()); res.State != recorder.Sealed || res.Totals.Events != 9 {
		t.Errorf("Verify = %+v", res)
	}
}

func TestIncompressibleChunkStaysInItsBounds(t *testing.T) {
	var buf bytes.Buffer
	rec := write(t, &buf)
	before := rec.Size()
	data := make([]byte, 500<<10)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	writeChunk(t, rec, []item{{0, recorder.Data{Stream: recorder.Out, Bytes: data}}})
	if grown, most := rec.Size()-before, int64(rec.Position())+recorder.ChunkOverhead; grown > most {
		t.Errorf("chunk takes %d bytes, want at most %d", grown, most)
	}
}

func TestResume(t *testing.T) {
	all := items()
	path := filepath.Join(t.TempDir(), "r")
	file := sealed(t, all[:3], all[3:])
	whole := int(write(t, io.Discard, all[:3]).Size())
	for _, cut := range []int{whole, whole + 1, whole + 60, whole + 130} {
		if err := os.WriteFile(path, file[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rec, _, err := recorder.Resume(f)
		if err != nil {
			t.Fatal(err)
		}
		writeChunk(t, rec, all[3:])
		if _, err := rec.Seal(sealKey(), recorder.End{At: time.Unix(1800000000, 0), Code: 1, Reason: "frozen"}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, file) {
			t.Errorf("resumed after a cut at %d: the file differs from an uninterrupted one", cut)
		}
		if _, _, err := recorder.Resume(f); !errors.Is(err, recorder.ErrSealed) {
			t.Errorf("Resume of a sealed file = %v, want ErrSealed", err)
		}
	}
}

func TestPublicKeyLine(t *testing.T) {
	line := recorder.FormatPublicKey(sealPub())
	got, err := recorder.ParsePublicKey(line + "\n")
	if err != nil || !got.Equal(sealPub()) {
		t.Errorf("ParsePublicKey(%q) = %v, %v", line, got, err)
	}
	for _, bad := range []string{"", "gateway-seal-v1 ", line[:len(line)-4], "ssh-ed25519 " + line, line + " x"} {
		if _, err := recorder.ParsePublicKey(bad); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("ParsePublicKey(%q) = %v, want ErrInvalid", bad, err)
		}
	}
}

func TestLongCommandFitsTheHeader(t *testing.T) {
	h := testHeader()
	h.Command = strings.Repeat("é", 100000)
	var buf bytes.Buffer
	if _, err := recorder.NewWriter(&buf, h); err != nil {
		t.Fatal(err)
	}
	r, err := recorder.NewReader(&buf)
	if err != nil || !strings.HasPrefix(h.Command, r.Header().Command) || len(r.Header().Command) < 8000 {
		t.Errorf("command of %d bytes came back as %d: %v", len(h.Command), len(r.Header().Command), err)
	}
}
