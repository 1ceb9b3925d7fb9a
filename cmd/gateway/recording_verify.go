package main

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"gateway"
	"gateway/recorder"
)

type recordingVerifyCmd struct {
	ID            string `arg:"" optional:"" help:"Session ID, as listed."`
	All           bool   `help:"Verify every recording."`
	AllowUnsealed bool   `help:"Accept recordings without a seal: of running sessions, or cut off by a crash."`
	JSON          bool   `name:"json" help:"Print one JSON object a line."`
}

// verdict is what verify prints of a recording.
type verdict struct {
	Session gateway.SessionID `json:"session"`
	State   recorder.State    `json:"state"`
	Events  uint64            `json:"events"` // of the part that is whole
	Torn    bool              `json:"torn,omitempty"`
	Chunk   *uint64           `json:"damaged_chunk,omitempty"`
	Reason  string            `json:"reason,omitempty"`
	Chain   string            `json:"chain"`
}

// String gives one printable line.
func (v verdict) String() string {
	switch {
	case v.State == recorder.Damaged:
		return fmt.Sprintf("%s  DAMAGED at chunk %d: %s; %d events before it", v.Session, *v.Chunk, v.Reason, v.Events)
	case v.Torn:
		return fmt.Sprintf("%s  unsealed, cut off in the middle of a chunk; %d events", v.Session, v.Events)
	}
	return fmt.Sprintf("%s  %s; %d events", v.Session, v.State, v.Events)
}

// Run verifies.
func (c *recordingVerifyCmd) Run(g *globals) error { return c.run(g, os.Stdout) }

func (c *recordingVerifyCmd) run(g *globals, w io.Writer) error {
	if (c.ID == "") != c.All {
		return usageError{errors.New("give a session ID or --all")}
	}
	text, err := os.ReadFile(folder(g.Data).sealPublic())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no recording.pub to verify with: name the data folder with --data", g.Data)
	}
	if err != nil {
		return fmt.Errorf("read sealing key: %w", err)
	}
	pub, err := recorder.ParsePublicKey(string(text))
	if err != nil {
		return err
	}
	root, err := openRecordings(g)
	if err != nil {
		return err
	}
	defer root.Close()
	files, err := c.choose(root)
	if err != nil {
		return err
	}
	bad := false
	for _, file := range files {
		v, err := verifyOne(root, file, pub)
		if err != nil {
			return err
		}
		bad = bad || v.State == recorder.Damaged || v.State == recorder.Unsealed && !c.AllowUnsealed
		if c.JSON {
			err = json.NewEncoder(w).Encode(v)
		} else {
			_, err = fmt.Fprintln(w, v)
		}
		if err != nil {
			return err
		}
	}
	if bad {
		return exitError(1)
	}
	return nil
}

func (c *recordingVerifyCmd) choose(root *os.Root) ([]recordingFile, error) {
	if c.All {
		return findRecordings(root)
	}
	file, err := findRecording(root, gateway.SessionID(c.ID))
	return []recordingFile{file}, err
}

func verifyOne(root *os.Root, file recordingFile, pub ed25519.PublicKey) (verdict, error) {
	f, err := root.Open(file.name)
	if err != nil {
		return verdict{}, err
	}
	defer f.Close()
	res, err := recorder.Verify(f, pub)
	if err != nil {
		return verdict{}, fmt.Errorf("verify recording %s: %w", file.id, err)
	}
	v := verdict{
		Session: file.id, State: res.State, Events: res.Totals.Events, Torn: res.Torn, Reason: res.Reason,
		Chain: fmt.Sprintf("%x", res.Chain),
	}
	// A genuine recording under another's name is not that session's.
	if res.State != recorder.Damaged && res.Header.Session != file.id {
		v.State, v.Reason = recorder.Damaged, "recording of another session"
	}
	if v.State == recorder.Damaged {
		v.Chunk = &res.Chunk
	}
	return v, nil
}
