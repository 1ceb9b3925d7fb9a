package policy_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/policy"
)

// databases gives a group some, whose names say whose they are.
func (c chance) databases(g *gateway.Group) {
	for i := range c.IntN(4) {
		d := gateway.Database{Name: fmt.Sprintf("%s-%d", g.Name, i), Port: pick[uint16](c, 5432, 5432, 5433),
			Host: pick(c, "db", "db", "DB.example.org", "10.0.0.1", c.addr().String()), User: pick(c, "app", "app", "root"), Database: pick(c, "app", "shop"),
			DatabaseLimits: gateway.DatabaseLimits{Allow: c.rights()}, Expires: pick(c, time.Time{}, time.Time{}, now, now.Add(time.Hour))}
		g.Databases = append(g.Databases, d)
		for range c.IntN(3) {
			if g.DatabaseGuests == nil {
				g.DatabaseGuests = map[string][]gateway.DatabaseGuest{}
			}
			name := c.name()
			if !slices.ContainsFunc(g.DatabaseGuests[name], func(have gateway.DatabaseGuest) bool { return have.Database == d.Name }) {
				g.DatabaseGuests[name] = append(g.DatabaseGuests[name], gateway.DatabaseGuest{Database: d.Name, Allow: c.rights(),
					Expires: pick(c, time.Time{}, time.Time{}, now, now.Add(time.Minute), now.Add(2*time.Hour))})
			}
		}
	}
}

func (c chance) rights() gateway.DatabaseRights {
	return pick(c, gateway.DatabaseRead, gateway.DatabaseWrite, gateway.DatabaseDDL, gateway.DatabaseAll)
}

func (c chance) databaseRequest() gateway.Request {
	return gateway.Request{
		Principal: gateway.Principal{Account: c.name()}, From: netip.AddrPortFrom(c.addr(), 4000), Protocol: gateway.Postgres,
		Database: fmt.Sprintf("g%d-%d", c.IntN(5), c.IntN(3)),
		Target: gateway.Target{User: pick(c, "app", "app", "app", "root"), Port: pick[uint16](c, 5432, 5432, 5433), Addr: pick(c, c.addr(), jumpA),
			Host: pick(c, "db", "DB.example.org.", "db.example.org", "::ffff:10.0.0.1", "app")},
		Jump: pick(c, gateway.Target{}, gateway.Target{}, gateway.Target{}, gateway.Target{}, gateway.Target{Addr: jumpA, Port: 22}),
	}
}

// usable is the model's reading of who may use a database, and how.
func usable(g *gateway.Group, account string, d gateway.Database) (string, gateway.Database) {
	if end, ends := g.Ends[gateway.Holder{Role: gateway.Member, Account: account}]; slices.Contains(g.Members, account) && (!ends || end.After(now)) {
		if d.Expires.Equal(now) {
			return string(gateway.ReasonDatabaseExpired), d
		}
		return "group-member", d
	}
	for _, guest := range g.DatabaseGuests[account] {
		if guest.Database != d.Name {
			continue
		}
		if d.Expires.Equal(now) {
			return string(gateway.ReasonDatabaseExpired), d
		}
		if guest.Expires.Equal(now) {
			break
		}
		for _, rights := range []gateway.DatabaseRights{gateway.DatabaseRead, gateway.DatabaseWrite, gateway.DatabaseDDL} {
			if d.Allow == rights || guest.Allow == rights {
				d.Allow = rights
				break
			}
		}
		ends := []time.Time{d.Expires, guest.Expires}
		ends = slices.DeleteFunc(ends, time.Time.IsZero)
		if len(ends) > 0 {
			d.Expires = slices.MinFunc(ends, time.Time.Compare)
		}
		return "group-guest", d
	}
	return string(gateway.ReasonNoDatabaseAccess), d
}

func (m *model) database(a *gateway.Account, r gateway.Request) string {
	for _, g := range m.groups {
		for _, d := range g.Databases {
			if d.Name != r.Database {
				continue
			}
			kind, found := usable(g, a.Name, d)
			if !strings.HasPrefix(kind, "group-") {
				return kind
			}
			fixed, err := netip.ParseAddr(d.Host)
			if d.Port != r.Target.Port || d.User != r.Target.User || err == nil && fixed != r.Target.Addr || r.Jump.Addr.IsValid() {
				return string(gateway.ReasonOtherDatabase)
			}
			way := renderDatabase(gateway.Way{Kind: gateway.WayKind(kind), Group: g.Name, Database: &found})
			return way + " mfa " + m.mfa(a, []gateway.MFA{g.MFARequired})
		}
	}
	return string(gateway.ReasonNoDatabase)
}

