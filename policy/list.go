package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"gateway"
)

// scanned is the length up to which a list is read from end to end; beyond it
// an index pays.
const scanned = 16

// list is a list of accesses and, when it is long, an index of it.
type list struct {
	accesses []gateway.Access
	// first is the position of the first access of each network, next that of
	// the following one of the same network, or -1. They are nil without index.
	first map[netip.Prefix]int32
	next  []int32
	// lens are the lengths of the networks that occur, longest first.
	lens4, lens6 []int
}

func newList(accesses []gateway.Access) list {
	l := list{accesses: accesses}
	if len(accesses) <= scanned {
		return l
	}
	l.first = make(map[netip.Prefix]int32, len(accesses))
	l.next = make([]int32, len(accesses))
	var seen4 [33]bool
	var seen6 [129]bool
	// Backwards, so that the chain of a network is in the order of the list.
	for i := len(accesses) - 1; i >= 0; i-- {
		p, ok := gateway.NormalNetwork(accesses[i].Prefix)
		if !ok {
			continue
		}
		head, found := l.first[p]
		if !found {
			head = -1
		}
		l.next[i], l.first[p] = head, int32(i)
		if p.Addr().Is4() {
			seen4[p.Bits()] = true
		} else {
			seen6[p.Bits()] = true
		}
	}
	l.lens4, l.lens6 = lengths(seen4[:]), lengths(seen6[:])
	return l
}

func lengths(seen []bool) []int {
	var lens []int
	for bits := range slices.Backward(seen) {
		if seen[bits] {
			lens = append(lens, bits)
		}
	}
	return lens
}

// find returns the access with the smallest network that lets t be reached at
// now, the first of the list if several have the same network, or nil.
func (l *list) find(t gateway.Target, now time.Time) *gateway.Access {
	if l.first == nil {
		return l.scan(t, now)
	}
	lens := l.lens4
	if t.Addr.Is6() {
		lens = l.lens6
	}
	for _, bits := range lens {
		p, err := t.Addr.Prefix(bits)
		if err != nil {
			return nil // a zone, which no access can have
		}
		i, ok := l.first[p]
		if !ok {
			continue
		}
		for ; i >= 0; i = l.next[i] {
			if grants(&l.accesses[i], t, now) {
				return &l.accesses[i]
			}
		}
	}
	return nil
}

// scan is find without index.
func (l *list) scan(t gateway.Target, now time.Time) *gateway.Access {
	var best *gateway.Access
	bestBits := -1
	for i := range l.accesses {
		a := &l.accesses[i]
		p, ok := gateway.NormalNetwork(a.Prefix)
		if !ok || p.Bits() <= bestBits || !p.Contains(t.Addr) || !grants(a, t, now) {
			continue
		}
		best, bestBits = a, p.Bits()
	}
	return best
}

// grants checks all of a except its network.
func grants(a *gateway.Access, t gateway.Target, now time.Time) bool {
	return (a.Port == 0 || a.Port == t.Port) && matchUser(a.User, t.User) && !a.Expired(now)
}

// matchUser reports whether pattern covers user. The users that stand for
// protocol rights ("!sftp") are given by name only: "any" is any login, and a
// login is not a file transfer.
func matchUser(pattern, user string) bool {
	switch {
	case pattern == user:
		return true
	case strings.HasPrefix(user, "!"):
		return false
	case pattern == "":
		return true
	}
	return glob(pattern, user)
}

// glob matches '*' (anything) and '?' (one character). It remembers only the
// last star, which is enough, and makes it quadratic at worst.
func glob(pattern, s string) bool {
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
