package admin_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"gateway/internal/admin"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// values are the fields of a request; nil takes a field out.
type values map[string]any

// with gives the fields that the command of that request has, changed.
func (v values) with(t *testing.T, req any, change values) []byte {
	t.Helper()
	raw, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	var has values
	if err := json.Unmarshal(raw, &has); err != nil {
		t.Fatal(err)
	}
	all := maps.Clone(v)
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(name string, value any) bool {
		_, known := has[name]
		return !known || value == nil
	})
	raw, err = json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const (
	md5Hash    = "$1$salt$0123456789abcdefghijkl"
	sha256Hash = "$5$rounds=5000$salt$0123456789012345678901234567890123456789abc"
	type9Hash  = "$9$01234567890123$0123456789012345678901234567890123456789abc"
)

// badAccesses are options that no command may take, and what they are answered.
func badAccesses() map[string][]values {
	proxy := func(host, port, user any) values {
		return values{"ProxyHost": host, "ProxyPort": port, "ProxyUser": user}
	}
	var invalid []values
	for _, s := range []string{
		"-oProxyCommand=x", strings.Repeat("a", 254), "web1\x1b[2J", "fe80::1%eth0", "fe80::1%eth0/64", "[2001:db8::1]", "::ffff:192.0.2.0/120",
		"192.0.2.0/33", "2001:db8::/129", "192.0.2.0/-1", "a b", "2001:db8::1::2", "web1,web2",
	} {
		invalid = append(invalid, values{"Host": s}, proxy(s, "22", "jump"))
	}
	for _, s := range []string{"192.0.2.7/24", "2001:db8::1/32", "::/-1"} {
		invalid = append(invalid, values{"Host": s})
	}
	for _, s := range []string{"a b", "-l\x00", "\u202eroot", strings.Repeat("u", 129), "!ftp", "!", "!sftp*"} {
		invalid = append(invalid, values{"User": s}, proxy("web1", "22", s))
	}
	for _, s := range []string{"0", "65536", "-1", "+22", "22 ", "022", "0x16", "ssh", "99999999999999999999", "**"} {
		invalid = append(invalid, values{"Port": s}, proxy("web1", s, "jump"))
	}
	for _, s := range []string{"ftp", "!sftp", "SFTP", "scp", "sftp\x1b", strings.Repeat("x", 300)} {
		invalid = append(invalid, values{"User": nil, "Protocol": s})
	}
	return map[string][]values{
		"ERR_INVALID_PARAMETER": append(invalid, proxy("192.0.2.0/24", "22", "jump"), proxy("web1", "22", "!sftp")),
		"ERR_MISSING_PARAMETER": {
			{"Host": nil}, {"User": nil}, {"Port": nil},
			proxy("web1", nil, nil), proxy(nil, "22", nil), proxy(nil, nil, "jump"),
			proxy("web1", "22", nil), proxy("web1", nil, "jump"), proxy(nil, "22", "jump"),
		},
		"ERR_INCOMPATIBLE_PARAMETERS": {
			{"UserAny": true}, {"PortAny": true}, {"Protocol": "sftp"}, {"User": nil, "UserAny": true, "Protocol": "sftp"},
		},
		"ERR_HOST_NOT_FOUND": {
			{"Host": "unknown.example"}, {"Host": "forbidden"},
			proxy("unknown.example", "22", "jump"), proxy("forbidden", "22", "jump"),
		},
	}
}

// badAdditions are those that only what adds an access has.
func badAdditions() map[string][]values {
	var invalid []values
	for _, s := range []string{
		"1x", "-1", "0", "9223372036854775807", "9223372036854775808", "18446744073709551617", "300y300y", "300y", "1d\x1b", "1.5h", " 1d",
	} {
		invalid = append(invalid, values{"TTL": s})
	}
	for _, s := range []string{
		"x", "$1$x", "$2a$10$0123456789012345678901", md5Hash + "0", " " + md5Hash, md5Hash + "\n", strings.Replace(md5Hash, "a", "\x1b", 1),
		"$1$$0123456789abcdefghijkl", "$1$012345678$0123456789abcdefghijkl", strings.Replace(type9Hash, "$9$0", "$9$", 1),
		"$6$salt$" + strings.Repeat("a", 85), strings.Repeat("$", 4000),
	} {
		invalid = append(invalid, values{"ForcePassword": s})
	}
	return map[string][]values{
		"ERR_INVALID_PARAMETER":       invalid,
		"ERR_INCOMPATIBLE_PARAMETERS": {{"ForceKey": "SHA256:x", "ForcePassword": md5Hash}},
		"KO_NO_MATCHING_KEY":          {{"ForceKey": "SHA256:\x1bnone"}},
	}
}