func renderDatabase(w gateway.Way) string {
	return fmt.Sprintf("%s(%s):%+v%v%v", w.Kind, w.Group, *w.Database, w.Keys, w.Passwords)
}

// meant is what a request for a host means, by its name at the gateway for
// every second host and else by where it is.
func meant(s *policy.Snapshot, r gateway.Request, account string) string {
	host, database := asked(r)
	d, group, ok := s.Database(account, host, r.Target.Port, database, now)
	if !ok {
		return "nothing"
	}
	return fmt.Sprintf("%s of %s: %+v", d.Name, group, *d)
}

func asked(r gateway.Request) (host, database string) {
	if r.Target.Host == "app" {
		return strings.ToUpper(r.Database), ""
	}
	return r.Target.Host, r.Target.User
}

func (m *model) meant(r gateway.Request, account string) string {
	host, database := asked(r)
	var list, named []string
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		for _, d := range m.groups[name].Databases {
			kind, found := usable(m.groups[name], account, d)
			if !strings.HasPrefix(kind, "group-") {
				continue
			}
			byName := d.Name == strings.ToLower(host)
			same := strings.ToLower(d.Host) == strings.TrimSuffix(strings.ToLower(host), ".") || "::ffff:"+d.Host == host
			if !byName && (!same || d.Port != r.Target.Port) {
				continue
			}
			text := fmt.Sprintf("%s of %s: %+v", d.Name, name, found)
			if byName {
				return text
			}
			list = append(list, text)
			if d.Database == database {
				named = append(named, text)
			}
		}
	}
	if len(list) > 1 {
		list = named
	}
	if len(list) == 1 {
		return list[0]
	}
	return "nothing"
}

// A database grants nothing but itself, and no access grants a database.
func TestDatabaseIsNoAccess(t *testing.T) {
	host := netip.MustParseAddr("192.0.2.1")
	all := gateway.Access{Prefix: netip.MustParsePrefix("0.0.0.0/0")}
	db := &gateway.Group{Name: "db", Members: []string{"alice"}, DatabaseGuests: map[string][]gateway.DatabaseGuest{"bob": {{Database: "orders"}}},
		Databases: []gateway.Database{{Name: "orders", Host: "192.0.2.1", Port: 5432, User: "app"}}}
	web := &gateway.Group{Name: "web", Members: []string{"carol"}, Accesses: []gateway.Access{all}, Guests: map[string][]gateway.Access{"bob": {all}}}
	accounts := []*gateway.Account{{Name: "alice", Created: now}, {Name: "bob", Created: now}, {Name: "carol", Created: now, Personal: []gateway.Access{all}}}
	s := policy.New(accounts, []*gateway.Group{db, web}, policy.Rules{IPv4: true})
	for _, test := range []struct {
		account  string
		protocol gateway.Protocol
		database string
		ways     int
	}{
		{"alice", gateway.Postgres, "orders", 1}, {"bob", gateway.Postgres, "orders", 1}, {"carol", gateway.Postgres, "orders", 0},
		{"alice", gateway.SSH, "orders", 0}, {"alice", "", "orders", 0}, {"alice", gateway.Telnet, "", 0},
		{"carol", gateway.Postgres, "", 0}, {"carol", gateway.SSH, "orders", 2}, {"bob", gateway.SSH, "", 1},
	} {
		r := gateway.Request{Principal: gateway.Principal{Account: test.account}, Protocol: test.protocol, Database: test.database,
			Target: gateway.Target{User: "app", Addr: host, Port: 5432}}
		if d := s.Decide(r, now); len(d.Ways) != test.ways {
			t.Errorf("%s, %q, %q: %d ways, want %d (%s)", test.account, test.protocol, test.database, len(d.Ways), test.ways, d.Reason)
		}
	}
}

