package ssh_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/protocols/ssh"
)

// jumping is a backend that goes to every target through one jump host.
type jumping struct {
	*ssh.Backend
	jump  gateway.Target
	addr  netip.AddrPort // of the target; invalid: the request's
	lease *protocols.Lease
}

func (j jumping) Login(ctx context.Context, nc net.Conn, r gateway.Request, l protocols.Lease) (protocols.Conn, error) {
	r.Jump, l.Jump = j.jump, j.lease
	if j.addr.IsValid() {
		r.Target.Addr, r.Target.Port = j.addr.Addr(), j.addr.Port()
	}
	return j.Backend.Login(ctx, nc, r, l)
}

// forward makes g a jump host whose targets are reached with dial.
func (g *target) forward(dial func() net.Conn) {
	g.forced = func(n xssh.NewChannel) {
		if n.ChannelType() != "direct-tcpip" {
			n.Reject(xssh.UnknownChannelType, "")
			return
		}
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		go xssh.DiscardRequests(requests)
		nc := dial()
		go func() {
			io.Copy(nc, ch)
			nc.Close()
		}()
		go func() {
			io.Copy(ch, nc)
			ch.Close()
		}()
	}
}

var (
	jumpHost = gateway.Target{User: "hopper", Host: "hop", Addr: netip.MustParseAddr("192.0.2.9"), Port: 22}
	behind   = netip.MustParseAddrPort("10.0.0.7:2222")
)

// Everything that holds of a direct connection holds of one through a jump host.
func TestConformanceThroughJumpHost(t *testing.T) {
	s, inner := suite(t)
	key := newSigner(t)
	outer, l := newTarget(t, key), lease(key)
	outer.forward(func() net.Conn { return inner.dial(t) })
	s.Backend = jumping{Backend: new(ssh.Backend), jump: jumpHost, addr: behind, lease: &l}
	s.Dial = outer.dial
	protocoltest.Run(t, s)
}

// Each login has its own user, keys and host key; the target's environment is
// not for the jump host.
func TestJumpHost(t *testing.T) {
	key, jumpKey := newSigner(t), newSigner(t)
	inner, outer := newTarget(t, key), newTarget(t, jumpKey)
	users := make(chan string, 2)
	for _, g := range []*target{outer, inner} {
		accept := g.config.PublicKeyCallback
		g.config.PublicKeyCallback = func(c xssh.ConnMetadata, k xssh.PublicKey) (*xssh.Permissions, error) {
			p, err := accept(c, k)
			if err == nil {
				select {
				case users <- c.User():
				default: // asked twice for each login
				}
			}
			return p, err
		}
	}
	asked := make(chan string, 1)
	outer.forward(func() net.Conn { return inner.dial(t) })
	forward := outer.forced
	outer.forced = func(n xssh.NewChannel) {
		var to struct {
			Host   string
			Port   uint32
			Origin string
			From   uint32
		}
		if err := xssh.Unmarshal(n.ExtraData(), &to); err != nil || to.Port != 2222 || to.Origin != "127.0.0.1" {
			t.Errorf("the jump host is asked for %+v, %v", to, err)
		}
		asked <- to.Host
		forward(n)
	}
	var trusted, worked []string
	hop := func(name string, signer xssh.Signer) protocols.Lease {
		l := lease(newSigner(t), signer)
		l.CheckHostKey = func(string, []byte) error { trusted = append(trusted, name); return nil }
		l.Worked = func(k protocols.LeasedKey) {
			if k.Key.Fingerprint != xssh.FingerprintSHA256(signer.PublicKey()) {
				t.Errorf("%s: another key worked", name)
			}
			worked = append(worked, name)
		}
		return l
	}
	l, jump := hop("target", key), hop("jump", jumpKey)
	l.Jump = &jump
	r := gateway.Request{Jump: jumpHost, Target: gateway.Target{User: "root", Addr: behind.Addr(), Port: behind.Port()}}
	if err := new(ssh.Backend).Probe(t.Context(), outer.dial(t), r, l); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(trusted, " ") + ", " + strings.Join(worked, " "); got != "jump target, jump target" {
		t.Errorf("host keys and keys: %s", got)
	}
	if got := <-asked; got != "10.0.0.7" {
		t.Errorf("the jump host was asked for %s", got)
	}
	if first, seen := <-users, outer.seen(); first != "hopper" || len(seen) != 0 {
		t.Errorf("the jump host saw the user %s, and requests %v", first, seen)
	}
}

