package admin_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// keys gives the keys of a value that is a map.
func keys(t *testing.T, r osh.Result) []string {
	t.Helper()
	var v map[string]json.RawMessage
	if err := json.Unmarshal(r.Value, &v); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestGroupList(t *testing.T) {
	w := newWorld(t)
	w.group("db", map[gateway.Role]string{gateway.Owner: "owner", gateway.Member: "owner"})
	w.golden("groupList", w.want("OK", "owner", "groupList", osh.GroupList{}))
	w.golden("groupList-all", w.want("OK", "guest", "groupList", osh.GroupList{All: true}))
	w.golden("groupList-empty", w.want("OK_EMPTY", "zoe", "groupList", osh.GroupList{}))
	list := func(include, exclude []string) []string {
		return keys(t, w.want("OK", "zoe", "groupList",
			osh.GroupList{All: true, FilterOptions: osh.FilterOptions{Include: include, Exclude: exclude}}))
	}
	for _, tt := range []struct{ include, exclude, want []string }{
		{[]string{"e"}, nil, []string{"web"}},
		{[]string{"?b"}, nil, []string{"db"}},
		{nil, []string{"w*"}, []string{"db"}},
		{[]string{"b"}, []string{"web"}, []string{"db"}},
		{[]string{"web", "db"}, nil, []string{"db", "web"}},
	} {
		if got := list(tt.include, tt.exclude); !slices.Equal(got, tt.want) {
			t.Errorf("include %v, exclude %v: %v, want %v", tt.include, tt.exclude, got, tt.want)
		}
	}
}

// A filter that would keep the monitor busy is refused, by every command that
// takes one.
func TestFiltersAreBounded(t *testing.T) {
	w := newWorld(t)
	for _, o := range []osh.FilterOptions{
		{Include: slices.Repeat([]string{"*a*"}, 33)},
		{Exclude: []string{strings.Repeat("*a", 1<<10)}},
		{Include: slices.Repeat([]string{"a"}, 17), Exclude: slices.Repeat([]string{"a"}, 17)},
	} {
		w.want("ERR_INVALID_PARAMETER", "zoe", "groupList", osh.GroupList{FilterOptions: o})
		w.want("ERR_INVALID_PARAMETER", "zoe", "selfListAccesses",
			osh.SelfListAccesses{ListAccessesOptions: osh.ListAccessesOptions{FilterOptions: o}})
	}
	for _, cmd := range osh.Commands() {
		_, filtered := cmd.New().(osh.Filtered)
		if declared := slices.ContainsFunc(osh.Options(cmd.New()), func(o osh.Option) bool { return o.Flag() == "--include" }); declared != filtered {
			t.Errorf("%s has --include: %v, is bounded: %v", cmd.Name, declared, filtered)
		}
	}
}

func TestGroupInfo(t *testing.T) {
	w := newWorld(t)
	w.golden("groupInfo", w.want("OK", "member", "groupInfo", osh.GroupInfo{Group: "web"}))
	w.golden("groupInfo-stranger", w.want("OK", "zoe", "groupInfo", osh.GroupInfo{Group: "web", WithoutKeys: true}))
	w.golden("groupInfo-all", w.want("OK", "eve", "groupInfo", osh.GroupInfo{All: true}))
	w.want("ERR_ACCESS_DENIED", "member", "groupInfo", osh.GroupInfo{All: true})
	w.want("ERR_ACCESS_DENIED", "super", "groupInfo", osh.GroupInfo{All: true})
	w.want("ERR_MISSING_PARAMETER", "member", "groupInfo", osh.GroupInfo{})
	w.want("ERR_INCOMPATIBLE_PARAMETERS", "eve", "groupInfo", osh.GroupInfo{All: true, Group: "web"})
	printable(t, w.want("KO_GROUP_NOT_FOUND", "member", "groupInfo", osh.GroupInfo{Group: "\x1b[2J"}))
	if got := keys(t, w.want("OK", "eve", "groupInfo", osh.GroupInfo{All: true, FilterOptions: osh.FilterOptions{Exclude: []string{"web"}}})); len(got) != 0 {
		t.Errorf("excluded, and shown: %v", got)
	}
	for _, tt := range []struct {
		r    osh.GroupInfo
		want bool
	}{
		{osh.GroupInfo{}, true},
		{osh.GroupInfo{WithoutKeys: true}, false},
		{osh.GroupInfo{WithoutEverything: true}, false},
		{osh.GroupInfo{WithoutEverything: true, WithKeys: true}, true},
		{osh.GroupInfo{WithEverything: true, WithoutKeys: true}, false},
	} {
		tt.r.Group = "web"
		got := slices.Contains(keys(t, w.want("OK", "member", "groupInfo", tt.r)), "keys")
		if got != tt.want {
			t.Errorf("%+v shows keys: %v, want %v", tt.r, got, tt.want)
		}
	}
	// Everybody has been away for too long.
	w.now = w.now.Add(91 * day)
	var v osh.GroupInfoValue
	if err := json.Unmarshal(w.want("OK", "eve", "groupInfo", osh.GroupInfo{Group: "web"}).Value, &v); err != nil {
		t.Fatal(err)
	}
	if want := []string{"aclkeeper", "gatekeeper", "guest", "member", "owner"}; !slices.Equal(v.Inactive, want) {
		t.Errorf("inactive: %v, want %v", v.Inactive, want)
	}
}

// rich gives the account member something to show.
func (w *world) rich() {
	w.grant("member", "groupCreate", "accountList")
	w.add(store.Owner{Account: "member"}, "*@10.0.0.0/8:*")
	days := 7
	w.change(func(tx store.Tx) error {
		a, err := tx.Account("member")
		if err != nil {
			return err
		}
		a.Comment, a.AlwaysActive, a.MaxInactiveDays, a.HostKeyPolicy = "a person", true, &days, gateway.HostKeyBypass
		a.LastLogin, a.Expires = w.now.Add(-25*time.Hour), w.now.Add(day)
		return tx.UpdateAccount(a)
	})
}

func TestAccountInfo(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountInfo")
	w.grant("eve", "accountInfo")
	w.rich()
	w.golden("accountInfo", w.want("OK", "zoe", "accountInfo", osh.AccountInfo{Account: "member"}))
	w.golden("accountInfo-auditor", w.want("OK", "eve", "accountInfo", osh.AccountInfo{Account: "member", WithEgressKeys: true}))
	w.golden("accountInfo-frozen", w.want("OK", "eve", "accountInfo", osh.AccountInfo{Account: "frozen", WithoutEverything: true}))
	all := w.want("OK", "eve", "accountInfo", osh.AccountInfo{All: true})
	if got := keys(t, all); len(got) != w.live.Load().NumAccounts() {
		t.Errorf("--all gives %v", got)
	}
	w.want("ERR_ACCESS_DENIED", "zoe", "accountInfo", osh.AccountInfo{All: true})
	w.want("ERR_MISSING_PARAMETER", "zoe", "accountInfo", osh.AccountInfo{})
	w.want("ERR_INCOMPATIBLE_PARAMETERS", "eve", "accountInfo", osh.AccountInfo{All: true, Account: "zoe"})
	w.want("KO_NOT_FOUND", "zoe", "accountInfo", osh.AccountInfo{Account: "ghost"})
	printable(t, w.want("ERR_INVALID_PARAMETER", "zoe", "accountInfo", osh.AccountInfo{Account: "a\x1b"}))
	info := func(name string) osh.AccountInfoValue {
		var v osh.AccountInfoValue
		if err := json.Unmarshal(w.want("OK", "zoe", "accountInfo", osh.AccountInfo{Account: name}).Value, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	w.now = w.now.Add(91 * day)
	if v := info("frozen"); v.IsExpired != 1 || v.IsFrozen != 1 || v.CanConnect != 0 {
		t.Errorf("frozen and inactive: %+v", v)
	}
	if v := info("member"); v.IsExpired != 0 || v.IsTTLExpired != 1 || v.CanConnect != 0 {
		t.Errorf("expired and never inactive: %+v", v)
	}
}

func TestAccountList(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountList")
	w.grant("eve", "accountList")
	w.rich()
	w.golden("accountList", w.want("OK", "zoe", "accountList", osh.AccountList{Account: "member"}))
	w.golden("accountList-audit", w.want("OK", "eve", "accountList",
		osh.AccountList{Audit: true, FilterOptions: osh.FilterOptions{Include: []string{"frozen", "m*"}}}))
	w.want("ERR_ACCESS_DENIED", "zoe", "accountList", osh.AccountList{Audit: true})
	w.want("KO_NOT_FOUND", "zoe", "accountList", osh.AccountList{Account: "ghost"})
	printable(t, w.want("ERR_INVALID_PARAMETER", "zoe", "accountList", osh.AccountList{Account: "a\x1b"}))
	if got := keys(t, w.want("OK", "zoe", "accountList", osh.AccountList{})); len(got) != w.live.Load().NumAccounts() {
		t.Errorf("the list is %v", got)
	}
	if got := keys(t, w.want("OK", "zoe", "accountList", osh.AccountList{InactiveOnly: true})); len(got) != 0 {
		t.Errorf("inactive: %v", got)
	}
	w.now = w.now.Add(91 * day)
	got := keys(t, w.want("OK", "zoe", "accountList", osh.AccountList{InactiveOnly: true}))
	if len(got) != w.live.Load().NumAccounts()-1 || slices.Contains(got, "member") {
		t.Errorf("inactive: %v", got)
	}
}

func TestAccountListAccesses(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountListAccesses")
	w.rich()
	list := func(code, name string, o osh.ListAccessesOptions) osh.Result {
		return w.want(code, "zoe", "accountListAccesses",
			osh.AccountListAccesses{AccountOption: osh.AccountOption{Account: name}, ListAccessesOptions: o})
	}
	w.golden("accountListAccesses", list("OK", "member", osh.ListAccessesOptions{}))
	w.golden("accountListAccesses-guest", list("OK", "guest", osh.ListAccessesOptions{}))
	list("OK_EMPTY", "guest", osh.ListAccessesOptions{HideGroups: true})
	list("OK_EMPTY", "member", osh.ListAccessesOptions{FilterOptions: osh.FilterOptions{Exclude: []string{"*"}}})
	list("KO_NOT_FOUND", "ghost", osh.ListAccessesOptions{})
	list("ERR_MISSING_PARAMETER", "", osh.ListAccessesOptions{})
	printable(t, list("ERR_INVALID_PARAMETER", "a\x1b", osh.ListAccessesOptions{}))
}

func TestWhoHasAccessTo(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "whoHasAccessTo")
	w.rich()
	w.add(store.Owner{Account: "alice"}, "*@0.0.0.0/0:*")
	w.add(store.Owner{Account: "bob"}, "ro*@192.0.2.0/24:22")
	w.add(store.Owner{Account: "carol"}, "!sftp@192.0.2.1:22")
	w.golden("whoHasAccessTo", w.want("OK", "zoe", "whoHasAccessTo", osh.WhoHasAccessTo{Host: "192.0.2.1"}))
	for _, tt := range []struct {
		r    osh.WhoHasAccessTo
		want []string
	}{
		{osh.WhoHasAccessTo{Host: "web1"}, []string{"bob", "carol", "guest", "member"}},
		{osh.WhoHasAccessTo{Host: "::ffff:192.0.2.1"}, []string{"bob", "carol", "guest", "member"}},
		{osh.WhoHasAccessTo{Host: "192.0.2.0/24"}, []string{"bob"}},
		{osh.WhoHasAccessTo{Host: "192.0.2.0/23"}, nil},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", ShowWildcards: true}, []string{"alice", "bob", "carol", "guest", "member"}},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", User: "root", Port: "22"}, []string{"bob", "guest", "member"}},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", User: "rob"}, []string{"bob"}},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", User: "!sftp"}, []string{"carol"}},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", Port: "23"}, nil},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", IgnorePersonal: true}, []string{"guest", "member"}},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", IgnoreGroup: []string{"db", "web"}}, []string{"bob", "carol"}},
		{osh.WhoHasAccessTo{Host: "2001:db8::1", ShowWildcards: true}, nil},
		{osh.WhoHasAccessTo{Host: "10.1.2.3", Port: "1"}, []string{"member"}},
	} {
		if got := keys(t, w.want("OK", "zoe", "whoHasAccessTo", tt.r)); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.r, got, tt.want)
		}
	}
	for _, tt := range []struct {
		r    osh.WhoHasAccessTo
		want string
	}{
		{osh.WhoHasAccessTo{}, "ERR_MISSING_PARAMETER"},
		{osh.WhoHasAccessTo{Host: "unknown.example"}, "ERR_HOST_NOT_FOUND"},
		{osh.WhoHasAccessTo{Host: "a\x1b"}, "ERR_INVALID_PARAMETER"},
		{osh.WhoHasAccessTo{Host: "fe80::1%eth0"}, "ERR_INVALID_PARAMETER"},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", Port: "0"}, "ERR_INVALID_PARAMETER"},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", Port: "65536"}, "ERR_INVALID_PARAMETER"},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", User: "a\x1b"}, "ERR_INVALID_PARAMETER"},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", User: "a*"}, "ERR_INVALID_PARAMETER"},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", ProxyOptions: osh.ProxyOptions{ProxyHost: "192.0.2.0/24"}}, "ERR_INVALID_PARAMETER"},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", ProxyOptions: osh.ProxyOptions{ProxyHost: "unknown.example"}}, "ERR_HOST_NOT_FOUND"},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", ProxyOptions: osh.ProxyOptions{ProxyPort: "0"}}, "ERR_INVALID_PARAMETER"},
		{osh.WhoHasAccessTo{Host: "192.0.2.1", ProxyOptions: osh.ProxyOptions{ProxyUser: "a?"}}, "ERR_INVALID_PARAMETER"},
	} {
		printable(t, w.want(tt.want, "zoe", "whoHasAccessTo", tt.r))
	}
}

