package monitor

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
)

// maxHash is the size of the longest exchange hash (SHA-512).
const maxHash = 64

// maxEarlyExchanges is how many key exchanges a stranger gets.
const maxEarlyExchanges = 4

// signHost signs an exchange hash. The first one of a connection is its SSH
// session id (RFC 4253 section 7.2), which every proof is bound to.
func (c *conn) signHost(r control.SignHost) (control.Signature, error) {
	if len(r.Data) < 20 || len(r.Data) > maxHash {
		return control.Signature{}, &control.ViolationError{What: "not an exchange hash"}
	}
	if r.Algorithm == ssh.KeyAlgoRSA { // SHA-1
		return control.Signature{}, &control.ViolationError{What: "a signature that nobody should trust"}
	}
	i := slices.IndexFunc(c.m.HostKeys, func(k ssh.AlgorithmSigner) bool { return k.PublicKey().Type() == r.KeyType })
	if i < 0 {
		return control.Signature{}, fmt.Errorf("host key of type %q: %w", gateway.Printable(r.KeyType), gateway.ErrNotFound)
	}
	c.mu.Lock()
	if c.exchange == nil {
		c.exchange = slices.Clone(r.Data)
	}
	// Another key exchange before the login is allowed by RFC 4253 (it does not
	// change the session id), but costs a stranger little and us much.
	c.exchanges++
	tooMany := c.phase == control.PreAuth && c.exchanges > maxEarlyExchanges
	c.mu.Unlock()
	if tooMany {
		return control.Signature{}, &control.ViolationError{What: "key exchange after key exchange before the login"}
	}
	c.signing.Lock()
	defer c.signing.Unlock()
	sig, err := c.m.HostKeys[i].SignWithAlgorithm(rand.Reader, r.Data, r.Algorithm)
	if err != nil {
		return control.Signature{}, fmt.Errorf("sign exchange hash: %w", gateway.ErrInvalid)
	}
	return control.Signature{Signature: ssh.Marshal(sig)}, nil
}

// maxLoginTarget bounds the target in a login name.
const maxLoginTarget = 512

// splitLogin reads a login name: ACCOUNT, or ACCOUNT+TARGET, where nothing but
// the account says who logs in. A name that has a '+' and is not of that form
// is nobody's.
func splitLogin(user string) (account, target string, ok bool) {
	account, target, has := strings.Cut(user, "+")
	if !has {
		return user, "", true
	}
	for _, c := range []byte(target) {
		if c <= ' ' || c >= 0x7f || c == '+' {
			return "", "", false
		}
	}
	if target == "" || len(target) > maxLoginTarget || gateway.CheckAccountName(account) != nil {
		return "", "", false
	}
	return account, target, true
}

// loginRecord is for the audit log: whose login it is and, if there is a
// target in the login name, that.
func (c *conn) loginRecord(user string, allowed audit.Answer) audit.Record {
	r := audit.Record{Event: audit.Auth, Session: c.id, Principal: gateway.Principal{Account: user}, From: c.from, Allowed: allowed}
	if account, target, ok := splitLogin(user); ok && target != "" {
		r.Principal.Account = account
		r.Details = []audit.Detail{{Key: "login_name", Value: user}}
	}
	return r
}

// findKey returns the account's ingress key with that blob when it may be used
// from the connection's address.
func (c *conn) findKey(user string, blob []byte) (*gateway.Account, *gateway.IngressKey, string) {
	account, _, ok := splitLogin(user)
	if !ok {
		return nil, nil, "login name of no account and target"
	}
	a := c.m.Policy.Load().Account(account)
	if a == nil {
		return nil, nil, "unknown account"
	}
	for i := range a.IngressKeys {
		k := &a.IngressKeys[i]
		if !bytes.Equal(k.Blob, blob) {
			continue
		}
		if !allowedFrom(k.From, c.from.Addr()) {
			return a, nil, "key not allowed from this address"
		}
		return a, k, ""
	}
	return a, nil, "unknown key"
}

