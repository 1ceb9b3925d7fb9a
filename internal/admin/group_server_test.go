package admin_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway"
	"gateway/internal/osh"
)

// accessCommand is one of the pairs of commands that add and remove accesses.
type accessCommand struct {
	name, by string
	add      func(osh.AccessOptions, osh.NewAccessOptions) any
	del      func(osh.AccessOptions) any
	list     func(w *world) []gateway.Access
}

func accessCommands() []accessCommand {
	web, zoe := osh.GroupOption{Group: "web"}, osh.AccountOption{Account: "zoe"}
	return []accessCommand{
		{"Server", "aclkeeper",
			func(o osh.AccessOptions, n osh.NewAccessOptions) any {
				return osh.GroupAddServer{GroupOption: web, AccessOptions: o, NewAccessOptions: n}
			},
			func(o osh.AccessOptions) any { return osh.GroupDelServer{GroupOption: web, AccessOptions: o} },
			func(w *world) []gateway.Access { return w.live.Load().Group("web").Accesses[1:] }},
		{"PersonalAccess", "eve",
			func(o osh.AccessOptions, n osh.NewAccessOptions) any {
				return osh.AccountAddPersonalAccess{AccountOption: zoe, AccessOptions: o, NewAccessOptions: n}
			},
			func(o osh.AccessOptions) any {
				return osh.AccountDelPersonalAccess{AccountOption: zoe, AccessOptions: o}
			},
			func(w *world) []gateway.Access { return w.live.Load().Account("zoe").Personal }},
	}
}

func (a accessCommand) names() (add, del string) {
	if a.name == "Server" {
		return "groupAddServer", "groupDelServer"
	}
	return "accountAddPersonalAccess", "accountDelPersonalAccess"
}

func (a accessCommand) world(t *testing.T) *world {
	w := newWorld(t)
	if a.name != "Server" {
		w.grant("eve", "accountAddPersonalAccess")
		w.grant("eve", "accountDelPersonalAccess")
	}
	return w
}

func TestAddAndDelAccess(t *testing.T) {
	forAccessCommands(t, addAndDelAccess)
}

func forAccessCommands(t *testing.T, f func(*testing.T, accessCommand)) {
	for _, a := range accessCommands() {
		t.Run(a.name, func(t *testing.T) { f(t, a) })
	}
}

func addAndDelAccess(t *testing.T, a accessCommand) {
	w := a.world(t)
	add, del := a.names()
	for _, tt := range []struct {
		name string
		o    osh.AccessOptions
		n    osh.NewAccessOptions
		want string // of the access
	}{
		{"address", osh.AccessOptions{Host: "192.0.2.7", User: "root", Port: "22"}, osh.NewAccessOptions{}, "root@192.0.2.7:22"},
		{"name", osh.AccessOptions{Host: "six", User: "root", Port: "65535"}, osh.NewAccessOptions{}, "root@[2001:db8::6]:65535"},
		{"network", osh.AccessOptions{Host: "10.0.0.0/8", UserAny: true, PortAny: true}, osh.NewAccessOptions{Comment: "a #\"b'\x1b"}, "*@10.0.0.0/8:*"},
		{"wildcards", osh.AccessOptions{Host: "2001:db8::/32", User: "ad?in-*", Port: "*"}, osh.NewAccessOptions{}, "ad?in-*@[2001:db8::/32]:*"},
		{"mapped", osh.AccessOptions{Host: "::ffff:192.0.2.8", User: "*", Port: "22"}, osh.NewAccessOptions{Force: true}, "*@192.0.2.8:22"},
		{"ttl", osh.AccessOptions{Host: "192.0.2.9", User: "root", Port: "22"}, osh.NewAccessOptions{TTL: "1d7h8m"}, "root@192.0.2.9:22"},
	} {
		r := w.want("OK", a.by, add, a.add(tt.o, tt.n))
		if slices.Contains([]string{"name", "network", "ttl"}, tt.name) {
			w.golden(add+"-"+tt.name, r)
		}
		list := a.list(w)
		if len(list) != 1 || list[0].String() != tt.want || list[0].AddedBy != a.by {
			t.Fatalf("%s: the list is %v, want %s by %s", tt.name, list, tt.want, a.by)
		}
		w.want("OK_NO_CHANGE", a.by, add, a.add(tt.o, tt.n))
		before := w.deps.rechecks
		if r := w.want("OK", a.by, del, a.del(tt.o)); tt.name == "network" {
			w.golden(del, r)
		}
		if len(a.list(w)) != 0 || w.deps.rechecks != before+1 {
			t.Errorf("%s: left %v, %d rechecks", tt.name, a.list(w), w.deps.rechecks-before)
		}
		w.want("OK_NO_CHANGE", a.by, del, a.del(tt.o))
	}
}

