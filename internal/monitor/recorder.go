package monitor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
	"gateway/internal/jail"
	"gateway/internal/ring"
	"gateway/recorder"
)

// ringSize is the memory through which one session is recorded, in bytes.
const ringSize = ring.DefaultSize

// recorderWait is how long a new session waits for a recorder that is being
// started anew.
const recorderWait = 5 * time.Second

// sealWait is how long a client waits for its exit status because the disk is
// slow. Whoever has the status can have the recording verified, as a rule.
const sealWait = time.Second

// restartPause keeps a recorder that dies at once from taking the machine.
const restartPause = 200 * time.Millisecond

var (
	errFull       = errors.New("the disk for recordings is full")
	errNoRecorder = errors.New("the recorder does not run")
)

// recordingText is what the person is told of err.
func recordingText(err error) string {
	switch {
	case errors.Is(err, errFull):
		return errFull.Error()
	case errors.Is(err, errNoRecorder):
		return errNoRecorder.Error()
	}
	return "the recorder refused it"
}

// recorderChild keeps one recorder process running, and the rings of all
// recordings that are not sealed yet, so that the next process can go on where
// one was killed.
type recorderChild struct {
	m *Monitor

	mu   sync.Mutex // guards what follows
	up   chan struct{}
	proc *child // nil: being started
	open map[gateway.SessionID]*recording
}

// recording is one that the recorder has not sealed yet.
type recording struct {
	files ring.Files    // the recorder's side
	end   *recorder.End // set once the session ended
	gone  chan struct{} // closed when it is sealed, or lost
}

func newRecording(f ring.Files) *recording { return &recording{files: f, gone: make(chan struct{})} }

func newRecorderChild(m *Monitor) *recorderChild {
	return &recorderChild{m: m, up: make(chan struct{}), open: make(map[gateway.SessionID]*recording)}
}

// run keeps the recorder running until ctx ends.
func (r *recorderChild) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := r.once(ctx)
		if ctx.Err() != nil {
			return
		}
		r.m.Log.Error("recorder process ended; its sessions are ended and it is started again", zap.Error(err))
		_ = r.m.record(audit.Record{Event: audit.Recorder, Allowed: audit.No, Reason: "recorder process ended: " + err.Error()})
		for _, s := range r.m.liveSessions() {
			s.terminate("ended by the gateway: the recorder failed, and nothing may pass unrecorded", gateway.RefusalRecorder.Code)
		}
		select {
		case <-ctx.Done():
		case <-time.After(restartPause):
		}
	}
}

// once runs one recorder process to its end.
func (r *recorderChild) once(ctx context.Context) error {
	dir, err := os.Open(r.m.Recording)
	if err != nil {
		return fmt.Errorf("open recordings folder: %w", err)
	}
	defer dir.Close()
	uid := 0
	if os.Geteuid() == 0 {
		uid = jail.LastUID // sessions get the others
		if err := giveTree(r.m.Recording, uid); err != nil {
			return fmt.Errorf("give the recordings to the recorder: %w", err)
		}
	}
	proc, err := r.m.startRecorder(uid, dir)
	if err != nil {
		return fmt.Errorf("start recorder: %w", err)
	}
	defer proc.Close()
	if err := proc.Notify(control.OpBoot, control.RecorderBoot{SealKey: r.m.SealKey, RequireSandbox: r.m.Settings().RequireSandbox}); err != nil {
		proc.kill()
		proc.wait()
		return fmt.Errorf("start recorder: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- proc.Serve(ctx, recorderHandler{r, control.NewGate(control.RecorderTable())}) }()
	r.resume(ctx, proc)
	err = <-served
	r.down()
	if ctx.Err() == nil {
		proc.kill()
	}
	// When the gateway stops, the closed socket tells the recorder to write
	// what it has; it is waited for.
	if death := proc.wait(); death != "" {
		return errors.New(death)
	}
	if err == nil {
		err = errors.New("exited")
	}
	return err
}

// giveTree makes uid the owner of a folder and what is in it. The folder
// itself comes last: when it is uid's the rest is too, and a node with many
// recordings need not look at each whenever a recorder starts.
func giveTree(dir string, uid int) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Lstat(".")
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) == uid {
		return nil
	}
	err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		return root.Lchown(path, uid, uid)
	})
	if err != nil {
		return err
	}
	return root.Lchown(".", uid, uid)
}

// resume hands a new process what the last one left, then lets sessions in.
// It holds no lock while it waits for the process: what that has to tell
// meanwhile needs the lock.
func (r *recorderChild) resume(ctx context.Context, proc *child) {
	r.mu.Lock()
	left := maps.Clone(r.open)
	r.mu.Unlock()
	for id, rec := range left {
		if _, err := proc.Call(ctx, control.OpRecover, control.Recover{Session: id}, nil, rec.files.Mem, rec.files.Wake, rec.files.Space); err != nil {
			r.m.Log.Error("recording not recovered", zap.String("session", string(id)), zap.Error(err))
			r.forget(id)
			delete(left, id)
		}
	}
	r.mu.Lock()
	r.proc = proc
	close(r.up)
	var ended []control.CloseRecording // before now; close tells of those after
	for id, rec := range left {
		if rec.end != nil {
			ended = append(ended, control.CloseRecording{Session: id, End: *rec.end})
		}
	}
	r.mu.Unlock()
	for _, e := range ended {
		_ = proc.Notify(control.OpClose, e)
	}
}

func (r *recorderChild) down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.proc = nil
	r.up = make(chan struct{})
}

// ready waits until a recorder runs.
func (r *recorderChild) ready(ctx context.Context) error {
	_, err := r.process(ctx)
	return err
}

