package osh

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Bounds of mtr. On a terminal it ends after maxPing seconds.
const (
	// MaxMTRCycles bounds --report.
	MaxMTRCycles     = 100
	defaultMTRCycles = 10
	mtrCycle         = time.Second
	mtrSize          = 56
)

// MTR is the request of mtr.
type MTR struct {
	Host   string `opt:"host,h" arg:"HOST" pos:"true" required:"true" complete:"host" help:"the host"`
	Report bool   `opt:"report,r" help:"print a table at the end, as without a terminal"`
	Cycles int    `opt:"c,report-cycles" arg:"N" help:"requests to each router for it, 10 if not given"`
}

// MTRHop is one hop in the value of mtr. Times are milliseconds; without an
// answer they are 0, and there is no host.
type MTRHop struct {
	Hop   int     `json:"hop"`
	Host  *string `json:"host"`
	Loss  float64 `json:"loss_percentage"`
	Sent  int     `json:"sent"`
	Last  float64 `json:"last"`
	Avg   float64 `json:"avg"`
	Best  float64 `json:"best"`
	Worst float64 `json:"worst"`
	Stdev float64 `json:"stdev"`
}

func mtrCommand() *Command {
	return &Command{
		Name:     "mtr",
		Category: Open,
		Summary:  "show the route to a host and where it loses packets",
		Long:     "On a terminal the table is shown until q or Ctrl-C, for an hour at most.",
		Examples: []string{"mtr 192.0.2.7", "mtr 192.0.2.7 --report"},
		New:      func() any { return new(MTR) },
		Text:     mtrText,
		Local:    mtrLocal,
	}
}

func mtrLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	m := req.(*MTR)
	r, err := run(ctx, m)
	if err != nil || r.Exit != 0 {
		return r, err
	}
	defer r.Close()
	e, err := newEcho(r, mtrSize)
	if err != nil {
		return Result{}, err
	}
	t := &route{pinger: e, now: env.Now, host: e.target.Addr}
	cycles, shown := m.Cycles, func() {}
	if cycles == 0 {
		cycles = defaultMTRCycles
	}
	if env.Terminal != nil && !m.Report {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxPing*time.Second)
		defer cancel()
		defer onQuit(env.keys, cancel)()
		io.WriteString(env.Out, "\x1b[?1049h\x1b[?25l") // another screen, no cursor
		defer io.WriteString(env.Out, "\x1b[?25h\x1b[?1049l")
		cycles = maxPing
		shown = func() { t.show(env, "mtr to "+e.target.Host+", q ends it") }
	}
	shown()
	for n := 0; n < cycles && ctx.Err() == nil; n++ {
		if err := t.cycle(ctx, n); err != nil {
			return Result{}, fmt.Errorf("mtr: %w", err)
		}
		shown()
	}
	if err := t.finish(ctx); err != nil {
		return Result{}, fmt.Errorf("mtr: %w", err)
	}
	return OK("mtr", "OK", "Route to "+e.target.Host+":", t.hops()), nil
}

// onQuit calls f when q is typed, until stop is called.
func onQuit(k *keyboard, f func()) (stop func()) {
	in, done := k.lease(0), make(chan struct{})
	go func() {
		defer close(done)
		for key := make([]byte, 1); ; {
			if _, err := in.Read(key); err != nil {
				return
			}
			if key[0] == 'q' {
				f()
				return
			}
		}
	}()
	return func() {
		in.Close()
		<-done
	}
}

// show draws the table over the one before, as much as has place.
func (t *route) show(env *Env, title string) {
	var b bytes.Buffer
	fmt.Fprintln(&b, title)
	writeHops(&b, t.hops())
	lines := bytes.SplitAfter(b.Bytes(), []byte("\n"))
	if env.Terminal.Size != nil {
		if _, height := env.Terminal.Size(); height > 1 {
			lines = lines[:min(len(lines), height-1)]
		}
	}
	io.WriteString(env.Out, "\x1b[H\x1b[2J")
	writeText(env.Out, string(bytes.Join(lines, nil)))
}

func mtrText(w io.Writer, r Result) error {
	var v []MTRHop
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	writeHops(w, v)
	return nil
}

func writeHops(w io.Writer, hops []MTRHop) {
	const silent = "???"
	width := len("HOST")
	for _, h := range hops {
		if h.Host != nil {
			width = max(width, len(*h.Host))
		}
	}
	fmt.Fprintf(w, "%3s  %-*s %6s %5s %7s %7s %7s %7s %7s\n", "HOP", width, "HOST", "LOSS", "SENT", "LAST", "AVG", "BEST", "WORST", "STDEV")
	for _, h := range hops {
		host := silent
		if h.Host != nil {
			host = *h.Host
		}
		fmt.Fprintf(w, "%3d  %-*s %5.1f%% %5d %7.1f %7.1f %7.1f %7.1f %7.1f\n",
			h.Hop, width, host, h.Loss, h.Sent, h.Last, h.Avg, h.Best, h.Worst, h.Stdev)
	}
}
