package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/control"
	"gateway/protocols"
	"gateway/recorder"
)

// program is the client program that came with a session: it runs in a jail,
// and its way out is a socket that this process listens on.
type program struct {
	terminal *os.File // its screen and keyboard, or
	in       *os.File // its three streams
	out, err *os.File
	listener net.Listener
	status   *os.File // says how it ended, in one line
}

// newProgram takes over the descriptors that control.OpenReply describes.
func newProgram(files []*os.File, terminal bool) (*program, error) {
	want := 5
	if terminal {
		want = 3
	}
	if len(files) != want {
		control.CloseFiles(files)
		return nil, fmt.Errorf("client program: %d descriptors: %w", len(files), gateway.ErrUnavailable)
	}
	p := &program{status: files[want-1]}
	if terminal {
		p.terminal = files[0]
	} else {
		p.in, p.out, p.err = files[0], files[1], files[2]
	}
	defer files[want-2].Close()
	var err error
	if p.listener, err = net.FileListener(files[want-2]); err != nil {
		return nil, fmt.Errorf("client program: %w", err)
	}
	return p, nil
}

func (p *program) close() {
	for _, f := range []*os.File{p.terminal, p.in, p.out, p.err, p.status} {
		if f != nil {
			f.Close()
		}
	}
	p.listener.Close()
}

// ConnectClient opens a session with a database by a client program of the
// node's, which the person at c works with. refuse and quiet are as for Connect.
func (p *Pipeline) ConnectClient(ctx context.Context, r control.Open, c protocols.Client, quiet bool, refuse func(control.Refusal) int) gateway.Exit {
	show := shower(c)
	term, isTerm := c.(protocols.Terminal)
	if isTerm {
		r.Term, r.Size, _ = term.Term()
	}
	r.Client.Terminal, r.Screen = isTerm, isTerm
	s, ctx, err := p.Open(ctx, r)
	if err != nil {
		return gateway.Exit{Code: refuse(refusalOf(err))}
	}
	if !quiet {
		d := s.Database
		show(fmt.Sprintf("*** %s: welcome %s, you may use %s (%s/%s), right %s, by %s",
			gateway.Printable(p.Name), p.Account, d.Name, s.Target, gateway.Printable(d.Database), d.Allow, gateway.Printable(d.Way)))
		show(fmt.Sprintf("    every statement is recorded, as %s, sealed with %s", s.Session, s.AuditKey))
	}
	if isTerm {
		w := p.watched(s, term)
		defer w.begin(ctx)()
		c = w
	}
	exit, err := p.runProgram(ctx, s, c)
	comment := ""
	if err != nil {
		exit, comment = p.failed(ctx, err, s, show)
	}
	if err := s.End(exit, comment); err != nil && !errors.Is(err, gateway.ErrUnavailable) {
		show("the end of this session could not be recorded: " + errorText(err))
	}
	return exit
}

// runProgram lets the person work with the program until it ends.
func (p *Pipeline) runProgram(ctx context.Context, s *Session, c protocols.Client) (gateway.Exit, error) {
	term, isTerm := c.(protocols.Terminal)
	prog, err := newProgram(s.client, isTerm)
	if err != nil {
		return gateway.Exit{}, err
	}
	defer prog.close()
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, prog.close) // whatever waits for it ends
	all.Go(func() { p.serveProgram(ctx, s, prog.listener) })
	var shown sync.WaitGroup // what it prints
	broken := make(chan error, 3)
	copyOut := func(w io.Writer, r io.Reader, stream recorder.Stream) {
		shown.Go(func() {
			if _, err := io.Copy(s.Writer(w, stream), r); err != nil && !errors.Is(err, unix.EIO) { // EIO: the terminal has no other side any more
				broken <- err
				cancel()
			}
		})
	}
	if isTerm {
		copyOut(c, prog.terminal, recorder.Out)
		all.Go(func() { s.resizes(ctx, term, prog.terminal) })
		go copyIn(prog.terminal, s.Reader(c), true) // ends with the client, which the caller closes
	} else {
		copyOut(c, prog.out, recorder.Out)
		copyOut(c.Stderr(), prog.err, recorder.Err)
		go copyIn(prog.in, s.Reader(c), false)
	}
	line, err := bufio.NewReader(io.LimitReader(prog.status, 256)).ReadString('\n')
	if ctx.Err() == nil {
		shown.Wait()
	}
	select {
	case err := <-broken:
		return gateway.Exit{}, err
	default:
	}
	if cause := context.Cause(ctx); cause != nil {
		return gateway.Exit{}, cause
	}
	return programExit(strings.TrimSuffix(line, "\n"), err)
}

// endOfInput is what a terminal takes for the end: Ctrl-D.
const endOfInput = "\x04"

// copyIn passes on what the person types; at its end the program reads its end too.
func copyIn(w *os.File, r io.Reader, terminal bool) {
	_, _ = io.Copy(w, r) // a program that ended reads no more
	if terminal {
		_, _ = io.WriteString(w, endOfInput)
	} else {
		w.Close()
	}
}

// resizes tells the program of the size of the person's screen.
func (s *Session) resizes(ctx context.Context, term protocols.Terminal, to *os.File) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-term.Resizes():
			if !ok || s.Record(size) != nil {
				return
			}
			raw, err := to.SyscallConn()
			if err != nil {
				return
			}
			_ = raw.Control(func(fd uintptr) { // a program that ended has no screen
				_ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{
					Row: uint16(min(size.Rows, 1<<16-1)), Col: uint16(min(size.Cols, 1<<16-1)),
				})
			})
		}
	}
}

// serveProgram relays each connection that the program makes.
func (p *Pipeline) serveProgram(ctx context.Context, s *Session, l net.Listener) {
	var conns sync.WaitGroup
	defer conns.Wait()
	var first atomic.Bool
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		conns.Go(func() {
			defer nc.Close()
			c, err := p.startup(ctx, nc)
			if err != nil {
				return // psql was told, or cancelled a statement
			}
			connect := func(ctx context.Context) (net.Conn, error) { return dialMore(ctx, p.Monitor, s.Session) }
			if first.CompareAndSwap(false, true) {
				connect = s.takeTarget
			}
			_, _ = p.serveDatabase(ctx, s, c, connect) // psql was told
		})
	}
}

// programExit reads how the jail says that the program ended.
func programExit(line string, err error) (gateway.Exit, error) {
	word, rest, _ := strings.Cut(line, " ")
	var code int
	switch {
	case err != nil:
		return gateway.Exit{}, fmt.Errorf("the client program ended, and nobody knows how: %w", gateway.ErrUnavailable)
	case word == "exit":
		if _, err := fmt.Sscanf(rest, "%d", &code); err == nil {
			return gateway.Exit{Code: code & 0xff}, nil
		}
	case word == "signal":
		return gateway.Exit{Code: gateway.RefusalSignal.Code, Signal: strings.TrimPrefix(rest, "SIG"), Text: "the client program was ended by a signal"}, nil
	}
	return gateway.Exit{}, fmt.Errorf("client program: %s: %w", gateway.Printable(line), gateway.ErrUnavailable)
}
