package session

import (
	"context"
	"fmt"

	"gateway"
	"gateway/internal/control"
	"gateway/protocols"
)

// Person is how to speak with who is at the other end.
type Person struct {
	Ask  func(question string) bool // nil: nobody can be asked
	Tell func(text string)          // something that goes without saying with --quiet
	Warn func(text string)          // something that does not
}

// Lease turns what the monitor granted into what a backend logs in with.
func Lease(ctx context.Context, m Monitor, r control.OpenReply, who Person) protocols.Lease {
	l := lease(ctx, m, r, false, who)
	l.Legacy, l.HostKeyTypes, l.Env = r.Legacy, r.HostKeyTypes, r.Env
	if r.Jump != (gateway.Target{}) {
		jump := lease(ctx, m, r, true, who) // Legacy is for the target's sake
		jump.HostKeyTypes = r.JumpKeyTypes
		l.Jump = &jump
	}
	return l
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
