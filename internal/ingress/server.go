// Package ingress is what strangers talk to: the SSH server in the session
// process. It proves nothing by itself: who logs in, and what they may do, is
// the monitor's to say.
package ingress

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/session"
	"gateway/internal/tcp"
)

// Server serves one client connection. Fill the exported fields.
type Server struct {
	Boot     control.Boot
	Monitor  session.Monitor
	Pipeline *session.Pipeline
	Stop     context.CancelFunc // ends the context that Serve runs with

	channels sync.WaitGroup
}

// maxAuthTries is more than OpenSSH's six, for people whose agent holds many keys.
const maxAuthTries = 10

// Serve speaks SSH on nc until the connection ends.
func (s *Server) Serve(ctx context.Context, nc net.Conn) error {
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(s.Boot.LoginGrace)); err != nil {
		return fmt.Errorf("set login deadline: %w", err)
	}
	fast := tcp.Wrap(nc)
	var login control.Login
	config, err := s.config(ctx, &login)
	if err != nil {
		return err
	}
	conn, channels, requests, err := ssh.NewServerConn(fast, config)
	if err != nil {
		return fmt.Errorf("ssh handshake: %w", err)
	}
	defer conn.Close()
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("clear login deadline: %w", err)
	}
	s.Pipeline.Account = login.Account
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	go s.answerGlobal(requests)
	if s.Boot.KeepAlive > 0 {
		go s.keepAlive(ctx, conn)
	}
	s.acceptChannels(ctx, conn, channels, login, fast)
	return nil
}

// config is that of the handshake; the proof's answer goes to login.
func (s *Server) config(ctx context.Context, login *control.Login) (*ssh.ServerConfig, error) {
	all := ssh.SupportedAlgorithms()
	config := &ssh.ServerConfig{
		Config:                  ssh.Config{KeyExchanges: all.KeyExchanges, Ciphers: ciphers(all.Ciphers), MACs: macs(all.MACs)},
		PublicKeyAuthAlgorithms: s.Boot.KeyTypes,
		MaxAuthTries:            maxAuthTries,
		ServerVersion:           "SSH-2.0-Gateway",
	}
	config.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		var reply control.UserKeyReply
		if _, err := s.Monitor.Call(ctx, control.OpUserKey, control.UserKey{User: c.User(), Blob: key.Marshal()}, &reply); err != nil {
			return nil, err
		}
		if !reply.OK {
			return nil, fmt.Errorf("public key: %w", gateway.ErrDenied)
		}
		return &ssh.Permissions{}, nil
	}
	// The monitor checks the signature; what this process thinks of it is worth nothing.
	config.VerifyPublicKeySignature = func(c ssh.ConnMetadata, key ssh.PublicKey, _ []byte, sig *ssh.Signature) error {
		_, err := s.Monitor.Call(ctx, control.OpProve, control.Prove{
			User: c.User(), Algorithm: sig.Format, Blob: key.Marshal(), Signature: ssh.Marshal(sig),
		}, login)
		return err
	}
	for _, blob := range s.Boot.HostKeys {
		key, err := ssh.ParsePublicKey(blob)
		if err != nil {
			return nil, fmt.Errorf("host key: %w", err)
		}
		config.AddHostKey(&hostSigner{ctx: ctx, monitor: s.Monitor, key: key})
	}
	return config, nil
}

// ciphers leaves out chacha20-poly1305 where the processor has AES: OpenSSH
// would choose it first, and it costs four times as much there.
func ciphers(all []string) []string {
	if !cpu.X86.HasAES && !cpu.ARM64.HasAES {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(c string) bool { return strings.HasPrefix(c, "chacha20") })
}

// macs leaves out SHA-1, which the library does not count as insecure.
func macs(all []string) []string {
	return slices.DeleteFunc(all, func(m string) bool { return m == ssh.HMACSHA1 })
}

// hostSigner signs exchange hashes with a host key that the monitor holds.
type hostSigner struct {
	ctx     context.Context // of the connection: ssh.Signer has no place for one
	monitor session.Monitor
	key     ssh.PublicKey
}

