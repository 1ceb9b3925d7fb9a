package gateway

import (
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

	Accesses []Access
	Keys     []EgressKey
}

// Holders returns the accounts that have the role. For Guest they are unsorted.
func (g *Group) Holders(r Role) []string {
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
		names := make([]string, 0, len(g.Guests))
		for n := range g.Guests {
			names = append(names, n)
		}
		return names
	}
	return nil
}

// Has reports whether account has the role.
func (g *Group) Has(r Role, account string) bool {
	if r == Guest {
		_, ok := g.Guests[account]
		return ok
	}
	_, ok := slices.BinarySearch(g.Holders(r), account)
	return ok
}
