package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"gateway/internal/control"
)

// databaseSieges are what a process does with the connections that it was given.
func databaseSieges() map[string]func(a *attacker) {
	return map[string]func(a *attacker){
		"dials without end":         dialsWithoutEnd,
		"keeps its databases":       keepsDatabases,
		"opens databases in plenty": opensDatabases,
	}
}

// dialsWithoutEnd asks for many connections at the same time.
func dialsWithoutEnd(a *attacker) {
	_ = a.withDatabase("mine", func(r control.OpenReply) error {
		const all = 100
		results := make(chan error, all)
		for range all {
			go func() { results <- a.call(control.OpDial, control.Dial{Session: r.Session}, nil) }()
		}
		got := 0
		for range all {
			if <-results == nil {
				got++
			}
		}
		a.say(fmt.Sprintf("got %d", got))
		return nil
	})
	a.hang()
}

// keepsDatabases ends its session and goes on with each connection of it.
func keepsDatabases(a *attacker) {
	_ = a.withLogin(func() error {
		var r control.OpenReply
		files, err := a.ctl.Call(context.Background(), control.OpOpen, a.database("mine"), &r)
		if err != nil || len(files) == 0 {
			return err
		}
		conns := []*os.File{files[0]}
		for range 3 {
			more, err := a.ctl.Call(context.Background(), control.OpDial, control.Dial{Session: r.Session}, nil)
			if err != nil {
				return err
			}
			conns = append(conns, more...)
		}
		if err := a.call(control.OpEnd, control.End{Session: r.Session}, nil); err != nil {
			return err
		}
		for _, f := range conns {
			if _, err := f.Write([]byte("unseen")); err == nil {
				a.say("went on")
				return nil
			}
		}
		a.say(fmt.Sprintf("%d cut off", len(conns)))
		return nil
	})
	a.hang()
}

func opensDatabases(a *attacker) {
	_ = a.withLogin(func() error {
		for range 500 {
			if err := a.open(a.database("mine")); err != nil {
				a.say("refused: " + err.Error())
				return err
			}
		}
		a.say("all open")
		return nil
	})
	a.hang()
}

// A session has so many connections, however it asks for them.
func TestSiegeDialsWithoutEnd(t *testing.T) {
	if _, _, said := besiege(t, "dials without end"); said != "got 16" {
		t.Errorf("of 100 connections with a database at the same time the process %s", said)
	}
}

// The end of a session with a database cuts all its connections.
func TestSiegeKeepsDatabases(t *testing.T) {
	if _, _, said := besiege(t, "keeps its databases"); said != "4 cut off" {
		t.Errorf("after the end of its session the process said %q", said)
	}
}

func TestSiegeOpensDatabases(t *testing.T) {
	if _, _, said := besiege(t, "opens databases in plenty"); !strings.Contains(said, "too many sessions") {
		t.Errorf("one connection opened 500 databases: %s", said)
	}
}
