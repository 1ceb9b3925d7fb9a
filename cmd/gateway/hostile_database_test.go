package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/control"
	"gateway/internal/store"
)

// databaseAttacks are after databases that are not alice's, or that ended, and
// after more of their credentials than the logins need.
func databaseAttacks() map[string]attack {
	all := map[string]attack{}
	for _, name := range []string{"bobs", "ended", "once"} {
		all["open a database that is not alice's: "+name] = func(a *attacker) error {
			return a.withLogin(func() error { return a.open(a.database(name)) })
		}
		all["learn of a database: "+name] = func(a *attacker) error {
			return a.withLogin(func() error { return a.offered(name, 0) })
		}
	}
	all["open a database of bob's by its address"] = func(a *attacker) error {
		return a.withLogin(func() error {
			open := a.database("127.0.0.1")
			open.Database, open.Port = "bobs", a.target("").Port
			return a.open(open)
		})
	}
	all["learn of a database at another port"] = func(a *attacker) error {
		return a.withLogin(func() error { return a.offered("127.0.0.1", 1) })
	}
	all["log in over SSH where a database is"] = func(a *attacker) error {
		return a.withLogin(func() error { return a.open(a.target("app")) })
	}
	all["open a database as bob"] = func(a *attacker) error {
		return a.withLogin(func() error {
			open := a.database("bobs")
			open.As = "bob"
			return a.open(open)
		})
	}
	all["open a database through a jump host"] = func(a *attacker) error {
		return a.withLogin(func() error {
			open := a.database("mine")
			open.Jump = a.through("hopper").Jump
			return a.open(open)
		})
	}
	for _, rights := range []string{"write", "ddl", "all", "", "read\x00", "READ"} {
		all["use the right to read for "+strconv.Quote(rights)] = func(a *attacker) error {
			return a.withDatabase("mine", func(r control.OpenReply) error {
				return a.call(control.OpAllow, control.Allow{Session: r.Session, Action: gateway.Action{Kind: "sql", Text: rights}}, nil)
			})
		}
	}
	for name, q := range map[string]control.Answer{
		"few iterations": {Salt: hash(1), Iterations: 1, AuthMessage: hash(2)}, "many iterations": {Salt: hash(1), Iterations: 1 << 30, AuthMessage: hash(2)},
		"negative iterations": {Salt: hash(1), Iterations: -1, AuthMessage: hash(2)}, "no salt": {Iterations: 4096, AuthMessage: hash(2)},
		"a long salt": {Salt: make([]byte, 2000), Iterations: 4096, AuthMessage: hash(2)}, "a long salt of md5": {Salt: hash(1)},
	} {
		all["prove a database's password with "+name] = func(a *attacker) error {
			return a.withDatabase("mine", func(r control.OpenReply) error {
				q.Session = r.Session
				return a.call(control.OpAnswer, q, &control.AnswerReply{})
			})
		}
	}
	for name, q := range map[string]control.SignTLS{
		"a text": {Digest: []byte("a text")}, "a digest of SHA-1": {Digest: make([]byte, 20), Hash: uint(crypto.SHA1)},
		"a short digest": {Digest: make([]byte, 20), Hash: uint(crypto.SHA256)}, "a digest of nothing known": {Digest: hash(1), Hash: 1 << 40},
	} {
		all["sign with a certificate "+name] = func(a *attacker) error {
			return a.withDatabase("certified", func(r control.OpenReply) error {
				q.Session = r.Session
				return a.call(control.OpSignTLS, q, &control.Signature{})
			})
		}
	}
	return all
}

