package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// realDevice is a server program, started for each connection, that knows one
// user by a password. It sees accounts of its own in place of the machine's.
type realDevice struct {
	t    *testing.T
	dir  string
	argv []string // its program
	l    net.Listener
	wait sync.WaitGroup
}

// newRealDevice serves with a program that speaks on its standard input. It
// keeps its port until the end of a test, as the gateway remembers host keys
// and accesses by port.
func newRealDevice(t, until *testing.T, hash string, config, pam string, argv ...string) *realDevice {
	t.Helper()
	d := &realDevice{t: t, dir: t.TempDir(), argv: argv}
	files := map[string]string{
		"passwd": "root:x:0:0:root:/:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\nadmin:x:65534:65534::/:/bin/sh\n",
		"shadow": "root:*:19000:0:99999:7:::\nsshd:!:19000::::::\nadmin:" + hash + ":19000:0:99999:7:::\n",
		"pam":    pam,
		"config": config,
	}
	for name, text := range files {
		text = strings.ReplaceAll(text, "DIR", d.dir)
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{"ed25519", "rsa", "dsa"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", filepath.Join(d.dir, kind)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	d.wait.Go(d.serve)
	until.Cleanup(func() {
		d.l.Close()
		d.wait.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
			t.Logf("log of the device: %s", log)
		}
	})
	return d
}

// inside mounts the accounts over those of the machine, for this process only.
const inside = `cd "$0" && mount --make-rprivate / && mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow || exit
if test -s pam; then mount --bind pam /etc/pam.d/sshd || exit; fi
exec "$@"
`

func (d *realDevice) serve() {
	for {
		nc, err := d.l.Accept()
		if err != nil {
			return
		}
		f, err := nc.(*net.TCPConn).File()
		nc.Close()
		if err != nil {
			d.t.Error(err)
			return
		}
		args := append([]string{"-c", inside, d.dir}, d.argv...)
		cmd := exec.Command("/bin/sh", args...)
		cmd.Stdin, cmd.Stdout = f, f
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			cmd.Stderr = log
			err = cmd.Start()
			log.Close()
		}
		f.Close()
		if err != nil {
			d.t.Error(err)
			return
		}
		d.wait.Go(func() { cmd.Wait() })
	}
}

func (d *realDevice) port() string {
	_, port, _ := net.SplitHostPort(d.l.Addr().String())
	return port
}

const (
	sshdConfig = "HostKey DIR/ed25519\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\nUsePAM no\n" +
		"PubkeyAuthentication no\nStrictModes no\nPidFile none\nPrintMotd no\nMaxAuthTries 1\n"
	pamConfig  = "UsePAM yes\nHostKey DIR/ed25519\nPasswordAuthentication no\nKbdInteractiveAuthentication yes\nPubkeyAuthentication no\nStrictModes no\nPidFile none\nPrintMotd no\n"
	pamStack   = "auth required pam_unix.so nodelay\naccount required pam_permit.so\nsession required pam_permit.so\n"
	oldNumbers = "HostKeyAlgorithms ssh-rsa\nKexAlgorithms diffie-hellman-group14-sha1\nCiphers aes128-cbc\nMACs hmac-sha1\n"
	oldest     = "HostKeyAlgorithms ssh-dss\nHostKey DIR/dsa\nKexAlgorithms diffie-hellman-group1-sha1\nCiphers 3des-cbc\nMACs hmac-sha1\n"
	// What OpenSSH's server never sends: the request to change the password.
	changing = `
import paramiko, socket
from paramiko.auth_handler import AuthHandler
from paramiko.message import Message

class Server(paramiko.ServerInterface):
    def get_allowed_auths(self, user):
        return "password"

def answer(self, user, method, result):
    m = Message()
    if method == "password":
        m.add_byte(b"\x3c")
        m.add_string("Your password has expired. New password: ")
        m.add_string("")
    else:
        m.add_byte(b"\x33")
        m.add_string("password")
        m.add_boolean(False)
    self.transport._send_message(m)

AuthHandler._send_auth_result = answer
t = paramiko.Transport(socket.socket(fileno=0))
t.add_server_key(paramiko.Ed25519Key(filename="ed25519"))
t.start_server(server=Server())
t.join(30)
`
	impossible = "MACs hmac-md5\nCiphers aes256-cbc\n"
)

