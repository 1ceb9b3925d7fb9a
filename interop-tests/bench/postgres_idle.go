package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// idleForwards counts what a connection that does nothing adds to the processes
// on the way: with a client of its own, and each further one of a client.
func (b *bench) idleForwards(d *databases) error {
	own, further := map[string]float64{}, map[string]float64{}
	for _, r := range b.routes {
		if r.root == 0 {
			continue
		}
		if err := b.forwardMemory(d, r, own, further); errors.Is(err, os.ErrPermission) {
			fmt.Fprintln(os.Stderr, "memory: skipped; sessions hide it from all but root")
			return nil
		} else if err != nil {
			return fmt.Errorf("route %s: %w", r.name, err)
		}
	}
	b.table.add("private memory of a forward with a connection", "MiB", own, target{})
	b.table.add("private memory of each further connection", "MiB", further, target{})
	return nil
}

func (b *bench) forwardMemory(d *databases, r route, own, further map[string]float64) error {
	way, to := "hop", "127.0.0.1:"+strconv.Itoa(d.Port)
	if r.name == "gateway" {
		way, to = "gateway", withTLS+":5432"
	}
	memory := func() (float64, error) {
		time.Sleep(3 * time.Second) // what is given back when idle
		if err := b.settle(r.root); err != nil {
			return 0, err
		}
		m, err := memoryOf(r.root)
		return float64(m.private) / mebibyte, err
	}
	none, err := memory()
	if err != nil {
		return err
	}
	used := *d
	used.ports = map[string]int{}
	for range b.sizes.idle {
		f, err := b.forward(way, to)
		if err != nil {
			return err
		}
		defer f.end()
		used.ports[r.name] = f.port
		end, err := b.idleClient(&used, r.name)
		if err != nil {
			return err
		}
		defer end()
	}
	one, err := memory()
	if err != nil {
		return err
	}
	for range b.sizes.idle {
		end, err := b.idleClient(&used, r.name)
		if err != nil {
			return err
		}
		defer end()
	}
	more, err := memory()
	own[r.name], further[r.name] = (one-none)/float64(b.sizes.idle), (more-one)/float64(b.sizes.idle)
	return err
}

// idleClient starts a psql that has connected.
func (b *bench) idleClient(d *databases, route string) (end func(), err error) {
	cmd := b.client(d, route, true, "psql", "-qAtX")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end = func() {
		in.Close()
		_ = cmd.Wait() // how it ended says nothing
	}
	if _, err = io.WriteString(in, "SELECT 'here';\n"); err == nil {
		_, err = io.ReadFull(out, make([]byte, 5))
	}
	if err != nil {
		end()
	}
	return end, err
}
