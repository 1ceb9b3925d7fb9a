// Package recorderproc is what the recorder process does: it keeps the
// recordings' folder, drains one ring per recording into its file, and seals
// the file when the session ends.
//
// Sessions are hostile in the threat model: nothing that one does to its ring
// reaches another recording, and what ends up in its file always has the form
// of a recording. The rings themselves are handed in by the monitor, which
// keeps them too, so that the next recorder goes on where this one died.
package recorderproc

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"gateway"
	"gateway/internal/ring"
	"gateway/recorder"
)

const (
	dayLayout  = "2006-01-02"
	fileSuffix = ".rec"

	// DefaultNap is how long a recording's first new byte may wait to be
	// written, while it is safe in the ring.
	DefaultNap = 500 * time.Millisecond
)

// Sealed tells the end of a recording.
type Sealed struct {
	Session gateway.SessionID
	Seal    recorder.Seal
	Chain   [32]byte // what was sealed; for the audit log
	Size    int64    // of the file
	// Err is why the recording is not complete, or not sealed at all (then
	// Seal is zero). Nil: all is well.
	Err error
}

// Config is what a Keeper needs. The functions are called from the goroutine
// of the recording; they may call the Keeper.
type Config struct {
	Root *os.Root           // the recordings' folder; the Keeper closes it
	Key  ed25519.PrivateKey // seals
	Nap  time.Duration      // 0: DefaultNap
	// OnFailed is told when a recording takes nothing more and its session
	// must end. Close has still to be called, as for every recording.
	OnFailed func(id gateway.SessionID, err error)
	// OnSealed is told when a recording is finished, once per recording.
	OnSealed func(Sealed)
}

// Keeper keeps recordings. It is safe for concurrent use.
type Keeper struct {
	cfg     Config
	buffers sync.Pool
	wg      sync.WaitGroup

	mu   sync.Mutex // guards live, stopped
	live map[gateway.SessionID]*recording
	// stopped: no more recordings are taken.
	stopped bool
}

// New returns a Keeper without recordings.
func New(cfg Config) (*Keeper, error) {
	if cfg.Root == nil || len(cfg.Key) != ed25519.PrivateKeySize || cfg.OnFailed == nil || cfg.OnSealed == nil {
		return nil, fmt.Errorf("recordings: incomplete configuration: %w", gateway.ErrInvalid)
	}
	if cfg.Nap == 0 {
		cfg.Nap = DefaultNap
	}
	k := &Keeper{cfg: cfg, live: make(map[gateway.SessionID]*recording)}
	k.buffers.New = func() any { return recorder.NewBuffer(ring.MaxSize) }
	return k, nil
}

// Create starts a new recording that is fed by the ring f, which it takes over
// unless it fails. When it returns nil, a full ring is sure to fit the disk.
func (k *Keeper) Create(h recorder.Header, f ring.Files) error {
	if _, err := gateway.ParseSessionID(string(h.Session)); err != nil {
		return fmt.Errorf("create recording: %w", err)
	}
	day := h.Start.UTC().Format(dayLayout)
	if err := k.cfg.Root.Mkdir(day, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create recording: %w: %w", gateway.ErrNoRecord, err)
	}
	name := day + "/" + string(h.Session) + fileSuffix
	file, err := k.cfg.Root.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create recording: %s exists: %w", h.Session, gateway.ErrConflict)
	} else if err != nil {
		return fmt.Errorf("create recording: %w: %w", gateway.ErrNoRecord, err)
	}
	r, err := newRecording(k, h, file, f)
	if err == nil {
		err = k.start(r)
	}
	if err != nil {
		file.Close()
		// Nothing was accepted yet: no trace to keep.
		return errors.Join(fmt.Errorf("create recording: %w", err), k.cfg.Root.Remove(name))
	}
	return nil
}

// Recover goes on with a recording whose recorder died. f is the ring that fed
// it; its zero value means that the ring is lost too, and then the recording
// is only there to be closed. The error wraps recorder.ErrSealed when there is
// nothing left to do.
func (k *Keeper) Recover(id gateway.SessionID, f ring.Files) error {
	file, err := k.open(id, os.O_RDWR|os.O_APPEND)
	if err != nil {
		return fmt.Errorf("recover recording: %w", err)
	}
	r, err := resumeRecording(k, id, file, f)
	if err == nil {
		err = k.start(r)
	}
	if err != nil {
		file.Close()
		return fmt.Errorf("recover recording %s: %w", id, err)
	}
	return nil
}

func (k *Keeper) start(r *recording) error {
	if err := k.add(r); err != nil {
		if r.ring != nil {
			err = errors.Join(err, r.ring.Detach())
		}
		return err
	}
	return nil
}

func (k *Keeper) add(r *recording) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.stopped:
		return fmt.Errorf("recorder is stopping: %w", gateway.ErrNoRecord)
	case k.live[r.id] != nil:
		return fmt.Errorf("%s is being recorded: %w", r.id, gateway.ErrConflict)
	}
	k.live[r.id] = r
	k.wg.Go(r.run)
	return nil
}

// Close ends a recording: what was accepted is written, nothing more is
// accepted, the file is sealed and synced. It does not wait for that; OnSealed
// tells. Closing twice is no error, the first end counts.
func (k *Keeper) Close(id gateway.SessionID, end recorder.End) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.live[id]
	if r == nil {
		return fmt.Errorf("close recording %s: %w", id, gateway.ErrNotFound)
	}
	r.close(&end)
	return nil
}

// Stop writes what was accepted, seals nothing, and waits until all is on the
// disk. The next recorder goes on with Recover.
func (k *Keeper) Stop() error {
	k.mu.Lock()
	k.stopped = true
	for _, r := range k.live {
		r.close(nil)
	}
	k.mu.Unlock()
	k.wg.Wait()
	return k.cfg.Root.Close()
}

// Live returns how many recordings are not finished.
func (k *Keeper) Live() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.live)
}

func (k *Keeper) forget(r *recording) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.live, r.id)
}

// OpenRead opens a recording for reading, be it finished or not.
func (k *Keeper) OpenRead(id gateway.SessionID) (*os.File, error) {
	f, err := k.open(id, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	return f, nil
}

// open looks the recording up in the folders of all days, latest first.
func (k *Keeper) open(id gateway.SessionID, flag int) (*os.File, error) {
	if _, err := gateway.ParseSessionID(string(id)); err != nil {
		return nil, err
	}
	days, err := k.days()
	if err != nil {
		return nil, err
	}
	for _, day := range days {
		f, err := k.cfg.Root.OpenFile(day+"/"+string(id)+fileSuffix, flag, 0)
		if err == nil {
			return f, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("recording %s: %w", id, gateway.ErrNotFound)
}

func (k *Keeper) days() ([]string, error) {
	dir, err := k.cfg.Root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	days := slices.DeleteFunc(names, func(n string) bool {
		_, err := time.Parse(dayLayout, n)
		return err != nil
	})
	slices.Sort(days)
	slices.Reverse(days)
	return days, nil
}
