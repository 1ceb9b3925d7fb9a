package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gateway"
	"gateway/recorder"
)

// addDatabaseRecording adds a recording of a forwarded connection with a database.
func addDatabaseRecording(t *testing.T, g *globals, id gateway.SessionID) {
	t.Helper()
	start := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	dir := filepath.Join(folder(g.Data).recordings(), start.Format(time.DateOnly))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, string(id)+".rec"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := recorder.NewWriter(f, recorder.Header{
		Session: id, Account: "carol", Protocol: gateway.Postgres, Kind: "connect", User: "web", Host: "pg.example", Port: 5432, Start: start,
		Database: &recorder.Database{Offered: "sales", Name: "app"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []recorder.Event{
		recorder.Request{Name: "query", Text: `{"n":1,"sql":"SELECT * FROM orders"}`},
		recorder.Reply{Name: "query", OK: true, Text: `{"n":1,"rows":2,"ms":1.5,"tag":"SELECT 2","tx":"I"}`},
	} {
		if err := w.Note(time.Second, e); err != nil {
			t.Fatal(err)
		}
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	if _, err := w.Seal(key, recorder.End{At: start.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
}

func TestRecordingSearch(t *testing.T) {
	g := recordingsFolder(t)
	const databaseID = "000000000000000000000004"
	addDatabaseRecording(t, g, databaseID)
	const database = databaseID + "  2026-11-22T23:00:00Z  carol  postgres connect sales web@pg.example:5432/app  (1m0s, exit 0)\n"
	for _, tt := range []struct {
		text, account, want string
		found               bool
	}{
		{"from ORDERS", "", database + "         1.000s        1.5 ms  SELECT 2          SELECT * FROM orders\n", true},
		{secondID, "", secondID + `  2026-11-20T23:00:00Z  user1  ssh exec \x1b[2Jls  (1m0s, exit 1)` + "\n    output of " + secondID + "\n", true},
		{secondID, "user0", "", false},
		{"nowhere", "", "", false},
	} {
		var out bytes.Buffer
		err := (&recordingSearchCmd{Text: tt.text, Account: tt.account}).run(g, &out)
		var exit exitError
		if (err == nil) != tt.found || err != nil && !(errors.As(err, &exit) && exit == 1) || out.String() != tt.want {
			t.Errorf("search %q of %q printed\n%s%v; want\n%s", tt.text, tt.account, out.String(), err, tt.want)
		}
	}
}

func TestRecordingShow(t *testing.T) {
	g := recordingsFolder(t)
	const databaseID = "000000000000000000000004"
	addDatabaseRecording(t, g, databaseID)
	var out bytes.Buffer
	if err := (&recordingShowCmd{recordingChoice: recordingChoice{ID: databaseID}}).run(g, &out); err != nil || !bytes.Contains(out.Bytes(), []byte("FROM orders")) {
		t.Errorf("show printed %q, %v", out.String(), err)
	}
	for _, c := range []recordingShowCmd{
		{recordingChoice: recordingChoice{ID: databaseID}, NETCONF: true},
		{recordingChoice: recordingChoice{ID: firstID}},
		{recordingChoice: recordingChoice{ID: firstID}, SQL: true},
	} {
		var usage usageError
		if err := c.run(g, io.Discard); !errors.As(err, &usage) {
			t.Errorf("show %+v = %v, want a usage error", c, err)
		}
	}
}
