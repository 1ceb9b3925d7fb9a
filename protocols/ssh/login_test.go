package ssh_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	xssh "golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
	"gateway/protocols/ssh"
)

// probe logs in to g with l.
func probe(t *testing.T, g *target, l protocols.Lease) error {
	t.Helper()
	r := gateway.Request{Target: gateway.Target{User: "root"}}
	return new(ssh.Backend).Probe(context.Background(), g.dial(t), r, l)
}

func newRSA(t *testing.T) xssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s, err := xssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeysAreTriedInOrder(t *testing.T) {
	keys := []xssh.Signer{newSigner(t), newSigner(t), newRSA(t), newSigner(t)}
	g := newTarget(t, keys[2], keys[3])
	var offered []string
	accept := g.config.PublicKeyCallback
	g.config.PublicKeyCallback = func(c xssh.ConnMetadata, k xssh.PublicKey) (*xssh.Permissions, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if fp := xssh.FingerprintSHA256(k); !slices.Contains(offered, fp) {
			offered = append(offered, fp)
		}
		return accept(c, k)
	}
	l := lease(keys...)
	var worked []string
	l.Worked = func(k protocols.LeasedKey) { worked = append(worked, k.Key.Fingerprint) }
	if err := probe(t, g, l); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, k := range keys[:3] {
		want = append(want, xssh.FingerprintSHA256(k.PublicKey()))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if diff := cmp.Diff(want, offered); diff != "" {
		t.Errorf("offered keys differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], worked); diff != "" {
		t.Errorf("the key that worked differs (-want +got):\n%s", diff)
	}
}

func TestRSASignatures(t *testing.T) {
	tests := []struct {
		name   string
		server []string // what the target takes
		legacy bool
		want   string // empty: refused
	}{
		{"announced in vain, legacy", nil, true, xssh.KeyAlgoRSA},
		{"announced in vain", nil, false, ""},
		{"both", []string{xssh.KeyAlgoRSASHA256, xssh.KeyAlgoRSASHA512, xssh.KeyAlgoRSA}, false, xssh.KeyAlgoRSASHA512},
		{"256 only", []string{xssh.KeyAlgoRSASHA256}, false, xssh.KeyAlgoRSASHA256},
		{"sha1 only", []string{xssh.KeyAlgoRSA}, false, ""},
		{"sha1 only, legacy", []string{xssh.KeyAlgoRSA}, true, xssh.KeyAlgoRSA},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key := newRSA(t)
			g := newTarget(t, key)
			g.config.PublicKeyAuthAlgorithms = test.server
			if test.server == nil {
				announced := []string{xssh.KeyAlgoRSASHA512, xssh.KeyAlgoRSASHA256, xssh.KeyAlgoRSA}
				g.config.PublicKeyAuthAlgorithms = announced
				g.config.BannerCallback = func(xssh.ConnMetadata) string { // after they were announced
					announced[0], announced[1] = xssh.KeyAlgoRSA, xssh.KeyAlgoRSA
					return ""
				}
			}
			l, signed := lease(key), ""
			l.Legacy = test.legacy
			sign := l.Keys[0].Sign
			l.Keys[0].Sign = func(data []byte, algorithm string) ([]byte, error) {
				signed = algorithm
				return sign(data, algorithm)
			}
			if err := probe(t, g, l); (err == nil) != (test.want != "") || signed != test.want {
				t.Errorf("signed with %q, %v, want %q", signed, err, test.want)
			}
		})
	}
}

func TestHostKeys(t *testing.T) {
	key := newSigner(t)
	g := newTarget(t, key)
	g.config.AddHostKey(newRSA(t))
	tests := []struct {
		known []string
		want  string
	}{
		{nil, xssh.KeyAlgoED25519},
		{[]string{xssh.KeyAlgoRSA}, xssh.KeyAlgoRSA},
		{[]string{xssh.KeyAlgoECDSA256, xssh.KeyAlgoRSA}, xssh.KeyAlgoRSA},
		{[]string{"unheard-of"}, xssh.KeyAlgoED25519},
	}
	for _, test := range tests {
		var got []string
		l := lease(key)
		l.HostKeyTypes = test.known
		l.CheckHostKey = func(keyType string, blob []byte) error {
			if k, err := xssh.ParsePublicKey(blob); err != nil || k.Type() != keyType {
				t.Errorf("host key is not a %s: %v", keyType, err)
			}
			got = append(got, keyType)
			return nil
		}
		if err := probe(t, g, l); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{test.want}, got); diff != "" {
			t.Errorf("with %v known, host keys differ (-want +got):\n%s", test.known, diff)
		}
	}
}

