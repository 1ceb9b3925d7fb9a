package telnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/protocols"
	"gateway/protocols/protocoltest"
	"gateway/protocols/telnet"
	"gateway/recorder"
)

// suite is for a target that serve is.
func suite(serve func(net.Conn)) protocoltest.Suite {
	return protocoltest.Suite{
		Backend: telnet.Backend{Silence: 300 * time.Millisecond}, User: "root",
		Dial: func(t testing.TB) net.Conn { return dial(t, serve) },
	}
}

func TestConformance(t *testing.T) {
	echoes := suite(echo)
	echoes.Echo = shell
	protocoltest.Run(t, echoes)
	floods := suite(flood)
	floods.Flood = shell
	protocoltest.Run(t, floods)
}

const (
	iac  = "\xff"
	will = iac + "\xfb"
	wont = iac + "\xfc"
	do   = iac + "\xfd"
	dont = iac + "\xfe"
	sb   = iac + "\xfa"
	se   = iac + "\xf0"
)

// TestTerminal has a target ask for all that it may know, and change it.
func TestTerminal(t *testing.T) {
	s := suite(func(nc net.Conn) {
		io.WriteString(nc, do+"\x18"+do+"\x1f"+do+"\x27")
		expect(t, nc, will+"\x18"+will+"\x1f"+sb+"\x1f\x00\x50\x00\x18"+se+will+"\x27")
		io.WriteString(nc, sb+"\x18\x01"+se+sb+"\x27\x01\x00USER"+se)
		expect(t, nc, sb+"\x18\x00xterm"+se+sb+"\x27\x00\x00USER\x01root"+se)
		io.WriteString(nc, "1")
		expect(t, nc, sb+"\x1f\x00\x84\x00\xff\xff"+se)
		io.WriteString(nc, "2")
		expect(t, nc, iac+"\xf3"+iac+"\xf4")
		io.WriteString(nc, "-")
		expect(t, nc, "ls\r\x00")
		io.WriteString(nc, do+"\x00")
		expect(t, nc, will+"\x00")
		io.WriteString(nc, "3")
		expect(t, nc, "\xff\xff\xe4\r\n\x00\r")
	})
	session, c := &protocoltest.Session{}, protocoltest.NewTerminal()
	out, shown := io.Pipe()
	c.Out = shown
	wait := s.Start(context.Background(), t, shell, c, session)
	next := func(want string) {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(out, got); string(got) != want {
			t.Fatalf("the person saw %q (%v), want %q", got, err, want)
		}
	}
	next("1")
	c.Resize(recorder.Resize{Cols: 132, Rows: 255})
	next("2")
	c.Signal(protocols.Signal{BreakMS: 500})
	c.Signal(protocols.Signal{Name: "HUP"})
	c.Signal(protocols.Signal{Name: "INT"})
	next("-")
	io.WriteString(c.Input, "ls\r")
	next("3")
	io.WriteString(c.Input, "\xff\xe4\r\n\x00\r")
	if exit, err := wait(); exit != (gateway.Exit{}) || err != nil {
		t.Errorf("Relay = %+v, %v, want exit 0", exit, err)
	}
	want := []recorder.Event{
		recorder.Request{Name: "shell"},
		recorder.Resize{Cols: 80, Rows: 24},
		recorder.Resize{Cols: 132, Rows: 255},
		recorder.Request{Name: "break"},
		recorder.Request{Name: "signal", Text: "INT"},
	}
	if diff := cmp.Diff(want, session.Events()); diff != "" {
		t.Errorf("recorded events differ (-want +got):\n%s", diff)
	}
	if in, out := session.Data(recorder.In), session.Data(recorder.Out); in != "ls\r\xff\xe4\r\n\x00\r" || out != "12-3" {
		t.Errorf("recorded %q and %q", in, out)
	}
}

// TestBytes sends every byte both ways.
func TestBytes(t *testing.T) {
	var all strings.Builder
	for i := range 256 {
		all.WriteByte(byte(i))
	}
	escaped := strings.ReplaceAll(all.String(), "\xff", "\xff\xff")
	for _, test := range []struct{ name, first, sent, answer, input string }{
		{"binary", will + "\x00" + do + "\x00", escaped, do + "\x00" + will + "\x00", escaped},
		{"plain", "", strings.ReplaceAll(escaped, "\r", "\r\x00"), "", strings.ReplaceAll(escaped, "\r", "\r\x00")},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := suite(func(nc net.Conn) {
				for _, b := range []byte(test.first + test.sent) { // slowly
					nc.Write([]byte{b})
				}
				expect(t, nc, test.answer+test.input)
			})
			session, c := &protocoltest.Session{}, protocoltest.NewTerminal()
			out, shown := io.Pipe()
			c.Out = shown
			wait := s.Start(context.Background(), t, shell, c, session)
			got := make([]byte, 256)
			if _, err := io.ReadFull(out, got); string(got) != all.String() {
				t.Errorf("the person saw %q (%v)", got, err)
			}
			io.WriteString(c.Input, all.String())
			if exit, err := wait(); exit != (gateway.Exit{}) || err != nil {
				t.Errorf("Relay = %+v, %v, want exit 0", exit, err)
			}
		})
	}
}

