package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/jail"
)

// This file plays a session process that was taken over: it runs under the
// real sandbox, with the real monitor and recorder (world_test.go), and does
// what an attacker would (attacks_test.go, siege_test.go). The test binary is
// all three programs.

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		// Not os.Exit, for which the race detector takes a second.
		case "recorder":
			syscall.Exit(run(os.Args[1:]))
		case "hostile":
			syscall.Exit(hostile(os.Args[2], os.Args[3:]))
		}
	}
	os.Exit(m.Run())
}

// attacker is the taken-over process, past its sandbox.
type attacker struct {
	ctl  *control.Conn
	args []string // what the test wants it to know: see world.secrets
	key  ssh.Signer
}

// The descriptors that the monitor hands over; the control socket's is the one
// that the runtime got when it took it over.
const (
	fdClient        = 4
	fdControlSocket = 3
)

// hostile enters the sandbox, attacks, and tells the client how that went.
func hostile(name string, args []string) int {
	abi, err := strconv.Atoi(args[len(args)-1])
	if err != nil {
		return 1
	}
	if _, err := jail.Enter(jail.Session(2, 3, 4).Confined(abi)); err != nil {
		return 1
	}
	seed, err := hex.DecodeString(args[0])
	if err != nil {
		return 1
	}
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return 1
	}
	dup, err := unix.FcntlInt(fdControlSocket, unix.F_DUPFD_CLOEXEC, 10)
	if err != nil {
		return 1
	}
	ctl, err := control.NewConn(os.NewFile(uintptr(dup), "control"))
	if err != nil {
		return 1
	}
	if _, err := ctl.Receive(control.OpBoot, &json.RawMessage{}); err != nil {
		return 1
	}
	go ctl.Serve(context.Background(), ignoreNotices{})
	if args[len(args)-2] == "probe" {
		select {} // as with a target that does not answer
	}
	a := &attacker{ctl: ctl, args: args, key: signer}
	if siege, ok := sieges()[name]; ok {
		siege(a)
		return 0
	}
	attack := attacks()[name]
	if helped := whenFrozenAttacks()[name]; helped != nil {
		attack = helped
	}
	result := "SUCCEEDED"
	if err := attack(a); err != nil {
		result = "failed: " + err.Error()
	}
	unix.Write(fdClient, []byte(result))
	return 0
}

type ignoreNotices struct{}

func (ignoreNotices) Admit(control.Op, int) error { return nil }
func (ignoreNotices) Handle(context.Context, control.Op, []byte, []*os.File) (any, []*os.File, error) {
	return nil, nil, nil
}

func (a *attacker) monitorPID() int { return unix.Getppid() }

func (a *attacker) bobBlob() []byte {
	b, _ := hex.DecodeString(a.args[3])
	return b
}

func (a *attacker) target(user string) control.Open {
	port, _ := strconv.ParseUint(a.args[4], 10, 16)
	return control.Open{Protocol: gateway.SSH, Host: "127.0.0.1", User: user, Port: uint16(port), Action: gateway.Action{Kind: "shell"}}
}

func (a *attacker) call(op control.Op, req, reply any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := a.ctl.Call(ctx, op, req, reply)
	return err
}

// alive reports whether the monitor still talks to us.
func (a *attacker) alive() error {
	return a.call(control.OpUserKey, control.UserKey{User: "x", Blob: []byte{1}}, nil)
}

