package session

import (
	"context"
	"fmt"
	"net"

	"gateway"
	"gateway/internal/control"
	"gateway/protocols"
)

// Person is how to speak with who is at the other end.
type Person struct {
	Ask func(question string) bool // yes or no; nil: nobody can be asked
	// Answer puts a question of the target's; nil: nobody can be asked.
	Answer func(ctx context.Context, question string, echo bool) (gateway.Secret, error)
	Tell   func(text string) // something that goes without saying with --quiet
	Warn   func(text string) // something that does not
}

// Lease turns what the monitor granted into what a backend logs in with.
func Lease(ctx context.Context, m Monitor, r control.OpenReply, who Person) protocols.Lease {
	l := lease(ctx, m, r, false, who)
	l.Legacy, l.HostKeyTypes, l.Env = r.Legacy, r.HostKeyTypes, r.Env
	l.Profiles = r.Profiles
	l.Ask, l.KeyboardInteractive, l.TypedPassword = who.Answer, r.KeyboardInteractive, r.TypedPassword
	if r.Passwords > 0 {
		passwords(m, r, &l)
	}
	if r.Database != nil {
		l.Database = database(m, r)
	}
	if r.Second {
		l.Second = func(ctx context.Context) (gateway.Secret, error) {
			return password(ctx, m, control.Password{Session: r.Session, Second: true})
		}
	}
	if r.Jump != (gateway.Target{}) {
		jump := lease(ctx, m, r, true, who) // Legacy is for the target's sake
		jump.HostKeyTypes = r.JumpKeyTypes
		l.Jump = &jump
	}
	return l
}

// passwords lets the login be tried with egress passwords.
func passwords(m Monitor, r control.OpenReply, l *protocols.Lease) {
	l.Passwords = r.Passwords
	l.Password = func(ctx context.Context, n int) (gateway.Secret, error) {
		return password(ctx, m, control.Password{Session: r.Session, Number: n})
	}
	l.PasswordWorked = func(n int) {
		_ = m.Notify(control.OpWorked, control.Worked{Session: r.Session, Password: true, Key: n})
	}
	l.Redial = func(ctx context.Context) (net.Conn, error) {
		files, err := m.Call(ctx, control.OpRedial, control.Redial{Session: r.Session}, nil)
		if err != nil {
			return nil, err
		}
		return oneConn(files)
	}
}

// password asks for a password of the session.
func password(ctx context.Context, m Monitor, which control.Password) (gateway.Secret, error) {
	var reply control.PasswordReply
	_, err := m.Call(ctx, control.OpPassword, which, &reply)
	return gateway.NewSecret(reply.Password), err
}

// lease is for one login: at the jump host, or at the target.
func lease(ctx context.Context, m Monitor, r control.OpenReply, jump bool, who Person) protocols.Lease {
	var l protocols.Lease
	index := map[int64]int{}
	for _, k := range r.Keys {
		index[k.Key.ID] = k.Index
		l.Keys = append(l.Keys, protocols.LeasedKey{
			Way: k.Way, Group: k.Group, Key: k.Key,
			Sign: func(data []byte, algorithm string) ([]byte, error) {
				var sig control.Signature
				_, err := m.Call(ctx, control.OpSignEgress, control.SignEgress{Session: r.Session, Jump: jump, Key: k.Index, Algorithm: algorithm, Data: data}, &sig)
				return sig.Signature, err
			},
		})
	}
	l.CheckHostKey = func(keyType string, blob []byte) error {
		return checkHostKey(ctx, m, control.HostKey{Session: r.Session, Jump: jump, Type: keyType, Blob: blob}, who)
	}
	l.Worked = func(k protocols.LeasedKey) {
		// Only for the log: a failure shows when the session goes on.
		_ = m.Notify(control.OpWorked, control.Worked{Session: r.Session, Jump: jump, Key: index[k.Key.ID]})
	}
	return l
}

func checkHostKey(ctx context.Context, m Monitor, q control.HostKey, who Person) error {
	var reply control.HostKeyReply
	if _, err := m.Call(ctx, control.OpHostKey, q, &reply); err != nil {
		return err
	}
	if reply.Ask && who.Ask != nil && who.Ask(reply.Text) {
		q.Accept = true
		reply = control.HostKeyReply{}
		if _, err := m.Call(ctx, control.OpHostKey, q, &reply); err != nil {
			return err
		}
	}
	if !reply.OK {
		return &protocols.LoginError{Kind: protocols.HostKeyRefused, Err: fmt.Errorf("%s: %w", reply.Text, gateway.ErrDenied)}
	}
	switch {
	case reply.Text == "":
	case reply.Warning:
		who.Warn(reply.Text)
	default:
		who.Tell(reply.Text)
	}
	return nil
}
