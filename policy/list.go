package policy

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gateway"
)

// scanned is the length up to which a list is read from end to end; beyond it
// an index pays.
const scanned = 16

// list is a list of accesses and, when it is long, an index of it: a hash
// table of networks behind a filter. A decision asks many lists for what they
// do not have, and the filter, of a byte for each access, stays in the cache.
type list struct {
	// What is needed to say no comes first, to be in one line of the cache.
	filter []uint64 // a bit is set if a network with such a hash occurs
	seed   uint64
	lens4  lengths // of the networks that occur
	lens6  lengths

	accesses []gateway.Access
	// slots holds positions in accesses plus 1, of the first access of each
	// network; next holds, for each access, that of the following one of the
	// same network. 0 is none.
	slots, next []int32
}

// lengths is a set of lengths of networks, 0 to 128.
type lengths [3]uint64

func (s *lengths) add(n int) { s[n/64] |= 1 << (n % 64) }

// below gives the largest one that is less than n, or -1.
func (s *lengths) below(n int) int {
	for n > 0 {
		i, last := (n-1)/64, (n-1)%64
		if w := s[i] << (63 - last); w != 0 {
			return n - 1 - bits.LeadingZeros64(w)
		}
		n = 64 * i
	}
	return -1
}

func newList(accesses []gateway.Access) list {
	l := list{accesses: normal(accesses)}
	if len(l.accesses) <= scanned {
		return l
	}
	size := 1 << bits.Len(uint(len(l.accesses)-1))
	l.filter = make([]uint64, size/8)
	l.slots = make([]int32, 2*size)
	l.next = make([]int32, len(l.accesses))
	l.seed = rand.Uint64() // so that nobody can choose networks that collide
	// Backwards, so that the chain of a network is in the order of the list.
	for i := range slices.Backward(l.accesses) {
		p := l.accesses[i].Prefix
		hash := l.hash(p)
		word, bit := l.bit(hash)
		*word |= bit
		slot := l.slot(p, hash)
		l.next[i], *slot = *slot, int32(i+1)
		if p.Addr().Is4() {
			l.lens4.add(p.Bits())
		} else {
			l.lens6.add(p.Bits())
		}
	}
	return l
}

// normal gives the list with networks in normal form, without those that have
// none. It is the same list, not a copy, if nothing is to be done.
func normal(accesses []gateway.Access) []gateway.Access {
	isNormal := func(a gateway.Access) bool {
		p, ok := gateway.NormalNetwork(a.Prefix)
		return ok && p == a.Prefix
	}
	for i := range accesses {
		if isNormal(accesses[i]) {
			continue
		}
		list := slices.Clone(accesses[:i])
		for _, a := range accesses[i:] {
			var ok bool
			if a.Prefix, ok = gateway.NormalNetwork(a.Prefix); ok {
				list = append(list, a)
			}
		}
		return list
	}
	return accesses
}

func (l *list) hash(p netip.Prefix) uint64 {
	b := p.Addr().As16()
	hi, lo := bits.Mul64(
		binary.BigEndian.Uint64(b[:8])^l.seed,
		binary.BigEndian.Uint64(b[8:])^bits.RotateLeft64(l.seed, 32)^uint64(p.Bits())<<48)
	return hi ^ lo
}

// bit returns the word and the bit of the filter for a hash. They come from
// other bits of it than the slot.
func (l *list) bit(hash uint64) (*uint64, uint64) {
	return &l.filter[hash>>32&uint64(len(l.filter)-1)], 1 << (hash >> 58)
}

// slot returns the slot of a network, which is 0 if it does not occur.
func (l *list) slot(p netip.Prefix, hash uint64) *int32 {
	mask := uint64(len(l.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if at := l.slots[i]; at == 0 || l.accesses[at-1].Prefix == p {
			return &l.slots[i]
		}
	}
}

// wanted is what an access is looked for.
type wanted struct {
	gateway.Target
	jump gateway.Target // zero: directly
	now  time.Time
}

// find returns the access with the smallest network that lets t be reached,
// the first of the list if several have the same network, or nil.
func (l *list) find(t *wanted) *gateway.Access {
	if l.filter == nil {
		return l.scan(t)
	}
	lens := &l.lens4
	if t.Addr.Is6() {
		lens = &l.lens6
	}
	for n := lens.below(t.Addr.BitLen() + 1); n >= 0; n = lens.below(n) {
		p, err := t.Addr.Prefix(n)
		if err != nil {
			return nil // a zone, which no access can have
		}
		hash := l.hash(p)
		if word, bit := l.bit(hash); *word&bit == 0 {
			continue
		}
		for at := *l.slot(p, hash); at != 0; at = l.next[at-1] {
			if a := &l.accesses[at-1]; grants(a, t) {
				return a
			}
		}
	}
	return nil
}

// scan is find without index.
func (l *list) scan(t *wanted) *gateway.Access {
	var best *gateway.Access
	for i := range l.accesses {
		a := &l.accesses[i]
		if (best == nil || a.Prefix.Bits() > best.Prefix.Bits()) && a.Prefix.Contains(t.Addr) && grants(a, t) {
			best = a
		}
	}
	return best
}

// grants checks all of a except its network.
func grants(a *gateway.Access, t *wanted) bool {
	return (a.Port == 0 || a.Port == t.Port) && CoversUser(a.User, t.User) && matchJump(a.Proxy, t.jump) && !a.Expired(t.now)
}

// matchJump reports whether an access for that jump host covers the way that
// was asked for. Without one it covers only the direct way.
func matchJump(of gateway.Hop, asked gateway.Target) bool {
	if of.IsZero() || !asked.Addr.IsValid() {
		return of.IsZero() && !asked.Addr.IsValid()
	}
	return of.Addr == asked.Addr && (of.Port == 0 || of.Port == asked.Port) && CoversUser(of.User, asked.User)
}

// CoversUser reports whether pattern covers user. The users that stand for
// protocol rights ("!sftp") are given by name only: "any" is any login, and a
// login is not a file transfer.
func CoversUser(pattern, user string) bool {
	switch {
	case pattern == user:
		return true
	case strings.HasPrefix(user, "!"):
		return false
	case pattern == "":
		return true
	}
	return Glob(pattern, user)
}

// Glob matches '*' (anything) and '?' (one character). It remembers only the
// last star, which is enough, and makes it quadratic at worst.
func Glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
