package ssh

import (
	"context"
	"time"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/internal/dialogue"
	"gateway/internal/tcp"
)

// A target that leaves maxMissed keepalives in a row unanswered is dead.
const (
	keepaliveEvery = 57 * time.Second
	maxMissed      = 5
)

// conn implements protocols.Conn.
type conn struct {
	backend *Backend
	ssh     ssh.Conn
	wire    *tcp.Conn
	action  gateway.Action
	env     []string
	banner  string
	served  chan struct{} // closed when serve has returned
	outer   *conn         // to the jump host that wire goes through; nil: none
	// profiles are for the dialogue of a shell with a device; nil: there is none.
	profiles *dialogue.Profiles
	timeout  time.Duration // of each of its steps; 0: as the profile has it
	// second gives the second password of that dialogue; nil: none is wanted.
	second func(context.Context) (gateway.Secret, error)
}

// Close hangs up and waits until nothing of the connection runs any more.
func (c *conn) Close() error {
	err := c.ssh.Close()
	<-c.served
	if c.outer != nil {
		c.outer.Close() // cut already, with wire
	}
	return err
}

// cut hangs up without waiting.
func (c *conn) cut() { c.wire.Close() }

// serve refuses whatever the target asks of us: to open a channel (a forwarded
// port, an agent, X11) or anything global. Meanwhile it makes sure the target
// lives. It returns when the connection ends.
func (c *conn) serve(channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	defer close(c.served)
	tick := time.NewTicker(keepaliveEvery)
	defer tick.Stop()
	answered := make(chan struct{}, 1)
	waiting, missed := false, 0
	for channels != nil || requests != nil {
		select {
		case n, ok := <-channels:
			if !ok {
				channels = nil
				continue
			}
			n.Reject(ssh.Prohibited, "not through this gateway")
		case r, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			r.Reply(false, nil)
		case <-answered:
			waiting, missed = false, 0
		case <-tick.C:
			if !waiting {
				waiting = true
				go func() {
					c.keepalive()
					answered <- struct{}{}
				}()
			} else if missed++; missed == maxMissed {
				c.cut()
			}
		}
	}
	if waiting {
		<-answered
	}
}

// keepalive asks the target for an answer, any answer, and waits for it or the
// end of the connection.
func (c *conn) keepalive() error {
	_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
	return err
}
