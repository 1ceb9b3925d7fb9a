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
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/config"
	"gateway/internal/control"
	"gateway/internal/jail"
	"gateway/internal/store"
)

// This file plays a session process that was taken over: it runs under the
// real sandbox, with the real monitor and recorder, and does what an attacker
// would. The test binary is all three programs.

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

// attacks returns nil for "it worked", which it must not.
func attacks() map[string]func(a *attacker) error {
	return map[string]func(a *attacker) error{
		"read /etc/passwd": func(*attacker) error { return tryOpen("/etc/passwd") },
		"read the store":   func(a *attacker) error { return tryOpen(a.args[1]) },
		"read the vault":   func(a *attacker) error { return tryOpen(a.args[2]) },
		"list /proc":       func(*attacker) error { return tryOpen("/proc/self/environ") },
		"open a socket": func(*attacker) error {
			_, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			return err
		},
		"connect the client's socket anew": func(*attacker) error {
			return unix.Connect(fdClient, &unix.SockaddrInet4{Port: 22, Addr: [4]byte{127, 0, 0, 1}})
		},
		"execute /bin/sh":    func(*attacker) error { return syscall.Exec("/bin/sh", []string{"sh"}, nil) },
		"fork":               func(*attacker) error { return rawErr(unix.RawSyscall(unix.SYS_FORK, 0, 0, 0)) },
		"signal the monitor": func(a *attacker) error { return unix.Kill(a.monitorPID(), unix.SIGTERM) },
		"trace the monitor":  func(a *attacker) error { return unix.PtraceAttach(a.monitorPID()) },
		"read the monitor's memory": func(a *attacker) error {
			return rawErr(unix.RawSyscall6(unix.SYS_PROCESS_VM_READV, uintptr(a.monitorPID()), 0, 0, 0, 0, 0))
		},
		"speak out of phase": func(a *attacker) error {
			return a.call(control.OpRun, control.Run{Command: "info", Request: []byte("{}")}, nil)
		},
		"open a target before login": func(a *attacker) error { return a.call(control.OpOpen, a.target("root"), nil) },
		"send garbage": func(a *attacker) error {
			unix.Write(fdControlSocket, bytes.Repeat([]byte{0xff}, 64))
			return a.alive()
		},
		"send a short packet": func(a *attacker) error {
			unix.Write(fdControlSocket, []byte{1})
			return a.alive()
		},
		"ask an unknown operation": func(a *attacker) error { return a.call(control.Op(9999), struct{}{}, nil) },
		"send a malformed body": func(a *attacker) error {
			return a.call(control.OpUserKey, struct {
				Extra int `json:"extra"`
			}{1}, nil)
		},
		"send an endless message": func(a *attacker) error {
			return a.call(control.OpUserKey, control.UserKey{Blob: make([]byte, 1<<20)}, nil)
		},
		"guess keys without end": func(a *attacker) error {
			for i := range 40 {
				if err := a.call(control.OpUserKey, control.UserKey{User: "bob", Blob: []byte{byte(i)}}, &control.UserKeyReply{}); err != nil {
					return err
				}
			}
			return nil
		},
		"sign anything with the host key": func(a *attacker) error {
			return a.call(control.OpSignHost, control.SignHost{KeyType: ssh.KeyAlgoED25519, Algorithm: ssh.KeyAlgoED25519, Data: make([]byte, 512)}, nil)
		},
		"exchange keys without end before login": func(a *attacker) error {
			for i := range 40 {
				if err := a.call(control.OpSignHost, control.SignHost{KeyType: ssh.KeyAlgoED25519, Algorithm: ssh.KeyAlgoED25519, Data: hash(byte(i))}, nil); err != nil {
					return err
				}
			}
			return nil
		},
		"claim to be bob without a proof": func(a *attacker) error {
			a.exchange(1)
			return a.call(control.OpProve, control.Prove{User: "bob", Algorithm: ssh.KeyAlgoED25519, Blob: a.bobBlob(), Signature: a.sign(1, "bob", a.bobBlob())}, nil)
		},
		"prove with a signature for another connection": func(a *attacker) error {
			a.exchange(1)
			return a.prove(2)
		},
		"prove without a key exchange": func(a *attacker) error { return a.prove(1) },
		"change the session id after the first exchange": func(a *attacker) error {
			a.exchange(1)
			a.exchange(2)
			return a.prove(2)
		},
		"log in twice": func(a *attacker) error {
			a.exchange(1)
			if err := a.prove(1); err != nil {
				return nil // the first must work, or this proves nothing
			}
			return a.prove(1)
		},
		"open an unauthorised target": func(a *attacker) error {
			return a.withLogin(func() error {
				return a.open(control.Open{Protocol: gateway.SSH, Host: "127.0.0.2", User: "root", Port: 22})
			})
		},
		"open bob's target": func(a *attacker) error {
			return a.withLogin(func() error { return a.open(a.target("bobsuser")) })
		},
		"sign with a key of no session": func(a *attacker) error {
			return a.withLogin(func() error {
				return a.call(control.OpSignEgress, control.SignEgress{Session: "000000000000000000000000", Algorithm: ssh.KeyAlgoED25519, Data: make([]byte, 100)}, nil)
			})
		},
		"sign something that is no login": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Algorithm: ssh.KeyAlgoED25519, Data: make([]byte, 100)}, nil)
			})
		},
		"sign a login as another user of the target": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				data := authData(hash(7), "otheruser", ssh.KeyAlgoED25519, r.Keys[0].Key.Blob)
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Algorithm: ssh.KeyAlgoED25519, Data: data}, nil)
			})
		},
		"sign with a key beyond the lease": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				data := authData(hash(7), "root", ssh.KeyAlgoED25519, r.Keys[0].Key.Blob)
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Key: 1, Algorithm: ssh.KeyAlgoED25519, Data: data}, nil)
			})
		},
		"sign a login as another user of the jump host": func(a *attacker) error {
			return a.withJump(func(r control.OpenReply) error {
				data := authData(hash(7), "otheruser", ssh.KeyAlgoED25519, r.Keys[0].Key.Blob)
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Jump: true, Algorithm: ssh.KeyAlgoED25519, Data: data}, nil)
			})
		},
		"sign a login at the jump host as the target's user": func(a *attacker) error {
			return a.withJump(func(r control.OpenReply) error {
				data := authData(hash(7), "root", ssh.KeyAlgoED25519, r.Keys[0].Key.Blob)
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Jump: true, Algorithm: ssh.KeyAlgoED25519, Data: data}, nil)
			})
		},
		"sign a login at the target as the jump host's user": func(a *attacker) error {
			return a.withJump(func(r control.OpenReply) error {
				data := authData(hash(7), "hopper", ssh.KeyAlgoED25519, r.Keys[0].Key.Blob)
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Algorithm: ssh.KeyAlgoED25519, Data: data}, nil)
			})
		},
		"sign a login at a jump host that there is not": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				data := authData(hash(7), "", ssh.KeyAlgoED25519, r.Keys[0].Key.Blob)
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Jump: true, Algorithm: ssh.KeyAlgoED25519, Data: data}, nil)
			})
		},
		"teach the host key of a jump host that there is not": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				return a.call(control.OpHostKey, control.HostKey{Session: r.Session, Jump: true, Type: ssh.KeyAlgoED25519, Blob: []byte("x"), Accept: true}, nil)
			})
		},
		"have host keys judged without end": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				for i := range 100 {
					key, _, err := ed25519.GenerateKey(rand.Reader)
					if err != nil {
						return err
					}
					pub, err := ssh.NewPublicKey(key)
					if err != nil {
						return err
					}
					ask := control.HostKey{Session: r.Session, Type: ssh.KeyAlgoED25519, Blob: pub.Marshal(), Accept: i%2 == 0}
					if err := a.call(control.OpHostKey, ask, &control.HostKeyReply{}); err != nil {
						return err
					}
				}
				return nil
			})
		},
		"go to another target through the jump host": func(a *attacker) error {
			return a.withLogin(func() error {
				r := a.through("hopper")
				r.Host = "127.0.0.2"
				return a.open(r)
			})
		},
		"go through the jump host as root": func(a *attacker) error {
			return a.withLogin(func() error { return a.open(a.through("root")) })
		},
		"go through a jump host without a user": func(a *attacker) error {
			return a.withLogin(func() error { return a.open(a.through("")) })
		},
		"log in at the jump host itself": func(a *attacker) error {
			return a.withLogin(func() error { return a.open(a.target("hopper")) })
		},
		"run what the session was not opened for": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				return a.call(control.OpAllow, control.Allow{Session: r.Session, Action: gateway.Action{Kind: "exec", Text: "id"}}, nil)
			})
		},
		"run a command in a target's session": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				return a.call(control.OpRun, control.Run{Session: r.Session, Command: "info", Request: []byte("{}")}, nil)
			})
		},
		"run a command as bob": func(a *attacker) error {
			return a.withLogin(func() error {
				var r control.OpenReply
				if err := a.call(control.OpOpen, control.Open{Protocol: gateway.OSH, Action: gateway.Action{Kind: "osh"}}, &r); err != nil {
					return nil // must work
				}
				var out control.RunReply
				err := a.call(control.OpRun, control.Run{Session: r.Session, Command: "selfListAccesses", Request: []byte("{}"), As: "bob"}, &out)
				if err == nil && out.Code != "OK" {
					err = errors.New(out.Code)
				}
				return err
			})
		},
		"connect as bob": func(a *attacker) error {
			return a.withLogin(func() error {
				r := a.target("bobsuser")
				r.As = "bob"
				return a.open(r)
			})
		},
		"open a session out of phase for commands as bob": func(a *attacker) error {
			return a.withLogin(func() error {
				return a.open(control.Open{Protocol: gateway.OSH, Action: gateway.Action{Kind: "osh"}, As: "bob"})
			})
		},
		"run an administrator's command": func(a *attacker) error {
			return a.withLogin(func() error {
				var r control.OpenReply
				if err := a.call(control.OpOpen, control.Open{Protocol: gateway.OSH, Action: gateway.Action{Kind: "osh"}}, &r); err != nil {
					return nil // must work
				}
				var out control.RunReply
				err := a.call(control.OpRun, control.Run{Session: r.Session, Command: "groupCreate", Request: []byte(`{"Group":"g","Owner":"alice","NoKey":true}`)}, &out)
				if err == nil && out.Code != "OK" {
					err = errors.New(out.Code)
				}
				return err
			})
		},
	}
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
	result := "SUCCEEDED"
	if err := attacks()[name](a); err != nil {
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

// world is a gateway whose session processes are hostile.
type world struct {
	n       *node
	addr    string
	secrets []string // arguments of the hostile process
	audit   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	f := folder(dir)
	if err := (&initCmd{Name: "test"}).fill(f, "ed25519"); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"loginGraceTime": "10", "IPv4Allowed": "true", "egressProxyJumpAllowed": "true"} {
		if err := config.Set(f.config(), knownCommands(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	n, err := openNode(f, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	target := listen(t)
	_, seed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	alice, err := ssh.NewPublicKey(seed.Public())
	if err != nil {
		t.Fatal(err)
	}
	bobKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bob, err := ssh.NewPublicKey(bobKey)
	if err != nil {
		t.Fatal(err)
	}
	port := netip.MustParseAddrPort(target.Addr().String()).Port()
	access := gateway.Access{User: "root", Prefix: netip.MustParsePrefix("127.0.0.1/32"), Port: port}
	through := access
	through.Proxy = gateway.Hop{Addr: netip.MustParseAddr("127.0.0.1"), Port: port, User: "hopper"}
	addAccount(t, n, "alice", alice, access, through)
	access.User = "bobsuser"
	addAccount(t, n, "bob", bob, access)
	return &world{
		n: n, audit: filepath.Join(dir, "audit.jsonl"),
		secrets: []string{hex.EncodeToString(seed.Seed()), f.store(), f.master(), hex.EncodeToString(bob.Marshal()), strconv.Itoa(int(port))},
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func addAccount(t *testing.T, n *node, name string, key ssh.PublicKey, accesses ...gateway.Access) {
	t.Helper()
	owner := store.Owner{Account: name}
	err := n.store.Update(t.Context(), func(tx store.Tx) error {
		a := &gateway.Account{Name: name, Created: time.Now(), CreatedBy: "test"}
		if err := tx.CreateAccount(a, 2000, 3000); err != nil {
			return err
		}
		k := gateway.IngressKey{Type: key.Type(), Blob: key.Marshal(), AddedBy: "test", AddedAt: time.Now()}
		if _, err := tx.AddIngressKey(name, k); err != nil {
			return err
		}
		egress, sealed, err := n.vault.GenerateKey("ed25519", 256, "egress-key:account:"+name)
		if err != nil {
			return err
		}
		if _, err := tx.AddEgressKey(owner, egress, sealed); err != nil {
			return err
		}
		for _, a := range accesses {
			if _, err := tx.AddAccess(owner, a, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// serve runs the monitor until the test ends.
func (w *world) serve(t *testing.T, attack string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.n.monitor.SessionCommand = append([]string{self, "hostile", attack}, w.secrets...)
	w.n.monitor.RecorderCommand = []string{self, "recorder"}
	l := listen(t)
	w.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- w.n.monitor.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// seenBySandbox are the attacks that end the process or the connection, and
// that the monitor must have written down.
func seenBySandbox(name string) bool {
	for _, part := range []string{"execute", "fork", "signal the monitor", "trace", "memory", "phase", "before login", "garbage", "short packet", "unknown",
		"malformed", "endless", "guess", "anything", "without a key exchange", "twice", "no session", "no login", "sign a login", "teach", "beyond", "in a target", "opened for", "without end"} {
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

// waitAudit waits until the audit log holds text.
func (w *world) waitAudit(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		log, err := os.ReadFile(w.audit)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(log), text) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("audit log has no %s:\n%s", text, log)
		}
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
