package dialogue_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"gateway/internal/dialogue"
)

func scrub(s *dialogue.Scrubber, pieces ...string) string {
	var out []byte
	for _, p := range pieces {
		out = append(out, s.Scrub([]byte(p))...)
	}
	return string(append(out, s.Release()...))
}

func TestScrubber(t *testing.T) {
	for _, tt := range []struct {
		name, password string
		pieces         []string
		want           string
	}{
		{"nothing", "hunter22", []string{"a", "b"}, "ab"},
		{"whole", "hunter22", []string{"say hunter22 now"}, "say [...] now"},
		{"split", "hunter22", []string{"say hun", "ter", "22 now"}, "say [...] now"},
		{"only the beginning", "hunter22", []string{"hunt", "ing"}, "hunting"},
		{"begins again", "aab", []string{"aa", "aab"}, "aa[...]"},
		{"line ends in it", "hunter22", []string{"hun\r\nter\r", "\n22"}, "[...]"},
		{"asterisks over it", "hunter22", []string{"h\b*u\b*n\b*t\b*e\b*r\b*2\b*2\b*"}, "[...]\b*"},
		{"asterisks wiped out", "hunter22", []string{"h*\b \bu*\b \bn*\b \bt*\b \be*\b \br*\b \b2*\b \b2*\b \b"}, "[...]*\b \b"},
		{"dots over it", "hunter22", []string{"h\b•u\b•n\b•t\b•e\b•r\b•2\b•2"}, "[...]"},
		{"wrapped by a line editor", "hunter22", []string{"hunte", " \rr22"}, "[...]"},
		{"coloured", "hunter22", []string{"h\x1b[1mu\x1b[0;32mn\x1b(Bt\x1b7e", "\x1b[", "32", "mr\x1b[K22\x1b[m"}, "[...]\x1b[m"},
		{"a number in the sequence", "h1unter2", []string{"h\x1b[1m1unter2"}, "[...]"},
		{"sequence without the rest", "hunter22", []string{"h\x1b[1mello"}, "h\x1b[1mello"},
		{"twice", "hunter22", []string{"hunter22hunter22"}, "[...][...]"},
		{"held at the end", "#+%hunter", []string{"router#"}, "router#"},
		{"the mark's characters", "a.b.c.d.", []string{"a.b.c.d."}, "********"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dialogue.NewScrubber()
			s.Add([]byte(tt.password))
			if got := scrub(s, tt.pieces...); got != tt.want {
				t.Errorf("Scrub(%q) = %q, want %q", tt.pieces, got, tt.want)
			}
		})
	}
}

// A password that begins with another one is not cut off after that.
func TestScrubberKnowsLonger(t *testing.T) {
	for _, pieces := range [][]string{{"hunter22hunter33 x"}, {"hunter22", "hunter33 x"}, {"hunter22h", "unter33 x"}} {
		s := dialogue.NewScrubber()
		s.Add([]byte("hunter22"))
		s.Add([]byte("hunter22hunter33"))
		if got, want := scrub(s, pieces...), "[...] x"; got != want {
			t.Errorf("Scrub(%q) = %q, want %q", pieces, got, want)
		}
	}
}

func TestScrubberText(t *testing.T) {
	s := dialogue.NewScrubber()
	s.Add([]byte("hunter22"))
	for text, want := range map[string]string{
		"ter22\r\nPassword: ": "[...]\r\nPassword: ",
		"Password: hunt":      "Password: [...]",
		"a hunter22 b":        "a [...] b",
	} {
		if got := string(s.Text([]byte(text))); got != want {
			t.Errorf("Text(%q) = %q, want %q", text, got, want)
		}
	}
	s.Wipe()
	if got := string(s.Scrub([]byte("hunter22"))); got != "hunter22" {
		t.Errorf("Scrub after Wipe = %q: it still knows the password", got)
	}
}

// TestScrubberHoldsBack: at no moment more of an echo is out than what comes
// before it.
func TestScrubberHoldsBack(t *testing.T) {
	s := dialogue.NewScrubber()
	s.Add([]byte("hunter22"))
	var out []byte
	for _, c := range []byte("x hunter2") {
		out = append(out, s.Scrub([]byte{c})...)
	}
	if string(out) != "x " {
		t.Errorf("before the last character %q is out, want %q", out, "x ")
	}
}

func TestScrubberRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(from[r.IntN(len(from))])
		}
		return b.String()
	}
	for range 20000 {
		alphabet := []string{"ab", "ab*\r", "abc.[]"}[r.IntN(3)]
		s := dialogue.NewScrubber()
		var passwords []string
		for range 1 + r.IntN(2) {
			p := pick(alphabet, 2+r.IntN(6))
			passwords = append(passwords, p)
			s.Add([]byte(p))
		}
		var text string
		for range r.IntN(6) {
			text += pick(alphabet, r.IntN(6))
			if r.IntN(2) == 0 {
				text += passwords[r.IntN(len(passwords))]
			}
		}
		var out []byte
		for rest := text; rest != ""; {
			n := 1 + r.IntN(len(rest))
			out, rest = append(out, s.Scrub([]byte(rest[:n]))...), rest[n:]
		}
		out = append(out, s.Release()...)
		for _, p := range passwords {
			if strings.Contains(string(out), p) {
				t.Fatalf("passwords %q, text %q: %q has a password in it", passwords, text, out)
			}
		}
	}
}

func FuzzScrubber(f *testing.F) {
	f.Add([]byte("hunter22"), []byte("say hunter22 now"), 3)
	f.Add([]byte("aab"), []byte("aaaab"), 1)
	f.Fuzz(func(t *testing.T, password, text []byte, n int) {
		unprintable := bytes.ContainsFunc(password, func(r rune) bool { return r < ' ' || r == 0x7f })
		if len(password) == 0 || len(password) > 256 || n < 1 || unprintable { // such a password is never typed
			return
		}
		s := dialogue.NewScrubber()
		s.Add(password)
		var out []byte
		kept := bytes.Clone(text)
		for rest := text; len(rest) > 0; {
			m := min(n, len(rest))
			out, rest = append(out, s.Scrub(rest[:m])...), rest[m:]
		}
		if !bytes.Equal(kept, text) {
			t.Error("Scrub changed its argument")
		}
		out = append(out, s.Release()...)
		if bytes.Contains(out, password) {
			t.Errorf("password %q, text %q: %q has it in it", password, text, out)
		}
		if !bytes.Contains(text, password[:1]) && !bytes.Equal(out, text) {
			t.Errorf("password %q, text %q: out came %q", password, text, out)
		}
	})
}