// An error says at which login it came up.
func TestJumpErrors(t *testing.T) {
	key, stranger := newSigner(t), newSigner(t)
	errChanged := errors.New("it has changed")
	reject := func(reason xssh.RejectionReason, text string) func(*target, *target) {
		return func(outer, _ *target) {
			outer.forced = func(n xssh.NewChannel) { n.Reject(reason, text) }
		}
	}
	const at = "jump host hopper@192.0.2.9:22: "
	for _, test := range []struct {
		name   string
		lease  func(target, jump *protocols.Lease)
		server func(outer, inner *target)
		kind   protocols.LoginErrorKind
		text   string
	}{
		{"stranger at the jump host", func(_, jump *protocols.Lease) { *jump = lease(stranger) }, nil,
			protocols.AuthFailed, at + "permission denied for hopper after offering"},
		{"stranger at the target", func(l, _ *protocols.Lease) { l.Keys = lease(stranger).Keys }, nil,
			protocols.AuthFailed, "permission_denied: permission denied for root after offering"},
		{"host key of the jump host", func(_, jump *protocols.Lease) { jump.CheckHostKey = func(string, []byte) error { return errChanged } }, nil,
			protocols.HostKeyRefused, at + "host key ssh-ed25519 SHA256:"},
		{"host key of the target", func(l, _ *protocols.Lease) { l.CheckHostKey = func(string, []byte) error { return errChanged } }, nil,
			protocols.HostKeyRefused, "hostkey_changed: host key ssh-ed25519 SHA256:"},
		{"forbidden", nil, reject(xssh.Prohibited, "administratively\x1b prohibited"),
			protocols.BrokenHandshake, at + "it does not let us go on to 10.0.0.7:2222: administratively\\x1b prohibited"},
		{"target down", nil, reject(xssh.ConnectionFailed, "Connection refused"),
			protocols.BrokenHandshake, at + "it can't connect to 10.0.0.7:2222: Connection refused"},
		{"jump host hangs up", nil, func(outer, _ *target) {
			outer.serving = func(c *xssh.ServerConn) { c.Close() }
			outer.forced = func(xssh.NewChannel) {}
		}, protocols.BrokenHandshake, at + "it closed the connection instead of going on"},
		{"target hangs up", nil, func(outer, inner *target) {
			outer.forward(func() net.Conn {
				ours, theirs := net.Pipe()
				theirs.Close()
				return ours
			})
		}, protocols.BrokenHandshake, "connection_error: the target closed the connection during key exchange"},
		{"old jump host", func(l, _ *protocols.Lease) { l.Legacy = true },
			func(outer, _ *target) { outer.config.Ciphers = []string{xssh.InsecureCipherAES128CBC} },
			protocols.NoCommonSuite, "the jump host has only aes128-cbc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inner, outer := newTarget(t, key), newTarget(t, key)
			outer.forward(func() net.Conn { return inner.dial(t) })
			l, jump := lease(key), lease(key)
			if test.lease != nil {
				test.lease(&l, &jump)
			}
			if test.server != nil {
				test.server(outer, inner)
			}
			l.Jump = &jump
			r := gateway.Request{Jump: jumpHost, Target: gateway.Target{User: "root", Addr: behind.Addr(), Port: behind.Port()}}
			err := new(ssh.Backend).Probe(t.Context(), outer.dial(t), r, l)
			login, ok := errors.AsType[*protocols.LoginError](err)
			if !ok || login.Kind != test.kind || !strings.Contains(err.Error(), test.text) {
				t.Errorf("Probe = %v, want %s: … %s …", err, test.kind, test.text)
			}
		})
	}
}

// A jump host that lets us in and then does nothing is given up too.
func TestSilentJumpHost(t *testing.T) {
	key := newSigner(t)
	outer := newTarget(t, key)
	reached := make(chan struct{})
	outer.forced = func(xssh.NewChannel) { close(reached) }
	l, jump := lease(key), lease(key)
	l.Jump = &jump
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-reached
		cancel(context.DeadlineExceeded)
	}()
	r := gateway.Request{Jump: jumpHost, Target: gateway.Target{User: "root", Addr: behind.Addr(), Port: behind.Port()}}
	err := new(ssh.Backend).Probe(ctx, outer.dial(t), r, l)
	login, ok := errors.AsType[*protocols.LoginError](err)
	if !ok || login.Kind != protocols.HandshakeTimeout || !strings.Contains(err.Error(), "the jump host did not finish") {
		t.Errorf("Probe = %v", err)
	}
	l.Jump = nil
	if err := new(ssh.Backend).Probe(t.Context(), outer.dial(t), r, l); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("without a lease for the jump host: %v", err)
	}
}

// OpenSSH's server as jump host, and as target behind it.
func TestOpenSSHJumpHost(t *testing.T) {
	t.Parallel()
	s := sshd(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	dial := s.Dial
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			inner := dial(t)
			go func() {
				io.Copy(inner, nc)
				inner.(*net.TCPConn).CloseWrite()
			}()
			go func() {
				io.Copy(nc, inner)
				nc.Close()
			}()
		}
	}()
	jump := s.Lease
	s.Backend = jumping{
		Backend: new(ssh.Backend), lease: &jump, addr: netip.MustParseAddrPort(l.Addr().String()),
		jump: gateway.Target{User: s.User, Host: "hop", Addr: netip.MustParseAddr("127.0.0.1"), Port: 22},
	}
	protocoltest.Run(t, s)
	noOutputLost(t, s, run("echo hello"), 3)
}
