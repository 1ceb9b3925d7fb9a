// Package policy decides: who may log in, and who may reach what. It is a pure
// function of a snapshot of the state, the request and the time; it has no
// clock, disk or network of its own.
package policy

import (
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gateway"
)

// Snapshot is the state at one moment: every account and group, and the rules.
// It never changes; the With and Without methods give another one that shares
// almost everything with it. What is handed to a snapshot belongs to it.
type Snapshot struct {
	accounts shards[*account]
	groups   shards[*group]
	// seats gives for each account the groups in which it is anything, sorted.
	seats shards[[]seat]
	// databases gives the group of each, by the name that it is offered by.
	databases   shards[string]
	rules       *rules
	maintenance *gateway.Maintenance
}

type account struct {
	*gateway.Account
	personal list
}

type group struct {
	*gateway.Group
	accesses list
	guests   map[string]list
}

// seat is what the account has of one group, as far as decisions go; an owner
// has neither.
type seat struct {
	group         string
	member, guest bool
}

// Membership is what an account is in one group.
type Membership struct {
	Group *gateway.Group
	Roles []gateway.Role // at least one, in the order of the declarations
}

// New returns the snapshot of that state.
func New(accounts []*gateway.Account, groups []*gateway.Group, r Rules) *Snapshot {
	as := newShards[*account]().draft()
	for _, a := range accounts {
		as.set(a.Name, newAccount(a))
	}
	gs, seats, databases := newShards[*group]().draft(), newShards[[]seat]().draft(), newShards[string]().draft()
	byName := slices.SortedFunc(slices.Values(groups), func(a, b *gateway.Group) int {
		return strings.Compare(a.Name, b.Name)
	})
	for _, g := range byName {
		gs.set(g.Name, newGroup(g))
		for _, d := range g.Databases {
			databases.set(d.Name, g.Name)
		}
		for name := range changedHolders(new(gateway.Group), g) {
			in, _ := seats.get(name)
			seats.set(name, append(in, newSeat(g, name))) // grows in place: nobody else has it yet
		}
	}
	return &Snapshot{accounts: as.done(), groups: gs.done(), seats: seats.done(), databases: databases.done(), rules: compile(r)}
}

func newAccount(a *gateway.Account) *account {
	return &account{a, newList(a.Personal)}
}

func newGroup(g *gateway.Group) *group {
	n := &group{Group: g, accesses: newList(g.Accesses)}
	if len(g.Guests) > 0 {
		n.guests = make(map[string]list, len(g.Guests))
	}
	for name, accesses := range g.Guests {
		n.guests[name] = newList(accesses)
	}
	return n
}

func newSeat(g *gateway.Group, account string) seat {
	return seat{g.Name, g.Has(gateway.Member, account, time.Time{}), len(g.Guests[account]) > 0}
}

// WithAccount returns s with a added, or replacing the one of its name.
func (s *Snapshot) WithAccount(a *gateway.Account) *Snapshot {
	d, next := s.accounts.draft(), *s
	d.set(a.Name, newAccount(a))
	next.accounts = d.done()
	return &next
}

// WithoutAccount returns s without the account of that name. Its roles are
// part of the groups, and go with them.
func (s *Snapshot) WithoutAccount(name string) *Snapshot {
	d, next := s.accounts.draft(), *s
	d.drop(name)
	next.accounts = d.done()
	return &next
}

// WithGroup returns s with g added, or replacing the one of its name.
func (s *Snapshot) WithGroup(g *gateway.Group) *Snapshot {
	d, next := s.groups.draft(), *s
	d.set(g.Name, newGroup(g))
	next.groups = d.done()
	next.seats = s.changeSeats(g.Name, g)
	next.databases = s.changeDatabases(g.Name, g)
	return &next
}

// WithoutGroup returns s without the group of that name.
func (s *Snapshot) WithoutGroup(name string) *Snapshot {
	d, next := s.groups.draft(), *s
	d.drop(name)
	next.groups = d.done()
	next.seats = s.changeSeats(name, nil)
	next.databases = s.changeDatabases(name, new(gateway.Group))
	return &next
}

// changeDatabases brings the names of databases up to date with the next state
// of a group.
func (s *Snapshot) changeDatabases(name string, next *gateway.Group) shards[string] {
	var before []gateway.Database
	if g := s.Group(name); g != nil {
		before = g.Databases
	}
	if slices.EqualFunc(before, next.Databases, func(a, b gateway.Database) bool { return a.Name == b.Name }) {
		return s.databases
	}
	d := s.databases.draft()
	for _, db := range before {
		if in, _ := d.get(db.Name); in == name { // else another group has the name by now
			d.drop(db.Name)
		}
	}
	for _, db := range next.Databases {
		d.set(db.Name, name)
	}
	return d.done()
}

