package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"gateway"
	"gateway/recorder"
)

// recordingCmd works with the recordings of this node, in the data folder.
type recordingCmd struct {
	List   recordingListCmd   `cmd:"" help:"List the recordings of this node, latest first."`
	Play   recordingPlayCmd   `cmd:"" help:"Replay a recording in this terminal, in its own time."`
	Show   recordingShowCmd   `cmd:"" help:"List what a session did, by the protocol that it spoke."`
	Search recordingSearchCmd `cmd:"" help:"Find what was on a screen, or in the statements and rpcs of a database or NETCONF session, in all recordings. Exit status 1 when there is none."`
	Export recordingExportCmd `cmd:"" help:"Convert a recording to another format."`
	Verify recordingVerifyCmd `cmd:"" help:"Prove that recordings are complete and unaltered. Exit status 1 when one is not."`
}

type recordingListCmd struct {
	Account string `placeholder:"ACCOUNT" help:"Only recordings of this account."`
	Limit   int    `default:"100" help:"At most so many; 0: all."`
	JSON    bool   `name:"json" help:"Print one JSON object a line."`
}

// recordingChoice picks one recording.
type recordingChoice struct {
	ID   string `arg:"" optional:"" help:"Session ID, as listed."`
	Last bool   `help:"The recording that started last."`
}

type recordingPlayCmd struct {
	recordingChoice `embed:""`
	Speed           float64       `default:"1" help:"Play so many times as fast."`
	MaxIdle         time.Duration `placeholder:"DURATION" help:"Shorten longer pauses to this, such as 2s."`
}

type recordingExportCmd struct {
	recordingChoice `embed:""`
	Format          string `required:"" enum:"text,ttyrec,asciicast,typescript,jsonl" help:"text: what was on the screen, as plain lines. ttyrec: for ttyplay. asciicast: version 2, for asciinema. typescript: for scriptreplay; needs --output, and makes FILE and FILE.timing. jsonl: every event, one JSON object a line."`
	Output          string `short:"o" type:"path" placeholder:"FILE" help:"Write here instead of to standard output."`
}

// recordingFile is one file of the recordings folder.
type recordingFile struct {
	id   gateway.SessionID
	name string // DAY/ID.rec
}

// findRecordings returns every recording, of the latest day first.
func findRecordings(root *os.Root) ([]recordingFile, error) {
	var found []recordingFile
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base, ok := strings.CutSuffix(path.Base(name), ".rec")
		id, idErr := gateway.ParseSessionID(base)
		if ok && idErr == nil && d.Type().IsRegular() {
			found = append(found, recordingFile{id, name})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read recordings: %w", err)
	}
	slices.SortFunc(found, func(a, b recordingFile) int { return cmp.Compare(b.name, a.name) })
	return found, nil
}

// recordingLine is what list prints of a recording.
type recordingLine struct {
	recorder.Header
	Size   int64          `json:"size"`
	Sealed *recorder.Seal `json:"seal,omitempty"` // as found, not verified
	// Problem is why the file can't be read; then the header is empty.
	Problem string `json:"problem,omitempty"`
	name    string // of the file
}

func describe(root *os.Root, file recordingFile) (recordingLine, error) {
	l := recordingLine{Header: recorder.Header{Session: file.id}, name: file.name}
	f, err := root.Open(file.name)
	if err != nil {
		return l, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return l, err
	}
	l.Size = info.Size()
	r, err := recorder.NewReader(f)
	if errors.Is(err, recorder.ErrFormat) {
		l.Problem = err.Error()
		return l, nil
	} else if err != nil {
		return l, err
	}
	l.Header = r.Header()
	seal, found, err := recorder.ReadSeal(f, l.Size)
	if found {
		l.Sealed = &seal
	}
	return l, err
}

// describeAll describes the recordings that keep wants, latest start first.
func describeAll(root *os.Root, keep func(recordingLine) bool) ([]recordingLine, error) {
	files, err := findRecordings(root)
	if err != nil {
		return nil, err
	}
	var lines []recordingLine
	for _, file := range files {
		l, err := describe(root, file)
		if err != nil {
			return nil, fmt.Errorf("read recordings: %w", err)
		}
		if keep(l) {
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b recordingLine) int { return b.Start.Compare(a.Start) })
	return lines, nil
}

func openRecordings(g *globals) (*os.Root, error) {
	root, err := os.OpenRoot(folder(g.Data).recordings())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no recordings: name the data folder with --data", g.Data)
	}
	if err != nil {
		return nil, fmt.Errorf("open recordings folder: %w", err)
	}
	return root, nil
}

// Run lists.
func (c *recordingListCmd) Run(g *globals) error { return c.run(g, os.Stdout) }

