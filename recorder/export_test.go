package recorder_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/recorder"
)

type exporter = func(io.Writer, *recorder.Reader) error

func exports() map[string]exporter {
	return map[string]exporter{
		"text": recorder.Text, "ttyrec": recorder.Ttyrec, "asciicast": recorder.Asciicast, "jsonl": recorder.JSONLines,
		"typescript": func(w io.Writer, r *recorder.Reader) error { return recorder.Typescript(w, w, r) },
		"play": func(w io.Writer, r *recorder.Reader) error {
			return recorder.Play(context.Background(), w, r, 1e300, time.Nanosecond)
		},
	}
}

func export(t testing.TB, file []byte, f exporter) string {
	t.Helper()
	r, err := recorder.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func play(t testing.TB, file []byte) string { return export(t, file, exports()["play"]) }

// screen is a recording of pieces of output, one a second.
func screen(t testing.TB, pieces ...string) []byte {
	var all []item
	for i, p := range pieces {
		all = append(all, item{time.Duration(i) * time.Second, recorder.Data{Stream: recorder.Out, Bytes: []byte(p)}})
	}
	return sealed(t, all)
}

func TestText(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "a\r\nb\r\n", "a\nb\n"},
		{"no end of line", "a", "a\n"},
		{"empty lines stay", "a\r\n\r\nb\r\n", "a\n\nb\n"},
		{"colour", "\x1b[1;31mred\x1b[0m\r\n", "red\n"},
		{"overwritten", "10%\r100%\r\n", "100%\n"},
		{"backspace", "ab\bc\r\n", "ac\n"},
		{"erase", "secret\r\x1b[Kok\r\n", "ok\n"},
		{"delete and insert", "abcd\r\x1b[2P\x1b[1@x\r\n", "xcd\n"},
		{"tab", "a\tb\r\n", "a       b\n"},
		{"title", "\x1b]0;title\x07$ \r\n", "$\n"},
		{"endless string", "\x1b]52;c;aGk=\r\nseen\r\n", "\nseen\n"},
		{"cursor address", "\x1b[2J\x1b[1;1Htop\x1b[5;3Hlow", "top\n  low\n"},
		{"wide", "日本語\r\n", "日本語\n"},
		{"latin-1", "caf\xe9\r\n", "caf\\xe9\n"},
		{"bidi", "a\u202eb\r\n", "a\\u202eb\n"},
		{"c1", "a\x9b31mb\u009b1mc\r\n", "a31mb1mc\n"},
		{"cut character", "\xe2\x82", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := export(t, screen(t, tt.in), recorder.Text); got != tt.want {
				t.Errorf("Text(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func hostile() []string {
	return []string{
		"\x1b]52;c;aGVsbG8=\x07", "\x1b[c", "\x1b[>c", "\x1b[6n", "\x1b[21t", "\x1bZ", "\x05", "\x1bP$qm\x1b\\",
		"\x1b[?1000h", "\x1b[?1$p", "\x1b[>q", "\x1b[1;1;1;1;1;1*y", "\x1b[?u", "\x1b[>1u", "\x1b_Gi=1\x1b\\",
		"\x9bc", "\u009bc", "\x1b[\x1b[c", "\x1b[6\r\nn", "\xc2\x1b[m\x9bc", "\x1b%@", "\x1b]0;x", "\x1b[?2;1;0S",
		"\x1b[999999999999999999C", "\x1b[65535@", "\x1b[" + strings.Repeat("1;", 500) + "n", "\x1b\x1b[c", "\x1b]\x1b[c",
	}
}

// checkText: printable characters and line feeds only.
func checkText(t testing.TB, got string) {
	t.Helper()
	for _, r := range got {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("text export holds %q in %q", r, got)
		}
	}
}

func checkPlayed(t testing.TB, got string) {
	t.Helper()
	// What makes xterm answer or that sets up answers, and control strings.
	bad := regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[cntxy]|\x1b\\[[<=>?][^hlJK]|\x1b[]P^_XZ%]|\x05|[\u0080-\u009f]")
	if m := bad.FindString(got); m != "" || !utf8.ValidString(got) {
		t.Errorf("played output holds %q in %q", m, got)
	}
}

func TestForeignOutputDrivesNoTerminal(t *testing.T) {
	for _, s := range hostile() {
		file := screen(t, s, "x")
		checkText(t, export(t, file, recorder.Text))
		checkPlayed(t, play(t, file))
	}
}

func TestTextShowsRequestsPrintable(t *testing.T) {
	file := sealed(t, []item{
		{0, recorder.Request{Name: "rpc", Text: "<a>\n\x1b[c</a>"}},
		{0, recorder.Mark{Text: "bye"}},
	})
	want := "[request rpc] <a>\n[request rpc] \\x1b[c</a>\n[mark] bye\n"
	if got := export(t, file, recorder.Text); got != want {
		t.Errorf("Text = %q, want %q", got, want)
	}
}

func TestTtyrec(t *testing.T) {
	got := []byte(export(t, screen(t, "one", "two"), recorder.Ttyrec))
	start := testHeader().Start.Unix()
	for i, want := range []string{"one", "two"} {
		if sec := binary.LittleEndian.Uint32(got); int64(sec) != start+int64(i) {
			t.Errorf("frame %d at second %d, want %d", i, sec, start+int64(i))
		}
		n := binary.LittleEndian.Uint32(got[8:])
		if text := string(got[12 : 12+n]); text != want {
			t.Errorf("frame %d = %q, want %q", i, text, want)
		}
		got = got[12+n:]
	}
	if len(got) != 0 {
		t.Errorf("%d bytes after the last frame", len(got))
	}
}

func TestAsciicastKeepsCutCharacters(t *testing.T) {
	euro, smile := "€", "😀"
	file := screen(t, "a"+euro[:1], euro[1:2], euro[2:]+smile[:3], smile[3:]+"\xff", "\xe2\x82")
	lines := strings.Split(strings.TrimSpace(export(t, file, recorder.Asciicast)), "\n")
	var head struct{ Version, Width, Height int }
	if err := json.Unmarshal([]byte(lines[0]), &head); err != nil || head.Version != 2 || head.Width != 100 || head.Height != 30 {
		t.Errorf("head %s = %+v, %v", lines[0], head, err)
	}
	var got []any
	for _, l := range lines[1:] {
		var e [3]any
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e[1], e[2])
	}
	want := []any{"o", "a", "o", "€", "o", "😀\ufffd", "o", "\ufffd\ufffd"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func TestTypescriptPlaysInScriptreplay(t *testing.T) {
	replay, err := exec.LookPath("scriptreplay")
	if err != nil {
		t.Skip("no scriptreplay")
	}
	dir := t.TempDir()
	r, err := recorder.NewReader(bytes.NewReader(sealed(t, []item{
		{time.Millisecond, recorder.Data{Stream: recorder.Out, Bytes: []byte("hello ")}},
		{2 * time.Millisecond, recorder.Data{Stream: recorder.In, Bytes: []byte("typed")}},
		{3 * time.Millisecond, recorder.Data{Stream: recorder.Err, Bytes: []byte("world\n")}},
	})))
	if err != nil {
		t.Fatal(err)
	}
	var script, timing bytes.Buffer
	if err := recorder.Typescript(&script, &timing, r); err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(dir, "script"), filepath.Join(dir, "timing")}
	for i, b := range []*bytes.Buffer{&script, &timing} {
		if err := os.WriteFile(files[i], b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(replay, "-t", files[1], files[0]).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("hello world")) {
		t.Errorf("scriptreplay = %q, %v", out, err)
	}
}

func TestJSONLines(t *testing.T) {
	got := strings.Split(strings.TrimSpace(export(t, sealed(t, items()), recorder.JSONLines)), "\n")
	want := []string{"header", "request", "resize", "data", "data", "data", "reply", "reply", "mark", "end"}
	for i, l := range got {
		var e struct{ Event, Base64 string }
		if err := json.Unmarshal([]byte(l), &e); err != nil || i >= len(want) || e.Event != want[i] {
			t.Errorf("line %d = %s, %v", i, l, err)
		}
		if i == 5 && e.Base64 != "/wAb" {
			t.Errorf("bytes that are not UTF-8: %s, want base64 /wAb", l)
		}
	}
}

func TestJSONDrivesNoTerminal(t *testing.T) {
	file := screen(t, "a\u009b6n\x7f\x1b[cb")
	for _, f := range []exporter{recorder.JSONLines, recorder.Asciicast} {
		got := export(t, file, f)
		checkText(t, got)
		for l := range strings.Lines(got) {
			if !json.Valid([]byte(l)) {
				t.Errorf("not JSON: %s", l)
			}
		}
		if !strings.Contains(got, `a\u009b6n\u007f\u001b[cb`) {
			t.Errorf("exported %q, want the controls escaped", got)
		}
	}
}

func TestPlayKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := recorder.NewReader(bytes.NewReader(screen(t, "a", "b", "c")))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		start := time.Now()
		if err := recorder.Play(t.Context(), &out, r, 4, 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 200*time.Millisecond || out.String() != "abc" {
			t.Errorf("played %q in %v, want two pauses of 100ms", out.String(), took)
		}
	})
}

func TestPlayStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := recorder.NewReader(bytes.NewReader(screen(t, "a", "b")))
	if err != nil {
		t.Fatal(err)
	}
	if err := recorder.Play(ctx, io.Discard, r, 1, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Play of a cancelled context = %v", err)
	}
	if err := recorder.Play(ctx, io.Discard, r, 0, 0); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("Play at speed 0 = %v, want ErrInvalid", err)
	}
}
