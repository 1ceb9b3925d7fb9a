package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gateway"
)

type text struct {
	Text string `json:"text"`
}

func TestCallWithDescriptors(t *testing.T) {
	answer := tempFile(t, "answer")
	s := serve(t, server{handle: func(_ context.Context, op Op, body []byte, files []*os.File) (any, []*os.File, error) {
		defer CloseFiles(files)
		var q text
		if err := Decode(body, &q); err != nil || op != OpOpen || len(files) != 2 || readAll(t, files[0]) != "one" || readAll(t, files[1]) != "two" {
			t.Errorf("handler got operation %d, %+v, %d files, error %v", op, q, len(files), err)
		}
		fd, err := unix.FcntlInt(answer.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		return text{q.Text + "!"}, []*os.File{os.NewFile(uintptr(fd), "answer")}, err
	}})
	one, two := tempFile(t, "one"), tempFile(t, "two")
	for _, size := range []int{0, 1, maxPacket - headerSize - len(`{"text":""}`), maxPacket, 100_000} {
		var reply text
		want := strings.Repeat("x", size) + "!"
		files, err := s.a.Call(t.Context(), OpOpen, text{want[:size]}, &reply, one, two)
		if err != nil || reply.Text != want || len(files) != 1 || readAll(t, files[0]) != "answer" {
			t.Fatalf("Call with %d bytes = %d bytes, %d files, %v", size, len(reply.Text), len(files), err)
		}
		CloseFiles(files)
	}
}

func TestDescriptorsStayNonblocking(t *testing.T) {
	s := serve(t, server{})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := s.a.Call(t.Context(), OpOpen, nil, nil, r); err != nil {
		t.Fatal(err)
	}
	raw, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("flags of the pipe are %#x, %v after it was passed on, want it nonblocking", flags, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestErrorsAcross(t *testing.T) {
	give := make(chan error, 1)
	s := serve(t, server{handle: func(context.Context, Op, []byte, []*os.File) (any, []*os.File, error) { return nil, nil, <-give }})
	for _, sentinel := range []error{
		gateway.ErrDenied, gateway.ErrNotFound, gateway.ErrConflict, gateway.ErrInvalid,
		gateway.ErrUnavailable, gateway.ErrNoRecord,
	} {
		want := fmt.Errorf("what was done: %w", sentinel)
		give <- want
		_, err := s.a.Call(t.Context(), OpEnd, nil, nil)
		if !errors.Is(err, sentinel) || err.Error() != want.Error() {
			t.Errorf("Call = %v, want %v", err, want)
		}
	}
	give <- errors.New("/secret/path: something inside")
	_, err := s.a.Call(t.Context(), OpEnd, nil, nil)
	if !errors.Is(err, gateway.ErrUnavailable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("Call = %v, want an internal error without its text", err)
	}
}

func TestFilesOfFailedHandlerAreClosed(t *testing.T) {
	s := serve(t, server{handle: func(context.Context, Op, []byte, []*os.File) (any, []*os.File, error) {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Error(err)
		}
		return nil, []*os.File{f}, gateway.ErrDenied
	}})
	if files, err := s.a.Call(t.Context(), OpOpen, nil, nil); !errors.Is(err, gateway.ErrDenied) || files != nil {
		t.Errorf("Call = %v, %v, want ErrDenied", files, err)
	}
}

func TestNotify(t *testing.T) {
	got := make(chan string, 1)
	s := serve(t, server{handle: func(_ context.Context, _ Op, body []byte, files []*os.File) (any, []*os.File, error) {
		defer CloseFiles(files)
		got <- fmt.Sprintf("%s %d", body, len(files))
		return nil, nil, gateway.ErrDenied // nobody is told
	}})
	if err := s.a.Notify(OpBoot, text{"hello"}, tempFile(t, "")); err != nil {
		t.Fatal(err)
	}
	if g := <-got; g != `{"text":"hello"} 1` {
		t.Errorf("handler got %s", g)
	}
	if _, err := s.a.Call(t.Context(), OpEnd, nil, nil); !errors.Is(err, gateway.ErrDenied) {
		t.Errorf("Call after Notify = %v", err)
	}
}

func TestReceive(t *testing.T) {
	for _, test := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"boot", packet(kindNotify, 0, OpBoot, 0, `{"text":"x"}`), ""},
		{"another operation", packet(kindNotify, 0, OpEnd, 0, `{}`), "control protocol: operation 9: unexpected first message"},
		{"a request", packet(kindRequest, 0, OpBoot, 1, `{}`), "control protocol: operation 48: unexpected first message"},
		{"an answer", packet(kindReply, 0, OpBoot, 1, `{}`), "control protocol: operation 48: answer to nothing"},
		{"unknown field", packet(kindNotify, 0, OpBoot, 0, `{"y":1}`), "control protocol: operation 0: malformed body"},
		{"nothing", nil, "peer closed the control socket"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := openFiles(t)
			c, file, err := Pair()
			if err != nil {
				t.Fatal(err)
			}
			p := peer{t, int(file.Fd())}
			if test.packet != nil {
				p.send(test.packet, 0)
			} else if err := unix.Shutdown(p.fd, unix.SHUT_WR); err != nil {
				t.Fatal(err)
			}
			var got text
			files, err := c.Receive(OpBoot, &got)
			if test.want == "" && (err != nil || got.Text != "x" || len(files) != 1) || test.want != "" && (err == nil || err.Error() != test.want || files != nil) {
				t.Errorf("Receive = %+v, %d files, %v, want error %q", got, len(files), err, test.want)
			}
			CloseFiles(files)
			file.Close()
			c.Close()
			if after := openFiles(t); after != before {
				t.Errorf("%d descriptors are open, %d before", after, before)
			}
		})
	}
}

