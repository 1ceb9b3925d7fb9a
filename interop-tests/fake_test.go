package interop

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// fake listens as a target would, and is none.
type fake struct {
	port string
	l    net.Listener // nil: nothing listens any more

	mu   sync.Mutex // guards what follows
	held []net.Conn
	wait sync.WaitGroup
}

// newFake starts one that behaves: "closed" refuses connections, "silent"
// takes them and says nothing, "reset" answers with a reset, "http" speaks
// another protocol, "hostile" tries to drive the person's terminal.
func newFake(behaviour string) (*fake, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	f := &fake{port: port, l: l}
	says := map[string]string{
		"silent": "", "reset": "",
		"http":    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
		"hostile": "SSH-2.0-\x1b]0;owned\x07\x1b[2J\r\n",
	}
	text, ok := says[behaviour]
	switch {
	case behaviour == "closed":
		return f, l.Close()
	case !ok:
		l.Close()
		return nil, fmt.Errorf("no behaviour %q", behaviour)
	}
	f.wait.Go(func() { f.serve(text, behaviour == "reset") })
	return f, nil
}

func (f *fake) serve(text string, reset bool) {
	for {
		nc, err := f.l.Accept()
		if err != nil {
			return
		}
		io.WriteString(nc, text)
		switch {
		case reset:
			nc.(*net.TCPConn).SetLinger(0)
			nc.Close()
		case text != "":
			nc.Close()
		default:
			f.mu.Lock()
			f.held = append(f.held, nc)
			f.mu.Unlock()
		}
	}
}

func (f *fake) close() {
	f.l.Close()
	f.wait.Wait()
	for _, nc := range f.held {
		nc.Close()
	}
}
