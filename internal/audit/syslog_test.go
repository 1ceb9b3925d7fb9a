package audit_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crewjam/rfc5424"
	"github.com/google/go-cmp/cmp"

	"gateway/internal/audit"
)

// received is what a syslog server makes of a message.
type received struct {
	Priority                rfc5424.Priority
	AppName, Event, Message string
}

func parseMessage(t *testing.T, b []byte) received {
	t.Helper()
	var m rfc5424.Message
	if err := m.UnmarshalBinary(b); err != nil {
		t.Errorf("not RFC 5424: %v: %q", err, b)
	}
	return received{m.Priority, m.AppName, m.MessageID, string(m.Message)}
}

// readFrame reads one octet-counted message.
func readFrame(r *bufio.Reader) ([]byte, error) {
	length, err := r.ReadString(' ')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, " "))
	if err != nil || n > 1<<20 {
		return nil, fmt.Errorf("length %q: %v", length, err)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

func newSyslog(t *testing.T, address string) *audit.Syslog {
	t.Helper()
	s, err := audit.NewSyslog(audit.SyslogConfig{Address: address, Facility: "local7", AppName: "bastion", Node: "edge"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func wantMessages(t *testing.T) []received {
	return []received{
		{rfc5424.Local7 | rfc5424.Info, "bastion", "command",
			`{"time":"2026-03-01T12:04:05.000678Z","event":"command","node":"edge","allowed":true,"command":"a\\x0ab"}`},
		{rfc5424.Local7 | rfc5424.Warning, "bastion", "auth",
			`{"time":"2026-03-01T12:04:05.000678Z","event":"auth","node":"edge","allowed":false}`},
	}
}

func logTwo(t *testing.T, s *audit.Syslog) {
	t.Helper()
	l := audit.New("edge", now, s)
	for _, r := range []audit.Record{
		{Event: audit.Command, Command: "a\nb", Allowed: audit.Yes},
		{Event: audit.Auth, Allowed: audit.No},
	} {
		if err := l.Log(r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSyslogDatagrams(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "log")
	unix, err := net.ListenPacket("unixgram", sock)
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for address, conn := range map[string]net.PacketConn{
		"unix://" + sock:                    unix,
		"udp://" + udp.LocalAddr().String(): udp,
	} {
		defer conn.Close()
		s := newSyslog(t, address)
		logTwo(t, s)
		var got []received
		for range 2 {
			b := make([]byte, 1<<16)
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				t.Fatal(address, err)
			}
			got = append(got, parseMessage(t, b[:n]))
		}
		if diff := cmp.Diff(wantMessages(t), got); diff != "" {
			t.Error(address, diff)
		}
	}
}

func TestSyslogStreams(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "log")
	unix, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for address, ln := range map[string]net.Listener{
		"unix://" + sock:               unix,
		"tcp://" + tcp.Addr().String(): tcp,
	} {
		defer ln.Close()
		s := newSyslog(t, address)
		logTwo(t, s)
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		var got []received
		for range 2 {
			b, err := readFrame(r)
			if err != nil {
				t.Fatal(address, err)
			}
			got = append(got, parseMessage(t, b))
		}
		if diff := cmp.Diff(wantMessages(t), got); diff != "" {
			t.Error(address, diff)
		}
	}
}

// A server that comes late gets what waited for it.
func TestSyslogComesLate(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "log")
	s := newSyslog(t, "unix://"+sock)
	logTwo(t, s)
	conn, err := net.ListenPacket("unixgram", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, 1<<16)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, _, err := conn.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := parseMessage(t, b[:n]); got != wantMessages(t)[0] {
		t.Errorf("got %v", got)
	}
}

// A server that does not read holds up nobody, and is told how much it missed.
func TestSyslogFull(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s := newSyslog(t, "tcp://"+ln.Addr().String())
	l := audit.New("edge", now, s)
	written, big := 0, strings.Repeat("x", 8000)
	for ; s.Dropped() < 100; written++ {
		if err := l.Log(audit.Record{Event: audit.Command, Command: big}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for seen, told := 0, 0; seen+told < written; {
		b, err := readFrame(r)
		if err != nil {
			t.Fatalf("after %d and a report of %d of %d: %v", seen, told, written, err)
		}
		m := parseMessage(t, b)
		if m.Event != string(audit.Node) {
			seen++
			continue
		}
		var note struct{ Details struct{ Dropped string } }
		if err := json.Unmarshal([]byte(m.Message), &note); err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(note.Details.Dropped)
		if err != nil {
			t.Fatal(err)
		}
		told += n
	}
}

func TestSyslogRefuses(t *testing.T) {
	for _, c := range []audit.SyslogConfig{
		{Address: "http://a", Facility: "local7", AppName: "a"},
		{Address: "udp://127.0.0.1:514", Facility: "local8", AppName: "a"},
		{Address: "udp://127.0.0.1:514", Facility: "local7", AppName: "a b"},
		{Address: "\x7f", Facility: "local7", AppName: "a"},
	} {
		if _, err := audit.NewSyslog(c); err == nil {
			t.Errorf("NewSyslog(%+v) took it", c)
		}
	}
	// Nobody there: closing does not wait for them.
	s := newSyslog(t, "unix://"+filepath.Join(os.TempDir(), "no", "such", "socket"))
	logTwo(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
