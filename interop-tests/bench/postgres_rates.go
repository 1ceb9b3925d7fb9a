package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var (
	pgbenchRate = regexp.MustCompile(`(?m)^tps = ([0-9.]+) `)
	pgbenchDone = regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`)
)

// transactions runs pgbench's select of one row, prepared, and counts what it
// costs the processes on the way.
func (b *bench) transactions(d *databases) error {
	setUp := b.client(d, "direct", true, "pgbench", "-i", "-q", "-s", strconv.Itoa(b.sizes.pgScale))
	setUp.Stderr = nil
	if err := setUp.Run(); err != nil {
		return fmt.Errorf("pgbench -i: %w", err)
	}
	// The login without TLS reads the tables of the other.
	if err := b.client(d, "direct", true, "psql", "-qc", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC").Run(); err != nil {
		return fmt.Errorf("psql: %w", err)
	}
	for _, k := range []pgbenchKind{
		{"pgbench -S, one client", 1, true, 0.50},
		{"pgbench -S, four clients", 4, true, 0.45},
		{"pgbench -S, one client, no TLS", 1, false, 0},
		{"pgbench -S, four clients, no TLS", 4, false, 0},
	} {
		if err := b.transactionsOf(d, k); err != nil {
			return fmt.Errorf("%s, %w", k.name, err)
		}
	}
	return nil
}

// pgbenchKind is one way to run pgbench.
type pgbenchKind struct {
	name      string
	clients   int
	encrypted bool
	ratio     float64 // to the direct way, at least; 0: not judged
}

func (b *bench) transactionsOf(d *databases, k pgbenchKind) error {
	routes := b.routes
	if k.encrypted {
		routes = append(slices.Clone(routes), route{name: "relay"})
	}
	rate, cost := map[string][]float64{}, map[string]map[string][]float64{}
	for range b.sizes.pgRuns {
		for _, r := range routes {
			before, err := b.cpuByRole(r)
			if err != nil {
				return err
			}
			tps, n, err := b.pgbench(d, r.name, k)
			if err != nil {
				return fmt.Errorf("route %s: %w", r.name, err)
			}
			after, err := b.cpuByRole(r)
			if err != nil {
				return err
			}
			rate[r.name] = append(rate[r.name], tps)
			for role, used := range after {
				if cost[role] == nil {
					cost[role] = map[string][]float64{}
				}
				cost[role][r.name] = append(cost[role][r.name], microseconds(used-before[role])/n)
			}
			if err := b.dropRecordings(); err != nil {
				return err
			}
		}
	}
	tps, want := medians(rate), target{limit: k.ratio, atLeast: true, ratio: true}
	b.table.add(k.name, "tps", tps, want)
	if k.encrypted {
		b.table.add(k.name+", relay without SSH", "tps", map[string]float64{"direct": tps["direct"], "gateway": tps["relay"]}, want)
		for _, role := range slices.Sorted(maps.Keys(cost)) {
			b.table.add("CPU of one of those, "+role, "µs", medians(cost[role]), target{})
		}
	}
	return nil
}

// pgbench gives transactions a second, and how many there were.
func (b *bench) pgbench(d *databases, route string, k pgbenchKind) (tps, n float64, err error) {
	cmd := b.client(d, route, k.encrypted, "pgbench", "-n", "-S", "-M", "prepared", "-T", strconv.Itoa(b.sizes.pgSeconds),
		"-c", strconv.Itoa(k.clients), "-j", strconv.Itoa(min(k.clients, 2)))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	rate, done := pgbenchRate.FindSubmatch(out), pgbenchDone.FindSubmatch(out)
	if err != nil || rate == nil || done == nil {
		return 0, 0, fmt.Errorf("pgbench: %v: %s%s", err, out, said.String())
	}
	if tps, err = strconv.ParseFloat(string(rate[1]), 64); err != nil {
		return 0, 0, err
	}
	n, err = strconv.ParseFloat(string(done[1]), 64)
	return tps, n, err
}

// copies moves a table out and in.
func (b *bench) copies(d *databases) error {
	rows := b.sizes.pgCopyBytes / copyRow
	file := b.path("rows")
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer os.Remove(file)
	defer f.Close()
	setUp := b.client(d, "direct", true, "psql", "-qAtX", "-v", "ON_ERROR_STOP=1",
		"-c", fmt.Sprintf("CREATE UNLOGGED TABLE bulk AS SELECT 1000000000 + i AS id, md5(i::text) || md5((i * 7)::text) || md5((i * 13)::text) AS text FROM generate_series(1, %d) i", rows),
		"-c", "CREATE UNLOGGED TABLE sink (LIKE bulk)", "-c", "GRANT ALL ON bulk, sink TO PUBLIC", "-c", "VACUUM FREEZE ANALYZE bulk", "-c", "COPY bulk TO STDOUT")
	setUp.Stdout = f
	if err := setUp.Run(); err != nil {
		return fmt.Errorf("fill a table: %w", err)
	}
	for _, c := range []struct {
		name string
		run  func(*databases, string, string) (time.Duration, error)
	}{
		{"COPY out", b.copyOut}, {"COPY in", b.copyIn},
	} {
		rate, cost := map[string][]float64{}, map[string][]float64{}
		for range b.sizes.bulk {
			for _, r := range b.routes {
				before, err := b.cpu(r)
				if err != nil {
					return err
				}
				took, err := c.run(d, r.name, file)
				if err != nil {
					return fmt.Errorf("%s, route %s: %w", c.name, r.name, err)
				}
				after, err := b.cpu(r)
				if err != nil {
					return err
				}
				rate[r.name] = append(rate[r.name], float64(rows*copyRow)/mebibyte/took.Seconds())
				if r.root != 0 {
					cost[r.name] = append(cost[r.name], (after-before).Seconds()*(1<<30)/float64(rows*copyRow))
				}
			}
		}
		b.table.add(c.name, "MiB/s", medians(rate), ratioAtLeast(0.75))
		b.table.add("CPU of that "+c.name, "s/GiB", medians(cost), target{})
	}
	return nil
}

// copyRow is what a row of the table is in the text of a COPY.
const copyRow = 10 + 1 + 96 + 1

func (b *bench) copyOut(d *databases, route, file string) (time.Duration, error) {
	cmd := b.client(d, route, true, "psql", "-qAtX", "-c", "COPY bulk TO STDOUT")
	var n counter
	cmd.Stdout = &n
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	info, statErr := os.Stat(file)
	if err = errors.Join(err, statErr); err == nil && int64(n) != info.Size() {
		err = fmt.Errorf("%d of %d bytes arrived", n, info.Size())
	}
	return took, err
}

func (b *bench) copyIn(d *databases, route, file string) (time.Duration, error) {
	if err := b.client(d, "direct", true, "psql", "-qX", "-c", "TRUNCATE sink").Run(); err != nil {
		return 0, fmt.Errorf("psql: %w", err)
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	cmd := b.client(d, route, true, "psql", "-X", "-c", "COPY sink FROM STDIN")
	cmd.Stdin = f
	start := time.Now()
	out, err := cmd.Output()
	if want := fmt.Sprintf("COPY %d\n", b.sizes.pgCopyBytes/copyRow); err == nil && string(out) != want {
		err = fmt.Errorf("it says %q", out)
	}
	return time.Since(start), err
}

// cpuByRole is cpu, apart for each kind of process.
func (b *bench) cpuByRole(r route) (map[string]time.Duration, error) {
	if r.root == 0 {
		return nil, nil
	}
	if err := b.settle(r.root); err != nil {
		return nil, err
	}
	return cpuByRole(r.root)
}
