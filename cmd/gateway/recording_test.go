package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/recorder"
)

const (
	firstID  = "000000000000000000000001"
	secondID = "000000000000000000000002"
	openID   = "000000000000000000000003"
)

// recordingsFolder is a data folder with two finished recordings and one that
// is not.
func recordingsFolder(t *testing.T) *globals {
	t.Helper()
	g := &globals{Data: t.TempDir()}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	pub := recorder.FormatPublicKey(key.Public().(ed25519.PublicKey)) + "\n"
	if err := os.WriteFile(folder(g.Data).sealPublic(), []byte(pub), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, id := range []gateway.SessionID{firstID, secondID, openID} {
		start := time.Date(2026, 11, 19+i, 23, 0, 0, 0, time.UTC)
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
			Session: id, Account: fmt.Sprint("user", i), Protocol: gateway.SSH, Kind: "exec", Command: "\x1b[2Jls", Start: start,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Note(time.Second, recorder.Data{Stream: recorder.Out, Bytes: []byte("output of " + id + "\r\n")}); err != nil {
			t.Fatal(err)
		}
		if id == openID {
			continue
		}
		if _, err := w.Seal(key, recorder.End{At: start.Add(time.Minute), Code: i}); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func damage(t *testing.T, g *globals, id string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder(g.Data).recordings(), "*", id+".rec"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	b[300] ^= 1
	if err := os.WriteFile(names[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRecordingList(t *testing.T) {
	g := recordingsFolder(t)
	var out bytes.Buffer
	if err := (&recordingListCmd{}).run(g, &out); err != nil {
		t.Fatal(err)
	}
	want := openID + `  2026-11-21T23:00:00Z  user2  ssh exec \x1b[2Jls  (not sealed)
` + secondID + `  2026-11-20T23:00:00Z  user1  ssh exec \x1b[2Jls  (1m0s, exit 1)
` + firstID + `  2026-11-19T23:00:00Z  user0  ssh exec \x1b[2Jls  (1m0s, exit 0)
`
	if out.String() != want {
		t.Errorf("list printed:\n%swant:\n%s", out.String(), want)
	}
	out.Reset()
	if err := (&recordingListCmd{JSON: true, Account: "user1", Limit: 5}).run(g, &out); err != nil {
		t.Fatal(err)
	}
	var l struct {
		Session string
		Seal    *recorder.Seal
	}
	if err := json.Unmarshal(out.Bytes(), &l); err != nil || l.Session != secondID || l.Seal.Code != 1 {
		t.Errorf("list --json printed %s, %v", out.String(), err)
	}
}

func TestRecordingExport(t *testing.T) {
	g := recordingsFolder(t)
	for _, format := range []string{"text", "ttyrec", "asciicast", "jsonl"} {
		var out bytes.Buffer
		c := recordingExportCmd{recordingChoice: recordingChoice{ID: secondID}, Format: format}
		if err := c.run(g, &out); err != nil || !strings.Contains(out.String(), "output of "+secondID) {
			t.Errorf("export --format %s printed %q, %v", format, out.String(), err)
		}
	}
	c := recordingExportCmd{recordingChoice: recordingChoice{Last: true}, Format: "typescript"}
	var usage usageError
	if err := c.run(g, io.Discard); !errors.As(err, &usage) {
		t.Errorf("export --format typescript = %v, want a usage error", err)
	}
	c.Output = filepath.Join(t.TempDir(), "script")
	if err := c.run(g, io.Discard); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(c.Output)
	timing, err2 := os.ReadFile(c.Output + ".timing")
	if err != nil || err2 != nil || !strings.Contains(string(script), openID) || string(timing) != "1.000000 36\n" {
		t.Errorf("export --last --format typescript wrote %q, %v and %q, %v", script, err, timing, err2)
	}
}

func TestRecordingPlay(t *testing.T) {
	g := recordingsFolder(t)
	var out bytes.Buffer
	c := recordingPlayCmd{recordingChoice: recordingChoice{ID: firstID}, Speed: 1000}
	if err := c.run(context.Background(), g, &out); err != nil || out.String() != "output of "+firstID+"\r\n" {
		t.Errorf("play printed %q, %v", out.String(), err)
	}
}

func TestRecordingChoice(t *testing.T) {
	g := recordingsFolder(t)
	for _, c := range []recordingChoice{{}, {ID: firstID, Last: true}} {
		var usage usageError
		if _, err := c.open(g); !errors.As(err, &usage) {
			t.Errorf("open(%+v) = %v, want a usage error", c, err)
		}
	}
	if _, err := (recordingChoice{ID: "../x"}).open(g); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("open of a bad ID = %v, want ErrInvalid", err)
	}
	if _, err := (recordingChoice{ID: strings.Repeat("a", 24)}).open(g); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("open of an unknown ID = %v, want ErrNotFound", err)
	}
}

func TestRecordingVerify(t *testing.T) {
	g := recordingsFolder(t)
	verify := func(c recordingVerifyCmd) (string, int) {
		var out bytes.Buffer
		err := c.run(g, &out)
		if err == nil {
			return out.String(), 0
		}
		var status exitError
		if !errors.As(err, &status) {
			t.Fatal(err)
		}
		return out.String(), int(status)
	}
	if out, status := verify(recordingVerifyCmd{ID: firstID}); status != 0 || out != firstID+"  sealed; 1 events\n" {
		t.Errorf("verify of a sealed one printed %q, exit %d", out, status)
	}
	if out, status := verify(recordingVerifyCmd{All: true}); status != 1 || strings.Count(out, "\n") != 3 {
		t.Errorf("verify --all printed %q, exit %d; want 1 because one is unsealed", out, status)
	}
	if out, status := verify(recordingVerifyCmd{All: true, AllowUnsealed: true}); status != 0 {
		t.Errorf("verify --all --allow-unsealed printed %q, exit %d", out, status)
	}
	damage(t, g, firstID)
	out, status := verify(recordingVerifyCmd{ID: firstID, JSON: true, AllowUnsealed: true})
	var v struct {
		State string
		Chunk *int `json:"damaged_chunk"`
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || status != 1 || v.State != "damaged" || v.Chunk == nil {
		t.Errorf("verify --json of a damaged one printed %q, exit %d", out, status)
	}
}
