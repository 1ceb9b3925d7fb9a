package telnet

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestNegotiation(t *testing.T) {
	const (
		IAC  = "\xff"
		WILL = "\xff\xfb"
		WONT = "\xff\xfc"
		DO   = "\xff\xfd"
		DONT = "\xff\xfe"
		SB   = "\xff\xfa"
		SE   = "\xff\xf0"
	)
	tests := []struct{ name, in, data, reply string }{
		{"data", "hello\r\n\xe4\x00", "hello\r\n\xe4\x00", ""},
		{"carriage returns", "a\r\x00b\r\nc\r\r\x00\x00d\r", "a\rb\r\nc\r\r\x00d\r", ""},
		{"a command after CR", "a\r\xff\xf1\x00b", "a\rb", ""},
		{"binary", WILL + "\x00a\r\x00b\r" + WONT + "\x00\x00", "a\r\x00b\r", DO + "\x00" + DONT + "\x00"},
		{"escaped", "\xff\xff\xff\xff\r\xff\xff\x00", "\xff\xff\r\xff\x00", ""},
		{"nothing asked", IAC + "\xf1" + IAC + "\xf2" + IAC + "\xf3" + IAC + "\xf4" + IAC + "\xf5" + IAC + "\xf7" + IAC + "\xf8" + IAC + "\xf9" + IAC + "\xef" + IAC + "\xf0" + IAC + "\x05x", "x", ""},
		{"are you there", IAC + "\xf6", "", IAC + "\xf1"},
		{"agreed", DO + "\x03" + WILL + "\x03" + WILL + "\x01" + DO + "\x18", "", WILL + "\x03" + DO + "\x03" + DO + "\x01" + WILL + "\x18"},
		{"agreed once", DO + "\x03" + DO + "\x03" + WILL + "\x01" + WILL + "\x01", "", WILL + "\x03" + DO + "\x01"},
		{"off again", DO + "\x03" + DONT + "\x03" + DONT + "\x03" + WILL + "\x01" + WONT + "\x01" + WONT + "\x01" + WILL + "\x01", "",
			WILL + "\x03" + WONT + "\x03" + DO + "\x01" + DONT + "\x01" + DO + "\x01"},
		{"refused", DO + "\x01" + DO + "\x22" + WILL + "\x18" + WILL + "\x25", "", WONT + "\x01" + WONT + "\x22" + DONT + "\x18" + DONT + "\x25"},
		{"off already", DONT + "\x01" + WONT + "\x18", "", ""},
		{"type", DO + "\x18" + SB + "\x18\x01" + SE, "", WILL + "\x18" + SB + "\x18\x00xterm" + SE},
		{"type of who did not ask first", SB + "\x18\x01" + SE, "", ""},
		{"type told to us", DO + "\x18" + SB + "\x18\x00vt100" + SE, "", WILL + "\x18"},
		{"size", DO + "\x1f", "", WILL + "\x1f" + SB + "\x1f\x00\x50\x00\xff\xff" + SE},
		{"user", DO + "\x27" + SB + "\x27\x01" + SE, "", WILL + "\x27" + SB + "\x27\x00\x00USER\x01root" + SE},
		{"all variables", DO + "\x27" + SB + "\x27\x01\x00" + SE, "", WILL + "\x27" + SB + "\x27\x00\x00USER\x01root" + SE},
		{"user among others", DO + "\x27" + SB + "\x27\x01\x03DISPLAY\x00USER" + SE, "", WILL + "\x27" + SB + "\x27\x00\x00USER\x01root" + SE},
		{"other variables", DO + "\x27" + SB + "\x27\x01\x00DISPLAY\x03USER\x00USER\x02\x01" + SE, "", WILL + "\x27" + SB + "\x27\x00" + SE},
		{"IAC in a subnegotiation", DO + "\x18" + SB + "\x18\x01\xff\xff" + SE + "x", "x", WILL + "\x18" + SB + "\x18\x00xterm" + SE},
		{"subnegotiation without its end", DO + "\x18" + SB + "\x18\x01" + IAC + "\xf1x", "x", WILL + "\x18"},
		{"request within a subnegotiation", SB + "\x18\x01" + DO + "\x03x", "x", WILL + "\x03"},
		{"empty subnegotiation", SB + SE + SB + "\x18" + SE + "x", "x", ""},
		{"long subnegotiation", DO + "\x18" + SB + "\x18\x01" + strings.Repeat("x", keptSub) + SE + "x", "x", WILL + "\x18"},
	}
	for _, test := range tests {
		for _, size := range []int{len(test.in), 1} {
			t.Run(fmt.Sprintf("%s/%d", test.name, size), func(t *testing.T) {
				n := newNegotiation("xterm", "root")
				n.resize(80, 255)
				var data []byte
				var err error
				for in := []byte(test.in); len(in) > 0; in = in[size:] {
					if data, err = n.feed(data, in[:size], time.Unix(1, 0)); err != nil {
						t.Fatal(err)
					}
				}
				if reply := n.takeReply(); string(data) != test.data || string(reply) != test.reply {
					t.Errorf("data %q, reply %q; want %q, %q", data, reply, test.data, test.reply)
				}
			})
		}
	}
}

