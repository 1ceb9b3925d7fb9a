package recorder_test

import (
	"net/netip"
	"testing"

	"gateway/recorder"
)

func TestHeaderTo(t *testing.T) {
	h := recorder.Header{Account: "alice"}
	if to := h.To(); to != "" {
		t.Errorf("a command goes to %q", to)
	}
	h.User, h.Host, h.Addr, h.Port = "root", "srv", netip.MustParseAddr("2001:db8::7"), 22
	if to := h.To(); to != "root@[2001:db8::7]:22" {
		t.Errorf("directly: %q", to)
	}
	h.Jump = &recorder.Jump{User: "jump\x1b", Host: "hop", Addr: netip.MustParseAddr("192.0.2.9"), Port: 2222}
	if to := h.To(); to != `root@[2001:db8::7]:22 via jump\x1b@192.0.2.9:2222` {
		t.Errorf("through a jump host: %q", to)
	}
}
