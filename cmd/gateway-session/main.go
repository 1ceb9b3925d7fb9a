// Command gateway-session is the process that the gateway starts for one
// connection. It confines itself before it reads a foreign byte; it holds no
// key, file or database, and can't open a connection. It is a program of its
// own so that it contains, and initialises, no more than it needs.
//
// It is started by gateway, never by hand: descriptor 3 is the control socket,
// descriptor 4 the client (session) or the target (probe). In the role client it
// becomes a jailed program such as psql.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/ingress"
	"gateway/internal/jail"
	"gateway/internal/session"
	"gateway/protocols"
	"gateway/protocols/netconf"
	"gateway/protocols/postgres"
	"gateway/protocols/ssh"
	"gateway/protocols/telnet"
)

const (
	fdStdout  = 1
	fdStderr  = 2
	fdControl = 3
	fdSocket  = 4
)

// A session's heap is small and its garbage large packets: collecting seldom
// costs little memory and saves much time. The limit is for bulk transfers.
const (
	gcPercent   = 400
	memoryLimit = 64 << 20
)

func main() {
	nameProcess(os.Args)
	// One thread runs Go code: what a session does is a chain of small steps,
	// and handing each to another thread costs more than the step.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	err := run(os.Args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway-session:", gateway.Printable(err.Error()))
		os.Exit(1)
	}
}

// nameProcess shows the role in ps(1): the program is executed by way of a
// descriptor, which has no name. Only comfort is lost when it fails.
func nameProcess(args []string) {
	if len(args) < 2 {
		return
	}
	if name, err := unix.ByteSliceFromString("gateway-" + args[1]); err == nil {
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[1] == "report" {
		return tell()
	}
	if len(args) >= 4 && args[1] == "program" {
		return program(args[2], args[3], args[4:])
	}
	if len(args) == 2 && args[1] == "client" {
		return client()
	}
	if len(args) != 3 {
		return fmt.Errorf("started by gateway only: %w", gateway.ErrInvalid)
	}
	abi, err := strconv.Atoi(args[2]) // of the Landlock that it was started under
	if err != nil {
		return fmt.Errorf("started by gateway only: %w", gateway.ErrInvalid)
	}
	report, err := jail.Enter(jail.Session(fdStderr, fdControl, fdSocket).Confined(abi))
	if err != nil {
		return err
	}
	ctl, err := control.NewConn(os.NewFile(fdControl, "control"))
	if err != nil {
		return err
	}
	socket := os.NewFile(fdSocket, "socket")
	nc, err := net.FileConn(socket)
	if err != nil {
		return fmt.Errorf("take over socket: %w", err)
	}
	socket.Close()
	switch args[1] {
	case "session":
		return serve(ctl, nc, report)
	case "probe":
		return probe(ctl, nc, report)
	}
	return fmt.Errorf("role %q: %w", gateway.Printable(args[1]), gateway.ErrInvalid)
}

// tell enters the sandbox and prints what is in force, for gateway doctor.
func tell() error {
	report, err := jail.Enter(jail.Session(fdStdout, fdStderr))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

// program becomes a program of the operators', descriptor 4, with one argument.
// Why it could not is written to descriptor 3, which the program never sees.
func program(path, arg string, hidden []string) error {
	err := jail.Exec(jail.Program{Path: path, Args: []string{arg}, Hidden: hidden, File: fdSocket, Status: fdControl})
	_, _ = os.NewFile(fdControl, "status").WriteString(err.Error()) // nobody reads it: they are gone
	return err
}

// client becomes a program for a person, as descriptor 3 tells. Why it could
// not is written there too.
func client() error {
	err := jail.ExecClient(fdControl)
	_, _ = os.NewFile(fdControl, "control").WriteString(err.Error()) // nobody reads it: they are gone
	return err
}

// confined refuses to go on where the sandbox is incomplete and must not be.
func confined(report jail.Report, required bool) error {
	if missing := report.Missing(); required && len(missing) > 0 {
		return fmt.Errorf("this kernel lacks %v, and the configuration requires the whole sandbox", missing)
	}
	return nil
}

func serve(ctl *control.Conn, nc net.Conn, report jail.Report) error {
	var boot control.Boot
	if _, err := ctl.Receive(control.OpBoot, &boot); err != nil {
		return err
	}
	if err := confined(report, boot.RequireSandbox); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	overSSH := new(ssh.Backend)
	server := &ingress.Server{
		Boot: boot, Monitor: ctl, Stop: cancel,
		Pipeline: &session.Pipeline{
			Monitor: ctl, Name: boot.Name,
			Backends: map[gateway.Protocol]protocols.Backend{
				gateway.SSH: overSSH, gateway.NETCONF: netconf.Backend{SSH: overSSH}, gateway.Telnet: telnet.Backend{},
				gateway.Postgres: postgres.Backend{},
			},
			Databases: postgres.NewFront(),
		},
	}
	go func() {
		// Without the monitor nothing can be asked, so nothing may go on.
		defer cancel()
		_ = ctl.Serve(ctx, notices{server})
	}()
	return server.Serve(ctx, nc)
}

// notices takes what the monitor says unasked.
type notices struct{ server *ingress.Server }

// Admit implements control.Handler.
func (notices) Admit(op control.Op, _ int) error {
	if op != control.OpTerminate && op != control.OpLock {
		return errors.New("unknown notice")
	}
	return nil
}

// Handle implements control.Handler.
func (n notices) Handle(_ context.Context, op control.Op, body []byte, _ []*os.File) (any, []*os.File, error) {
	if op == control.OpLock {
		var l control.Lock
		if err := control.Decode(body, &l); err != nil {
			return nil, nil, err
		}
		n.server.Pipeline.Lock(l)
		return nil, nil, nil
	}
	var t control.Terminate
	if err := control.Decode(body, &t); err != nil {
		return nil, nil, err
	}
	n.server.Terminate(t)
	return nil, nil, nil
}

// probe logs in to a target and out again, and says how that went.
func probe(ctl *control.Conn, nc net.Conn, report jail.Report) error {
	var boot control.ProbeBoot
	if _, err := ctl.Receive(control.OpBoot, &boot); err != nil {
		return err
	}
	if err := confined(report, boot.RequireSandbox); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		_ = ctl.Serve(ctx, notices{})
	}()
	request := gateway.Request{Session: boot.Open.Session, Protocol: gateway.SSH, Target: boot.Open.Target, Jump: boot.Open.Jump}
	end := control.End{Session: boot.Open.Session}
	lease := session.Lease(ctx, ctl, boot.Open, session.Person{Tell: func(string) {}, Warn: func(string) {}})
	if err := new(ssh.Backend).Probe(ctx, nc, request, lease); err != nil {
		if login, ok := errors.AsType[*protocols.LoginError](err); ok {
			err = login.Err // its kind is for logs, this is for the person
		}
		end.Exit.Code, end.Comment = gateway.ExitLoginFailed, err.Error()
	}
	_, err := ctl.Call(ctx, control.OpEnd, end, nil)
	return err
}
