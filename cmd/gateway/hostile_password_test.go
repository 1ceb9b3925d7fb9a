package main

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/control"
	"gateway/internal/store"
)

// passwordAttacks are after egress passwords that the session is not to have, or
// not yet. Alice has two.
func passwordAttacks() map[string]attack {
	return map[string]attack{
		"have a password that was not asked for": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error { return a.password(r, 0) })
		},
		"have a password before the host key was checked": func(a *attacker) error {
			return a.withPasswords(false, func(r control.OpenReply) error { return a.password(r, 0) })
		},
		"have a password out of order": func(a *attacker) error {
			return a.withPasswords(true, func(r control.OpenReply) error { return a.password(r, 1) })
		},
		"have a password that there is not": func(a *attacker) error {
			return a.withPasswords(true, func(r control.OpenReply) error { return a.password(r, -1) })
		},
		"have a password again": func(a *attacker) error {
			return a.withPassword(func(r control.OpenReply) error { return a.password(r, 0) })
		},
		"have all passwords for one connection": func(a *attacker) error {
			return a.withPassword(func(r control.OpenReply) error { return a.password(r, 1) })
		},
		"have the next password before the next host key": func(a *attacker) error {
			return a.withPassword(func(r control.OpenReply) error {
				if a.call(control.OpRedial, control.Redial{Session: r.Session}, nil) != nil {
					return nil // must work
				}
				return a.password(r, 1)
			})
		},
		"have a password of another session": func(a *attacker) error {
			return a.withPassword(func(r control.OpenReply) error {
				r.Session = "000000000000000000000000"
				return a.password(r, 0)
			})
		},
		"have a password after the end": func(a *attacker) error {
			return a.withPasswords(true, func(r control.OpenReply) error {
				if a.call(control.OpEnd, control.End{Session: r.Session}, nil) != nil {
					return nil // must work
				}
				return a.password(r, 0)
			})
		},
		"have the next password after the login": func(a *attacker) error {
			return a.withPassword(func(r control.OpenReply) error {
				_ = a.ctl.Notify(control.OpWorked, control.Worked{Session: r.Session, Password: true})
				return a.call(control.OpRedial, control.Redial{Session: r.Session}, nil)
			})
		},
		"claim that a password worked which was not given": func(a *attacker) error {
			return a.withPasswords(true, func(r control.OpenReply) error {
				_ = a.ctl.Notify(control.OpWorked, control.Worked{Session: r.Session, Password: true})
				return a.password(r, 0)
			})
		},
		"connect again without passwords to try": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				return a.call(control.OpRedial, control.Redial{Session: r.Session}, nil)
			})
		},
		"connect more often than there are passwords to try": func(a *attacker) error {
			return a.withPasswords(true, func(r control.OpenReply) error {
				for range 2 {
					if err := a.call(control.OpRedial, control.Redial{Session: r.Session}, nil); err != nil {
						return err
					}
				}
				return nil
			})
		},
		"sign a login with a key where a password was asked for": func(a *attacker) error {
			return a.withPasswords(true, func(r control.OpenReply) error {
				blob := a.key.PublicKey().Marshal()
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Algorithm: ssh.KeyAlgoED25519,
					Data: authData(hash(7), "root", ssh.KeyAlgoED25519, blob)}, nil)
			})
		},
		"sign a login with SHA-1 for a target of today": func(a *attacker) error {
			return a.withSession(func(r control.OpenReply) error {
				data := authData(hash(7), "root", ssh.KeyAlgoRSA, r.Keys[0].Key.Blob)
				return a.call(control.OpSignEgress, control.SignEgress{Session: r.Session, Algorithm: ssh.KeyAlgoRSA, Data: data}, nil)
			})
		},
		"have the passwords of a group that is not alice's": func(a *attacker) error {
			return a.withLogin(func() error {
				open := a.target("root")
				open.Password.Group = "bobs"
				return a.open(open)
			})
		},
	}
}

// whenFrozen is the name of an attack that needs help.
const whenFrozen = "have a password when frozen"

func (a *attacker) password(r control.OpenReply, n int) error {
	var reply control.PasswordReply
	err := a.call(control.OpPassword, control.Password{Session: r.Session, Number: n}, &reply)
	if err == nil && len(reply.Password) == 0 {
		err = errors.New("it is empty")
	}
	return err
}

// withPasswords has a session that is to log in with passwords; trusted: the
// target's host key was found good.
func (a *attacker) withPasswords(trusted bool, f func(control.OpenReply) error) error {
	return a.withLogin(func() error {
		open := a.target("root")
		open.Password.Self = true
		var r control.OpenReply
		if a.call(control.OpOpen, open, &r) != nil || r.Refusal != nil || r.Passwords != 2 {
			return nil
		}
		var key control.HostKeyReply
		if trusted && (a.call(control.OpHostKey, control.HostKey{Session: r.Session, Type: ssh.KeyAlgoED25519, Blob: []byte("key")}, &key) != nil || !key.OK) {
			return nil
		}
		return f(r)
	})
}

// withPassword has got the first one already, as it may.
func (a *attacker) withPassword(f func(control.OpenReply) error) error {
	return a.withPasswords(true, func(r control.OpenReply) error {
		if a.password(r, 0) != nil {
			return nil
		}
		return f(r)
	})
}

func addPasswords(t *testing.T, n *node, account string, count int) {
	t.Helper()
	owner := store.Owner{Account: account}
	for range count {
		hashes, sealed, err := n.vault.GeneratePassword(16, admin.PasswordContext(owner))
		if err != nil {
			t.Fatal(err)
		}
		err = n.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.AddEgressPassword(owner, gateway.EgressPassword{Hashes: hashes, Created: time.Now(), CreatedBy: "test"}, sealed)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
