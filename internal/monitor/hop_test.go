package monitor

import (
	"testing"

	"gateway"
)

// The session process has checked the login's name; one that was taken over
// has not, and an access for any user covers any text.
func TestUserOfAHop(t *testing.T) {
	c := &conn{m: newMonitor()}
	for _, user := range []string{"root\n", "a b", "\x1b[31m", "root\u009b", "ro*t", "a\x00", string(make([]byte, 129)), "!sftp", "{}\"", "\xff"} {
		hop := gateway.Target{User: user, Host: "127.0.0.1", Port: 22}
		if refusal := c.resolveHop(t.Context(), &hop, "a target"); refusal == nil || refusal.Refusal != gateway.RefusalRemoteUser || gateway.Printable(refusal.Text) != refusal.Text {
			t.Errorf("user %q: %+v", user, refusal)
		}
	}
	hop := gateway.Target{User: "www-data@a:b!", Host: "127.0.0.1", Port: 22}
	if refusal := c.resolveHop(t.Context(), &hop, "a target"); refusal != nil {
		t.Errorf("user %q: %+v", hop.User, refusal)
	}
}
