package interop

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// enabling is what the shell of a switch knows besides: enable, for who has the
// password whose hash is in the file second. What it got is in the file got.
const enabling = `
PS1='switch> '
enable() {
	stty -echo; printf 'Password: '; read password; stty echo; echo
	echo "enable:$password" >>got
	if perl -e 'exit(crypt($ARGV[0], $ARGV[1]) ne $ARGV[1])' "$password" "$(cat second)"; then
		PS1='switch# '
	else
		echo '% Bad secret'
	fi
}
`

// TestTelnetEnable has the gateway type a second password, and only where that
// was asked for.
func TestTelnetEnable(t *testing.T) {
	t.Parallel()
	w, g, _ := telnetWorld(t)
	_, port, err := net.SplitHostPort(g.l.Addr().String())
	w.check(err)
	w.check(os.WriteFile(filepath.Join(g.dir, "profile"), []byte(enabling), 0o644))
	at := []string{"--host", "127.0.0.1", "--port", port, "--user", "admin", "--force", "--profile", "arista-eos"}
	for _, words := range [][]string{
		append([]string{"selfDelPersonalAccess"}, at[:6]...),
		append([]string{"selfAddPersonalAccess"}, at...),
		{"groupCreate", "--group", "core", "--owner", admin, "--no-key"},
		append([]string{"groupAddServer", "--group", "core"}, at...),
		{"groupCreate", "--group", "other", "--owner", admin, "--no-key"},
		{"selfGeneratePassword", "--do-it"},
		{"groupGeneratePassword", "--group", "core", "--do-it"},
		{"groupGeneratePassword", "--group", "other", "--do-it"},
	} {
		_, err := w.g.osh(words...)
		w.check(err)
	}
	own := w.hashes("selfListPasswords")[0]["sha512crypt"]
	core := w.hashes("groupListPasswords", "--group", "core")[0]["sha512crypt"]
	g.accept(own)
	line := []string{"-q", "-e", "-P", "admin@127.0.0.1", "-p", port}
	var said strings.Builder
	for _, test := range []struct {
		second  string // what the switch takes
		options []string
		code    int
		want    string
		typed   string // where passwords were typed
	}{
		{own, []string{"--enable"}, 0, "switch# ", "admin enable"},
		{core, []string{"--enable-password", "core"}, 0, "switch# ", "admin enable"},
		{own, []string{"--enable-self-password"}, 0, "switch# ", "admin enable"},
		{core, []string{"--enable"}, 4, "did not grant more rights", "admin enable"},
		{own, nil, 0, "switch> ", "admin"},
		{core, []string{"--enable-password", "other"}, 108, "no access to admin@127.0.0.1", ""},
	} {
		w.check(os.WriteFile(filepath.Join(g.dir, "second"), []byte(test.second), 0o644))
		before := len(g.got())
		c := w.ssh(nil, append(test.options, line...)...)
		c.Stdin = strings.NewReader("echo at $((40 + 2)); sleep 0.5\nexit\n")
		w.want(test.code, c)
		out := c.out.String() + c.err.String()
		said.WriteString(out)
		if !strings.Contains(out, test.want) {
			t.Errorf("%q: %q, want %q", test.options, out, test.want)
		}
		var typed []string
		for _, got := range g.got()[before:] {
			user, _, _ := strings.Cut(got, ":")
			typed = append(typed, user)
		}
		if got := strings.Join(typed, " "); got != test.typed {
			t.Errorf("%q: typed at %q, want %q", test.options, got, test.typed)
		}
	}

	// The second password is a right of its own, which ends the session with it.
	w.check(os.WriteFile(filepath.Join(g.dir, "second"), []byte(core), 0o644))
	c, term := w.terminal(append([]string{"--enable-password", "core"}, line...)...)
	w.await(&c.out, "switch# ")
	_, err = io.WriteString(term, "echo up at $((40 + 2))\r")
	w.check(err)
	w.await(&c.out, "up at 42")
	_, err = w.g.osh("groupDelServer", "--group", "core", "--host", "127.0.0.1", "--port", port, "--user", "admin")
	w.check(err)
	w.await(&c.out, "withdrawn or has expired")
	if code, err := c.code(); code != 107 {
		t.Errorf("exit status %d (%v), want 107", code, err)
	}

	audit, err := w.g.audit()
	w.check(err)
	if n := strings.Count(audit, `"number":"second"`); n != 5 {
		t.Errorf("%d audit records of second passwords, want 5", n)
	}
	everything := said.String() + c.out.String() + w.g.text() + audit + w.recorded("admin@127.0.0.1:")
	for _, line := range g.got() {
		if _, password, _ := strings.Cut(line, ":"); len(password) < 8 || strings.Contains(everything, password) {
			t.Errorf("%q was typed, or is in what was said and recorded", line)
		}
	}
}