// TestScript pipes commands into a session, without a terminal.
func TestScript(t *testing.T) {
	for _, test := range []struct {
		name, input string
		end         func(net.Conn)
	}{
		{"target hangs up", "show\nexit\n", func(net.Conn) {}},
		{"target goes on", "show\r\nexit\r\n", func(nc net.Conn) { io.Copy(io.Discard, nc) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := suite(func(nc net.Conn) {
				io.WriteString(nc, do+"\x18"+do+"\x1f")
				expect(t, nc, will+"\x18"+will+"\x1f")
				io.WriteString(nc, sb+"\x18\x01"+se)
				expect(t, nc, sb+"\x18\x00UNKNOWN"+se)
				io.WriteString(nc, "> ")
				expect(t, nc, "show\r\x00exit\r\x00")
				io.WriteString(nc, "done\r\n")
				test.end(nc)
			})
			session, c := &protocoltest.Session{}, protocoltest.NewClient()
			asked := make(chan struct{}, 100)
			c.Out = writer(func(p []byte) (int, error) { asked <- struct{}{}; return len(p), nil })
			wait := s.Start(context.Background(), t, shell, c, session)
			<-asked
			io.WriteString(c.Input, test.input)
			c.Input.Close()
			if exit, err := wait(); exit != (gateway.Exit{}) || err != nil {
				t.Errorf("Relay = %+v, %v, want exit 0", exit, err)
			}
			if got := session.Data(recorder.Out); got != "> done\r\n" {
				t.Errorf("recorded %q", got)
			}
			if !c.OutputClosed() {
				t.Error("the end of the output was not passed on")
			}
		})
	}
}

// TestEnds is about how sessions end that the person does not end.
func TestEnds(t *testing.T) {
	for _, test := range []struct {
		name  string
		serve func(net.Conn)
		want  gateway.Exit
		err   string
		out   string
	}{
		{"hangs up", func(nc net.Conn) { io.WriteString(nc, "bye") }, gateway.Exit{}, "", "bye"},
		{"half-closes", func(nc net.Conn) {
			io.WriteString(nc, "bye")
			nc.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, nc)
		}, gateway.Exit{}, "", "bye"},
		{"in a sequence", func(nc net.Conn) { io.WriteString(nc, "bye"+sb+"\x18") }, gateway.Exit{}, "", "bye"},
		{"resets", func(nc net.Conn) {
			nc.(*net.TCPConn).SetLinger(0)
		}, gateway.Exit{Code: 255}, "connection to the target broke", ""},
		{"floods with options", func(nc net.Conn) {
			go io.Copy(io.Discard, nc)
			for {
				if _, err := io.WriteString(nc, strings.Repeat(do+"\x05"+will+"\x01"+wont+"\x01", 1000)); err != nil {
					return
				}
			}
		}, gateway.Exit{Code: 255}, "floods", ""},
		{"endless subnegotiation", func(nc net.Conn) {
			io.WriteString(nc, sb)
			flood(nc)
		}, gateway.Exit{Code: 255}, "without end", ""},
		{"refused options asked for again", func(nc net.Conn) {
			for range 1000 {
				io.WriteString(nc, dont+"\x05"+wont+"\x05"+iac+"\xf1"+iac+"\xf9"+iac+"\xef"+iac+"\xf2")
			}
			io.WriteString(nc, "x")
		}, gateway.Exit{}, "", "x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := suite(func(nc net.Conn) {
				nc.Read(make([]byte, 1)) // what is not read makes a reset of the end
				test.serve(nc)
			})
			session, c := &protocoltest.Session{}, protocoltest.NewTerminal()
			wait := s.Start(context.Background(), t, shell, c, session)
			go io.WriteString(c.Input, "x")
			exit, err := wait()
			if exit != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("Relay = %+v, %v, want %+v, %q", exit, err, test.want, test.err)
			}
			if got := session.Data(recorder.Out); got != test.out {
				t.Errorf("recorded %q, want %q", got, test.out)
			}
		})
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestCommands: telnet has none to start.
func TestCommands(t *testing.T) {
	for _, kind := range []string{"exec", "subsystem"} {
		r := gateway.Request{Protocol: gateway.Telnet, Action: gateway.Action{Kind: kind, Text: "reboot"}}
		_, err := telnet.Backend{}.Login(context.Background(), dial(t, say("")), r, protocols.Lease{})
		var login *protocols.LoginError
		if !errors.As(err, &login) || login.Kind != protocols.NotSupported {
			t.Errorf("Login for %s = %v, want not_supported", kind, err)
		}
	}
}