// TestManyCalls goes far past what is served at once, in both directions.
func TestManyCalls(t *testing.T) {
	var busy, most atomic.Int64
	s := serve(t, server{handle: func(_ context.Context, _ Op, body []byte, files []*os.File) (any, []*os.File, error) {
		n := busy.Add(1)
		defer busy.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		runtime.Gosched()
		var q text
		err := Decode(body, &q)
		return q, files, err
	}})
	var calls sync.WaitGroup
	for i := range 200 {
		calls.Go(func() {
			want, f := strings.Repeat(fmt.Sprint(i, " "), i*10), tempFile(t, fmt.Sprint(i))
			defer f.Close()
			var reply text
			files, err := s.a.Call(t.Context(), OpRun, text{want}, &reply, f)
			if err != nil || reply.Text != want || len(files) != 1 || readAll(t, files[0]) != fmt.Sprint(i) {
				t.Errorf("call %d: %d bytes, %d files, %v", i, len(reply.Text), len(files), err)
			}
			CloseFiles(files)
		})
	}
	calls.Wait()
	if m := most.Load(); m > maxInFlight {
		t.Errorf("%d requests were served at once, want at most %d", m, maxInFlight)
	}
}

func TestCancelledCall(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, server{handle: func(ctx context.Context, op Op, _ []byte, files []*os.File) (any, []*os.File, error) {
		if op == OpOpen {
			<-release
		}
		return nil, files, nil
	}})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	got := make(chan error)
	go func() {
		_, err := s.a.Call(ctx, OpOpen, nil, nil, tempFile(t, ""))
		got <- err
	}()
	cancel(cause)
	if err := <-got; err != cause {
		t.Errorf("Call = %v, want %v", err, cause)
	}
	close(release)
	// The late answer is thrown away, with its file; the connection goes on.
	if _, err := s.a.Call(t.Context(), OpEnd, nil, nil); err != nil {
		t.Errorf("Call after a cancelled one = %v", err)
	}
}

func TestPeerDeath(t *testing.T) {
	entered := make(chan struct{})
	s := serve(t, server{handle: func(ctx context.Context, _ Op, _ []byte, _ []*os.File) (any, []*os.File, error) {
		close(entered)
		<-ctx.Done() // the end of the connection ends its handlers
		return nil, nil, ctx.Err()
	}})
	got := make(chan error)
	go func() {
		_, err := s.a.Call(t.Context(), OpOpen, nil, nil)
		got <- err
	}()
	<-entered
	s.a.uc.Close() // what the kernel does when the process dies
	if err := <-got; !errors.Is(err, gateway.ErrUnavailable) {
		t.Errorf("Call = %v, want ErrUnavailable", err)
	}
	if err := <-s.bEnd; err != nil {
		t.Errorf("Serve = %v at the peer's end, want nil", err)
	}
	if _, err := s.b.Call(t.Context(), OpOpen, nil, nil); !errors.Is(err, gateway.ErrUnavailable) {
		t.Errorf("Call after the end = %v, want ErrUnavailable", err)
	}
}

func TestClosedConn(t *testing.T) {
	s := serve(t, server{})
	s.a.Close()
	if _, err := s.a.Call(t.Context(), OpOpen, nil, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Call of a closed Conn = %v, want net.ErrClosed", err)
	}
	if err := s.a.Notify(OpBoot, nil); err == nil {
		t.Error("Notify of a closed Conn worked")
	}
}

func TestViolationOfHandlerEndsServe(t *testing.T) {
	s := serve(t, server{handle: func(context.Context, Op, []byte, []*os.File) (any, []*os.File, error) {
		return nil, nil, fmt.Errorf("wrapped: %w", &ViolationError{What: "not yours"})
	}})
	if _, err := s.a.Call(t.Context(), OpEnd, nil, nil); !errors.Is(err, gateway.ErrUnavailable) {
		t.Errorf("Call = %v, want ErrUnavailable", err)
	}
	var v *ViolationError
	if err := <-s.bEnd; !errors.As(err, &v) || v.Op != OpEnd || v.What != "not yours" {
		t.Errorf("Serve = %v, want the violation", err)
	}
}

func TestTooLargeToSend(t *testing.T) {
	s := serve(t, server{})
	if err := s.a.Notify(OpBoot, strings.Repeat("x", maxMessage)); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("Notify = %v, want ErrInvalid", err)
	}
	if _, err := s.a.Call(t.Context(), OpRun, strings.Repeat("x", large), nil); err == nil {
		t.Error("Call with more than any operation takes worked")
	}
	var v *ViolationError
	if err := <-s.bEnd; !errors.As(err, &v) || v.What != "too large" {
		t.Errorf("Serve = %v, want it too large", err)
	}
}

func TestNewConnRefusesOtherFiles(t *testing.T) {
	before := openFiles(t)
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewConn(f); err == nil {
		t.Error("NewConn of /dev/null worked")
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

// An answer that is too large to be sent is an error for who waits for it, not
// silence.
func TestAnswerTooLarge(t *testing.T) {
	huge := strings.Repeat("x", maxMessage+1)
	s := serve(t, server{handle: func(context.Context, Op, []byte, []*os.File) (any, []*os.File, error) { return huge, nil, nil }})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.a.Call(ctx, OpRun, struct{}{}, nil); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("Call = %v, want ErrInvalid", err)
	}
	if _, err := s.a.Call(ctx, OpComplete, struct{}{}, nil); !errors.Is(err, gateway.ErrInvalid) {
		t.Errorf("the next Call = %v, want ErrInvalid", err)
	}
}