func allowedFrom(from []netip.Prefix, addr netip.Addr) bool {
	return len(from) == 0 || slices.ContainsFunc(from, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// userKey answers whether it is worth the client's while to sign. It is no proof.
func (c *conn) userKey(r control.UserKey) (control.UserKeyReply, error) {
	_, k, reason := c.findKey(r.User, r.Blob)
	if k != nil {
		return control.UserKeyReply{OK: true}, nil
	}
	return control.UserKeyReply{}, c.authFailed(r.User, r.Blob, reason)
}

func (c *conn) authFailed(user string, blob []byte, reason string) error {
	record := c.loginRecord(user, audit.No)
	record.Reason, record.Key = reason, fingerprint(blob)
	return c.m.record(record)
}

// fingerprint is for the audit record: SHA256:… of bytes that need not be a key.
func fingerprint(blob []byte) string {
	k, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(k)
}

// prove checks a public-key login itself and binds the socket to the account.
// The session process is not believed: what must have been signed is rebuilt
// here from the session id that this monitor signed with the host key.
func (c *conn) prove(ctx context.Context, r control.Prove) (control.Login, error) {
	a, k, reason := c.findKey(r.User, r.Blob)
	if k == nil {
		return control.Login{}, c.deny(r, reason)
	}
	exchange, err := c.beginProof()
	if err != nil {
		return control.Login{}, err
	}
	defer c.endProof()
	if err := verifyProof(exchange, r, c.set.KeyTypes); err != nil {
		return control.Login{}, c.deny(r, "bad signature")
	}
	print := fingerprint(r.Blob)
	record := c.loginRecord(r.User, audit.Yes)
	record.Key = print
	if err := c.m.record(record); err != nil {
		return control.Login{}, err
	}
	refusal, notice := c.inactiveRefusal(ctx, a)
	if err := ctx.Err(); err != nil {
		return control.Login{}, err // the connection is gone
	}
	// That took its time: what was found before may be gone.
	if a, k, reason = c.findKey(r.User, r.Blob); k == nil {
		return control.Login{}, c.deny(r, reason)
	}
	now := c.m.Now()
	if refusal == nil {
		var warning []string
		refusal, warning = c.loginRefusal(a, now)
		notice = append(notice, warning...)
	}
	if err := c.bind(a.Name, print, refusal == nil); err != nil {
		return control.Login{}, err
	}
	reply, err := c.login(a, refusal, notice, now)
	_, reply.Target, _ = splitLogin(r.User)
	return reply, err
}

// beginProof returns what must have been signed. One proof is looked at at a
// time: it may take long, and a process that keeps the protocol waits for it.
func (c *conn) beginProof() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.exchange == nil || c.phase != control.PreAuth:
		return nil, &control.ViolationError{What: "proof without a key exchange"}
	case c.proving:
		return nil, &control.ViolationError{What: "proof while another is looked at"}
	}
	c.proving = true
	return c.exchange, nil
}

func (c *conn) endProof() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proving = false
}

// bind ties the socket to the account, once and for good. One that may do
// nothing is bound too, so that the person can be told why.
func (c *conn) bind(account, key string, allowed bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != control.PreAuth {
		return &control.ViolationError{What: "proof after authentication"}
	}
	c.account, c.ingressKey, c.phase = account, key, control.Authenticated
	if !allowed {
		c.phase = control.Refused
	}
	c.m.proven(c)
	return nil
}

func (c *conn) deny(r control.Prove, reason string) error {
	if err := c.authFailed(r.User, r.Blob, reason); err != nil {
		return err
	}
	return fmt.Errorf("public key: %w", gateway.ErrDenied)
}

// verifyProof checks the signature of a public-key authentication request,
// RFC 4252 section 7.
func verifyProof(exchange []byte, r control.Prove, allowed []string) error {
	key, err := ssh.ParsePublicKey(r.Blob)
	if err != nil {
		return err
	}
	var sig ssh.Signature
	if err := ssh.Unmarshal(r.Signature, &sig); err != nil {
		return err
	}
	if !slices.Contains(allowed, sig.Format) || !slices.Contains(signatureFormats(key.Type()), sig.Format) {
		return fmt.Errorf("signature algorithm: %w", gateway.ErrInvalid)
	}
	if r.Algorithm != sig.Format {
		return fmt.Errorf("algorithm differs from signature: %w", gateway.ErrInvalid)
	}
	return key.Verify(authRequest(exchange, r.User, r.Algorithm, r.Blob), &sig)
}