// Every command that takes the options of an access refuses bad ones clearly,
// tries nothing and changes nothing.
func TestBadAccesses(t *testing.T) {
	w := newWorld(t)
	w.set.ProxyJump = true
	w.add(store.Owner{Group: "web"}, "root@192.0.2.7:22")
	good := values{"Group": "web", "Account": "zoe", "Host": "192.0.2.7", "User": "root", "Port": "22"}
	before, commands := w.live.Load(), 0
	for _, cmd := range osh.Commands() {
		flags := map[string]bool{}
		for _, o := range osh.Options(cmd.New()) {
			flags[o.Flag()] = true
		}
		if !flags["--user-any"] || !flags["--proxy-host"] {
			continue
		}
		commands++
		bad := badAccesses()
		for code, all := range badAdditions() {
			for _, v := range all {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(v)), func(name string) bool {
					return !flags[map[string]string{"TTL": "--ttl", "ForceKey": "--force-key", "ForcePassword": "--force-password"}[name]]
				}) {
					bad[code] = append(bad[code], v)
				}
			}
		}
		for code, all := range bad {
			for _, change := range all {
				r := w.exec.Run(t.Context(), admin.Actor{Account: "zoe", Local: true}, cmd.Name, good.with(t, cmd.New(), change))
				if r.Code != code || r.Exit == 0 {
					t.Errorf("%s with %q = %s (%s), want %s", cmd.Name, change, r.Code, r.Message, code)
				}
				printable(t, r)
			}
		}
	}
	if commands < 6 {
		t.Errorf("only %d commands take the options of an access", commands)
	}
	if w.live.Load() != before || len(w.network.targets) != 0 {
		t.Errorf("bad input changed the state or was tried: %v", w.network.targets)
	}
}

// Without the setting no access through a jump host is added; one that is there
// can be removed.
func TestJumpHostsNotAllowed(t *testing.T) {
	w := newWorld(t)
	o := osh.AccessOptions{Host: "192.0.2.7", User: "root", Port: "22", ProxyOptions: osh.ProxyOptions{ProxyHost: "web1", ProxyPort: "*", ProxyUser: "jump"}}
	web := osh.GroupOption{Group: "web"}
	add := osh.GroupAddServer{GroupOption: web, AccessOptions: o, NewAccessOptions: osh.NewAccessOptions{Force: true}}
	printable(t, w.want("ERR_INVALID_PARAMETER", "aclkeeper", "groupAddServer", add))
	w.set.ProxyJump = true
	w.want("OK", "aclkeeper", "groupAddServer", add)
	w.set.ProxyJump = false
	w.want("OK", "aclkeeper", "groupDelServer", osh.GroupDelServer{GroupOption: web, AccessOptions: o})
}

// What is forced is kept, shown and not tried; a jump host and rights to
// transfer files are shown too.
func TestForcedPasswordAndProxyListed(t *testing.T) {
	w := newWorld(t)
	w.set.ProxyJump = true
	w.grant("zoe", "whoHasAccessTo")
	web := osh.GroupOption{Group: "web"}
	proxy := osh.ProxyOptions{ProxyHost: "web1", ProxyPort: "2222", ProxyUser: "j*"}
	for i, hash := range []string{md5Hash, sha256Hash, type9Hash} {
		r := w.want("OK", "aclkeeper", "groupAddServer", osh.GroupAddServer{
			GroupOption: web, AccessOptions: osh.AccessOptions{Host: "192.0.2.7", User: "root", Port: []string{"1", "2", "3"}[i]},
			NewAccessOptions: osh.NewAccessOptions{ForcePassword: hash},
		})
		if i == 0 {
			w.golden("groupAddServer-forcePassword", r)
		}
	}
	w.want("OK", "aclkeeper", "groupAddServer", osh.GroupAddServer{
		GroupOption: web, AccessOptions: osh.AccessOptions{Host: "192.0.2.9", UserAny: true, Port: "22", ProxyOptions: proxy},
	})
	w.want("OK", "aclkeeper", "groupAddServer", osh.GroupAddServer{
		GroupOption: web, AccessOptions: osh.AccessOptions{Host: "192.0.2.9", Protocol: "rsync", Port: "22"},
	})
	if len(w.network.targets) != 0 {
		t.Errorf("tried %v", w.network.targets)
	}
	r := w.want("OK", "member", "groupListServers", osh.GroupListServers{GroupOption: web})
	w.golden("groupListServers-options", r)
	cmd, _ := osh.Lookup("groupListServers")
	var text strings.Builder
	if err := cmd.Text(&text, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  *@192.0.2.9:22 ", "  via j*@192.0.2.1:2222\n", "  !rsync@192.0.2.9:22  aclkeeper ", "with the password " + md5Hash,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, &text)
		}
	}
	for _, tt := range []struct {
		proxy osh.ProxyOptions
		want  int
	}{
		{osh.ProxyOptions{}, 2}, {proxy: osh.ProxyOptions{ProxyHost: "web1"}, want: 1}, {osh.ProxyOptions{ProxyHost: "six"}, 0},
		{osh.ProxyOptions{ProxyPort: "2222"}, 1}, {osh.ProxyOptions{ProxyPort: "22"}, 0},
		{osh.ProxyOptions{ProxyUser: "jane"}, 1}, {osh.ProxyOptions{ProxyUser: "root"}, 0},
		{osh.ProxyOptions{ProxyHost: "192.0.2.1", ProxyPort: "2222", ProxyUser: "j"}, 1},
	} {
		got := keys(t, w.want("OK", "zoe", "whoHasAccessTo", osh.WhoHasAccessTo{Host: "192.0.2.9", User: "root", ProxyOptions: tt.proxy}))
		if want := map[bool][]string{true: {"member"}}[tt.want > 0]; !slices.Equal(got, want) {
			t.Errorf("whoHasAccessTo through %+v: %v, want %v", tt.proxy, got, want)
		}
	}
	if a := w.live.Load().Group("web").Accesses[1]; a.ForcePassword != md5Hash || a.User != "root" || !a.Proxy.IsZero() {
		t.Errorf("stored %+v", a)
	}
}