func (c *recordingListCmd) run(g *globals, w io.Writer) error {
	root, err := openRecordings(g)
	if err != nil {
		return err
	}
	defer root.Close()
	lines, err := describeAll(root, func(l recordingLine) bool { return l.of(c.Account) })
	if err != nil {
		return err
	}
	if c.Limit > 0 {
		lines = lines[:min(len(lines), c.Limit)]
	}
	for _, l := range lines {
		if c.JSON {
			err = json.NewEncoder(w).Encode(l)
		} else {
			_, err = fmt.Fprintln(w, l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// of reports whether it is of account, or of somebody who acted as another; empty is everybody.
func (l recordingLine) of(account string) bool {
	return account == "" || account == l.Account || account == l.By
}

// String gives one printable line.
func (l recordingLine) String() string {
	if l.Problem != "" {
		return fmt.Sprintf("%s  %s", l.Session, gateway.Printable(l.Problem))
	}
	who := l.Who()
	what := string(l.Protocol)
	if l.Kind != what {
		what += " " + l.Kind
	}
	if to := l.To(); to != "" {
		what += " " + to
	}
	if l.Command != "" {
		what += " " + l.Command
	}
	end := "not sealed"
	if s := l.Sealed; s != nil {
		end = fmt.Sprintf("%s, exit %d", s.At.Sub(l.Start).Round(time.Second), s.Code)
		if s.Signal != "" {
			end = fmt.Sprintf("%s, signal %s", s.At.Sub(l.Start).Round(time.Second), s.Signal)
		}
	}
	return gateway.Printable(fmt.Sprintf("%s  %s  %s  %s  (%s)", l.Session, l.Start.Format(time.RFC3339), who, what, end))
}

// open opens the chosen recording.
func (c recordingChoice) open(g *globals) (*os.File, error) {
	if (c.ID == "") != c.Last {
		return nil, usageError{errors.New("give a session ID or --last")}
	}
	root, err := openRecordings(g)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	id := gateway.SessionID(c.ID)
	if c.Last {
		lines, err := describeAll(root, func(l recordingLine) bool { return l.Problem == "" })
		if err != nil {
			return nil, err
		}
		if len(lines) == 0 {
			return nil, fmt.Errorf("last recording: %w", gateway.ErrNotFound)
		}
		id = lines[0].Session
	}
	file, err := findRecording(root, id)
	if err != nil {
		return nil, err
	}
	return root.Open(file.name)
}

// findRecording looks one recording up.
func findRecording(root *os.Root, id gateway.SessionID) (recordingFile, error) {
	if _, err := gateway.ParseSessionID(string(id)); err != nil {
		return recordingFile{}, err
	}
	files, err := findRecordings(root)
	if err != nil {
		return recordingFile{}, err
	}
	i := slices.IndexFunc(files, func(f recordingFile) bool { return f.id == id })
	if i < 0 {
		return recordingFile{}, fmt.Errorf("recording %s: %w", id, gateway.ErrNotFound)
	}
	return files[i], nil
}

// Run plays.
func (c *recordingPlayCmd) Run(g *globals) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if term.IsTerminal(int(os.Stdout.Fd())) {
		// Whatever the session left behind: colours, a hidden cursor, the other screen.
		defer fmt.Print("\x1b[0m\x1b[?25h\x1b[?7h\x1b[r\x1b[?1049l\r\n")
	}
	err := c.run(ctx, g, os.Stdout)
	if errors.Is(err, context.Canceled) {
		return exitError(1)
	}
	return err
}

func (c *recordingPlayCmd) run(ctx context.Context, g *globals, w io.Writer) error {
	f, err := c.open(g)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := recorder.NewReader(f)
	if err != nil {
		return err
	}
	if h := r.Header(); h.Protocol == gateway.Postgres && h.Kind == "connect" {
		fmt.Fprintln(os.Stderr, "nothing of that session was on a screen: gateway recording show lists its statements")
	}
	return recorder.Play(ctx, w, r, c.Speed, c.MaxIdle)
}

// Run exports.
func (c *recordingExportCmd) Run(g *globals) error {
	if c.Format == "ttyrec" && c.Output == "" && term.IsTerminal(int(os.Stdout.Fd())) {
		return usageError{errors.New("ttyrec is not for a terminal: use --output FILE")}
	}
	return c.run(g, os.Stdout)
}

func (c *recordingExportCmd) run(g *globals, w io.Writer) (err error) {
	if c.Format == "typescript" && c.Output == "" {
		return usageError{errors.New("typescript makes two files: use --output FILE")}
	}
	f, err := c.open(g)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := recorder.NewReader(f)
	if err != nil {
		return err
	}
	if c.Output != "" {
		out, err := createPrivate(c.Output)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, out.Close()) }()
		return c.write(out, r)
	}
	return c.write(w, r)
}

func (c *recordingExportCmd) write(w io.Writer, r *recorder.Reader) error {
	switch c.Format {
	case "text":
		return recorder.Text(w, r)
	case "ttyrec":
		return recorder.Ttyrec(w, r)
	case "asciicast":
		return recorder.Asciicast(w, r)
	case "jsonl":
		return recorder.JSONLines(w, r)
	}
	timing, err := createPrivate(c.Output + ".timing")
	if err != nil {
		return err
	}
	return errors.Join(recorder.Typescript(w, timing, r), timing.Close())
}

// createPrivate creates a file that only its owner can read: recordings hold
// whatever people typed.
func createPrivate(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}