func hash(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func (a *attacker) exchange(n byte) {
	_ = a.call(control.OpSignHost, control.SignHost{KeyType: ssh.KeyAlgoED25519, Algorithm: ssh.KeyAlgoED25519, Data: hash(n)}, nil)
}

// sign makes alice's signature of a login over session id n.
func (a *attacker) sign(n byte, user string, blob []byte) []byte {
	sig, err := a.key.Sign(rand.Reader, authData(hash(n), user, ssh.KeyAlgoED25519, blob))
	if err != nil {
		return nil
	}
	return ssh.Marshal(sig)
}

func (a *attacker) prove(n byte) error {
	blob := a.key.PublicKey().Marshal()
	return a.call(control.OpProve, control.Prove{User: "alice", Algorithm: ssh.KeyAlgoED25519, Blob: blob, Signature: a.sign(n, "alice", blob)}, nil)
}

// withLogin runs f as alice. A login that fails counts as the attack having
// worked, because it was never tried.
func (a *attacker) withLogin(f func() error) error {
	a.exchange(1)
	if a.prove(1) != nil {
		return nil
	}
	return f()
}

func (a *attacker) withSession(f func(control.OpenReply) error) error {
	return a.withOpen(a.target("root"), f)
}

// withJump is withSession through the jump host, where a login as root would be
// possible too, and is not what was asked for.
func (a *attacker) withJump(f func(control.OpenReply) error) error {
	return a.withOpen(a.through("hopper"), f)
}

func (a *attacker) withOpen(open control.Open, f func(control.OpenReply) error) error {
	return a.withLogin(func() error {
		var r control.OpenReply
		if a.call(control.OpOpen, open, &r) != nil || r.Refusal != nil || len(r.Keys) == 0 {
			return nil
		}
		return f(r)
	})
}

// through asks for the target by way of itself, as a jump host.
func (a *attacker) through(user string) control.Open {
	r := a.target("root")
	r.Jump = &control.Hop{Host: r.Host, User: user, Port: r.Port}
	return r
}

func (a *attacker) open(r control.Open) error {
	var reply control.OpenReply
	err := a.call(control.OpOpen, r, &reply)
	if err == nil && reply.Refusal != nil {
		err = errors.New(reply.Refusal.Text)
	}
	return err
}

func authData(session []byte, user, algorithm string, blob []byte) []byte {
	return append(ssh.Marshal(struct{ S []byte }{session}), ssh.Marshal(struct {
		Type          byte
		User, Service string
		Method        string
		HasSig        bool
		Algorithm     string
		Blob          []byte
	}{50, user, "ssh-connection", "publickey", true, algorithm, blob})...)
}

func tryOpen(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func rawErr(_, _ uintptr, errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

// seenBySandbox are the attacks that end the process or the connection, and
// that the monitor must have written down.
func seenBySandbox(name string) bool {
	for _, part := range []string{"execute", "fork", "signal the monitor", "trace", "memory", "phase", "before login", "garbage", "short packet", "unknown",
		"malformed", "endless", "guess", "anything", "without a key exchange", "twice", "no session", "no login", "sign a login", "teach", "beyond", "in a target", "opened for", "without end",
		"have a password", "have all", "have the next", "claim that", "connect again", "connect more often", "login at a database", "was not opened for"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func TestHostileSessionProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	for name := range attacks() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.serve(t, name)
			nc, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(20 * time.Second))
			// Nothing at all means that the process was killed before it could say.
			said, err := io.ReadAll(nc)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "as bob") && !seenBySandbox(name) {
				w.waitAudit(t, `"event":"security"`)
			}
			if strings.HasPrefix(string(said), "SUCCEEDED") {
				t.Errorf("attack %q succeeded", name)
			}
			if seenBySandbox(name) {
				w.waitAudit(t, `"event":"sandbox"`)
			} else if len(said) == 0 {
				t.Errorf("attack %q: process died unseen", name)
			}
		})
	}
}

// TestHostileStatic runs the same with a program that is linked like the real
// one, and so confined from its first instruction: as whoever runs the tests,
// and when that is root as an ordinary user too.
func TestHostileStatic(t *testing.T) {
	if testing.Short() || os.Getenv(nested) != "" {
		t.Skip("starts many processes")
	}
	tmp := t.TempDir()
	binary := filepath.Join(tmp, "gateway.test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	uids := []int{os.Geteuid()}
	if os.Geteuid() == 0 {
		uids = append(uids, nobody)
	}
	for _, uid := range uids {
		t.Run("uid "+strconv.Itoa(uid), func(t *testing.T) { runNested(t, binary, uid) })
	}
}

const (
	nobody = 65534
	nested = "GATEWAY_TEST_NESTED" // set for the tests that TestHostileStatic runs
)

func runNested(t *testing.T, binary string, uid int) {
	// Not t.TempDir: its parent is closed to other users.
	tmp, err := os.MkdirTemp("", "hostile")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chown(tmp, uid, uid); err != nil {
		t.Fatal(err)
	}
	program, err := os.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	copied, err := os.OpenFile(filepath.Join(tmp, "gateway.test"), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(copied, program); err != nil {
		t.Fatal(err)
	}
	if err := copied.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied.Name(), "-test.run=^TestHostileSessionProcess$", "-test.v", "-test.timeout=2m")
	cmd.Dir = tmp
	cmd.Env = []string{"TMPDIR=" + tmp, "HOME=" + tmp, nested + "=1"}
	if uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "--- PASS: TestHostileSessionProcess/"); n != len(attacks()) {
		t.Fatalf("%d of %d attacks were tried:\n%s", n, len(attacks()), out)
	}
}
