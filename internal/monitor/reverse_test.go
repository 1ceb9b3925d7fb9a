package monitor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// zone answers reverse lookups of 192.0.2.0/24 by last byte: names without the
// dot at their end. No entry: it does not exist. Nil: no answer ever comes.
type zone struct {
	names map[byte][]string
	mu    sync.Mutex
	asked map[byte]int // guarded by mu
}

// times says how often the address was asked about.
func (z *zone) times(last byte) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[last]
}

// serve returns the lookup of a resolver that asks z over loopback.
func (z *zone) serve(t *testing.T) func(context.Context, string) ([]string, error) {
	t.Helper()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := z.reply(buf[:n]); reply != nil {
				pc.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp4", pc.LocalAddr().String())
	}}
	return r.LookupAddr
}

// reply answers a query as RFC 1035 section 4 has it.
func (z *zone) reply(q []byte) []byte {
	const header, pointer = 12, "\xc0\x0c" // to the name in the question
	end := header
	for q[end] != 0 {
		end += 1 + int(q[end])
	}
	var last byte
	fmt.Sscan(string(q[header+1:header+1+int(q[header])]), &last)
	z.mu.Lock()
	z.asked[last]++
	z.mu.Unlock()
	names, ok := z.names[last]
	if ok && names == nil {
		return nil
	}
	b := append(q[:2:2], 0x81, 0x80, 0, 1, 0, byte(len(names)), 0, 0, 0, 0)
	if !ok {
		b[3] |= 3 // NXDOMAIN
	}
	b = append(b, q[header:end+5]...)
	for _, name := range names {
		var data []byte
		for label := range strings.SplitSeq(name, ".") {
			data = append(append(data, byte(len(label))), label...)
		}
		data = append(data, 0)
		b = append(append(b, pointer+"\x00\x0c\x00\x01\x00\x00\x0e\x10\x00"...), byte(len(data)))
		b = append(b, data...)
	}
	return b
}

// reverseOf makes what is looked up, and the time it thinks it is.
func reverseOf(level int, lookup func(context.Context, string) ([]string, error)) (Deps, *time.Time) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	m := &Monitor{Settings: func() Settings { return Settings{DNS: level} }, Now: func() time.Time { return now }}
	m.reverse.lookup = lookup
	return m.Deps(), &now
}

func addresses(last ...byte) []netip.Addr {
	var addrs []netip.Addr
	for _, b := range last {
		addrs = append(addrs, netip.AddrFrom4([4]byte{192, 0, 2, b}))
	}
	return addrs
}

func TestReverseNames(t *testing.T) {
	many := make([]string, 12)
	for i := range many {
		many[i] = fmt.Sprintf("n%d.example", i)
	}
	z := &zone{asked: make(map[byte]int), names: map[byte][]string{
		1: {"srv.example"},
		2: {"evil\x1b]0;title\x07.example"},
		3: {"-oProxyCommand.example"},
		4: {"a b.example", "good.example"},
		5: many,
		6: {"<script>.example"},
	}}
	d, now := reverseOf(2, z.serve(t))
	asked := addresses(1, 1, 2, 3, 4, 5, 6, 99)
	got := make(map[string]string)
	for addr, name := range d.ReverseNames(t.Context(), asked) {
		got[addr.String()] = name
	}
	want := map[string]string{"192.0.2.1": "srv.example", "192.0.2.4": "good.example", "192.0.2.5": got["192.0.2.5"]}
	if diff := cmp.Diff(want, got); diff != "" || !strings.HasSuffix(got["192.0.2.5"], ".example") {
		t.Errorf("names (-want +got):\n%s%v", diff, got)
	}
	for range 2 { // what is known, also that there is none, is not asked again for a while
		d.ReverseNames(t.Context(), addresses(1, 99))
	}
	*now = now.Add(reverseFresh + time.Second)
	d.ReverseNames(t.Context(), addresses(1))
	if a, b := z.times(1), z.times(99); a != 2 || b != 1 {
		t.Errorf("asked %d and %d times, want 2 and 1", a, b)
	}
	for level := range 2 {
		off, _ := reverseOf(level, func(context.Context, string) ([]string, error) {
			t.Error("asked a resolver that is switched off")
			return nil, nil
		})
		if n := off.ReverseNames(t.Context(), asked); len(n) != 0 {
			t.Errorf("level %d: %v", level, n)
		}
	}
}

// A resolver that does not answer costs its own name only, and no more time
// than the caller has.
func TestReverseNamesOfSilentResolver(t *testing.T) {
	z := &zone{asked: make(map[byte]int), names: map[byte][]string{1: {"srv.example"}, 2: nil}}
	d, _ := reverseOf(2, z.serve(t))
	for range 2 { // no answer is not remembered as an answer
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		start := time.Now()
		got := d.ReverseNames(ctx, addresses(2, 1))
		cancel()
		if len(got) != 1 || got[addresses(1)[0]] != "srv.example" {
			t.Errorf("names %v", got)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	}
	if n := z.times(2); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}

// However long the list and slow the resolver, a listing takes no longer than
// its limit, asks about a few at a time, and remembers no more than it may.
func TestReverseNamesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		busy, most := 0, 0
		d, _ := reverseOf(2, func(ctx context.Context, addr string) ([]string, error) {
			mu.Lock()
			busy++
			most = max(most, busy)
			mu.Unlock()
			defer func() { mu.Lock(); busy--; mu.Unlock() }()
			select {
			case <-time.After(400 * time.Millisecond):
				return []string{"srv.example."}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		addrs := make([]netip.Addr, 100_000)
		for i := range addrs {
			addrs[i] = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		}
		start := time.Now()
		got := d.ReverseNames(t.Context(), addrs)
		if took := time.Since(start); took > reverseLimit || most != reverseWorkers || len(got) != 7*reverseWorkers {
			t.Errorf("%d names in %v, %d at a time", len(got), took, most)
		}
		for _, addr := range addrs {
			d.m.reverse.keep(addr, reverseName{"srv.example", start})
		}
		if n := len(d.m.reverse.cache); n > reverseCached {
			t.Errorf("%d names are remembered", n)
		}
	})
}
