package gateway_test

import (
	"errors"
	"strings"
	"testing"

	"gateway"
)

func TestNETCONFRights(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"get", "get"},
		{" get-config , get", "get,get-config"},
		{"get,get,read", "get,get-config,get-schema"},
		{"edit", "discard-changes,edit-config:candidate,lock:candidate,unlock:candidate,validate:candidate"},
		{"commit:confirmed-120", "commit:confirmed-120"},
		{"{urn:juniper:junos}command,{}reboot", "{urn:juniper:junos}command,{}reboot"},
		{"*", "*"},
	} {
		got, err := gateway.ParseNETCONFRights(test.in)
		if err != nil || got.String() != test.want {
			t.Errorf("ParseNETCONFRights(%q) = %q, %v, want %q", test.in, got, err, test.want)
		}
		if again, err := gateway.ParseNETCONFRights(got.String()); err != nil || again.String() != test.want {
			t.Errorf("%q is read back as %q, %v", got, again, err)
		}
	}
	for _, bad := range []string{
		"", ",", "get,", "get;get-config", "edit config", "edit-config:", "edit-config:nowhere", "get:running", "*:running", "{urn:x}y:running",
		"{urn:x", "{a b}c", "{urn:x}", "{urn:x}*", "-get", "commit:confirming", "commit:confirmed-0", "commit:confirmed-007", "commit:confirmed--5",
		"commit:running", "délai", strings.Repeat("a", 300), strings.Repeat("get,", 64) + "get", "get\x00",
	} {
		if got, err := gateway.ParseNETCONFRights(bad); !errors.Is(err, gateway.ErrInvalid) {
			t.Errorf("ParseNETCONFRights(%q) = %v, %v, want ErrInvalid", bad, got, err)
		}
	}
}

func TestNETCONFAllows(t *testing.T) {
	for _, test := range []struct {
		lists, rpc string
		want       bool
	}{
		{"get", "edit-config:running", false},
		{"get", "get-config:running", false},
		{"get", "GET", false},
		{"get", "{urn:evil}get", false},
		{"get", "{}get", false},
		{"get", "kill-session", false},
		{"edit-config:candidate", "edit-config:running", false},
		{"edit-config:candidate", "edit-config:url", false},
		{"edit-config:candidate", "edit-config", false},
		{"commit:confirmed", "commit", false},
		{"commit:confirmed", "commit:confirmed-601", false},
		{"commit:confirmed-60", "commit:confirmed", false},
		{"commit:confirmed", "commit:running", false},
		{"*;get", "edit-config:running", false},
		{"get;edit-config:running", "edit-config:running", false},
		{"not a list", "get", false},
		{"get;", "get", false},
		{strings.Repeat("get;", 8) + "get", "get", false},

		{"", "edit-config:running", true},
		{"*", "{urn:evil}get", true},
		{"*", "kill-session", true},
		{"get", "close-session", true},
		{"get-config", "get-config:startup", true},
		{"edit-config:candidate", "edit-config:candidate", true},
		{"commit", "commit", true},
		{"commit", "commit:confirmed-9999", true},
		{"commit:confirmed", "commit:confirmed-600", true},
		{"commit:confirmed", "commit:confirming", true},
		{"{urn:x}go", "{urn:x}go", true},
		{"read;get", "get", true},
	} {
		r, err := gateway.ParseRPC(test.rpc)
		if err != nil {
			t.Fatal(err)
		}
		if got := gateway.NETCONFAllows(test.lists, r); got != test.want {
			t.Errorf("NETCONFAllows(%q, %s) = %v, want %v", test.lists, r, got, test.want)
		}
	}
}

// What is read is written the same way again, and the canonical text allows the same.
func FuzzNETCONFRights(f *testing.F) {
	for _, s := range []string{"read,edit", "*", "{urn:x}y,get", "commit:confirmed-60", "edit-config:url"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := gateway.ParseNETCONFRights(s)
		if err != nil {
			return
		}
		again, err := gateway.ParseNETCONFRights(l.String())
		if err != nil || again.String() != l.String() {
			t.Errorf("%q: %q is read back as %q, %v", s, l, again, err)
		}
		for _, r := range l {
			if !l.Allows(r) {
				t.Errorf("%q does not allow its own %s", s, r)
			}
		}
	})
}
