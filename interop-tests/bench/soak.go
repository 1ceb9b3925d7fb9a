package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// usage is what the gateway holds while nobody uses it.
type usage struct {
	processes, descriptors int
	memory                 memory
}

func (u usage) String() string {
	return fmt.Sprintf("%d processes, %d descriptors of the monitor, %.1f MiB private", u.processes, u.descriptors,
		float64(u.memory.private)/mebibyte)
}

// soak uses the gateway in every rude way for a while. Afterwards it must hold
// no more than it did after a short warm-up, and every recording must verify.
func (b *bench) soak(d time.Duration) error {
	r := b.routes[0]
	if err := b.rudeSessions(r, min(d/5, 20*time.Second)); err != nil {
		return err
	}
	before, err := b.usage(r.root)
	if err != nil {
		return err
	}
	fmt.Println("after the warm-up:", before)
	if err := b.rudeSessions(r, d); err != nil {
		return err
	}
	after, err := b.usage(r.root)
	if err != nil {
		return err
	}
	fmt.Println("at the end:       ", after)

	var problems []error
	if after.processes > before.processes {
		problems = append(problems, errors.New("processes stayed behind"))
	}
	if after.descriptors > before.descriptors+2 {
		problems = append(problems, errors.New("descriptors stayed open"))
	}
	if after.memory.private > before.memory.private*3/2+16*mebibyte {
		problems = append(problems, errors.New("memory grew"))
	}
	verify := b.command(b.bin, "recording", "verify", "--all", "--data", b.path("data"))
	if out, err := verify.Output(); err != nil {
		problems = append(problems, fmt.Errorf("recording verify: %w: %s", err, out))
	}
	return errors.Join(problems...)
}

func (b *bench) usage(root int) (usage, error) {
	time.Sleep(3 * time.Second) // for what is given back when idle
	if err := b.settle(root); err != nil {
		return usage{}, err
	}
	ps, err := tree(root)
	if err != nil {
		return usage{}, err
	}
	u := usage{processes: len(ps)}
	if u.descriptors, err = descriptors(root); err != nil {
		return u, err
	}
	if u.memory, err = memoryOf(root); errors.Is(err, fs.ErrPermission) {
		err = nil // sessions hide it from all but root
	}
	return u, err
}

// rudeSessions lets four workers open sessions of every kind until the time is
// over. A session whose client is not killed must end as it should.
func (b *bench) rudeSessions(r route, d time.Duration) error {
	ctx, cancel := context.WithTimeout(b.ctx, d)
	defer cancel()
	kinds := []func(route) error{b.shortSession, b.bulkSession, b.killedClient, b.halfClosed}
	var done atomic.Int64
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; ctx.Err() == nil; i++ {
				if err := kinds[i%len(kinds)](r); err != nil && b.ctx.Err() == nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					cancel()
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	fmt.Printf("%d sessions in %v\n", done.Load(), d)
	return failed
}

func (b *bench) shortSession(r route) error {
	for i := range 5 {
		cmd := b.ssh(r, nil, fmt.Sprintf("echo out; exit %d", i))
		out, _ := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != i || string(out) != "out\n" {
			return fmt.Errorf("short session: exit %d, want %d, output %q", code, i, out)
		}
	}
	return nil
}

func (b *bench) bulkSession(r route) error {
	const size = 16 * mebibyte
	cmd := b.ssh(r, nil, fmt.Sprintf("head -c %d /dev/urandom", size))
	var n counter
	cmd.Stdout = &n
	if err := cmd.Run(); err != nil || n != size {
		return fmt.Errorf("bulk session: %d of %d bytes, %v", n, size, err)
	}
	return nil
}

// killedClient kills the client in the middle of a download.
func (b *bench) killedClient(r route) error {
	cmd := b.ssh(r, nil, "cat /dev/zero")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, out, mebibyte); err != nil {
		return fmt.Errorf("client to be killed: %w", err)
	}
	if err := cmd.Process.Signal(os.Kill); err != nil {
		return err
	}
	_ = cmd.Wait() // it was killed
	return nil
}

// halfClosed ends its input at once and still wants the output.
func (b *bench) halfClosed(r route) error {
	out, err := b.ssh(r, nil, "cat; sleep 0.2; echo late").Output() // no input: /dev/null
	if err != nil || string(out) != "late\n" {
		return fmt.Errorf("session without input: %v, output %q", err, out)
	}
	return nil
}