func TestBadAccesses(t *testing.T) {
	good := osh.AccessOptions{Host: "192.0.2.7", User: "root", Port: "22"}
	with := func(f func(*osh.AccessOptions)) osh.AccessOptions { o := good; f(&o); return o }
	host := func(s string) osh.AccessOptions { return with(func(o *osh.AccessOptions) { o.Host = s }) }
	user := func(s string) osh.AccessOptions { return with(func(o *osh.AccessOptions) { o.User = s }) }
	port := func(s string) osh.AccessOptions { return with(func(o *osh.AccessOptions) { o.Port = s }) }
	type bad struct {
		o    osh.AccessOptions
		want string
	}
	both := []bad{
		{host(""), "ERR_MISSING_PARAMETER"},
		{user(""), "ERR_MISSING_PARAMETER"},
		{port(""), "ERR_MISSING_PARAMETER"},
		{with(func(o *osh.AccessOptions) { o.UserAny = true }), "ERR_INCOMPATIBLE_PARAMETERS"},
		{with(func(o *osh.AccessOptions) { o.PortAny = true }), "ERR_INCOMPATIBLE_PARAMETERS"},
		{with(func(o *osh.AccessOptions) { o.Protocol = "sftp" }), "ERR_INVALID_PARAMETER"},
		{with(func(o *osh.AccessOptions) { o.ProxyHost = "192.0.2.1" }), "ERR_INVALID_PARAMETER"},
		{host("unknown.example"), "ERR_HOST_NOT_FOUND"},
		{host("forbidden"), "ERR_HOST_NOT_FOUND"},
		{host("-oProxyCommand=x"), "ERR_INVALID_PARAMETER"},
		{host(strings.Repeat("a", 254)), "ERR_INVALID_PARAMETER"},
		{host("web1\x1b[2J"), "ERR_INVALID_PARAMETER"},
		{host("fe80::1%eth0"), "ERR_INVALID_PARAMETER"},
		{host("fe80::1%eth0/64"), "ERR_INVALID_PARAMETER"},
		{host("192.0.2.7/24"), "ERR_INVALID_PARAMETER"},
		{host("192.0.2.0/33"), "ERR_INVALID_PARAMETER"},
		{host("2001:db8::1/32"), "ERR_INVALID_PARAMETER"},
		{host("::ffff:192.0.2.0/120"), "ERR_INVALID_PARAMETER"},
		{host("[2001:db8::1]"), "ERR_INVALID_PARAMETER"},
		{user("a b"), "ERR_INVALID_PARAMETER"},
		{user("-l\x00"), "ERR_INVALID_PARAMETER"},
		{user("\u202eroot"), "ERR_INVALID_PARAMETER"},
		{user(strings.Repeat("u", 129)), "ERR_INVALID_PARAMETER"},
		{port("0"), "ERR_INVALID_PARAMETER"},
		{port("65536"), "ERR_INVALID_PARAMETER"},
		{port("-1"), "ERR_INVALID_PARAMETER"},
		{port("+22"), "ERR_INVALID_PARAMETER"},
		{port("22 "), "ERR_INVALID_PARAMETER"},
		{port("99999999999999999999"), "ERR_INVALID_PARAMETER"},
	}
	forAccessCommands(t, func(t *testing.T, a accessCommand) {
		w := a.world(t)
		add, del := a.names()
		for _, tt := range both {
			printable(t, w.want(tt.want, a.by, add, a.add(tt.o, osh.NewAccessOptions{})))
			printable(t, w.want(tt.want, a.by, del, a.del(tt.o)))
		}
		for ttl, want := range map[string]string{
			"1x": "ERR_INVALID_PARAMETER", "-1": "ERR_INVALID_PARAMETER", "0": "ERR_INVALID_PARAMETER",
			"9223372036854775807": "ERR_INVALID_PARAMETER", "18446744073709551617": "ERR_INVALID_PARAMETER",
			"300y300y": "ERR_INVALID_PARAMETER", "1d\x1b": "ERR_INVALID_PARAMETER",
		} {
			printable(t, w.want(want, a.by, add, a.add(good, osh.NewAccessOptions{TTL: ttl})))
		}
		w.want("ERR_INVALID_PARAMETER", a.by, add, a.add(good, osh.NewAccessOptions{ForcePassword: "$1$x"}))
		printable(t, w.want("KO_NO_MATCHING_KEY", a.by, add, a.add(good, osh.NewAccessOptions{ForceKey: "SHA256:\x1bnone"})))
		if len(a.list(w)) != 0 || len(w.network.targets) != 0 {
			t.Errorf("%s: bad input left %v, probed %v", add, a.list(w), w.network.targets)
		}
	})
}