func TestCipher(t *testing.T) {
	key := newSigner(t)
	g := newTarget(t, key)
	g.config.Ciphers = []string{xssh.CipherChaCha20Poly1305, xssh.CipherAES256GCM, xssh.CipherAES128GCM}
	got := make(chan string, 1)
	g.serving = func(c *xssh.ServerConn) { got <- c.Conn.(xssh.AlgorithmsConnMetadata).Algorithms().Read.Cipher }
	if err := probe(t, g, lease(key)); err != nil {
		t.Fatal(err)
	}
	if c := <-got; c != xssh.CipherAES128GCM {
		t.Errorf("negotiated %s, want AES-GCM first", c)
	}
}

func TestLoginErrors(t *testing.T) {
	key, stranger := newSigner(t), newSigner(t)
	fingerprint := xssh.FingerprintSHA256(stranger.PublicKey())
	errChanged := errors.New("it has changed")
	tests := []struct {
		name   string
		lease  func(*protocols.Lease)
		server func(*xssh.ServerConfig)
		kind   protocols.LoginErrorKind
		text   string
		wraps  error
	}{
		{"host key", func(l *protocols.Lease) { l.CheckHostKey = func(string, []byte) error { return errChanged } }, nil,
			protocols.HostKeyRefused, "host key ssh-ed25519 SHA256:", errChanged},
		{"no check of host keys", func(l *protocols.Lease) { l.CheckHostKey = nil }, nil,
			protocols.HostKeyRefused, "host key ssh-ed25519 SHA256:", gateway.ErrDenied},
		{"stranger", func(l *protocols.Lease) { *l = lease(stranger) }, nil,
			protocols.AuthFailed, "permission denied for root after offering ssh-ed25519 " + fingerprint, nil},
		{"too many keys", func(l *protocols.Lease) { *l = lease(stranger, newSigner(t), newSigner(t), newSigner(t)) },
			func(c *xssh.ServerConfig) { c.MaxAuthTries = 2 },
			protocols.AuthFailed, "too many authentication failures", nil},
		{"no key", func(l *protocols.Lease) { l.Keys = nil }, nil, protocols.AuthFailed, "there is no egress key", nil},
		{"signer refuses", func(l *protocols.Lease) {
			l.Keys[0].Sign = func([]byte, string) ([]byte, error) { return nil, gateway.ErrUnavailable }
		}, nil, protocols.AuthFailed, "sign with egress key", gateway.ErrUnavailable},
		{"signer babbles", func(l *protocols.Lease) {
			l.Keys[0].Sign = func([]byte, string) ([]byte, error) { return []byte("x"), nil }
		}, nil, protocols.AuthFailed, "parse signature", nil},
		{"no signer", func(l *protocols.Lease) { l.Keys[0].Sign = nil }, nil, protocols.AuthFailed, "without a signer", nil},
		{"malformed key", func(l *protocols.Lease) { l.Keys[0].Key.Blob = []byte("x") }, nil, protocols.AuthFailed, "parse egress key", nil},
		{"cipher", nil, func(c *xssh.ServerConfig) { c.Ciphers = []string{xssh.InsecureCipherAES128CBC} },
			protocols.NoCommonSuite, "the target has only aes128-cbc", nil},
		{"key exchange", nil, func(c *xssh.ServerConfig) { c.KeyExchanges = []string{xssh.InsecureKeyExchangeDH1SHA1} },
			protocols.NoCommonSuite, "key exchange: the target has only diffie-hellman-group1-sha1", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g, l := newTarget(t, key), lease(key)
			if test.server != nil {
				test.server(g.config)
			}
			if test.lease != nil {
				test.lease(&l)
			}
			err := probe(t, g, l)
			var login *protocols.LoginError
			if !errors.As(err, &login) || login.Kind != test.kind || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(test.text)) {
				t.Errorf("Probe = %v, want %s: … %s …", err, test.kind, test.text)
			}
			if test.wraps != nil && !errors.Is(err, test.wraps) {
				t.Errorf("Probe = %v, does not wrap %v", err, test.wraps)
			}
		})
	}
}