// signatureFormats are the algorithms that a key of the type may sign with.
func signatureFormats(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
	}
	return []string{keyType}
}

// authRequest is what the client signs: RFC 4252 section 7.
func authRequest(session []byte, user, algorithm string, blob []byte) []byte {
	const userAuthRequest = 50
	b := appendString(nil, session)
	b = append(b, userAuthRequest)
	b = appendString(b, []byte(user))
	b = appendString(b, []byte("ssh-connection"))
	b = appendString(b, []byte("publickey"))
	b = append(b, 1)
	b = appendString(b, []byte(algorithm))
	return appendString(b, blob)
}

func appendString(b, s []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// login says what the person is shown first.
func (c *conn) login(a *gateway.Account, refusal *control.Refusal, notice []string, now time.Time) (control.Login, error) {
	reply := control.Login{Account: a.Name, Refusal: refusal, Notice: notice}
	if refusal != nil {
		return reply, c.refuseConnection(refusal, "")
	}
	if c.set.DisplayLastLogin && !a.LastLogin.IsZero() {
		reply.Notice = append(reply.Notice, "last login: "+a.LastLogin.UTC().Format("Mon 2006-01-02 15:04:05 MST"))
	}
	ctx, cancel := contextTimeout(storeTimeout)
	defer cancel()
	if err := c.m.Store.TouchLogin(ctx, a.Name, now); err != nil {
		c.m.Log.Warn("last login not written", zap.String("principal", a.Name), zap.Error(err))
	}
	return reply, nil
}

// loginRefusal says why the account may not log in now, or what to show to an
// administrator in maintenance mode. What was let in before goes on.
func (c *conn) loginRefusal(a *gateway.Account, now time.Time) (*control.Refusal, []string) {
	refusal := c.accountRefusal(a, now)
	m := c.m.Policy.Load().Maintenance()
	if m == nil || refusal != nil && (refusal.Refusal == gateway.RefusalFrozen || refusal.Refusal == gateway.RefusalAccountInvalid) {
		return refusal, nil
	}
	text := "this gateway is under maintenance"
	if m.Message != "" {
		text += ": " + gateway.Printable(m.Message)
	}
	if !slices.Contains(c.set.Admins, a.Name) {
		return &control.Refusal{Refusal: gateway.RefusalMaintenance, Text: text}, nil
	}
	return refusal, []string{"WARNING: " + text + "; nobody but administrators can log in"}
}

// accountRefusal says why the account may do nothing, or nil.
func (c *conn) accountRefusal(a *gateway.Account, now time.Time) *control.Refusal {
	if a == nil {
		return &control.Refusal{Refusal: gateway.RefusalAccountInvalid, Text: "this account does not exist any more"}
	}
	switch c.m.Policy.Load().Login(a.Name, now) {
	case "":
		return nil
	case gateway.ReasonFrozen:
		text := "this account is frozen"
		if a.Freeze != nil && a.Freeze.Reason != "" {
			text += ": " + gateway.Printable(a.Freeze.Reason)
		}
		return &control.Refusal{Refusal: gateway.RefusalFrozen, Text: text}
	case gateway.ReasonExpired:
		return &control.Refusal{Refusal: gateway.RefusalTTL, Text: "this account has expired (TTL)"}
	case gateway.ReasonInactive:
		return &control.Refusal{Refusal: gateway.RefusalExpired, Text: expiredText(c.set.ExpiredMessage, a, now)}
	}
	return &control.Refusal{Refusal: gateway.RefusalAccountInvalid, Text: "this account may not log in"}
}

// expiredText tells the owner of an inactive account. #DAYS# counts as the
// limit does: from the last login, or from the creation if there was none.
func expiredText(message string, a *gateway.Account, now time.Time) string {
	if message == "" {
		return "this account has expired because it was not used for too long; ask for accountUnexpire"
	}
	seen, days := a.LastLogin, "?"
	if seen.IsZero() {
		seen = a.Created
	}
	if !seen.IsZero() {
		days = strconv.Itoa(int(now.Sub(seen).Hours() / 24))
	}
	return strings.ReplaceAll(message, "#DAYS#", days)
}