func TestWhatIsNotTold(t *testing.T) {
	for _, user := range []string{"", "-f root", "-froot", "a b", "a\x01b", "\xff\xf0", "rööt"} {
		n := newNegotiation("", user)
		if _, err := n.feed(nil, []byte("\xff\xfd\x27"), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if got := n.takeReply(); string(got) != "\xff\xfc\x27" {
			t.Errorf("user %q: answer %q, want WONT", user, got)
		}
	}
	for name, want := range map[string]string{
		"xterm-256color": "xterm-256color", "": "UNKNOWN", "a b": "UNKNOWN", "x\xff\xf0": "UNKNOWN", "é": "UNKNOWN",
		strings.Repeat("x", 41): "UNKNOWN", strings.Repeat("x", 40): strings.Repeat("x", 40),
	} {
		if got := termName(name); got != want {
			t.Errorf("termName(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestBudget: what is answered is bounded, and the bound grows with time.
func TestBudget(t *testing.T) {
	n := newNegotiation("", "")
	now := time.Unix(1, 0)
	ask := func(times int) error {
		_, err := n.feed(nil, []byte(strings.Repeat("\xff\xfd\x05", times)), now)
		return err
	}
	if err := ask(maxBudget / 3); err != nil {
		t.Fatal(err)
	}
	if got := len(n.takeReply()); got != maxBudget/3*3 {
		t.Errorf("%d bytes of answers", got)
	}
	now = now.Add(2 * time.Second)
	if err := ask(2 * budgetPerSec / 3); err != nil {
		t.Errorf("after 2 s: %v", err)
	}
	n.takeReply()
	if err := ask(2); err != errFlood {
		t.Errorf("overdrawn: %v, want errFlood", err)
	}
}

func TestEncode(t *testing.T) {
	tests := []struct {
		name          string
		binary, lines bool
		in, want      string
	}{
		{"keys", false, false, "ls\r\n\n\x00\xff\xe4\r", "ls\r\x00\n\n\x00\xff\xff\xe4\r\x00"},
		{"keys, binary", true, false, "ls\r\n\n\x00\xff\xe4\r", "ls\r\n\n\x00\xff\xff\xe4\r"},
		{"lines", false, true, "a\nb\r\nc\r\rd\n\n", "a\r\x00b\r\x00c\r\x00\r\x00d\r\x00\r\x00"},
		{"lines, binary", true, true, "a\nb\r\nc\r\rd\n\n", "a\rb\rc\r\rd\r\r"},
	}
	for _, test := range tests {
		for _, size := range []int{len(test.in), 1} {
			n := newNegotiation("", "")
			n.us[optBinary], n.lines = test.binary, test.lines
			var got []byte
			for in := []byte(test.in); len(in) > 0; in = in[size:] {
				got = n.encode(got, in[:size])
			}
			if string(got) != test.want {
				t.Errorf("%s by %d: encode(%q) = %q, want %q", test.name, size, test.in, got, test.want)
			}
		}
	}
}

// FuzzTelnet feeds what a target may send, whole and in pieces, and then has
// it encoded as what a person typed.
func FuzzTelnet(f *testing.F) {
	f.Add([]byte("login: \xff\xfd\x18\xff\xfa\x18\x01\xff\xf0\xff\xfd\x1f\xff\xfb\x01\r\x00\r\n"), uint8(3), uint16(255))
	f.Add([]byte("\xff\xfd\x27\xff\xfa\x27\x01\x00USER\x03\xff\xff\xff\xf0\xff\xfb\x00\xff\xfd\x00\xff\xff\xff"), uint8(1), uint16(80))
	f.Add(bytes.Repeat([]byte("\xff\xfd\x05"), 3000), uint8(200), uint16(0))
	f.Fuzz(func(t *testing.T, in []byte, size uint8, cols uint16) {
		now := time.Unix(1, 0)
		whole, pieces := newNegotiation("xterm\xff", "ro\xffot"), newNegotiation("xterm\xff", "ro\xffot")
		whole.resize(uint32(cols), 24)
		pieces.resize(uint32(cols), 24)
		data, err := whole.feed(nil, in, now)
		if len(data) > len(in) {
			t.Fatalf("%d bytes of data out of %d", len(data), len(in))
		}
		reply := bytes.Clone(whole.takeReply())
		if len(reply) > maxBudget {
			t.Fatalf("%d bytes of answers", len(reply))
		}
		wellFormed(t, reply)
		var bySize []byte
		var sizeErr error
		for rest := in; len(rest) > 0 && sizeErr == nil; {
			n := min(int(size)+1, len(rest))
			bySize, sizeErr = pieces.feed(bySize, rest[:n], now)
			rest = rest[n:]
		}
		if !bytes.Equal(data, bySize) || err != sizeErr || !bytes.Equal(reply, pieces.takeReply()) {
			t.Fatalf("whole: %q, %v; in pieces: %q, %v", data, err, bySize, sizeErr)
		}
		wellFormed(t, whole.resize(uint32(cols), uint32(size)))
		sent := whole.encode(nil, in)
		if len(sent) > 2*len(in) || bytes.Count(sent, []byte{iac}) != 2*bytes.Count(in, []byte{iac}) {
			t.Fatalf("encode(%q) = %q", in, sent)
		}
		back, err := newNegotiation("", "").feed(nil, sent, now)
		if !whole.us[optBinary] && (!bytes.Equal(back, in) || err != nil) {
			t.Fatalf("%q was sent as %q, which is read as %q, %v", in, sent, back, err)
		}
	})
}

// wellFormed checks that b is nothing but commands, with no data among them.
func wellFormed(t *testing.T, b []byte) {
	t.Helper()
	all := b
	for len(b) > 0 {
		n := 0
		switch {
		case len(b) >= 3 && b[0] == iac && b[1] >= will && b[1] <= dont:
			n = 3
		case len(b) >= 2 && b[0] == iac && b[1] == nop:
			n = 2
		case len(b) >= 5 && b[0] == iac && b[1] == sb:
			for n = 3; n+1 < len(b); n++ {
				if b[n] != iac {
					continue
				}
				if b[n+1] == se {
					break
				}
				if b[n+1] != iac {
					t.Fatalf("IAC in a subnegotiation of %q", all)
				}
				n++
			}
			n += 2
		}
		if n == 0 || n > len(b) {
			t.Fatalf("not a command at %q of %q", b, all)
		}
		b = b[n:]
	}
}
