package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// netconfDevice says hello, and ok to each request.
const netconfDevice = `
import re, sys
out, text = sys.stdout.buffer, b""
def say(message):
    out.write(message + b"]]>]]>")
    out.flush()
say(b'<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0'
    b'</capability></capabilities><session-id>7</session-id></hello>')
while True:
    some = sys.stdin.buffer.raw.read(4096)
    if not some:
        break
    text += some
    while b"]]>]]>" in text:
        message, text = text.split(b"]]>]]>", 1)
        id = re.search(rb'message-id="(\d+)"', message)
        if id:
            say(b'<rpc-reply message-id="' + id[1] + b'" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><ok/></rpc-reply>')
        if b"close-session" in message:
            sys.exit()
`

// TestNETCONFPassword has the gateway log in with passwords for NETCONF: the
// rights are those of the way that the password came by.
func TestNETCONFPassword(t *testing.T) {
	t.Parallel()
	needs(t, "root")
	w := newWorld(t)
	for range 2 {
		_, err := w.g.osh("selfGeneratePassword", "--do-it")
		w.check(err)
	}
	fallback := w.hashes("selfListPasswords")[1]["sha512crypt"]
	d := newRealDevice(t, t, fallback, sshdConfig+"Subsystem netconf /usr/bin/python3 DIR/device\n", "", "/usr/sbin/sshd", "-i", "-e", "-f", "config")
	w.check(os.WriteFile(filepath.Join(d.dir, "device"), []byte(netconfDevice), 0o644))
	for _, dir := range []string{d.dir, filepath.Dir(d.dir)} { // admin is not root there
		w.check(os.Chmod(dir, 0o755))
	}
	_, err := w.g.osh("selfAddPersonalAccess", "--host", "127.0.0.1", "--port", d.port(), "--user", "admin", "--force", "--netconf-allow", "read")
	w.check(err)
	const base = `xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"`
	c := w.ssh(nil, "-q", "-P", "--fallback-password-delay", "1", "--netconf", "admin@127.0.0.1", "-p", d.port())
	c.Stdin = strings.NewReader(`<hello ` + base + `><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>` +
		`<rpc message-id="1" ` + base + `><get-config><source><running/></source></get-config></rpc>]]>]]>` +
		`<rpc message-id="2" ` + base + `><edit-config><target><running/></target></edit-config></rpc>]]>]]>` +
		`<rpc message-id="3" ` + base + `><close-session/></rpc>]]>]]>`)
	w.want(0, c)
	out := c.out.String()
	for _, want := range []string{`message-id="1" ` + base + `><ok/>`, "gateway: edit-config of running is not allowed by your access", `message-id="3"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	if strings.Contains(out, `message-id="2" `+base+`><ok/>`) {
		t.Errorf("the device was asked for what is not allowed: %q", out)
	}
}
