package ingress

import (
	"context"
	"fmt"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/tcp"
)

// forwardChannel serves a connection that a client forwards (ssh -L), RFC 4254
// section 7.2: only to databases, which are spoken with and not passed through
// blindly. Whether one is meant is asked before the channel is accepted, so that
// the client can say at once that nothing is there.
func (s *Server) forwardChannel(ctx context.Context, extra []byte, login control.Login, fast *tcp.Conn) func(ssh.NewChannel) {
	return func(nc ssh.NewChannel) {
		var m struct {
			Host       string
			Port       uint32
			OriginHost string
			OriginPort uint32
		}
		if ssh.Unmarshal(extra, &m) != nil || m.Port == 0 || m.Port > 65535 {
			_ = nc.Reject(ssh.ConnectionFailed, "not a host and a port")
			return
		}
		if login.Refusal != nil {
			_ = nc.Reject(ssh.Prohibited, login.Refusal.Text)
			return
		}
		var reply control.ForwardReply
		_, err := s.Monitor.Call(ctx, control.OpForward, control.Forward{Host: m.Host, Port: uint16(m.Port)}, &reply)
		if err != nil || !reply.OK {
			_ = nc.Reject(ssh.Prohibited, fmt.Sprintf("%s is no database that you may use; forwarding is for databases only, and --osh dbList says which there are", gateway.Printable(m.Host)))
			return
		}
		ch, requests, err := nc.Accept()
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		fast.Done()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s.Pipeline.Forward(ctx, ch, m.Host, uint16(m.Port))
	}
}