// One address and login is tried before it is added; --force adds it anyhow.
func TestAccessIsTried(t *testing.T) {
	forAccessCommands(t, func(t *testing.T, a accessCommand) {
		w := a.world(t)
		add, _ := a.names()
		w.network.probeErr = errors.New("permission denied\x1b[2J")
		o := osh.AccessOptions{Host: "web1", User: "nginx", Port: "2222"}
		printable(t, w.want("ERR_CONNECTION_FAILED", a.by, add, a.add(o, osh.NewAccessOptions{})))
		if len(w.network.targets) != 1 || w.network.targets[0] != "nginx@192.0.2.1:2222" || len(a.list(w)) != 0 {
			t.Errorf("%s: probed %v, added %v", add, w.network.targets, a.list(w))
		}
		w.want("OK", a.by, add, a.add(osh.AccessOptions{Host: "192.0.2.0/24", User: "nginx", Port: "22"}, osh.NewAccessOptions{}))
		w.want("OK", a.by, add, a.add(osh.AccessOptions{Host: "192.0.2.3", User: "ngin*", Port: "22"}, osh.NewAccessOptions{}))
		w.want("OK", a.by, add, a.add(o, osh.NewAccessOptions{Force: true}))
		if list := a.list(w); len(w.network.targets) != 1 || len(list) != 3 || list[2].Comment != "hostname=web1" {
			t.Errorf("%s: probed %v, added %v", add, w.network.targets, list)
		}
	})
}

// An access that has expired gives way to a new one.
func TestExpiredAccessIsReplaced(t *testing.T) {
	forAccessCommands(t, func(t *testing.T, a accessCommand) {
		w := a.world(t)
		add, _ := a.names()
		o := osh.AccessOptions{Host: "192.0.2.7", User: "root", Port: "22"}
		w.want("OK", a.by, add, a.add(o, osh.NewAccessOptions{TTL: "60"}))
		w.want("OK_NO_CHANGE", a.by, add, a.add(o, osh.NewAccessOptions{}))
		w.now = w.now.Add(time.Minute)
		w.want("OK", a.by, add, a.add(o, osh.NewAccessOptions{}))
		if list := a.list(w); len(list) != 1 || !list[0].Expires.IsZero() {
			t.Errorf("%s: the list is %v", add, list)
		}
	})
}

func TestForceKey(t *testing.T) {
	w := newWorld(t)
	key := w.live.Load().Group("web").Keys[0].Fingerprint
	o := osh.AccessOptions{Host: "192.0.2.7", User: "root", Port: "22"}
	w.golden("groupAddServer-forceKey", w.want("OK", "aclkeeper", "groupAddServer", osh.GroupAddServer{
		GroupOption: osh.GroupOption{Group: "web"}, AccessOptions: o, NewAccessOptions: osh.NewAccessOptions{ForceKey: key},
	}))
	w.golden("groupListServers", w.want("OK", "member", "groupListServers",
		osh.GroupListServers{GroupOption: osh.GroupOption{Group: "web"}}))
	w.want("OK_EMPTY", "member", "groupListServers", osh.GroupListServers{
		GroupOption: osh.GroupOption{Group: "web"}, FilterOptions: osh.FilterOptions{Include: []string{"10.*"}},
	})
	w.want("KO_GROUP_NOT_FOUND", "boss", "groupListServers", osh.GroupListServers{GroupOption: osh.GroupOption{Group: "none"}})
	w.want("ERR_MISSING_PARAMETER", "boss", "groupListServers", osh.GroupListServers{})
}

// Changes that come at the same time are all made, and policy follows.
func TestConcurrentChanges(t *testing.T) {
	w := newWorld(t)
	const n = 16
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			raw := fmt.Appendf(nil, `{"Group":"web","Host":"10.0.0.%d","User":"root","Port":"22","Force":true}`, i)
			if r := w.exec.Run(t.Context(), actor("aclkeeper"), "groupAddServer", raw); r.Code != "OK" {
				t.Errorf("groupAddServer = %s (%s)", r.Code, r.Message)
			}
		})
	}
	wg.Wait()
	if got := len(w.live.Load().Group("web").Accesses); got != n+1 || w.deps.rechecks != n {
		t.Errorf("%d accesses and %d rechecks, want %d and %d", got, w.deps.rechecks, n+1, n)
	}
}