// A name that goes from one group to another is found in the other, in whatever
// order the groups change.
func TestDatabaseMoves(t *testing.T) {
	g := func(name string, databases ...gateway.Database) *gateway.Group {
		return &gateway.Group{Name: name, Members: []string{"alice"}, Databases: databases}
	}
	orders := gateway.Database{Name: "orders", Host: "db", Port: 5432}
	s := policy.New(nil, []*gateway.Group{g("a", orders), g("b")}, policy.Rules{})
	find := func(want string) {
		t.Helper()
		if _, group, _ := s.Database("alice", "orders", 0, "", now); group != want {
			t.Errorf("orders is in %q, want %q", group, want)
		}
	}
	find("a")
	s = s.WithGroup(g("b", orders)).WithGroup(g("a"))
	find("b")
	s = s.WithGroup(g("b")).WithGroup(g("a", orders))
	find("a")
	s = s.WithoutGroup("a")
	find("")
	s = s.WithGroup(g("c", orders)).WithoutGroup("b")
	find("c")
}

// Where several are at a host, the name at the server singles one out.
func TestOffersDatabase(t *testing.T) {
	g := &gateway.Group{Name: "db", Members: []string{"alice"}, Databases: []gateway.Database{
		{Name: "orders", Host: "pg", Port: 5432, Database: "orders"}, {Name: "shop", Host: "pg", Port: 5432, Database: "shop"}}}
	s := policy.New(nil, []*gateway.Group{g}, policy.Rules{})
	for _, test := range []struct {
		account, host, database string
		port                    uint16
		offers                  bool
		found                   string
	}{
		{"alice", "pg", "shop", 5432, true, "shop"}, {"alice", "pg", "", 5432, true, ""}, {"alice", "PG.", "x", 5432, true, ""},
		{"alice", "pg", "shop", 5433, false, ""}, {"bob", "pg", "shop", 5432, false, ""}, {"bob", "shop", "", 0, false, ""},
		{"alice", "Shop", "whatever", 1, true, "shop"},
	} {
		found := ""
		if d, _, ok := s.Database(test.account, test.host, test.port, test.database, now); ok {
			found = d.Name
		}
		if offers := s.OffersDatabase(test.account, test.host, test.port, now); offers != test.offers || found != test.found {
			t.Errorf("%+v: offers %v, found %q", test, offers, found)
		}
	}
}

// A database that has the name of a server gets nothing that is meant for one
// there, unless both are of the same group.
func TestDatabaseNamedLikeAServer(t *testing.T) {
	theirs := &gateway.Group{Name: "theirs", Members: []string{"alice"}, Databases: []gateway.Database{
		{Name: "orders", Host: "pg.example.org", Port: 5432, Database: "orders"}}}
	rogue := &gateway.Group{Name: "rogue", Members: []string{"alice", "bob"}, Databases: []gateway.Database{
		{Name: "mallory", Host: "orders", Port: 5432, Database: "orders"}, {Name: "pg.example.org", Host: "10.0.0.66", Port: 5432, Database: "orders"}}}
	s := policy.New(nil, []*gateway.Group{theirs, rogue}, policy.Rules{})
	for _, test := range []struct {
		account, host string
		port          uint16
		found         string
	}{
		{"alice", "pg.example.org", 5432, ""}, {"alice", "PG.example.org", 5432, ""}, {"alice", "pg.example.org", 5433, "pg.example.org"},
		{"alice", "orders", 5432, ""}, {"alice", "orders", 0, "orders"}, {"bob", "pg.example.org", 5432, "pg.example.org"}, {"bob", "orders", 5432, "mallory"},
	} {
		found := ""
		if d, _, ok := s.Database(test.account, test.host, test.port, "orders", now); ok {
			found = d.Name
		}
		if found != test.found {
			t.Errorf("%s means %q by %s:%d, want %q", test.account, found, test.host, test.port, test.found)
		}
	}
	theirs.Databases = append(theirs.Databases, gateway.Database{Name: "pg.internal", Host: "pg.internal", Port: 5432, Database: "orders"})
	s = policy.New(nil, []*gateway.Group{theirs}, policy.Rules{})
	if d, _, ok := s.Database("alice", "pg.internal", 5432, "", now); !ok || d.Name != "pg.internal" {
		t.Errorf("of one group: %v, %v", d, ok)
	}
}
