package osh

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// way is a network in which hop n answers after n times 20 ms.
type way struct {
	routers []netip.Addr // invalid: silent
	final   netip.Addr   // who ends it: invalid: the host
	lost    func(seq uint16) bool
	ttl     int
	replies chan reply
	limit   <-chan time.Time
	sent    int
}

func (w *way) setTTL(ttl int) error {
	w.ttl = ttl
	return nil
}

func (w *way) send(seq uint16) error {
	w.sent++
	r, ttl := reply{seq: seq, from: w.final}, w.ttl
	if ttl <= len(w.routers) {
		r.from, r.expired = w.routers[ttl-1], true
		if !r.from.IsValid() {
			return nil
		}
	}
	if w.lost == nil || !w.lost(seq) {
		time.AfterFunc(time.Duration(min(ttl, len(w.routers)+1))*20*time.Millisecond, func() { w.replies <- r })
	}
	return nil
}

func (w *way) listen(_ context.Context, d time.Duration) (func(), error) {
	w.limit = time.After(d)
	return func() {}, nil
}

func (w *way) receive() (reply, error) {
	select {
	case r := <-w.replies:
		return r, nil
	case <-w.limit:
		return reply{}, os.ErrDeadlineExceeded
	}
}

func TestRouteTable(t *testing.T) {
	r1, r2, dead := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.Addr{}
	tests := []struct {
		name     string
		way      way
		want     []string
		mostSent int // the host is not flooded before its distance is known
	}{
		{"whole", way{routers: []netip.Addr{r1, r2}}, []string{
			"1 192.0.2.1 0% of 3, 20 ms ±0", "2 192.0.2.2 0% of 3, 40 ms ±0", "3 198.51.100.7 0% of 3, 60 ms ±0"}, 11},
		{"silent router", way{routers: []netip.Addr{r1, dead, r2}}, []string{
			"1 192.0.2.1 0% of 3, 20 ms ±0", "2 - 100% of 3, 0 ms ±0", "3 192.0.2.2 0% of 3, 60 ms ±0",
			"4 198.51.100.7 0% of 3, 80 ms ±0"}, 15},
		{"unreachable", way{routers: []netip.Addr{r1}, final: r2}, []string{
			"1 192.0.2.1 0% of 3, 20 ms ±0", "2 192.0.2.2 0% of 3, 40 ms ±0"}, 8},
		{"firewall", way{routers: make([]netip.Addr, 40)}, []string{
			"1 - 100% of 3, 0 ms ±0", "2 - 100% of 3, 0 ms ±0", "3 - 100% of 3, 0 ms ±0", "4 - 100% of 3, 0 ms ±0",
			"5 - 100% of 3, 0 ms ±0"}, 40},
		{"losses", way{lost: func(seq uint16) bool { return seq>>5 == 1 }}, []string{"1 198.51.100.7 33.333% of 3, 20 ms ±0"}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := tt.way
				w.replies = make(chan reply, 100)
				r := &route{pinger: &w, now: time.Now, host: netip.MustParseAddr("198.51.100.7")}
				for n := range 3 {
					if err := r.cycle(t.Context(), n); err != nil {
						t.Fatal(err)
					}
				}
				if err := r.finish(t.Context()); err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, h := range r.hops() {
					host := "-"
					if h.Host != nil {
						host = *h.Host
					}
					got = append(got, fmt.Sprintf("%d %s %v%% of %d, %v ms ±%v", h.Hop, host, h.Loss, h.Sent, h.Avg, h.Stdev))
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("hops (-want +got):\n%s", diff)
				}
				if w.sent > tt.mostSent {
					t.Errorf("sent %d requests, want at most %d", w.sent, tt.mostSent)
				}
			})
		})
	}
}

// No hop gets more than its bounded share, whatever answers.
func TestRouteIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		routers := make([]netip.Addr, 40)
		for i := range routers {
			routers[i] = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		}
		w := way{routers: routers, replies: make(chan reply, 100)}
		r := &route{pinger: &w, now: time.Now}
		start := time.Now()
		if err := r.cycle(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if w.sent != maxHops || w.ttl != maxHops || time.Since(start) < mtrCycle {
			t.Errorf("%d requests up to TTL %d in %v", w.sent, w.ttl, time.Since(start))
		}
	})
}

func FuzzExtendedError(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, oob []byte) {
		from, _, ok := parseExtendedError(oob)
		if ok && !from.IsValid() {
			t.Error("an error from nobody")
		}
	})
}
