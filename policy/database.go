package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"gateway"
)

// Database finds what a person means by a host and port among the databases
// that the account may use now: one by its name, whatever the port, or the one
// at that host and port, see databasesAt. Where several are there, database, the name at the
// server, must single one out. Of others nobody learns anything.
func (s *Snapshot) Database(account, host string, port uint16, database string, now time.Time) (found *gateway.Database, group string, ok bool) {
	there := s.databasesAt(account, host, port, now)
	if len(there) > 1 {
		there = slices.DeleteFunc(there, func(w gateway.Way) bool { return w.Database.Database != database })
	}
	if len(there) != 1 {
		return nil, "", false
	}
	return there[0].Database, there[0].Group, true
}

// OffersDatabase reports whether the account may use a database that a person
// may mean by that host and port, whatever its name at the server.
func (s *Snapshot) OffersDatabase(account, host string, port uint16, now time.Time) bool {
	return len(s.databasesAt(account, host, port, now)) > 0
}

// databasesAt gives the database of that name, or else all at that host and
// port, that the account may use. None if both are there and of other groups:
// whoever manages databases could name one like a server of somebody else's, and
// get what is meant for that.
func (s *Snapshot) databasesAt(account, host string, port uint16, now time.Time) []gateway.Way {
	there := s.databasesOfServer(account, host, port, now)
	g, d := s.database(strings.ToLower(host))
	if d == nil {
		return there
	}
	named, why := s.useDatabase(account, g, d, now)
	switch {
	case why != "":
		return there
	case slices.ContainsFunc(there, func(w gateway.Way) bool { return w.Group != named.Group }):
		return nil
	}
	return []gateway.Way{named}
}

// databasesOfServer gives all at that host and port that the account may use.
func (s *Snapshot) databasesOfServer(account, host string, port uint16, now time.Time) (there []gateway.Way) {
	seats, _ := s.seats.get(account)
	for _, seat := range seats {
		g, _ := s.groups.get(seat.group)
		for i := range g.Databases {
			d := &g.Databases[i]
			if d.Port != port || !sameHost(d.Host, host) {
				continue
			}
			if way, why := s.useDatabase(account, g, d, now); why == "" {
				there = append(there, way)
			}
		}
	}
	return there
}

// database finds a database and its group by the name that it is offered by.
func (s *Snapshot) database(name string) (*group, *gateway.Database) {
	in, ok := s.databases.get(name)
	if !ok {
		return nil, nil
	}
	g, _ := s.groups.get(in)
	return g, databaseOf(g.Group, name)
}

// DatabaseGroup returns the group that offers the database of that name, or nil.
func (s *Snapshot) DatabaseGroup(name string) *gateway.Group {
	if g, d := s.database(name); d != nil {
		return g.Group
	}
	return nil
}

func databaseOf(g *gateway.Group, name string) *gateway.Database {
	i, ok := slices.BinarySearchFunc(g.Databases, name, func(d gateway.Database, name string) int { return strings.Compare(d.Name, name) })
	if !ok {
		return nil
	}
	return &g.Databases[i]
}

// sameHost compares host names, or addresses in whatever form.
func sameHost(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	if errX == nil && errY == nil {
		return x.Unmap() == y.Unmap()
	}
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// useDatabase gives the way by which the account may use a database of g, or
// why there is none.
func (s *Snapshot) useDatabase(account string, g *group, d *gateway.Database, now time.Time) (gateway.Way, gateway.Reason) {
	way := gateway.Way{Kind: gateway.WayGroupMember, Group: g.Name, Database: d}
	member := g.Has(gateway.Member, account, now)
	var guest *gateway.DatabaseGuest
	if !member {
		guest = databaseGuest(g.Group, account, d.Name)
	}
	switch {
	case !member && guest == nil:
		return gateway.Way{}, gateway.ReasonNoDatabaseAccess
	case d.Expired(now):
		return gateway.Way{}, gateway.ReasonDatabaseExpired
	case member:
		return way, ""
	case guest.Expired(now):
		return gateway.Way{}, gateway.ReasonNoDatabaseAccess
	}
	way.Kind, way.Database = gateway.WayGroupGuest, narrowDatabase(d, guest)
	return way, ""
}

func databaseGuest(g *gateway.Group, account, database string) *gateway.DatabaseGuest {
	for i, d := range g.DatabaseGuests[account] {
		if d.Database == database {
			return &g.DatabaseGuests[account][i]
		}
	}
	return nil
}

// narrowDatabase gives the database as a guest may use it: with the lesser
// rights of the two, and no longer than either lasts.
func narrowDatabase(d *gateway.Database, guest *gateway.DatabaseGuest) *gateway.Database {
	n := *d
	n.Allow = n.Allow.Lesser(guest.Allow)
	if n.Expires.IsZero() || !guest.Expires.IsZero() && guest.Expires.Before(n.Expires) {
		n.Expires = guest.Expires
	}
	return &n
}

// decideDatabase is Decide past the account and the rules. The target must be
// where the database is now: one that moved was not decided on.
func (s *Snapshot) decideDatabase(a *account, r *gateway.Request, now time.Time) gateway.Decision {
	way, why := s.databaseWay(a.Name, r, now)
	if why != "" {
		return gateway.Decision{Reason: why}
	}
	g, _ := s.groups.get(way.Group)
	return gateway.Decision{Ways: []gateway.Way{way}, MFA: s.Factor(a.Account, g.MFARequired)}
}

func (s *Snapshot) databaseWay(account string, r *gateway.Request, now time.Time) (gateway.Way, gateway.Reason) {
	g, d := s.database(r.Database)
	if d == nil {
		return gateway.Way{}, gateway.ReasonNoDatabase
	}
	way, why := s.useDatabase(account, g, d, now)
	switch {
	case why != "":
		return gateway.Way{}, why
	case !databaseAt(d, r.Target), r.Jump != (gateway.Target{}):
		return gateway.Way{}, gateway.ReasonOtherDatabase
	}
	return way, ""
}

// databaseAt reports whether the database is at that target, as far as can be
// told without resolving its host.
func databaseAt(d *gateway.Database, t gateway.Target) bool {
	addr, err := netip.ParseAddr(d.Host)
	return d.Port == t.Port && d.User == t.User && (err != nil || addr.Unmap() == t.Addr.Unmap())
}

// database explains the one group that could have granted.
func (e *Explanation) database(s *Snapshot, account string, r *gateway.Request, now time.Time) {
	g, d := s.database(r.Database)
	if d == nil {
		return
	}
	l := List{Kind: gateway.WayGroupMember, Group: g.Name}
	way, why := s.databaseWay(account, r, now)
	end, ends := g.Ends[gateway.Holder{Role: gateway.Member, Account: account}]
	guest := databaseGuest(g.Group, account, d.Name)
	switch {
	case why == "":
		l.Kind, l.Database = way.Kind, way.Database
	case why == gateway.ReasonDatabaseExpired:
		l.Why = string(why) + " " + d.Expires.UTC().Format(time.DateTime)
	case why != gateway.ReasonNoDatabaseAccess:
		l.Why = string(why)
	case guest != nil:
		l.Kind, l.Why = gateway.WayGroupGuest, "the right to use the database expired "+guest.Expires.UTC().Format(time.DateTime)
	case ends && !now.Before(end):
		l.Why = "the membership ended " + end.UTC().Format(time.DateTime)
	default:
		l.Why = "the account is neither member of the group nor guest of the database"
	}
	e.Lists = append(e.Lists, l)
}
