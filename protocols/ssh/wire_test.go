package ssh

import (
	"testing"

	"gateway"
)

// FuzzParseExit: whatever a target says of the end is fit to be shown.
func FuzzParseExit(f *testing.F) {
	f.Add("exit-status", []byte{0, 0, 0, 7})
	f.Add("exit-signal", []byte("\x00\x00\x00\x04KILL\x00\x00\x00\x00\x04text\x00\x00\x00\x00"))
	f.Add("exit-signal", []byte("\x00\x00\x00\x02\x1b[\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, name string, payload []byte) {
		e, ok := parseExit(name, payload)
		if !ok && e != (gateway.Exit{}) {
			t.Errorf("parseExit(%q, %q) = %+v although it fails", name, payload, e)
		}
		if gateway.Printable(e.Signal) != e.Signal || gateway.Printable(e.Text) != e.Text {
			t.Errorf("parseExit(%q, %q) = %+v", name, payload, e)
		}
		if ok && name != "exit-status" && name != "exit-signal" {
			t.Errorf("parseExit(%q, …) takes it for an exit", name)
		}
	})
}
