package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
	"gateway/internal/control"
)

// sieges are what a session process that was taken over does to everybody
// else; they are judged from outside.
func sieges() map[string]func(a *attacker) {
	all := map[string]func(a *attacker){
		"asks and never listens": neverListens,
		"opens without end":      opensWithoutEnd,
		"breaks the recorder":    breaksRecorder,
		"goes on after the end":  goesOnAfterEnd,
		"tries without end":      triesWithoutEnd,
	}
	maps.Copy(all, databaseSieges())
	return all
}

func (a *attacker) say(text string) { unix.Write(fdClient, []byte(text+"\n")) }

// hang waits for the end: of the monitor, or by it.
func (a *attacker) hang() { select {} }

func (a *attacker) openCommands(text string) (control.OpenReply, error) {
	var r control.OpenReply
	err := a.call(control.OpOpen, control.Open{Protocol: gateway.OSH, Action: gateway.Action{Kind: "osh", Text: text}}, &r)
	if err == nil && r.Refusal != nil {
		err = errors.New(r.Refusal.Text)
	}
	return r, err
}

// neverListens fills the control socket with answers that it does not read.
func neverListens(a *attacker) {
	_ = a.withLogin(func() error {
		r, err := a.openCommands("")
		if err != nil {
			return err
		}
		a.ctl.Close() // our other descriptor of it lives
		body, err := json.Marshal(control.Complete{Session: r.Session, Kind: "command"})
		if err != nil {
			return err
		}
		packet := binary.BigEndian.AppendUint16([]byte{1, 0}, uint16(control.OpComplete))
		packet = append(binary.BigEndian.AppendUint32(packet, 1), body...)
		// Until the monitor, which waits for us to read, reads no more itself.
		if err := unix.SetNonblock(fdControlSocket, false); err != nil {
			return err
		}
		stuck := time.AfterFunc(time.Second, func() { a.say("ready") })
		for unix.Send(fdControlSocket, packet, 0) == nil {
			stuck.Reset(time.Second)
		}
		return nil
	})
	a.hang()
}

func opensWithoutEnd(a *attacker) {
	_ = a.withLogin(func() error {
		for range 200 {
			if _, err := a.openCommands(""); err != nil {
				a.say("refused: " + err.Error())
				return err
			}
		}
		a.say("all open")
		return nil
	})
	a.hang()
}

// breaksRecorder has a header made that grows when it is passed on.
func breaksRecorder(a *attacker) {
	_ = a.withLogin(func() error {
		_, err := a.openCommands(strings.Repeat("<", 2<<20/6-30))
		if err == nil {
			a.say("open")
		} else {
			a.say("refused: " + err.Error())
		}
		return nil
	})
	a.hang()
}

// goesOnAfterEnd says that its session ended, and keeps the target.
func goesOnAfterEnd(a *attacker) {
	_ = a.withLogin(func() error {
		var r control.OpenReply
		files, err := a.ctl.Call(context.Background(), control.OpOpen, a.target("root"), &r)
		if err != nil || len(files) == 0 {
			return err
		}
		if err := a.call(control.OpEnd, control.End{Session: r.Session}, nil); err != nil {
			return err
		}
		if _, err := files[0].Write([]byte("unseen")); err != nil {
			a.say("cut off")
		} else {
			a.say("went on")
		}
		return nil
	})
	a.hang()
}

// besiege starts the siege and returns what the process said of it.
func besiege(t *testing.T, name string) (*world, net.Conn, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	w := newWorld(t)
	nc, said := w.besiege(t, name)
	return w, nc, said
}

func (w *world) besiege(t *testing.T, name string) (net.Conn, string) {
	t.Helper()
	w.serve(t, name)
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 256)
	n, err := nc.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return nc, strings.TrimSpace(string(b[:n]))
}

// A process that does not read what it is told holds up nobody, and is ended.
func TestSiegeNeverListens(t *testing.T) {
	w, nc, _ := besiege(t, "asks and never listens")
	done := make(chan int, 1)
	go func() { done <- w.n.monitor.Deps().EndSessions("alice", gateway.RefusalFrozen, "frozen") }()
	select {
	case n := <-done:
		if n != 1 {
			t.Errorf("ended %d connections, want 1", n)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("ending sessions waits for a process that does not listen")
	}
	if _, err := io.Copy(io.Discard, nc); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("process not ended: %v", err)
	}
}

// Descriptors of the monitor are for everybody.
func TestSiegeOpensWithoutEnd(t *testing.T) {
	_, _, said := besiege(t, "opens without end")
	if !strings.Contains(said, "too many sessions") {
		t.Errorf("one connection opened 200 sessions: %s", said)
	}
}

// One session's words must not end the recorder, and so all sessions.
func TestSiegeBreaksRecorder(t *testing.T) {
	w, _, said := besiege(t, "breaks the recorder")
	if said != "open" {
		w.waitAudit(t, "recorder process ended")
		t.Errorf("a long command line ended the recorder: %s", said)
	}
}

// What the monitor takes for ended, has ended.
func TestSiegeGoesOnAfterEnd(t *testing.T) {
	if _, _, said := besiege(t, "goes on after the end"); said != "cut off" {
		t.Errorf("after the end of its session the process %s", said)
	}
}
