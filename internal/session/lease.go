package session

import (
	"context"
	"fmt"

	"gateway"
	"gateway/internal/control"
	"gateway/protocols"
)

// Lease turns what the monitor granted into what a backend logs in with. ask
// puts a question to the person (nil: nobody can be asked); show tells them
// something.
func Lease(ctx context.Context, m Monitor, r control.OpenReply, ask func(string) bool, show func(string)) gateway.Lease {
	l := gateway.Lease{Legacy: r.Legacy, HostKeyTypes: r.HostKeyTypes, Env: r.Env}
	index := map[int64]int{}
	for _, k := range r.Keys {
		index[k.Key.ID] = k.Index
		l.Keys = append(l.Keys, gateway.LeasedKey{
			Way: k.Way, Group: k.Group, Key: k.Key,
			Sign: func(data []byte, algorithm string) ([]byte, error) {
				var sig control.Signature
				_, err := m.Call(ctx, control.OpSignEgress, control.SignEgress{Session: r.Session, Key: k.Index, Algorithm: algorithm, Data: data}, &sig)
				return sig.Signature, err
			},
		})
	}
	l.CheckHostKey = func(keyType string, blob []byte) error {
		return checkHostKey(ctx, m, control.HostKey{Session: r.Session, Type: keyType, Blob: blob}, ask, show)
	}
	l.Worked = func(k gateway.LeasedKey) {
		// Only for the log: a failure shows when the session goes on.
		_ = m.Notify(control.OpWorked, control.Worked{Session: r.Session, Key: index[k.Key.ID]})
	}
	return l
}

func checkHostKey(ctx context.Context, m Monitor, q control.HostKey, ask func(string) bool, show func(string)) error {
	var reply control.HostKeyReply
	if _, err := m.Call(ctx, control.OpHostKey, q, &reply); err != nil {
		return err
	}
	if reply.Ask && ask != nil && ask(reply.Text) {
		q.Accept = true
		reply = control.HostKeyReply{}
		if _, err := m.Call(ctx, control.OpHostKey, q, &reply); err != nil {
			return err
		}
	}
	if !reply.OK {
		return &protocols.LoginError{Kind: protocols.HostKeyRefused, Err: fmt.Errorf("%s: %w", reply.Text, gateway.ErrDenied)}
	}
	if reply.Text != "" {
		show(reply.Text)
	}
	return nil
}