// TestPasswordServers logs in with passwords at real servers.
func TestPasswordServers(t *testing.T) {
	t.Parallel()
	needs(t, "root")
	needs(t, "dropbear")
	needs(t, "paramiko")
	w := newWorld(t)
	for range 2 {
		_, err := w.g.osh("selfGeneratePassword", "--do-it")
		w.check(err)
	}
	listed := w.hashes("selfListPasswords")
	current, fallback := listed[0]["sha512crypt"], listed[1]["sha512crypt"]
	whole, sshd := t, []string{"/usr/sbin/sshd", "-i", "-e", "-f", "config"}
	for _, test := range []struct {
		name              string
		hash, config, pam string
		argv              []string
		access            []string // options of the access
		code              int
		says              string
	}{
		{name: "sshd", hash: current, config: sshdConfig, argv: sshd, says: "at 42"},
		{name: "sshd fallback", hash: fallback, config: sshdConfig, argv: sshd, says: "at 42"},
		{name: "sshd wrong", hash: "*", config: sshdConfig, argv: sshd, code: 100, says: "it refused the login name or the password"},
		{name: "keyboard-interactive", hash: current, config: pamConfig, pam: pamStack, argv: sshd, says: "at 42"},
		{name: "keyboard-interactive fallback", hash: fallback, config: pamConfig, pam: pamStack, argv: sshd, says: "at 42"},
		{name: "keyboard-interactive wrong", hash: "*", config: pamConfig, pam: pamStack, argv: sshd, code: 100, says: "2 passwords were tried"},
		{name: "keys only", hash: current, argv: sshd, code: 3, says: "it takes no password, but only publickey",
			config: strings.NewReplacer("PasswordAuthentication yes", "PasswordAuthentication no", "PubkeyAuthentication no", "PubkeyAuthentication yes").Replace(sshdConfig)},
		{name: "old, not permitted", hash: current, config: oldNumbers + strings.Replace(sshdConfig, "ed25519", "rsa", 1), argv: sshd, code: 255,
			says: "no common algorithm for key exchange: the target has only diffie-hellman-group14-sha1; --legacy on the access permits diffie-hellman-group14-sha1, which is insecure"},
		{name: "old", hash: current, config: oldNumbers + strings.Replace(sshdConfig, "ed25519", "rsa", 1), argv: sshd, access: []string{"--legacy"}, says: "at 42"},
		{name: "oldest", hash: current, config: oldest + strings.Replace(sshdConfig, "HostKey DIR/ed25519\n", "", 1), argv: sshd, access: []string{"--legacy"}, says: "at 42"},
		{name: "old by profile", hash: current, config: oldest + strings.Replace(sshdConfig, "HostKey DIR/ed25519\n", "", 1), argv: sshd, access: []string{"--profile", "cisco-ios"}, says: "at 42"},
		{name: "impossible", hash: current, config: impossible + sshdConfig, argv: sshd, access: []string{"--legacy"}, code: 255,
			says: "no common algorithm for client to server cipher: the target has only aes256-cbc; the gateway can do none of them"},
		{name: "password change", config: changing, argv: []string{"/usr/bin/python3", "config"}, code: 255,
			says: "it wants the password to be changed, which the gateway does not do"},
		{name: "dropbear", hash: current, argv: []string{"dropbear", "-i", "-s", "-r", "dropbear_key"}, code: 3, says: "it takes no password"},
		{name: "dropbear password", hash: current, argv: []string{"dropbear", "-i", "-r", "dropbear_key"}, says: "at 42"},
		{name: "dropbear fallback", hash: fallback, argv: []string{"dropbear", "-i", "-r", "dropbear_key"}, says: "at 42"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newRealDevice(t, whole, test.hash, test.config, test.pam, test.argv...)
			if test.argv[0] == "dropbear" {
				if out, err := exec.Command("dropbearkey", "-t", "ed25519", "-f", filepath.Join(d.dir, "dropbear_key")).CombinedOutput(); err != nil {
					t.Fatalf("dropbearkey: %v: %s", err, out)
				}
			}
			add := append([]string{"selfAddPersonalAccess", "--host", "127.0.0.1", "--port", d.port(), "--user", "admin", "--force"}, test.access...)
			if _, err := w.g.osh(add...); err != nil {
				t.Fatal(err)
			}
			c := w.ssh(nil, "-P", "--fallback-password-delay", "1", "admin@127.0.0.1", "-p", d.port(), "--", "echo at $((40 + 2))")
			code, err := exitCode(c.Run())
			if said := c.out.String() + c.err.String(); code != test.code || !strings.Contains(said, test.says) {
				t.Errorf("exit status %d (%v), want %d, and %q in:\n%s", code, err, test.code, test.says, said)
			}
		})
	}
}

