package monitor

import (
	"context"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"

	"gateway"
	"gateway/internal/audit"
	"gateway/internal/control"
	"gateway/internal/ring"
	"gateway/recorder"
)

type noAudit struct{}

func (noAudit) Log(audit.Record) error { return nil }

// promptRecorder seals a recording as soon as it is told to close it.
type promptRecorder struct{ ctl *control.Conn }

func (promptRecorder) Admit(control.Op, int) error { return nil }

func (p promptRecorder) Handle(_ context.Context, op control.Op, body []byte, files []*os.File) (any, []*os.File, error) {
	control.CloseFiles(files)
	if op == control.OpClose {
		var r control.CloseRecording
		if err := control.Decode(body, &r); err != nil {
			return nil, nil, err
		}
		return nil, nil, p.ctl.Notify(control.OpSealed, control.Sealed{Session: r.Session})
	}
	return struct{}{}, nil, nil
}

// A recorder that dies has every session ended; the next one seals many
// recordings while it is still being handed others.
func TestResumeWhileSealing(t *testing.T) {
	m := &Monitor{Log: zap.NewNop(), Audit: noAudit{}, Now: time.Now}
	r := newRecorderChild(m)
	for range 200 {
		shared, err := ring.New(ring.MinSize)
		if err != nil {
			t.Fatal(err)
		}
		shared.Producer.Close()
		r.open[gateway.NewSessionID()] = &recording{files: shared.Consumer, end: new(recorder.End), gone: make(chan struct{})}
	}
	ours, file, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := control.NewConn(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go theirs.Serve(ctx, promptRecorder{theirs})
	served := make(chan error, 1)
	go func() { served <- ours.Serve(ctx, recorderHandler{r, control.NewGate(control.RecorderTable())}) }()

	resumed := make(chan struct{})
	go func() {
		defer close(resumed)
		r.resume(ctx, &child{Conn: ours})
	}()
	select {
	case <-resumed:
	case <-time.After(10 * time.Second):
		t.Fatal("the new recorder's word and the monitor's wait for each other")
	}
	left := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.open)
	}
	for tick := time.NewTicker(time.Millisecond); left() > 0 && ctx.Err() == nil; <-tick.C {
	}
	if n := left(); n > 0 {
		t.Errorf("%d recordings are not sealed", n)
	}
	cancel()
	<-served
}
