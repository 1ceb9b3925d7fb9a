package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"gateway"
	"gateway/internal/control"
	"gateway/internal/jail"
	"gateway/internal/recorderproc"
	"gateway/internal/ring"
)

// recorderCmd is the recorder process. Descriptor 3 is its control socket,
// descriptor 4 the recordings folder.
type recorderCmd struct{}

// The recordings folder by way of its descriptor: this process's uid may not
// be able to walk there.
const recordingsDir = "/proc/self/fd/4"

// Run serves the monitor until it goes.
func (recorderCmd) Run() error {
	ctl, err := control.NewConn(os.NewFile(3, "control"))
	if err != nil {
		return fmt.Errorf("started by serve only: %w", err)
	}
	root, err := os.OpenRoot(recordingsDir)
	if err != nil {
		return fmt.Errorf("open recordings folder: %w", err)
	}
	report, err := enterRecorder()
	if err != nil {
		return err
	}
	var boot control.RecorderBoot
	if _, err := ctl.Receive(control.OpBoot, &boot); err != nil {
		return err
	}
	if missing := report.Missing(); boot.RequireSandbox && len(missing) > 0 {
		return fmt.Errorf("this kernel lacks %s, and the configuration requires the whole sandbox", strings.Join(missing, ", "))
	}
	h := &recorderServer{ctl: ctl}
	h.keeper, err = recorderproc.New(recorderproc.Config{
		Root: root, Key: ed25519.NewKeyFromSeed(boot.SealKey), OnFailed: h.failed, OnSealed: h.sealed,
	})
	if err != nil {
		return err
	}
	err = ctl.Serve(context.Background(), h)
	// The monitor is gone or stops: what was accepted is written.
	return errors.Join(err, h.keeper.Stop())
}

// recorderServer does what the monitor asks.
type recorderServer struct {
	ctl    *control.Conn
	keeper *recorderproc.Keeper
}

// Admit implements control.Handler: the monitor is trusted with every operation.
func (*recorderServer) Admit(control.Op, int) error { return nil }

// Handle implements control.Handler.
func (h *recorderServer) Handle(_ context.Context, op control.Op, body []byte, files []*os.File) (any, []*os.File, error) {
	switch op {
	case control.OpCreate:
		var r control.Create
		if err := ringRequest(body, &r, files); err != nil {
			return nil, nil, err
		}
		if err := h.keeper.Create(r.Header, ringFiles(files)); err != nil {
			control.CloseFiles(files)
			return control.CreateReply{Full: isFull(err), Text: err.Error()}, nil, nil
		}
		return control.CreateReply{}, nil, nil
	case control.OpRecover:
		var r control.Recover
		if err := ringRequest(body, &r, files); err != nil {
			return nil, nil, err
		}
		err := h.keeper.Recover(r.Session, ringFiles(files))
		if err != nil {
			control.CloseFiles(files)
		}
		return struct{}{}, nil, err
	case control.OpClose:
		var r control.CloseRecording
		if err := control.Decode(body, &r); err != nil {
			return nil, nil, err
		}
		return nil, nil, h.keeper.Close(r.Session, r.End)
	case control.OpOpenRead:
		var r control.OpenRead
		if err := control.Decode(body, &r); err != nil {
			return nil, nil, err
		}
		f, err := h.keeper.OpenRead(r.Session)
		if err != nil {
			return nil, nil, err
		}
		return struct{}{}, []*os.File{f}, nil
	}
	control.CloseFiles(files)
	return nil, nil, fmt.Errorf("operation %d: %w", op, gateway.ErrInvalid)
}

// ringRequest decodes a request that must bring a ring's three files.
func ringRequest(body []byte, into any, files []*os.File) error {
	err := control.Decode(body, into)
	if err == nil && len(files) != 3 {
		err = fmt.Errorf("%d descriptors: %w", len(files), gateway.ErrInvalid)
	}
	if err != nil {
		control.CloseFiles(files)
	}
	return err
}

func ringFiles(f []*os.File) ring.Files { return ring.Files{Mem: f[0], Wake: f[1], Space: f[2]} }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// failed and sealed tell the monitor; one that is gone needs no word.
func (h *recorderServer) failed(id gateway.SessionID, err error) {
	_ = h.ctl.Notify(control.OpFailed, control.Failed{Session: id, Full: isFull(err), Text: err.Error()})
}

func (h *recorderServer) sealed(s recorderproc.Sealed) {
	note := control.Sealed{Session: s.Session, Chain: s.Chain[:], Size: s.Size, Seal: s.Seal}
	if s.Err != nil {
		note.Problem = s.Err.Error()
	}
	_ = h.ctl.Notify(control.OpSealed, note)
}

// enterRecorder confines the process to the recordings folder.
func enterRecorder() (jail.Report, error) {
	report, err := jail.Enter(jail.Recorder(recordingsDir, 2, 4))
	if err != nil {
		return report, fmt.Errorf("confine recorder: %w", err)
	}
	return report, nil
}