// databaseViolations are what no session process of ours does at a database.
func databaseViolations() map[string]attack {
	return map[string]attack{
		"login at a database that was not opened": func(a *attacker) error {
			return a.withLogin(func() error { return a.answer("000000000000000000000000") })
		},
		"login at a database of a target's session": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error { return a.answer(r.Session) })
		},
		"login at a database of a target's session, in the clear": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error { return a.password(r, 0) })
		},
		"login at a database twice": func(a *attacker) error {
			return a.withDatabase("mine", a.twice(func(r control.OpenReply) error { return a.answer(r.Session) }))
		},
		"login at a database with a proof and the password": func(a *attacker) error {
			return a.withDatabase("clear", func(r control.OpenReply) error {
				if a.answer(r.Session) != nil {
					return nil // must work
				}
				return a.password(r, 0)
			})
		},
		"login at a database with the password, twice": func(a *attacker) error {
			return a.withDatabase("clear", a.twice(func(r control.OpenReply) error { return a.password(r, 0) }))
		},
		"login at a database that is not verified with the password": func(a *attacker) error {
			return a.withDatabase("loose", func(r control.OpenReply) error { return a.password(r, 0) })
		},
		"login at a database that gets proofs with the password": func(a *attacker) error {
			return a.withDatabase("proven", func(r control.OpenReply) error { return a.password(r, 0) })
		},
		"login at a database by a certificate that it has not": func(a *attacker) error {
			return a.withDatabase("mine", func(r control.OpenReply) error { return a.signTLS(r.Session) })
		},
		"login at a database by its certificate, twice": func(a *attacker) error {
			return a.withDatabase("certified", a.twice(func(r control.OpenReply) error { return a.signTLS(r.Session) }))
		},
		"login at a database after the end": func(a *attacker) error {
			return a.afterEnd(func(r control.OpenReply) error { return a.answer(r.Session) })
		},
		"dial a database after the end, login at a database again": func(a *attacker) error {
			return a.afterEnd(func(r control.OpenReply) error {
				return a.call(control.OpDial, control.Dial{Session: r.Session}, nil)
			})
		},
		"dial a target as a login at a database": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				return a.call(control.OpDial, control.Dial{Session: r.Session}, nil)
			})
		},
		"sign a login with SSH at a database": func(a *attacker) error {
			return a.withDatabase("mine", func(r control.OpenReply) error {
				data := authData(hash(7), "app", ssh.KeyAlgoED25519, a.key.PublicKey().Marshal())
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Algorithm: ssh.KeyAlgoED25519, Data: data}, nil)
			})
		},
		"run what a database was not opened for": func(a *attacker) error {
			return a.withDatabase("mine", func(r control.OpenReply) error {
				return a.call(control.OpAllow, control.Allow{Session: r.Session, Action: gateway.Action{Kind: "rpc", Text: "get"}}, nil)
			})
		},
		"connect again with a database, without passwords": func(a *attacker) error {
			return a.withDatabase("mine", func(r control.OpenReply) error {
				return a.call(control.OpRedial, control.Redial{Session: r.Session}, nil)
			})
		},
	}
}

// whenFrozenAtDatabase and the next need help, as whenFrozen.
const (
	whenFrozenAtDatabase    = "have a database's password when frozen"
	whenFrozenWithoutProofs = "prove a database's password when frozen"
)

// whenFrozenAttacks wait until the account was frozen.
func whenFrozenAttacks() map[string]attack {
	return map[string]attack{
		whenFrozen: func(a *attacker) error {
			return a.withPasswords(true, a.frozen(func(r control.OpenReply) error { return a.password(r, 0) }))
		},
		whenFrozenAtDatabase: func(a *attacker) error {
			return a.withDatabase("clear", a.frozen(func(r control.OpenReply) error { return a.password(r, 0) }))
		},
		whenFrozenWithoutProofs: func(a *attacker) error {
			return a.withDatabase("mine", a.frozen(func(r control.OpenReply) error { return a.answer(r.Session) }))
		},
	}
}

func (a *attacker) frozen(f func(control.OpenReply) error) func(control.OpenReply) error {
	return func(r control.OpenReply) error {
		unix.Write(fdClient, []byte("READY\n"))
		unix.Read(fdClient, make([]byte, 1))
		return f(r)
	}
}

func (a *attacker) twice(f func(control.OpenReply) error) func(control.OpenReply) error {
	return func(r control.OpenReply) error {
		if f(r) != nil {
			return nil // must work
		}
		return f(r)
	}
}

func (a *attacker) afterEnd(f func(control.OpenReply) error) error {
	return a.withDatabase("mine", func(r control.OpenReply) error {
		if a.call(control.OpEnd, control.End{Session: r.Session}, nil) != nil {
			return nil // must work
		}
		return f(r)
	})
}