func TestLegacyMeetsOldGear(t *testing.T) {
	key := newSigner(t)
	g, l := newTarget(t, key), lease(key)
	g.config.Ciphers = []string{xssh.InsecureCipherAES128CBC}
	g.config.KeyExchanges = []string{xssh.InsecureKeyExchangeDH1SHA1}
	g.config.MACs = []string{xssh.InsecureHMACSHA196}
	l.Legacy = true
	if err := probe(t, g, l); err != nil {
		t.Errorf("Probe with legacy algorithms = %v", err)
	}
}

// TestForeignPeers meets targets that do not speak SSH, or not to the end.
func TestForeignPeers(t *testing.T) {
	tests := []struct {
		name  string
		serve func(nc net.Conn)
		text  string
	}{
		{"hang-up", func(nc net.Conn) { nc.Close() }, "the connection during key exchange"},
		{"reset", func(nc net.Conn) {
			nc.Write([]byte("SSH-2.0-x\r\n"))
			io.ReadFull(nc, make([]byte, len("SSH-2.0-Gateway\r\n")+1))
			nc.(*net.TCPConn).SetLinger(0)
			nc.Close()
		}, "the target reset the connection during key exchange"},
		{"ssh 1", func(nc net.Conn) { nc.Write([]byte("SSH-1.5-x\r\n")) }, ""},
		{"web server", func(nc net.Conn) {
			fmt.Fprintf(nc, "HTTP/1.1 400 Bad\r\n\r\n%s", strings.Repeat("\x1b[31m", 1000))
			io.Copy(io.Discard, nc)
		}, ""},
		{"goodbye", func(nc net.Conn) {
			nc.Write([]byte("SSH-2.0-x\r\n"))
			nc.Write([]byte("\x00\x00\x00\x1c\x0a\x01\x00\x00\x00\x02\x00\x00\x00\x04bye\x1b\x00\x00\x00\x00          "))
			io.Copy(io.Discard, nc)
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if nc, err := l.Accept(); err == nil {
					test.serve(nc)
					nc.Close()
				}
			}()
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			err = new(ssh.Backend).Probe(ctx, nc, gateway.Request{}, lease(newSigner(t)))
			var login *protocols.LoginError
			if !errors.As(err, &login) || login.Kind != protocols.BrokenHandshake || !strings.Contains(err.Error(), test.text) {
				t.Errorf("Probe = %v, want %s: … %s", err, protocols.BrokenHandshake, test.text)
			}
			if err != nil && (gateway.Printable(err.Error()) != err.Error() || len(err.Error()) > 400) {
				t.Errorf("the error is not fit to be shown: %q", err)
			}
		})
	}
}

// TestTelnetTarget finds telnet where SSH was expected, at once or when the time
// is up, and is not misled by text before the version.
func TestTelnetTarget(t *testing.T) {
	for said, want := range map[string]string{
		"\xff\xfd\x18\xff\xfb\x01": "it speaks telnet, not SSH",
		"switch login: ":           `in time; it said "switch login: " in place of a version of SSH; to connect over telnet: -e`,
		"SSH-2.0-slow\r\n":         "in time: context",
		"":                         "in time: context",
	} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			go io.Copy(io.Discard, theirs)
			go io.WriteString(theirs, said)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			err := new(ssh.Backend).Probe(ctx, ours, gateway.Request{}, lease())
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: Probe = %v, want %q", said, err, want)
			}
		})
	}
}

// TestSilentTarget lets the deadline end a handshake.
func TestSilentTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err := new(ssh.Backend).Probe(ctx, ours, gateway.Request{}, lease())
		var login *protocols.LoginError
		if !errors.As(err, &login) || login.Kind != protocols.HandshakeTimeout {
			t.Errorf("Probe = %v, want %s", err, protocols.HandshakeTimeout)
		}
	})
}
