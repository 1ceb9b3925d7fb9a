package admin_test

import (
	"errors"
	"fmt"
	"slices"
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
	w.set.ProxyJump = true
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
		{"right", osh.AccessOptions{Host: "192.0.2.9", Protocol: "sftp", Port: "22"}, osh.NewAccessOptions{}, "!sftp@192.0.2.9:22"},
		{"proxy", osh.AccessOptions{Host: "192.0.2.9", User: "root", Port: "22", ProxyOptions: osh.ProxyOptions{ProxyHost: "six", ProxyPort: "2222", ProxyUser: "jump"}},
			osh.NewAccessOptions{Force: true}, "root@192.0.2.9:22 via jump@[2001:db8::6]:2222"},
		{"anyProxy", osh.AccessOptions{Host: "192.0.2.9", Protocol: "scpupload", PortAny: true, ProxyOptions: osh.ProxyOptions{ProxyHost: "192.0.2.1", ProxyPort: "*", ProxyUser: "*"}},
			osh.NewAccessOptions{}, "!scpupload@192.0.2.9:* via *@192.0.2.1:*"},
		{"ttl", osh.AccessOptions{Host: "192.0.2.9", User: "root", Port: "22"}, osh.NewAccessOptions{TTL: "1d7h8m"}, "root@192.0.2.9:22"},
	} {
		r := w.want("OK", a.by, add, a.add(tt.o, tt.n))
		if slices.Contains([]string{"name", "network", "ttl", "right", "proxy", "anyProxy"}, tt.name) {
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
		} else if tt.name == "proxy" {
			w.golden(del+"-proxy", r)
		}
		if len(a.list(w)) != 0 || w.deps.rechecks != before+1 {
			t.Errorf("%s: left %v, %d rechecks", tt.name, a.list(w), w.deps.rechecks-before)
		}
		w.want("OK_NO_CHANGE", a.by, del, a.del(tt.o))
	}
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
