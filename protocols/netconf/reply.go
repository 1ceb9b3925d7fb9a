package netconf

import (
	"bytes"
	"strings"

	"gateway"
)

// maxHead is how much of a device's message is looked at: enough for what an
// rpc-reply begins with. The rest passes unread.
const maxHead = 64 << 10

// answer is what a message of a device says of itself.
type answer struct {
	root         string // local name: rpc-reply, notification, hello; empty: not understood
	id           string
	ok           bool
	errTag, text string // of the first rpc-error
}

// readAnswer reads the beginning of a device's message. Of a broken one it says
// what it can: the message is the client's to judge.
func readAnswer(head []byte) answer {
	var a answer
	s, err := newScanner(trimRune(head))
	if err != nil {
		return a
	}
	root, _, err := s.next()
	if err != nil {
		return a
	}
	a.root = root.name.local
	for _, at := range root.attrs {
		if at.name.local == "message-id" {
			a.id = at.value
		}
	}
	a.ok = a.root == "rpc-reply"
	for {
		t, ok, err := s.next()
		if err != nil || !ok {
			return a
		}
		if t.kind == tokenStart && t.name.local == "rpc-error" && (s.depth() == 2 || t.name.space == baseSpace) {
			fault := readError(s)
			if warning := fault["error-severity"] == "warning"; !warning && a.ok {
				a.ok, a.errTag, a.text = false, fault["error-tag"], fault["error-message"]
			}
		}
	}
}

// readError reads the texts in rpc-error.
func readError(s *scanner) map[string]string {
	found, depth := map[string]string{}, s.depth()
	for {
		t, ok, err := s.next()
		if err != nil || !ok || t.kind == tokenEnd && s.depth() < depth {
			return found
		}
		if t.kind == tokenStart && s.depth() == depth+1 {
			content, err := skip(s)
			if err != nil {
				return found
			}
			text, _ := expand(content)
			found[t.name.local] = strings.TrimSpace(text)
		}
	}
}

// trimRune drops a character that was cut in two at the end.
func trimRune(b []byte) []byte {
	for i := 1; i <= min(3, len(b)); i++ {
		if c := b[len(b)-i]; c >= 0xc0 { // the first byte of several
			return b[:len(b)-i]
		} else if c < 0x80 {
			break
		}
	}
	return b
}

// offers reads a device's hello. One that this parser does not take is still
// the client's to judge, who must come to the same framing.
func offers(hello []byte) versions {
	if m, err := parse(hello); err == nil && m.hello {
		return m.versions
	}
	return versions{v10: bytes.Contains(hello, []byte(base10)), v11: bytes.Contains(hello, []byte(base11))}
}

// clip cuts a text for a record.
func clip(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return gateway.Printable(s)
}