var _ ssh.MultiAlgorithmSigner = (*hostSigner)(nil)

// Algorithms implements ssh.MultiAlgorithmSigner: no SHA-1.
func (h *hostSigner) Algorithms() []string {
	if h.key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{h.key.Type()}
}

// PublicKey implements ssh.Signer.
func (h *hostSigner) PublicKey() ssh.PublicKey { return h.key }

// Sign implements ssh.Signer.
func (h *hostSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return h.SignWithAlgorithm(rand, data, h.Algorithms()[0])
}

// SignWithAlgorithm implements ssh.AlgorithmSigner.
func (h *hostSigner) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	var reply control.Signature
	_, err := h.monitor.Call(h.ctx, control.OpSignHost, control.SignHost{KeyType: h.key.Type(), Algorithm: algorithm, Data: data}, &reply)
	if err != nil {
		return nil, err
	}
	var sig ssh.Signature
	if err := ssh.Unmarshal(reply.Signature, &sig); err != nil {
		return nil, fmt.Errorf("host signature: %w", err)
	}
	return &sig, nil
}

// answerGlobal refuses every global request; keepalives are answered by that too.
func (s *Server) answerGlobal(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply {
			_ = r.Reply(false, nil) // the connection is gone then
		}
	}
}

// maxMissedProbes is how many unanswered probes end the connection.
const maxMissedProbes = 3

// keepAlive ends the connection of a client that answers no more.
func (s *Server) keepAlive(ctx context.Context, conn ssh.Conn) {
	t := time.NewTicker(s.Boot.KeepAlive)
	defer t.Stop()
	answered := make(chan struct{}, 1)
	answered <- struct{}{}
	for missed := 0; missed < maxMissedProbes; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		select {
		case <-answered:
			missed = 0
			go func() {
				if _, _, err := conn.SendRequest("keepalive@openssh.com", true, nil); err == nil {
					answered <- struct{}{}
				}
			}()
		default:
			missed++
		}
	}
	conn.Close()
}

// acceptChannels serves session channels, at most MaxSessions at a time, and
// connections that are forwarded to databases; it refuses everything else.
func (s *Server) acceptChannels(ctx context.Context, conn ssh.Conn, channels <-chan ssh.NewChannel, login control.Login, fast *tcp.Conn) {
	slots := make(chan struct{}, max(s.Boot.MaxSessions, 1))
	forwards := make(chan struct{}, max(s.Boot.MaxForwards, 1))
	for nc := range channels {
		serve, free := s.sessionChannel(ctx, login, fast), slots
		switch nc.ChannelType() {
		case "session":
		case "direct-tcpip":
			serve, free = s.forwardChannel(ctx, nc.ExtraData(), login, fast), forwards
		default:
			_ = nc.Reject(ssh.UnknownChannelType, "only sessions, and connections to databases, can be opened here")
			continue
		}
		select {
		case free <- struct{}{}:
		default:
			_ = nc.Reject(ssh.ResourceShortage, fmt.Sprintf("more than %d at the same time on one connection", cap(free)))
			continue
		}
		s.channels.Go(func() {
			defer func() { <-free }()
			serve(nc)
		})
	}
	s.channels.Wait()
}

// sessionChannel serves a channel of a session.
func (s *Server) sessionChannel(ctx context.Context, login control.Login, fast *tcp.Conn) func(ssh.NewChannel) {
	return func(nc ssh.NewChannel) {
		if ch, requests, err := nc.Accept(); err == nil {
			s.serveChannel(ctx, newClient(ch, s.Boot.AcceptEnv), requests, login, fast)
		}
	}
}

// Terminate ends what the monitor says: one session, or all of them and then
// the connection.
func (s *Server) Terminate(t control.Terminate) {
	s.Pipeline.Terminate(t)
	if t.Session == "" {
		s.channels.Wait()
		s.Stop()
	}
}
