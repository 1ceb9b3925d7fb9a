package gateway

import (
	"maps"
	"slices"
	"time"
)

// Role is what an account is in a group. Roles are independent: an owner who
// is not a member can't connect.
type Role string

// The roles of a group.
const (
	Owner      Role = "owner"      // manages roles, keys and options
	Gatekeeper Role = "gatekeeper" // manages members and guests
	Aclkeeper  Role = "aclkeeper"  // manages the accesses
	Member     Role = "member"     // reaches every access of the group
	Guest      Role = "guest"      // reaches some of them
)

// Group is a set of accesses with its own egress keys, shared by its members.
// Values reached from a policy snapshot are shared: never change them.
type Group struct {
	Name      string
	Created   time.Time
	CreatedBy string

	Owners      []string // account names, sorted, as in the other lists
	Gatekeepers []string
	Aclkeepers  []string
	Members     []string
	Guests      map[string][]Access // account name → what it may reach of the group

	// Ends says when a role that was given for a time is over, for the roles
	// that have a list above. It may lie in the past.
	Ends map[Holder]time.Time

	Accesses []Access
	Keys     []EgressKey
	// Passwords are its egress passwords, the current one first.
	Passwords []EgressPassword

	Databases []Database // sorted by name
	// DatabaseGuests are who may use some of them without being members, by account.
	DatabaseGuests map[string][]DatabaseGuest

	MFARequired   MFA            // for each connection by this group
	GuestTTLLimit time.Duration  // longest guest access; 0: no limit
	IdleLock      *time.Duration // instead of the global setting; nil: none of its own, 0: never
	IdleKill      *time.Duration // likewise
}

// Holder is one account in one role.
type Holder struct {
	Role    Role
	Account string
}

// listed gives the accounts that were given the role, for a time or for good.
func (g *Group) listed(r Role) []string {
	switch r {
	case Owner:
		return g.Owners
	case Gatekeeper:
		return g.Gatekeepers
	case Aclkeeper:
		return g.Aclkeepers
	case Member:
		return g.Members
	case Guest:
		names := slices.AppendSeq(slices.Collect(maps.Keys(g.Guests)), maps.Keys(g.DatabaseGuests))
		slices.Sort(names)
		return slices.Compact(names)
	}
	return nil
}

// Holders returns the accounts that have the role at now, sorted. It may share
// memory with g.
func (g *Group) Holders(r Role, now time.Time) []string {
	names := g.listed(r)
	if r != Guest && len(g.Ends) == 0 {
		return names
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !g.held(r, name, now) })
}

// Has reports whether account has the role at now. The zero time counts what
// is over too.
func (g *Group) Has(r Role, account string, now time.Time) bool {
	if r != Guest {
		if _, ok := slices.BinarySearch(g.listed(r), account); !ok {
			return false
		}
	}
	return g.held(r, account, now)
}

// held reports whether a role that account was given is not over. A guest is
// who has an access or a database as such.
func (g *Group) held(r Role, account string, now time.Time) bool {
	if r == Guest {
		return slices.ContainsFunc(g.Guests[account], func(a Access) bool { return !a.Expired(now) }) ||
			slices.ContainsFunc(g.DatabaseGuests[account], func(d DatabaseGuest) bool { return !d.Expired(now) })
	}
	end, ok := g.Ends[Holder{r, account}]
	return !ok || now.Before(end)
}
