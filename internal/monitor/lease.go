package monitor

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
	"gateway/internal/store"
)

// leaseKeys collects the egress keys of all granting ways, each once, in
// order. A key whose private half can't be had is left out and reported.
func (m *Monitor) leaseKeys(account string, ways []gateway.Way) (keys []leased, legacy bool) {
	seen := map[int64]bool{}
	for _, w := range ways {
		legacy = legacy || w.Access.Legacy
		owner := store.Owner{Account: account}
		if w.Kind != gateway.WayPersonal {
			owner = store.Owner{Group: w.Group}
		}
		for _, k := range w.Keys {
			if seen[k.ID] {
				continue
			}
			seen[k.ID] = true
			ctx, cancel := contextTimeout(storeTimeout)
			signer, err := m.Signers.Signer(ctx, owner, k)
			cancel()
			if err != nil {
				m.Log.Error("egress key unusable", zap.String("fingerprint", k.Fingerprint), zap.Error(err))
				continue
			}
			keys = append(keys, leased{way: w, key: k, signer: signer})
		}
	}
	return keys, legacy
}

// signEgress signs a login at the session's target or jump host: with a key of
// its lease, for the user there, and nothing but a login.
func (c *conn) signEgress(_ context.Context, r control.SignEgress) (control.Signature, error) {
	s, err := c.session(r.Session)
	if err != nil {
		return control.Signature{}, err
	}
	if r.Key < 0 || r.Key >= len(s.lease) {
		return control.Signature{}, &control.ViolationError{What: "not a key of this session"}
	}
	at, err := s.hop(r.Jump)
	if err != nil {
		return control.Signature{}, err
	}
	if r.Algorithm == ssh.KeyAlgoRSA && (!s.legacy || r.Jump) { // SHA-1
		return control.Signature{}, &control.ViolationError{What: "a signature that only old gear is given"}
	}
	k := s.lease[r.Key]
	if !isLogin(r.Data, at.User, r.Algorithm, k.key.Blob) {
		return control.Signature{}, &control.ViolationError{What: "not a login at the session's target or jump host"}
	}
	signer, ok := k.signer.(ssh.AlgorithmSigner)
	if !ok {
		return control.Signature{}, fmt.Errorf("egress key: %w", gateway.ErrInvalid)
	}
	c.signing.Lock()
	defer c.signing.Unlock()
	sig, err := signer.SignWithAlgorithm(rand.Reader, r.Data, r.Algorithm)
	if err != nil {
		return control.Signature{}, fmt.Errorf("sign login: %w", gateway.ErrInvalid)
	}
	return control.Signature{Signature: ssh.Marshal(sig)}, nil
}

// isLogin checks that data is a public-key authentication request (RFC 4252
// section 7) by that user with that key: whatever follows the target's session
// id must be exactly what is expected.
func isLogin(data []byte, user, algorithm string, blob []byte) bool {
	rest := authRequest(nil, user, algorithm, blob)[4:] // without the empty session id
	session := len(data) - len(rest) - 4
	if session < 20 || session > maxHash {
		return false
	}
	return bytes.Equal(data, append(appendString(nil, data[4:4+session]), rest...))
}

// worked notes which key or password the target accepted, or the jump host: only the way
// into the target decides how long the session lasts.
func (c *conn) worked(r control.Worked) (none, error) {
	s, err := c.session(r.Session)
	if err != nil {
		return none{}, err
	}
	list := s.lease
	if r.Password {
		s.mu.Lock()
		list = s.passwords[:s.released]
		s.mu.Unlock()
	}
	if r.Key < 0 || r.Key >= len(list) {
		return none{}, &control.ViolationError{What: "not a key or password of this session"}
	}
	at, err := s.hop(r.Jump)
	if err != nil {
		return none{}, err
	}
	k := list[r.Key]
	if !r.Jump {
		s.mu.Lock()
		s.in = &k
		s.mu.Unlock()
	}
	return none{}, c.m.record(audit.Record{
		Event: audit.Login, Session: s.request.Session, Login: c.id, Principal: s.request.Principal, By: s.by, From: c.from,
		Target: at, Jump: s.before(r.Jump), Protocol: s.request.Protocol, Allowed: audit.Yes,
		Key: k.key.Fingerprint, Way: k.name(),
	})
}

// allow answers for one operation of a session: it must be what was asked for
// when the session was opened and decided.
func (c *conn) allow(r control.Allow) (none, error) {
	s, err := c.session(r.Session)
	if err != nil {
		return none{}, err
	}
	if r.Action.Kind == "rpc" && s.request.Protocol == gateway.NETCONF {
		return none{}, c.allowRPC(s, r.Action)
	}
	if r.Action.Kind == "sql" && s.database != nil {
		return none{}, c.allowSQL(s, r.Action)
	}
	if r.Action != s.request.Action {
		_ = c.m.record(audit.Record{
			Event: audit.Decision, Session: s.request.Session, Login: c.id, Principal: s.request.Principal, By: s.by, From: c.from,
			Target: s.request.Target, Jump: s.request.Jump, Action: r.Action.Kind, Command: gateway.Printable(clip(r.Action.Text, 4096)),
			Reason: "not what the session was opened for",
		})
		// Our own sessions never ask that; and each answer is a record.
		return none{}, &control.ViolationError{What: "not what the session was opened for"}
	}
	return none{}, nil
}

// hop is one element of LC_BASTION_DETAILS, which every target is sent.
type hop struct {
	Account string      `json:"account"`
	By      string      `json:"by,omitempty"` // the administrator who acts as the account
	UniqID  string      `json:"uniqid"`
	Version string      `json:"version"`
	From    hopEnd      `json:"from"`
	Via     hopEnd      `json:"via"`
	To      hopEnd      `json:"to"`
	MFA     hopMFA      `json:"mfa"`
	PIV     hopEnforced `json:"piv"`
}

type hopEnd struct {
	Addr string `json:"addr"`
	Host string `json:"host"`
	Port uint16 `json:"port"`
	Name string `json:"name,omitempty"`
	User string `json:"user,omitempty"`
}

type hopMFA struct {
	Validated bool   `json:"validated"`
	Reason    string `json:"reason"`
	Type      struct {
		Password bool `json:"password"`
		TOTP     bool `json:"totp"`
	} `json:"type"`
}

type hopEnforced struct {
	Enforced bool   `json:"enforced"`
	Reason   string `json:"reason"`
}

// shapeVersion is the version of The Bastion whose form of the details is followed.
const shapeVersion = "3.24.01"

// targetEnv tells the target who is behind the connection.
func (c *conn) targetEnv(s *live) []string {
	t := s.request.Target
	details, err := json.Marshal([]hop{{
		Account: s.request.Principal.String(), By: s.by, UniqID: string(s.request.Session[:12]), Version: shapeVersion,
		From: hopEnd{Addr: c.from.Addr().String(), Host: c.from.Addr().String(), Port: c.from.Port()},
		Via:  hopEnd{Addr: c.via.Addr().String(), Host: c.via.Addr().String(), Port: c.via.Port(), Name: c.set.Name},
		To:   hopEnd{Addr: t.Addr.String(), Host: t.Host, Port: t.Port, User: t.User},
	}})
	if err != nil {
		return nil
	}
	return []string{"LC_BASTION=" + s.request.Principal.String(), "LC_BASTION_DETAILS=" + string(details)}
}