// TestTypedPassword has the person type what a target asks for.
func TestTypedPassword(t *testing.T) {
	t.Parallel()
	needs(t, "root")
	w := newWorld(t)
	out, err := exec.Command("perl", "-e", `print crypt("Qq7%by%hand", '$6$abcdefgh$')`).Output()
	w.check(err)
	whole, sshd := t, []string{"/usr/sbin/sshd", "-i", "-e", "-f", "config"}
	for _, test := range []struct {
		name, setting string
		config, pam   string
		options       []string
	}{
		{"keyboard-interactive", "keyboardInteractiveAllowed", pamConfig, pamStack, []string{"--kbd-interactive"}},
		{"password", "passwordAllowed", sshdConfig, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newRealDevice(t, whole, string(out), strings.ReplaceAll(test.config, "MaxAuthTries 1", "MaxAuthTries 6"), test.pam, sshd...)
			_, err := w.g.osh("selfAddPersonalAccess", "--host", "127.0.0.1", "--port", d.port(), "--user", "admin", "--force")
			w.check(err)
			at := append(test.options, "admin@127.0.0.1", "-p", d.port())
			code, err := exitCode(w.ssh([]string{"-tt"}, at...).Run())
			if want := map[bool]int{true: 107, false: 255}[len(test.options) > 0]; code != want {
				t.Errorf("exit status without the setting %d (%v), want %d", code, err, want)
			}
			w.check(w.g.set(test.setting + "=true"))
			for _, interactive := range []bool{false, true} {
				words := at
				if interactive {
					words = []string{"-i"}
				}
				c, term := w.terminal(words...)
				type_ := func(await, text string) {
					w.await(&c.out, await)
					_, err := term.WriteString(text)
					w.check(err)
				}
				if interactive {
					type_(">", strings.Join(at, " ")+"\r")
				}
				type_("assword: ", "wrong\r")
				w.check(eventually(func() error {
					if n := strings.Count(c.out.String(), "assword: "); n < 2 {
						return fmt.Errorf("asked %d times", n)
					}
					return nil
				}))
				type_("assword: ", "Qq7X\x7f%by%hand\r")
				type_("$", "echo at $((40 + 2)); exit\r")
				w.await(&c.out, "at 42")
				if interactive {
					type_("at 42\r\nalice@", "exit\r")
				}
				if code, err := c.code(); code != 0 {
					t.Errorf("interactive %v: exit status %d (%v)\n%s", interactive, code, err, c.out.String())
				}
				if strings.Contains(c.out.String(), "Qq7") {
					t.Errorf("interactive %v: the password was echoed: %q", interactive, c.out.String())
				}
			}
			w.check(w.g.set(test.setting + "=false"))
		})
	}
	list, err := w.g.run("recording", "list", "--limit", "0")
	w.check(err)
	everything := w.g.text() + list
	found := 0
	for line := range strings.Lines(list) {
		if export, err := w.g.run("recording", "export", "--format", "jsonl", strings.Fields(line)[0]); err == nil {
			everything += export
			found++
		}
	}
	text, err := w.g.audit()
	w.check(err)
	everything += text
	for _, part := range []string{"by%hand", "Qq7", "wrong"} {
		if i := strings.Index(everything, part); i >= 0 {
			t.Errorf("%q of what was typed is in %d recordings or logs: %s", part, found, everything[max(0, i-200):i+50])
		}
	}
}