// The program that says who is active is asked about those that are asked
// about, and only where its answer is shown.
func TestActiveness(t *testing.T) {
	w := newWorld(t)
	w.grant("eve", "accountInfo")
	w.grant("eve", "accountList")
	asked := map[string]bool{}
	w.deps.active = func(a *gateway.Account) admin.Activeness {
		asked[a.Name] = true
		switch a.Name {
		case "zoe":
			return admin.Activeness{}
		case "member":
			return admin.Activeness{Unknown: true}
		case "owner": // an administrator, say
			return admin.Activeness{Unknown: true, Passes: true}
		}
		return admin.Activeness{Active: true, Passes: true}
	}
	info := func(name string) osh.AccountInfoValue {
		var v osh.AccountInfoValue
		if err := json.Unmarshal(w.want("OK", "eve", "accountInfo", osh.AccountInfo{Account: name}).Value, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, want := range map[string][3]int{"zoe": {0, 0, 0}, "member": {0, 1, 0}, "owner": {0, 1, 1}, "eve": {1, 0, 1}} {
		v := info(name)
		if got := [3]int{v.IsActive, v.ActiveUnknown, v.CanConnect}; got != want {
			t.Errorf("accountInfo %s: active, unknown, can connect = %v, want %v", name, got, want)
		}
	}
	clear(asked)
	list := func(r osh.AccountList) map[string]osh.AccountLine {
		var v map[string]osh.AccountLine
		if err := json.Unmarshal(w.want("OK", "eve", "accountList", r).Value, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := list(osh.AccountList{}); len(asked) != 0 || v["zoe"].IsActive != 1 {
		t.Errorf("accountList asks about %v and says %+v", asked, v["zoe"])
	}
	v := list(osh.AccountList{InactiveOnly: true})
	if len(v) != 3 || v["zoe"].IsActive != 0 || v["member"].ActiveUnknown != 1 || len(asked) != w.live.Load().NumAccounts() {
		t.Errorf("accountList --inactive-only asks about %d accounts and says %+v", len(asked), v)
	}
	clear(asked)
	v = list(osh.AccountList{Audit: true, Account: "zoe"})
	if len(asked) != 1 || v["zoe"].CanConnect != 0 {
		t.Errorf("accountList --audit --account zoe asks about %v and says %+v", asked, v)
	}
}