// changeSeats brings the seats up to date with the next state of a group, nil
// when it goes.
func (s *Snapshot) changeSeats(name string, next *gateway.Group) shards[[]seat] {
	before := s.Group(name)
	if before == nil {
		before = new(gateway.Group)
	}
	if next == nil {
		next = new(gateway.Group)
	}
	changed := changedHolders(before, next)
	if len(changed) == 0 {
		return s.seats
	}
	d := s.seats.draft()
	for account := range changed {
		in, _ := d.get(account)
		i, found := slices.BinarySearchFunc(in, name, func(s seat, name string) int { return strings.Compare(s.group, name) })
		rest := in[i:]
		if found {
			rest = in[i+1:]
		}
		switch {
		case len(rolesIn(next, account, time.Time{})) > 0:
			d.set(account, slices.Concat(in[:i], []seat{newSeat(next, account)}, rest))
		case i == 0 && len(rest) == 0:
			d.drop(account)
		default:
			d.set(account, slices.Concat(in[:i], rest))
		}
	}
	return d.done()
}

// changedHolders gives the accounts with a role in one of a and b that they
// have not in the other, be it over or not: the zero time counts both. Going through both lists side by side keeps this
// cheap for a group of thousands.
func changedHolders(a, b *gateway.Group) map[string]bool {
	changed := map[string]bool{}
	for _, r := range []gateway.Role{gateway.Owner, gateway.Gatekeeper, gateway.Aclkeeper, gateway.Member} {
		x, y := a.Holders(r, time.Time{}), b.Holders(r, time.Time{})
		for len(x) > 0 || len(y) > 0 {
			switch {
			case len(x) == 0 || len(y) > 0 && y[0] < x[0]:
				changed[y[0]], y = true, y[1:]
			case len(y) == 0 || x[0] < y[0]:
				changed[x[0]], x = true, x[1:]
			default:
				x, y = x[1:], y[1:]
			}
		}
	}
	addLeft(changed, a.Guests, b.Guests)
	addLeft(changed, b.Guests, a.Guests)
	addLeft(changed, a.DatabaseGuests, b.DatabaseGuests)
	addLeft(changed, b.DatabaseGuests, a.DatabaseGuests)
	return changed
}

// addLeft adds the names that have something in a and nothing in b.
func addLeft[V any](names map[string]bool, a, b map[string][]V) {
	for name := range a {
		if len(b[name]) == 0 {
			names[name] = true
		}
	}
}

// rolesIn gives the roles of the account in g at now, in the order of their
// declarations.
func rolesIn(g *gateway.Group, account string, now time.Time) []gateway.Role {
	var roles []gateway.Role
	for _, r := range []gateway.Role{
		gateway.Owner, gateway.Gatekeeper, gateway.Aclkeeper, gateway.Member, gateway.Guest,
	} {
		if g.Has(r, account, now) {
			roles = append(roles, r)
		}
	}
	return roles
}

// WithRules returns s with other rules.
func (s *Snapshot) WithRules(r Rules) *Snapshot {
	next := *s
	next.rules = compile(r)
	return &next
}

// WithMaintenance returns s in maintenance mode, or out of it for nil.
func (s *Snapshot) WithMaintenance(m *gateway.Maintenance) *Snapshot {
	next := *s
	next.maintenance = m
	return &next
}

// Maintenance says that only administrators may log in, and why; nil: anybody
// may.
func (s *Snapshot) Maintenance() *gateway.Maintenance { return s.maintenance }

// Account returns the account of that name, or nil.
func (s *Snapshot) Account(name string) *gateway.Account {
	if a, ok := s.accounts.get(name); ok {
		return a.Account
	}
	return nil
}

// Group returns the group of that name, or nil.
func (s *Snapshot) Group(name string) *gateway.Group {
	if g, ok := s.groups.get(name); ok {
		return g.Group
	}
	return nil
}

// Accounts gives every account, sorted by name.
func (s *Snapshot) Accounts() iter.Seq[*gateway.Account] {
	return func(yield func(*gateway.Account) bool) {
		for _, a := range s.accounts.sorted() {
			if !yield(a.Account) {
				return
			}
		}
	}
}

// Groups gives every group, sorted by name.
func (s *Snapshot) Groups() iter.Seq[*gateway.Group] {
	return func(yield func(*gateway.Group) bool) {
		for _, g := range s.groups.sorted() {
			if !yield(g.Group) {
				return
			}
		}
	}
}

// NumAccounts is how many accounts there are.
func (s *Snapshot) NumAccounts() int { return s.accounts.n }

// NumGroups is how many groups there are.
func (s *Snapshot) NumGroups() int { return s.groups.n }

// GroupsOf gives the groups in which the account is anything at now, sorted by
// name.
func (s *Snapshot) GroupsOf(account string, now time.Time) []Membership {
	seats, _ := s.seats.get(account)
	list := make([]Membership, 0, len(seats))
	for _, seat := range seats {
		g := s.Group(seat.group)
		if roles := rolesIn(g, account, now); len(roles) > 0 {
			list = append(list, Membership{g, roles})
		}
	}
	return list
}

// Live is the snapshot in force. Readers never wait.
type Live struct {
	mu      sync.Mutex // serialises Update
	current atomic.Pointer[Snapshot]
}

// NewLive returns a Live with s in force.
func NewLive(s *Snapshot) *Live {
	l := new(Live)
	l.current.Store(s)
	return l
}

// Load returns the snapshot in force.
func (l *Live) Load() *Snapshot { return l.current.Load() }

// Update puts f of the snapshot in force in its place. No other Update comes
// between; everything f does becomes visible at once.
func (l *Live) Update(f func(*Snapshot) *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current.Store(f(l.current.Load()))
}