// TestLegacyKeys logs in with keys where nothing newer than SHA-1 is known;
// to add the access is a login too.
func TestLegacyKeys(t *testing.T) {
	t.Parallel()
	needs(t, "root")
	w := newWorld(t)
	_, err := w.g.osh("selfGenerateEgressKey", "--algo", "rsa", "--size", "2048")
	w.check(err)
	keys, err := w.g.egressKeys("selfListEgressKeys")
	w.check(err)
	config := strings.NewReplacer("PubkeyAuthentication no", "PubkeyAuthentication yes\nAuthorizedKeysCommand /bin/cat DIR/keys\nAuthorizedKeysCommandUser root",
		"PasswordAuthentication yes", "PasswordAuthentication no", "HostKey DIR/ed25519\n", "", "MaxAuthTries 1", "MaxAuthTries 6").Replace(oldest + sshdConfig)
	d := newRealDevice(t, t, "*", config, "", "/usr/sbin/sshd", "-i", "-e", "-f", "config")
	w.check(os.WriteFile(filepath.Join(d.dir, "keys"), []byte(keys), 0o644))
	add := []string{"selfAddPersonalAccess", "--host", "127.0.0.1", "--port", d.port(), "--user", "admin"}
	if out, err := w.g.osh(add...); err == nil || !strings.Contains(out+err.Error(), "--legacy on the access permits diffie-hellman-group1-sha1") {
		t.Errorf("added without --legacy: %v, %s", err, out)
	}
	for _, option := range [][]string{{"--legacy"}, {"--profile", "cisco-ios"}} {
		_, err := w.g.osh(append(add, option...)...)
		w.check(err)
		at := []string{"-q", "admin@127.0.0.1", "-p", d.port(), "--", "echo at $((40 + 2))"}
		w.want(0, w.ssh(nil, at...))
		_, err = w.g.osh(append([]string{"selfDelPersonalAccess"}, add[1:]...)...)
		w.check(err)
	}
}

// TestNothingOldForPeople: what old gear may be permitted is never offered on the
// side of people, whatever accesses there are.
func TestNothingOldForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.g.osh("selfAddPersonalAccess", "--host", "192.0.2.1", "--port", "22", "--user", "admin", "--legacy", "--force")
	w.check(err)
	w.want(0, w.ssh([]string{"-o", "Ciphers=aes128-ctr", "-o", "MACs=hmac-sha2-256"}, "--osh", "info"))
	for _, options := range [][]string{
		{"-o", "Ciphers=aes128-ctr", "-o", "MACs=hmac-sha1"}, {"-o", "Ciphers=aes128-cbc"}, {"-o", "Ciphers=3des-cbc"},
		{"-o", "KexAlgorithms=diffie-hellman-group14-sha1"}, {"-o", "KexAlgorithms=diffie-hellman-group1-sha1"},
		{"-o", "HostKeyAlgorithms=ssh-rsa"}, {"-o", "HostKeyAlgorithms=ssh-dss"},
	} {
		c := w.ssh(options, "--osh", "info")
		w.want(255, c)
		if !strings.Contains(c.err.String(), "no matching") {
			t.Errorf("%q: %s", options, c.err.String())
		}
	}
}
