// Command sshtarget is an SSH server for the demo on machines without sshd:
// it lets the keys of a file in and runs their commands as who started it.
package main

import (
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	keys := flag.String("authorized-keys", "", "file with the public keys that may log in")
	flag.Parse()
	log.Fatal(run(*listen, *keys))
}

func run(listen, keys string) error {
	config, err := serverConfig(keys)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	log.Printf("listening at %s", l.Addr())
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go serve(nc, config)
	}
}

func serverConfig(keys string) (*ssh.ServerConfig, error) {
	allowed, err := os.ReadFile(keys)
	if err != nil {
		return nil, err
	}
	var marshaled []string
	for len(allowed) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(allowed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keys, err)
		}
		marshaled, allowed = append(marshaled, string(key.Marshal())), rest
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !slices.Contains(marshaled, string(key.Marshal())) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(signer)
	return config, nil
}

func serve(nc net.Conn, config *ssh.ServerConfig) {
	defer nc.Close()
	conn, channels, requests, err := ssh.NewServerConn(nc, config)
	if err != nil {
		log.Print(err)
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	for c := range channels {
		if c.ChannelType() != "session" {
			c.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		ch, reqs, err := c.Accept()
		if err != nil {
			return
		}
		go (&session{ch: ch}).serve(reqs)
	}
}

type session struct {
	ch   ssh.Channel
	term string
	size *pty.Winsize // nil: no terminal

	mu  sync.Mutex // guards tty
	tty *os.File
}

// serve answers the requests of one channel, RFC 4254 section 6.
func (s *session) serve(reqs <-chan *ssh.Request) {
	started := false
	for r := range reqs {
		ok := false
		switch r.Type {
		case "pty-req":
			var p struct {
				Term                      string
				Cols, Rows, Width, Height uint32
				Modes                     string
			}
			if ok = ssh.Unmarshal(r.Payload, &p) == nil; ok {
				s.term, s.size = p.Term, &pty.Winsize{Cols: uint16(p.Cols), Rows: uint16(p.Rows)}
			}
		case "window-change":
			var p struct{ Cols, Rows, Width, Height uint32 }
			s.mu.Lock()
			if ok = ssh.Unmarshal(r.Payload, &p) == nil && s.tty != nil; ok {
				_ = pty.Setsize(s.tty, &pty.Winsize{Cols: uint16(p.Cols), Rows: uint16(p.Rows)})
			}
			s.mu.Unlock()
		case "shell", "exec":
			var p struct{ Command string }
			if r.Type == "shell" || ssh.Unmarshal(r.Payload, &p) == nil {
				ok, started = !started, true
			}
			if ok {
				go s.run(p.Command)
			}
		}
		if r.WantReply {
			r.Reply(ok, nil)
		}
	}
}

// run runs the command, or a shell, and reports its exit status.
func (s *session) run(command string) {
	defer s.ch.Close()
	args := []string{"-l"}
	if command != "" {
		args = []string{"-c", command}
	}
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir = os.Getenv("HOME")
	var err error
	if s.size != nil {
		err = s.runTerminal(cmd)
	} else {
		var stdin io.WriteCloser
		if stdin, err = cmd.StdinPipe(); err == nil {
			cmd.Stdout, cmd.Stderr = s.ch, s.ch.Stderr()
			go func() {
				io.Copy(stdin, s.ch)
				stdin.Close()
			}()
			err = cmd.Run()
		}
	}
	status := uint32(0)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		status = uint32(exit.ExitCode())
	} else if err != nil {
		log.Print(err)
		status = 255
	}
	s.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
}

func (s *session) runTerminal(cmd *exec.Cmd) error {
	cmd.Env = append(os.Environ(), "TERM="+s.term)
	tty, err := pty.StartWithSize(cmd, s.size)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.tty = tty
	s.mu.Unlock()
	go io.Copy(tty, s.ch)
	io.Copy(s.ch, tty) // ends with an error when the last process of the terminal has
	err = cmd.Wait()
	s.mu.Lock()
	s.tty = nil
	s.mu.Unlock()
	return errors.Join(err, tty.Close())
}
