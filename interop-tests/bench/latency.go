package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"time"
)

// firstByte measures from the start of the client to the first byte of output.
func (b *bench) firstByte() error {
	took := map[string][]float64{}
	for range b.sizes.firstByte {
		for _, r := range b.routes {
			cmd := b.ssh(r, nil, "echo x")
			out, err := cmd.StdoutPipe()
			if err != nil {
				return err
			}
			start := time.Now()
			if err := cmd.Start(); err != nil {
				return err
			}
			if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
				return errors.Join(fmt.Errorf("route %s: no output", r.name), cmd.Wait())
			}
			took[r.name] = append(took[r.name], milliseconds(time.Since(start)))
			if _, err := io.Copy(io.Discard, out); err != nil {
				return err
			}
			if err := cmd.Wait(); err != nil {
				return fmt.Errorf("route %s: %w", r.name, err)
			}
		}
	}
	b.table.add("first byte of a session, p50", "ms", medians(took), ratioAtMost(0.55))
	return nil
}

// session is a client that runs cat at the target.
type session struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
}

func (b *bench) openCat(r route) (*session, error) {
	s := &session{cmd: b.ssh(r, nil, "cat")}
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if s.out, err = s.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.key(); err != nil {
		return nil, fmt.Errorf("route %s: %w", r.name, errors.Join(err, s.end()))
	}
	return s, nil
}

// key sends one byte and waits for it to come back.
func (s *session) key() error {
	if _, err := s.in.Write([]byte{'k'}); err != nil {
		return err
	}
	_, err := io.ReadFull(s.out, make([]byte, 1))
	return err
}

// end closes the input and waits for the client to end.
func (s *session) end() error {
	if err := s.in.Close(); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, s.out); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// echo measures the way of one byte to the target and back, in sessions that
// stay open; the routes take turns of fifty bytes.
func (b *bench) echo() error {
	open := map[string]*session{}
	for _, r := range b.routes {
		s, err := b.openCat(r)
		if err != nil {
			return err
		}
		open[r.name] = s
	}
	took := map[string][]float64{}
	for round := -1; round < b.sizes.echo/50; round++ {
		for name, s := range open {
			for range 50 {
				start := time.Now()
				if err := s.key(); err != nil {
					return fmt.Errorf("route %s: %w", name, err)
				}
				if round >= 0 { // the first round warms up
					took[name] = append(took[name], microseconds(time.Since(start)))
				}
			}
		}
	}
	for name, s := range open {
		if err := s.end(); err != nil {
			return fmt.Errorf("route %s: %w", name, err)
		}
	}
	b.table.add("echo of a keystroke, p50", "µs", medians(took), ratioAtMost(2.0))
	b.table.add("echo of a keystroke, p99", "µs", percentile99(took), target{})
	return nil
}

// sessionRate runs short sessions in a row and eight at a time, and counts
// what they cost the processes on the way.
func (b *bench) sessionRate() error {
	inRow, together, cost := map[string][]float64{}, map[string][]float64{}, map[string]float64{}
	const rounds = 3
	used := map[string]time.Duration{}
	for range rounds {
		for _, r := range b.routes {
			before, err := b.cpu(r)
			if err != nil {
				return err
			}
			rate, err := b.sessions(r, b.sizes.sessions/rounds, 1)
			if err != nil {
				return err
			}
			inRow[r.name] = append(inRow[r.name], rate)
			if rate, err = b.sessions(r, b.sizes.parallel/rounds, 8); err != nil {
				return err
			}
			together[r.name] = append(together[r.name], rate)
			after, err := b.cpu(r)
			if err != nil {
				return err
			}
			used[r.name] += after - before
		}
	}
	for _, r := range b.routes {
		if r.root != 0 {
			cost[r.name] = milliseconds(used[r.name]) / float64(rounds*(b.sizes.sessions/rounds+b.sizes.parallel/rounds))
		}
	}
	b.table.add("sessions in a row", "1/s", medians(inRow), target{})
	b.table.add("sessions, eight at a time", "1/s", medians(together), target{})
	b.table.add("CPU of a session", "ms", cost, atMost(11))
	return nil
}

// cpu returns what the processes on the way have used, once those that are
// ending have ended.
func (b *bench) cpu(r route) (time.Duration, error) {
	if r.root == 0 {
		return 0, nil
	}
	if err := b.settle(r.root); err != nil {
		return 0, err
	}
	return cpuOf(r.root)
}

// settle waits until the number of processes has not changed for 200 ms.
func (b *bench) settle(root int) error {
	last, since := 0, time.Now()
	for deadline := time.Now().Add(10 * time.Second); time.Since(since) < 200*time.Millisecond && time.Now().Before(deadline); {
		ps, err := tree(root)
		if err != nil {
			return err
		}
		if len(ps) != last {
			last, since = len(ps), time.Now()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return b.ctx.Err()
}

// sessions runs n sessions with so many workers and returns sessions a second.
func (b *bench) sessions(r route, n, workers int) (float64, error) {
	jobs := make(chan struct{}, n)
	for range n {
		jobs <- struct{}{}
	}
	close(jobs)
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	start := time.Now()
	for range workers {
		wg.Go(func() {
			for range jobs {
				if err := b.ssh(r, nil, "true").Run(); err != nil {
					mu.Lock()
					failed = fmt.Errorf("route %s: %w", r.name, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(start).Seconds(), failed
}

// idleMemory counts what sessions that do nothing add to the processes on the way.
func (b *bench) idleMemory() error {
	private, pss := map[string]float64{}, map[string]float64{}
	for _, r := range b.routes {
		if r.root == 0 {
			continue
		}
		if err := b.settle(r.root); err != nil {
			return err
		}
		before, err := memoryOf(r.root)
		if errors.Is(err, fs.ErrPermission) {
			fmt.Fprintln(os.Stderr, "memory: skipped; sessions hide it from all but root")
			return nil
		} else if err != nil {
			return err
		}
		var open []*session
		for range b.sizes.idle {
			s, err := b.openCat(r)
			if err != nil {
				return err
			}
			open = append(open, s)
		}
		time.Sleep(3 * time.Second) // what is given back when idle
		after, err := memoryOf(r.root)
		if err != nil {
			return err
		}
		private[r.name] = float64(after.private-before.private) / float64(len(open)) / (1 << 20)
		pss[r.name] = float64(after.pss-before.pss) / float64(len(open)) / (1 << 20)
		for _, s := range open {
			if err := s.end(); err != nil {
				return fmt.Errorf("route %s: %w", r.name, err)
			}
		}
	}
	b.table.add("private memory of an idle session", "MiB", private, atMost(2))
	b.table.add("the same with its share of shared pages", "MiB", pss, target{})
	return nil
}

func medians(values map[string][]float64) map[string]float64 {
	m := map[string]float64{}
	for name, v := range values {
		m[name] = median(v)
	}
	return m
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
