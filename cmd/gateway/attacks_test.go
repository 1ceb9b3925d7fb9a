package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"maps"
	"syscall"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/control"
)

// attack returns nil for "it worked", which it must not.
type attack func(a *attacker) error

// attacks is all of them, by name.
func attacks() map[string]attack {
	all := map[string]attack{}
	for _, some := range []map[string]attack{
		sandboxAttacks(), protocolAttacks(), loginAttacks(), openAttacks(), signAttacks(), jumpAttacks(), routeAttacks(), actionAttacks(), passwordAttacks(),
		databaseAttacks(), databaseViolations(),
	} {
		maps.Copy(all, some)
	}
	return all
}

// sandboxAttacks try what only the operating system refuses.
func sandboxAttacks() map[string]attack {
	return map[string]attack{
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
	}
}

// protocolAttacks break the form or the order of the control protocol.
func protocolAttacks() map[string]attack {
	return map[string]attack{
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
	}
}

// loginAttacks are of a process that proves nobody, or more than it should.
func loginAttacks() map[string]attack {
	return map[string]attack{
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
	}
}

// openAttacks are for targets that alice has no access to.
func openAttacks() map[string]attack {
	return map[string]attack{
		"open an unauthorised target": func(a *attacker) error {
			return a.withLogin(func() error {
				return a.open(control.Open{Protocol: gateway.SSH, Host: "127.0.0.2", User: "root", Port: 22})
			})
		},
		"open bob's target": func(a *attacker) error {
			return a.withLogin(func() error { return a.open(a.target("bobsuser")) })
		},
	}
}

// signAttacks are for signatures that are no login at the session's target.
func signAttacks() map[string]attack {
	return map[string]attack{
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
	}
}

// jumpAttacks sign or learn for the wrong one of two logins.
func jumpAttacks() map[string]attack {
	return map[string]attack{
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
	}
}

// routeAttacks are ways through the jump host that alice has no access to.
func routeAttacks() map[string]attack {
	return map[string]attack{
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
	}
}

// actionAttacks do in a session what it was not opened for, or as somebody else.
func actionAttacks() map[string]attack {
	return map[string]attack{
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
