package monitor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"gateway"
)

// Bounds of reverse lookups. Whoever answers them is a stranger: they take a
// listing no longer than reverseLimit, and only a host name comes of them.
const (
	reverseLimit   = 3 * time.Second
	reverseWorkers = 16 // of one listing
	reverseSlots   = 64 // of all together
	reverseCached  = 4096
	reverseFresh   = 5 * time.Minute
)

// reverse finds names of addresses and keeps them for a while.
type reverse struct {
	// lookup is net.Resolver.LookupAddr unless a test sets another.
	lookup func(ctx context.Context, addr string) ([]string, error)

	mu    sync.Mutex // guards what follows
	cache map[netip.Addr]reverseName
	slots chan struct{}
}

// reverseName is the name of an address; empty: it has none.
type reverseName struct {
	name string
	at   time.Time
}

// ReverseNames implements admin.Deps.
func (d Deps) ReverseNames(ctx context.Context, addrs []netip.Addr) map[netip.Addr]string {
	if d.m.Settings().DNS < 2 {
		return nil
	}
	return d.m.reverse.names(ctx, addrs, d.m.Now)
}

// names gives the names of those addresses that have one and whose answer came
// in time.
func (r *reverse) names(ctx context.Context, addrs []netip.Addr, now func() time.Time) map[netip.Addr]string {
	ctx, cancel := context.WithTimeout(ctx, reverseLimit)
	defer cancel()
	found, ask, slots := r.known(addrs, now())
	next := make(chan netip.Addr)
	var workers sync.WaitGroup
	var mu sync.Mutex // guards found
	for range min(reverseWorkers, len(ask)) {
		workers.Go(func() {
			for addr := range next {
				name, ok := r.ask(ctx, addr, slots)
				if !ok {
					continue
				}
				r.keep(addr, reverseName{name, now()})
				if name != "" {
					mu.Lock()
					found[addr] = name
					mu.Unlock()
				}
			}
		})
	}
	for _, addr := range ask {
		select {
		case next <- addr:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
	return found
}

// known splits addrs into those that the cache has an answer for and the rest.
func (r *reverse) known(addrs []netip.Addr, now time.Time) (map[netip.Addr]string, []netip.Addr, chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cache == nil {
		r.cache = make(map[netip.Addr]reverseName)
		r.slots = make(chan struct{}, reverseSlots)
	}
	found := make(map[netip.Addr]string)
	seen := make(map[netip.Addr]bool)
	var ask []netip.Addr
	for _, addr := range addrs {
		if seen[addr] {
			continue
		}
		seen[addr] = true
		n, ok := r.cache[addr]
		switch {
		case !ok || now.Sub(n.at) > reverseFresh:
			ask = append(ask, addr)
		case n.name != "":
			found[addr] = n.name
		}
	}
	return found, ask, r.slots
}

// ask resolves one address; not ok: nobody knows.
func (r *reverse) ask(ctx context.Context, addr netip.Addr, slots chan struct{}) (name string, ok bool) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return "", false
	}
	lookup := r.lookup
	if lookup == nil {
		lookup = (&net.Resolver{PreferGo: true}).LookupAddr // the C library's can't be given up
	}
	names, err := lookup(ctx, addr.String())
	for _, n := range names { // also beside an error, which is about others
		if n = strings.TrimSuffix(n, "."); gateway.IsHostname(n) {
			return n, true
		}
	}
	if e, isDNS := errors.AsType[*net.DNSError](err); isDNS {
		return "", e.IsNotFound
	}
	return "", err == nil
}

// keep remembers an answer. A cache that is full starts again.
func (r *reverse) keep(addr netip.Addr, n reverseName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cache) >= reverseCached {
		clear(r.cache)
	}
	r.cache[addr] = n
}
