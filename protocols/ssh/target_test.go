package ssh_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"sync"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
)

// target is an SSH server in this process.
type target struct {
	config  *xssh.ServerConfig
	handle  func(s *serverSession) // runs a session
	serving func(c *xssh.ServerConn)
	forced  func(n xssh.NewChannel) // if set, answers channel opens

	mu       sync.Mutex // guards requests
	requests []seen
}

// seen is a request that a target got.
type seen struct {
	Name    string
	Payload string
}

// serverSession is a session at the target, after its action was asked for.
type serverSession struct {
	xssh.Channel
	name, text string
	requests   <-chan *xssh.Request
}

func (s *serverSession) exit(code uint32) {
	s.SendRequest("exit-status", false, xssh.Marshal(struct{ Code uint32 }{code}))
	s.Close()
}

func newSigner(t testing.TB) xssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := xssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newTarget returns a server with a host key, which lets in whoever has one of
// the keys, and does what the command says.
func newTarget(t testing.TB, keys ...xssh.Signer) *target {
	t.Helper()
	config := &xssh.ServerConfig{
		MaxAuthTries: 20,
		PublicKeyCallback: func(_ xssh.ConnMetadata, offered xssh.PublicKey) (*xssh.Permissions, error) {
			for _, k := range keys {
				if bytes.Equal(offered.Marshal(), k.PublicKey().Marshal()) {
					return nil, nil
				}
			}
			return nil, io.ErrUnexpectedEOF
		},
	}
	config.AddHostKey(newSigner(t))
	return &target{config: config, handle: command}
}

// command is what the target's programs do.
func command(s *serverSession) {
	switch s.text {
	case "echo":
		io.Copy(s, s)
		s.CloseWrite()
		s.exit(0)
	case "flood":
		block := make([]byte, 32<<10)
		for {
			if _, err := s.Write(block); err != nil {
				return
			}
		}
	case "sink":
		io.Copy(io.Discard, s)
		s.exit(0)
	case "fail":
		io.WriteString(s.Stderr(), "err")
		io.WriteString(s, "out")
		s.exit(7)
	}
}

// dial connects to the target over TCP.
func (g *target) dial(t testing.TB) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		nc, err := l.Accept()
		l.Close()
		if err == nil {
			g.serve(nc)
		}
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

func (g *target) serve(nc net.Conn) {
	defer nc.Close()
	conn, channels, requests, err := xssh.NewServerConn(nc, g.config)
	if err != nil {
		return
	}
	go xssh.DiscardRequests(requests)
	if g.serving != nil {
		go g.serving(conn)
	}
	for n := range channels {
		if g.forced != nil {
			g.forced(n)
			continue
		}
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		go g.session(ch, requests)
	}
}

func (g *target) session(ch xssh.Channel, requests <-chan *xssh.Request) {
	for q := range requests {
		g.mu.Lock()
		g.requests = append(g.requests, seen{q.Type, string(q.Payload)})
		g.mu.Unlock()
		switch q.Type {
		case "shell", "exec", "subsystem":
			q.Reply(true, nil)
			var text struct{ Text string }
			xssh.Unmarshal(q.Payload, &text)
			g.handle(&serverSession{Channel: ch, name: q.Type, text: text.Text, requests: requests})
			return
		}
		q.Reply(q.Type != "pty-req" || g.config.ServerVersion != "SSH-2.0-noterminal", nil)
	}
}

// seen returns the requests that came before the action, and the action.
func (g *target) seen() []seen {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.requests
}

// lease offers signers as leased keys and trusts any host key.
func lease(signers ...xssh.Signer) protocols.Lease {
	l := protocols.Lease{CheckHostKey: func(string, []byte) error { return nil }}
	for _, s := range signers {
		l.Keys = append(l.Keys, leased(s))
	}
	return l
}

func leased(s xssh.Signer) protocols.LeasedKey {
	return protocols.LeasedKey{
		Key: gateway.EgressKey{Type: s.PublicKey().Type(), Blob: s.PublicKey().Marshal(), Fingerprint: xssh.FingerprintSHA256(s.PublicKey())},
		Sign: func(data []byte, algorithm string) ([]byte, error) {
			sig, err := s.(xssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, data, algorithm)
			if err != nil {
				return nil, err
			}
			return xssh.Marshal(sig), nil
		},
	}
}

func run(text string) gateway.Action { return gateway.Action{Kind: "exec", Text: text} }