func (a *attacker) database(name string) control.Open {
	return control.Open{Protocol: gateway.Postgres, Host: name, Action: gateway.Action{Kind: "connect"}}
}

func (a *attacker) withDatabase(name string, f func(control.OpenReply) error) error {
	return a.withLogin(func() error {
		var r control.OpenReply
		if a.call(control.OpOpen, a.database(name), &r) != nil || r.Refusal != nil || r.Database == nil {
			return nil // must work
		}
		return f(r)
	})
}

func (a *attacker) offered(host string, port uint16) error {
	var r control.ForwardReply
	if err := a.call(control.OpForward, control.Forward{Host: host, Port: port}, &r); err != nil || r.OK {
		return nil // the answer is no, in the same words
	}
	return errors.New("no such database")
}

func (a *attacker) answer(id gateway.SessionID) error {
	return a.call(control.OpAnswer, control.Answer{Session: id, Salt: hash(1), Iterations: 4096, AuthMessage: hash(2)}, &control.AnswerReply{})
}

func (a *attacker) signTLS(id gateway.SessionID) error {
	return a.call(control.OpSignTLS, control.SignTLS{Session: id, Digest: hash(1), Hash: uint(crypto.SHA256)}, &control.Signature{})
}

// addDatabases gives alice databases of each kind, and some that she can't use.
func addDatabases(t *testing.T, n *node, port uint16) {
	t.Helper()
	now := time.Now()
	err := n.store.Update(t.Context(), func(tx store.Tx) error {
		for group, member := range map[string]string{"hers": "alice", "his": "bob"} {
			if err := tx.CreateGroup(&gateway.Group{Name: group, Created: now, CreatedBy: "test"}); err != nil {
				return err
			}
			if _, err := tx.AddRole(group, gateway.Member, member, time.Time{}, now); err != nil {
				return err
			}
		}
		for _, d := range []gateway.Database{
			{Name: "mine", DatabaseLimits: gateway.DatabaseLimits{Allow: gateway.DatabaseRead}}, {Name: "loose", TLS: gateway.TLSRequire},
			{Name: "clear", ClearPassword: true}, {Name: "proven"}, {Name: "certified"}, {Name: "ended", Expires: now.Add(-time.Second)}, {Name: "bobs"}, {Name: "once"},
		} {
			d.Host, d.Port, d.Database, d.User, d.CA, d.AddedAt, d.Password = "127.0.0.1", port, d.Name, "app", "none", now, true
			s := store.DatabaseSecrets{Password: n.vault.Seal(gateway.NewSecret([]byte("secret")), admin.DatabaseContext(store.DatabasePassword, d.Name))}
			group := "hers"
			if d.Name == "bobs" || d.Name == "once" {
				group = "his"
			}
			if d.Name == "certified" {
				var err error
				if d.Certificate, s.Key, err = certificate(n); err != nil {
					return err
				}
			}
			if _, err := tx.AddDatabase(group, d, s); err != nil {
				return fmt.Errorf("%s: %w", d.Name, err)
			}
		}
		_, err := tx.AddDatabaseGuest("alice", gateway.DatabaseGuest{Database: "once", Expires: now.Add(-time.Second), AddedAt: now}, now.Add(-time.Minute))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func certificate(n *node) (chain string, sealed []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return "", nil, err
	}
	sealed, err = n.vault.SealPrivateKey(key, admin.DatabaseContext(store.DatabaseKey, "certified"))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), sealed, err
}

// TestHostileWhenFrozen freezes the account of a session process that goes on
// asking: it is about to be killed, and gets nothing more.
func TestHostileWhenFrozen(t *testing.T) {
	for name := range whenFrozenAttacks() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.serve(t, name)
			nc, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(20 * time.Second))
			ready := make([]byte, len("READY\n"))
			if _, err := io.ReadFull(nc, ready); err != nil {
				t.Fatal(err)
			}
			w.n.monitor.Deps().EndSessions("alice", gateway.RefusalFrozen, "frozen")
			fmt.Fprint(nc, ".")
			said, _ := io.ReadAll(nc) // a reset is as good
			if !strings.HasPrefix(string(said), "failed: ") {
				t.Errorf("the process said %q", said)
			}
			w.waitAudit(t, `"event":"close"`)
		})
	}
}
