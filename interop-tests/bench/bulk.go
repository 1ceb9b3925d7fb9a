package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const mebibyte = 1 << 20

// throughput moves a file each way with the fastest cipher that all have:
// random bytes, as those of an encrypted backup, and zeros.
func (b *bench) throughput() error {
	random, zeros := b.path("random"), b.path("zeros")
	if err := writeFile(random, io.LimitReader(rand.Reader, b.sizes.bulkBytes)); err != nil {
		return err
	}
	if err := writeFile(zeros, io.LimitReader(zeroReader{}, b.sizes.bulkBytes)); err != nil {
		return err
	}
	defer os.Remove(random)
	defer os.Remove(zeros)
	for _, c := range []struct {
		name, file string
		down       bool
		target     target
	}{
		{"download", random, true, ratioAtLeast(0.55)},
		{"upload", random, false, ratioAtLeast(0.50)},
		{"download of zeros", zeros, true, target{}},
		{"upload of zeros", zeros, false, target{}},
	} {
		rate, cpu := map[string][]float64{}, map[string][]float64{}
		for range b.sizes.bulk {
			for _, r := range b.routes {
				before, err := b.cpu(r)
				if err != nil {
					return err
				}
				took, err := b.move(r, c.file, c.down)
				if err != nil {
					return fmt.Errorf("%s, route %s: %w", c.name, r.name, err)
				}
				after, err := b.cpu(r)
				if err != nil {
					return err
				}
				rate[r.name] = append(rate[r.name], float64(b.sizes.bulkBytes)/mebibyte/took.Seconds())
				if r.root != 0 {
					gib := float64(b.sizes.bulkBytes) / (1 << 30)
					cpu[r.name] = append(cpu[r.name], (after-before).Seconds()/gib)
				}
				if err := b.dropRecordings(); err != nil {
					return err
				}
			}
		}
		b.table.add(c.name, "MiB/s", medians(rate), c.target)
		cost := target{}
		if c.file == random {
			cost = atMost(2.8)
		}
		b.table.add("CPU of that "+c.name, "s/GiB", medians(cpu), cost)
	}
	return nil
}

// move takes the file down from the target or up to it.
func (b *bench) move(r route, file string, down bool) (time.Duration, error) {
	options := []string{"-c", "aes128-gcm@openssh.com"}
	if down {
		cmd := b.ssh(r, options, "cat "+file)
		var n counter
		cmd.Stdout = &n
		start := time.Now()
		err := cmd.Run()
		if err == nil && int64(n) != b.sizes.bulkBytes {
			err = fmt.Errorf("%d of %d bytes arrived", n, b.sizes.bulkBytes)
		}
		return time.Since(start), err
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	cmd := b.ssh(r, options, "wc -c")
	cmd.Stdin = f
	start := time.Now()
	out, err := cmd.Output()
	if err == nil && strings.TrimSpace(string(out)) != strconv.FormatInt(b.sizes.bulkBytes, 10) {
		err = fmt.Errorf("%s of %d bytes arrived", out, b.sizes.bulkBytes)
	}
	return time.Since(start), err
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func writeFile(name string, r io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, r)
	return err
}

// dropRecordings makes room: a transfer of random bytes is recorded in full.
func (b *bench) dropRecordings() error {
	root := b.path("data/recordings")
	if _, err := os.Stat(root); err != nil {
		return nil
	}
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Remove(name)
	})
}

// policy takes the numbers of the benchmark of decisions: 100,000 accounts, a
// million accesses.
func (b *bench) policy() error {
	cmd := exec.CommandContext(b.ctx, "go", "test", "./policy", "-run", "^$", "-bench", "^BenchmarkDecide$",
		"-benchtime", b.sizes.policyBench)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go test ./policy: %w: %s", err, out)
	}
	value := func(unit string) (float64, error) {
		m := regexp.MustCompile(`([0-9.]+) ` + regexp.QuoteMeta(unit) + `\b`).FindSubmatch(out)
		if m == nil {
			return 0, fmt.Errorf("no %s in %s", unit, out)
		}
		return strconv.ParseFloat(string(m[1]), 64)
	}
	p50, err := value("p50-ns")
	if err != nil {
		return err
	}
	p99, err := value("p99-ns")
	if err != nil {
		return err
	}
	b.table.add("decisions, one thread", "1/s", map[string]float64{"gateway": 1e9 / p50}, target{})
	b.table.add("decision, p99", "µs", map[string]float64{"gateway": p99 / 1000}, atMost(10))
	return nil
}
