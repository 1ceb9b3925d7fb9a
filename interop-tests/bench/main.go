// Command bench compares three ways to a target on this machine: ssh direct,
// ssh -J over a plain sshd, and the gateway in bin/. It sets everything up by
// itself in a temporary folder, interleaves the runs of the three, and prints
// one table of medians, with the ratio to the direct way where it matters.
//
//	go run ./interop-tests/bench [-quick] [-only firstbyte,echo,…] [-routes direct,jump,gateway]
//	go run ./interop-tests/bench -soak 10m
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sizes says how much is measured.
type sizes struct {
	firstByte   int // sessions of each route
	echo        int // keystrokes of each route
	bulk        int // transfers of each kind and route
	bulkBytes   int64
	sessions    int // sessions in a row, of each route
	parallel    int // sessions of eight workers, of each route
	idle        int // sessions open at the same time
	policyBench string

	pgScale, pgSeconds, pgRuns int // of pgbench
	pgCopyBytes                int
}

// measurement is one group of rows of the table.
type measurement struct {
	name string
	run  func(*bench) error
}

func measurements() []measurement {
	return []measurement{
		{"firstbyte", (*bench).firstByte},
		{"echo", (*bench).echo},
		{"throughput", (*bench).throughput},
		{"sessions", (*bench).sessionRate},
		{"memory", (*bench).idleMemory},
		{"netconf", (*bench).netconf},
		{"postgres", (*bench).postgres},
		{"policy", (*bench).policy},
		{"scale", (*bench).scale},
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	quick := flag.Bool("quick", false, "a tenth of the runs: numbers are rough")
	only := flag.String("only", "", "only these measurements: firstbyte,echo,throughput,sessions,memory,netconf,postgres,policy,scale")
	routes := flag.String("routes", "direct,jump,gateway", "only these routes")
	bin := flag.String("bin", "bin/gateway", "the gateway")
	soak := flag.Duration("soak", 0, "instead of measuring, open sessions for so long and look for leaks")
	asDevice := flag.Bool("device", false, "be the device that netconf measures with")
	asRelay := flag.Bool("relay", false, "be the relay that postgres measures without SSH")
	verbose := flag.Bool("v", false, "show what the servers and clients say")
	flag.Parse()
	if *asDevice {
		return device(os.Stdin, os.Stdout)
	}
	if *asRelay {
		return relay(os.Stdin, os.Stdout)
	}

	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	b := &bench{ctx: ctx, bin: *bin, verbose: *verbose, sizes: sizes{
		firstByte: 41, echo: 1000, bulk: 3, bulkBytes: 512 << 20, sessions: 60, parallel: 120, idle: 20, policyBench: "2s",
		pgScale: 10, pgSeconds: 5, pgRuns: 5, pgCopyBytes: 1 << 30,
	}}
	if *quick {
		b.sizes = sizes{firstByte: 9, echo: 300, bulk: 1, bulkBytes: 64 << 20, sessions: 12, parallel: 24, idle: 5, policyBench: "200ms",
			pgScale: 10, pgSeconds: 2, pgRuns: 3, pgCopyBytes: 128 << 20}
	}
	if *soak > 0 {
		*routes = "gateway"
	}
	todo, err := chosen(*only)
	if err != nil {
		return err
	}
	defer b.close()
	// Policy alone needs no server.
	if len(todo) != 1 || todo[0].name != "policy" {
		if err := b.setUp(strings.Split(*routes, ",")); err != nil {
			return err
		}
	}
	if *soak > 0 {
		return b.soak(*soak)
	}
	for _, m := range todo {
		start := time.Now()
		if err := m.run(b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %.1f s\n", m.name, time.Since(start).Seconds())
	}
	columns := b.routeNames()
	if !slices.Contains(columns, "gateway") {
		columns = append(columns, "gateway") // decisions are measured without a route
	}
	return b.table.print(os.Stdout, columns)
}

func chosen(only string) ([]measurement, error) {
	all := measurements()
	if only == "" {
		return all, nil
	}
	var todo []measurement
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(m measurement) bool { return m.name == name })
		if i < 0 {
			return nil, errors.New("no measurement is called " + name)
		}
		todo = append(todo, all[i])
	}
	return todo, nil
}