func (r *recorderChild) process(ctx context.Context) (*child, error) {
	deadline := time.NewTimer(recorderWait)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		proc, up := r.proc, r.up
		r.mu.Unlock()
		if proc != nil {
			return proc, nil
		}
		select {
		case <-up:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-deadline.C:
			return nil, fmt.Errorf("%w: %w", gateway.ErrNoRecord, errNoRecorder)
		}
	}
}

// create begins the recording of s and returns the session's side of its ring.
func (r *recorderChild) create(ctx context.Context, s *live, h recorder.Header) ([]*os.File, error) {
	proc, err := r.process(ctx)
	if err != nil {
		return nil, err
	}
	shared, err := ring.New(ringSize)
	if err != nil {
		return nil, err
	}
	c := shared.Consumer
	// It is in the table before the recorder has it: whatever fails later, the
	// ring is known.
	r.mu.Lock()
	r.open[h.Session] = newRecording(c)
	r.mu.Unlock()
	var reply control.CreateReply
	_, err = proc.Call(ctx, control.OpCreate, control.Create{Header: h}, &reply, c.Mem, c.Wake, c.Space)
	if err == nil && reply.Text != "" {
		err = fmt.Errorf("create recording: %s: %w", reply.Text, gateway.ErrNoRecord)
		if reply.Full {
			err = errors.Join(err, errFull)
		}
	}
	if err != nil {
		shared.Producer.Close()
		r.forget(h.Session)
		r.m.Log.Error("recording not created", zap.String("session", string(h.Session)), zap.Error(err))
		return nil, err
	}
	return []*os.File{shared.Producer.Mem, shared.Producer.Wake, shared.Producer.Space}, nil
}

// close has the recording of s sealed. It does not wait for that.
func (r *recorderChild) close(s *live, exit gateway.Exit, reason string) {
	id := s.request.Session
	end := recorder.End{At: r.m.Now(), Code: exit.Code, Signal: exit.Signal, Core: exit.Core, Reason: reason}
	r.mu.Lock()
	rec, proc := r.open[id], r.proc
	if rec != nil {
		rec.end = &end
	}
	r.mu.Unlock()
	if rec != nil && proc != nil {
		// A recorder that is gone gets it from the next one's resume.
		_ = proc.Notify(control.OpClose, control.CloseRecording{Session: id, End: end})
	}
}

func (r *recorderChild) forget(id gateway.SessionID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec := r.open[id]; rec != nil {
		rec.files.Close()
		delete(r.open, id)
		close(rec.gone)
	}
}

// waitSealed waits until the recording of an ended session is sealed and on
// the disk, but no longer than sealWait.
func (r *recorderChild) waitSealed(ctx context.Context, id gateway.SessionID) {
	r.mu.Lock()
	rec := r.open[id]
	r.mu.Unlock()
	if rec == nil {
		return
	}
	select {
	case <-rec.gone:
	case <-ctx.Done():
	case <-time.After(sealWait):
	}
}

// openRead returns a recording for reading.
func (r *recorderChild) openRead(ctx context.Context, id gateway.SessionID) (*os.File, error) {
	proc, err := r.process(ctx)
	if err != nil {
		return nil, err
	}
	files, err := proc.Call(ctx, control.OpOpenRead, control.OpenRead{Session: id}, nil)
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		control.CloseFiles(files)
		return nil, fmt.Errorf("open recording: %w", gateway.ErrUnavailable)
	}
	return files[0], nil
}

// recorderHandler takes what the recorder tells.
type recorderHandler struct {
	r    *recorderChild
	gate *control.Gate
}

// Admit implements control.Handler.
func (h recorderHandler) Admit(op control.Op, size int) error {
	return h.gate.Admit(op, control.Authenticated, size)
}

// Handle implements control.Handler.
func (h recorderHandler) Handle(_ context.Context, op control.Op, body []byte, files []*os.File) (any, []*os.File, error) {
	control.CloseFiles(files)
	if op == control.OpFailed {
		return noFiles(serve(body, h.failed))
	}
	return noFiles(serve(body, h.sealed))
}

// failed ends the session whose recording accepts nothing more.
func (h recorderHandler) failed(f control.Failed) (none, error) {
	m := h.r.m
	m.mu.Lock()
	s := m.live[f.Session]
	m.mu.Unlock()
	_ = m.record(audit.Record{Event: audit.Recorder, Session: f.Session, Allowed: audit.No, Reason: f.Text})
	m.Log.Error("recording failed", zap.String("session", string(f.Session)), zap.String("reason", f.Text))
	if s == nil {
		return none{}, nil
	}
	text, code := "the recorder failed", gateway.RefusalRecorder.Code
	if f.Full {
		text, code = errFull.Error(), gateway.RefusalNoSpace.Code
	}
	s.terminate("ended by the gateway: "+text+", and nothing may pass unrecorded", code)
	return none{}, nil
}

func (h recorderHandler) sealed(s control.Sealed) (none, error) {
	h.r.forget(s.Session)
	return none{}, h.r.m.record(audit.Record{
		Event: audit.Recorder, Session: s.Session, Allowed: audit.AnswerOf(s.Problem == ""), Reason: s.Problem,
		BytesIn: int64(s.Seal.In), BytesOut: int64(s.Seal.Out + s.Seal.Err),
		Details: []audit.Detail{
			{Key: "chain", Value: hex.EncodeToString(s.Chain)},
			{Key: "size", Value: strconv.FormatInt(s.Size, 10)},
			{Key: "sealed_by", Value: s.Seal.Key},
		},
	})
}
