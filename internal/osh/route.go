package osh

import (
	"context"
	"math"
	"net/netip"
	"os"
	"time"
)

const (
	maxHops = 30
	// maxSilent ends a route after so many hops that never answered.
	maxSilent = 5
)

// pinger is what route needs of echo.
type pinger interface {
	setTTL(ttl int) error
	send(seq uint16) error
	listen(ctx context.Context, d time.Duration) (stop func(), err error)
	receive() (reply, error)
}

// route is what is known of the way to a host. An answer that takes longer
// than a cycle counts as lost.
type route struct {
	pinger
	now  func() time.Time
	hop  [maxHops]hop
	host netip.Addr
}

// hop is one router on the way, or the host at its end.
type hop struct {
	sent, got int
	pending   bool
	seq       uint16 // of the last request
	began     time.Time
	answered  bool       // at least once
	from      netip.Addr // the last router that answered; invalid: the host itself
	final     bool       // no way leads on from there
	// Times in milliseconds; squares is the sum of squared deviations
	// (Welford's method).
	last, best, worst, avg, squares float64
}

// length is the number of hops that are worth a request, as far as is known.
func (t *route) length() int {
	silent := 0
	for i, h := range t.hop {
		switch {
		case h.answered:
			silent = 0
		case h.sent != 1 || !t.waits(h): // the first request may yet be answered
			silent++
		}
		if h.final || silent == maxSilent {
			return i + 1
		}
	}
	return maxHops
}

// waits reports whether the last request of h may still be answered.
func (t *route) waits(h hop) bool { return h.pending && t.now().Sub(h.began) < mtrCycle }

// cycle sends one request for each hop, spread over the time of the cycle, and
// takes what comes back. The first cycle does not know how long the way is.
func (t *route) cycle(ctx context.Context, n int) error {
	start := t.now()
	step := mtrCycle / time.Duration(t.length())
	if n == 0 {
		step = mtrCycle / maxHops
	}
	for i := 0; i < t.length() && ctx.Err() == nil; i++ {
		h := &t.hop[i]
		h.seq = uint16(n)<<5 | uint16(i)
		if err := t.setTTL(i + 1); err != nil {
			return err
		}
		h.sent, h.pending, h.began = h.sent+1, true, t.now()
		if err := t.send(h.seq); err != nil {
			h.pending = false // no route, for now
		}
		if err := t.take(ctx, step); err != nil {
			return err
		}
	}
	return t.take(ctx, mtrCycle-t.now().Sub(start))
}

// finish gives the last requests the time that the others had.
func (t *route) finish(ctx context.Context) error {
	for _, h := range t.hop[:t.length()] {
		if h.pending {
			return t.take(ctx, mtrCycle)
		}
	}
	return nil
}

// take takes replies for as long as d.
func (t *route) take(ctx context.Context, d time.Duration) error {
	stop, err := t.listen(ctx, d)
	if err != nil {
		return err
	}
	defer stop()
	for {
		r, err := t.receive()
		if os.IsTimeout(err) {
			return nil
		}
		if err != nil { // of the interface, perhaps: the next request may do better
			pause(ctx, d)
			return nil
		}
		h := &t.hop[min(r.seq&31, maxHops-1)]
		if h.pending && h.seq == r.seq {
			h.took(t.now().Sub(h.began).Seconds() * 1000)
			h.from, h.final = r.from, !r.expired
		}
	}
}

// took counts an answer.
func (h *hop) took(ms float64) {
	h.pending, h.answered = false, true
	if h.got++; h.got == 1 {
		h.best = ms
	}
	h.last, h.best, h.worst = ms, min(h.best, ms), max(h.worst, ms)
	delta := ms - h.avg
	h.avg += delta / float64(h.got)
	h.squares += delta * (ms - h.avg)
}

// hops is what is known so far, without requests that may yet be answered.
func (t *route) hops() []MTRHop {
	hops := []MTRHop{}
	for i, h := range t.hop[:t.length()] {
		if t.waits(h) {
			h.sent--
		}
		if h.sent == 0 {
			break
		}
		v := MTRHop{
			Hop: i + 1, Sent: h.sent, Loss: rounded(100 * float64(h.sent-h.got) / float64(h.sent)),
			Last: rounded(h.last), Avg: rounded(h.avg), Best: rounded(h.best), Worst: rounded(h.worst),
		}
		if h.got > 1 {
			v.Stdev = rounded(math.Sqrt(h.squares / float64(h.got-1)))
		}
		if h.answered {
			from := t.host
			if h.from.IsValid() {
				from = h.from
			}
			v.Host = new(from.String())
		}
		hops = append(hops, v)
	}
	return hops
}

// rounded keeps microseconds.
func rounded(ms float64) float64 { return math.Round(ms*1000) / 1000 }
