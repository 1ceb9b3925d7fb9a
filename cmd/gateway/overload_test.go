package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/internal/control"
	"gateway/internal/store"
)

// triesWithoutEnd has the monitor log in to a target that never answers, as
// often at the same time as it can.
func triesWithoutEnd(a *attacker) {
	_ = a.withLogin(func() error {
		r, err := a.openCommands("")
		if err != nil {
			return err
		}
		var asked sync.WaitGroup
		for i := range 100 {
			asked.Go(func() {
				body, _ := json.Marshal(map[string]any{"Host": "127.0.0.1", "Port": a.args[4], "User": "user" + strconv.Itoa(i)})
				_ = a.call(control.OpRun, control.Run{Session: r.Session, Command: "selfAddPersonalAccess", Request: body}, nil)
			})
		}
		time.AfterFunc(2*time.Second, func() { a.say("asked") })
		asked.Wait()
		return nil
	})
	a.hang()
}

// children counts the processes that this one started.
func children(t *testing.T) int {
	t.Helper()
	names, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range names {
		list, err := os.ReadFile(name)
		if err == nil {
			n += len(strings.Fields(string(list)))
		}
	}
	return n
}

// Each test login is a process: one account must not start as many as it likes.
func TestSiegeTriesWithoutEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	w := newWorld(t)
	err := w.n.store.Update(t.Context(), func(tx store.Tx) error { _, err := tx.Grant("alice", "selfAddPersonalAccess"); return err })
	if err != nil {
		t.Fatal(err)
	}
	_, said := w.besiege(t, "tries without end")
	if n := children(t); said != "asked" || n > 12 {
		t.Errorf("%s: one connection started %d processes", said, n)
	}
}
