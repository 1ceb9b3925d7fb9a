package monitor

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"testing"

	"golang.org/x/crypto/ssh"

	"gateway/internal/control"
)

// accepted are the algorithms that the tests allow.
func accepted() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoECDSA256}
}

func newSigner(t testing.TB, key any, err error) ssh.AlgorithmSigner {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s.(ssh.AlgorithmSigner)
}

func ed25519Signer(t testing.TB) ssh.AlgorithmSigner {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return newSigner(t, key, err)
}

// prove signs like a client that logs in as user.
func prove(t *testing.T, s ssh.AlgorithmSigner, exchange []byte, user, algorithm string) control.Prove {
	t.Helper()
	blob := s.PublicKey().Marshal()
	sig, err := s.SignWithAlgorithm(rand.Reader, authRequest(exchange, user, algorithm, blob), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return control.Prove{User: user, Algorithm: algorithm, Blob: blob, Signature: ssh.Marshal(sig)}
}

func TestVerifyProof(t *testing.T) {
	exchange := bytes.Repeat([]byte{7}, 32)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	rsaSigner := newSigner(t, rsaKey, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for _, test := range []struct {
		signer    ssh.AlgorithmSigner
		algorithm string
	}{
		{ed25519Signer(t), ssh.KeyAlgoED25519},
		{newSigner(t, ecKey, err), ssh.KeyAlgoECDSA256},
		{rsaSigner, ssh.KeyAlgoRSASHA256},
		{rsaSigner, ssh.KeyAlgoRSASHA512},
	} {
		r := prove(t, test.signer, exchange, "alice", test.algorithm)
		if err := verifyProof(exchange, r, accepted()); err != nil {
			t.Errorf("%s: verifyProof = %v, want success", test.algorithm, err)
		}
		if err := verifyProof(exchange, r, []string{ssh.KeyAlgoECDSA521}); err == nil {
			t.Errorf("%s: verifyProof accepts an algorithm that is not allowed", test.algorithm)
		}
	}
	sha1 := prove(t, rsaSigner, exchange, "alice", ssh.KeyAlgoRSA)
	if err := verifyProof(exchange, sha1, append(accepted(), ssh.KeyAlgoRSA)); err == nil {
		t.Error("verifyProof accepts SHA-1, whatever is configured")
	}
}

// TestVerifyProofRefuses changes each piece of a good proof.
func TestVerifyProofRefuses(t *testing.T) {
	exchange := bytes.Repeat([]byte{7}, 32)
	signer, other := ed25519Signer(t), ed25519Signer(t)
	signed := func(data []byte) []byte {
		sig, err := signer.SignWithAlgorithm(rand.Reader, data, ssh.KeyAlgoED25519)
		if err != nil {
			t.Fatal(err)
		}
		return ssh.Marshal(sig)
	}
	blob := signer.PublicKey().Marshal()
	request := authRequest(exchange, "alice", ssh.KeyAlgoED25519, blob)
	for _, test := range []struct {
		name   string
		change func(r *control.Prove)
	}{
		{"another user", func(r *control.Prove) { r.User = "bob" }},
		{"empty user", func(r *control.Prove) { r.User = "" }},
		{"another algorithm", func(r *control.Prove) { r.Algorithm = ssh.KeyAlgoRSASHA256 }},
		{"certificate algorithm", func(r *control.Prove) { r.Algorithm = ssh.CertAlgoED25519v01 }},
		{"another key", func(r *control.Prove) { r.Blob = other.PublicKey().Marshal() }},
		{"no key", func(r *control.Prove) { r.Blob = nil }},
		{"bytes after the key", func(r *control.Prove) { r.Blob = append(bytes.Clone(r.Blob), 0) }},
		{"signature of another key", func(r *control.Prove) {
			r.Signature = prove(t, other, exchange, "alice", ssh.KeyAlgoED25519).Signature
		}},
		{"flipped bit", func(r *control.Prove) { r.Signature[len(r.Signature)-1] ^= 1 }},
		{"no signature", func(r *control.Prove) { r.Signature = nil }},
		{"half a signature", func(r *control.Prove) { r.Signature = r.Signature[:40] }},
		{"another format in the signature", func(r *control.Prove) {
			r.Signature = ssh.Marshal(ssh.Signature{Format: ssh.KeyAlgoRSASHA256, Blob: make([]byte, 256)})
		}},
		{"signature of another connection", func(r *control.Prove) {
			r.Signature = signed(authRequest(bytes.Repeat([]byte{8}, 32), "alice", ssh.KeyAlgoED25519, blob))
		}},
		{"signature without the session id", func(r *control.Prove) {
			r.Signature = signed(request[4+len(exchange):])
		}},
		{"signature with a tail", func(r *control.Prove) { r.Signature = signed(append(bytes.Clone(request), 0)) }},
		{"signature for another method", func(r *control.Prove) {
			r.Signature = signed(bytes.Replace(request, []byte("publickey"), []byte("hostbased"), 1))
		}},
		{"signature for another service", func(r *control.Prove) {
			r.Signature = signed(bytes.Replace(request, []byte("ssh-connection"), []byte("ssh-userauth!!"), 1))
		}},
		{"signature of a query", func(r *control.Prove) {
			r.Signature = signed(bytes.Replace(request, []byte("publickey\x01"), []byte("publickey\x00"), 1))
		}},
	} {
		r := prove(t, signer, exchange, "alice", ssh.KeyAlgoED25519)
		test.change(&r)
		if err := verifyProof(exchange, r, accepted()); err == nil {
			t.Errorf("%s: verifyProof accepts it", test.name)
		}
	}
	if err := verifyProof(bytes.Repeat([]byte{8}, 32), prove(t, signer, exchange, "alice", ssh.KeyAlgoED25519), accepted()); err == nil {
		t.Error("verifyProof accepts the proof of another connection")
	}
}

func TestIsLogin(t *testing.T) {
	blob := []byte("the key")
	const algorithm = ssh.KeyAlgoED25519
	session := bytes.Repeat([]byte{9}, 32)
	request := func(session []byte) []byte { return authRequest(session, "root", algorithm, blob) }
	good := request(session)
	replace := func(old, with string) []byte { return bytes.Replace(good, []byte(old), []byte(with), 1) }
	for _, test := range []struct {
		name string
		data []byte
		want bool
	}{
		{"SHA-256", good, true},
		{"SHA-1", request(session[:20]), true},
		{"SHA-512", request(bytes.Repeat([]byte{9}, 64)), true},
		{"nothing", nil, false},
		{"one byte", []byte{0}, false},
		{"no session id", request(nil), false},
		{"short session id", request(session[:19]), false},
		{"long session id", request(make([]byte, 65)), false},
		{"a tail", append(bytes.Clone(good), 0), false},
		{"cut", good[:len(good)-1], false},
		{"another user", authRequest(session, "toor", algorithm, blob), false},
		{"longer user", authRequest(session, "root2", algorithm, blob), false},
		{"longer user, shorter session", authRequest(session[:31], "root2", algorithm, blob), false},
		{"another key", authRequest(session, "root", algorithm, []byte("the kex")), false},
		{"another algorithm", authRequest(session, "root", ssh.KeyAlgoECDSA256, blob), false},
		{"another method", replace("publickey", "hostbased"), false},
		{"another service", replace("ssh-connection", "ssh-connectioN"), false},
		{"a query", replace("publickey\x01", "publickey\x00"), false},
		{"another message", append(appendString(nil, session), append([]byte{51}, good[37:]...)...), false},
		{"not an authentication", bytes.Repeat([]byte{1}, len(good)), false},
		{"lying length of the session id", append(binary.BigEndian.AppendUint32(nil, 31), good[4:]...), false},
		{"SSHSIG", append([]byte("SSHSIG"), good...), false},
	} {
		if got := isLogin(test.data, "root", algorithm, blob); got != test.want {
			t.Errorf("%s: isLogin = %v, want %v", test.name, got, test.want)
		}
	}
}

// FuzzIsLogin: whatever is accepted says what was expected, and nothing else,
// to whoever parses it by the RFC.
func FuzzIsLogin(f *testing.F) {
	session := bytes.Repeat([]byte{9}, 32)
	f.Add(authRequest(session, "root", ssh.KeyAlgoED25519, []byte("key")), "root", ssh.KeyAlgoED25519, []byte("key"))
	f.Add(authRequest(session[:20], "", "", nil), "", "", []byte{})
	f.Add([]byte{0, 0, 0, 20}, "root", ssh.KeyAlgoED25519, []byte("key"))
	f.Fuzz(func(t *testing.T, data []byte, user, algorithm string, blob []byte) {
		if !isLogin(data, user, algorithm, blob) {
			return
		}
		var m struct {
			Session               []byte
			Type                  byte
			User, Service, Method string
			Signed                bool
			Algorithm             string
			Blob                  []byte
		}
		if err := ssh.Unmarshal(data, &m); err != nil {
			t.Fatalf("isLogin accepts what is no request: %v", err)
		}
		if len(m.Session) < 20 || m.Type != 50 || m.User != user || m.Service != "ssh-connection" ||
			m.Method != "publickey" || !m.Signed || m.Algorithm != algorithm || !bytes.Equal(m.Blob, blob) {
			t.Errorf("isLogin accepts %+v for user %q, algorithm %q, key %x", m, user, algorithm, blob)
		}
	})
}

func TestHostSignatureIsOfAHashOnly(t *testing.T) {
	m := &Monitor{HostKeys: []ssh.AlgorithmSigner{ed25519Signer(t)}}
	for size, ok := range map[int]bool{0: false, 19: false, 20: true, 32: true, 64: true, 65: false, 4096: false} {
		c := &conn{m: m, phase: control.PreAuth}
		_, err := c.signHost(control.SignHost{KeyType: ssh.KeyAlgoED25519, Algorithm: ssh.KeyAlgoED25519, Data: make([]byte, size)})
		if (err == nil) != ok || ok != (c.exchange != nil) {
			t.Errorf("signHost of %d bytes = %v, want success %v", size, err, ok)
		}
	}
}
