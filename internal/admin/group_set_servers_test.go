package admin_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func setServers(lines ...string) osh.GroupSetServers {
	return osh.GroupSetServers{GroupOption: web, Lines: strings.Join(lines, "\n")}
}

// servers are the group's accesses as text, sorted.
func (w *world) servers() []string {
	var all []string
	for _, a := range w.live.Load().Group("web").Accesses {
		all = append(all, a.String())
	}
	slices.Sort(all)
	return all
}

func TestSetServers(t *testing.T) {
	w := newWorld(t)
	w.add(store.Owner{Group: "web"}, "old@192.0.2.9:22")
	req := setServers(
		"# the list of November", "", "  root@192.0.2.1:22\t", "192.0.2.2", "root@web1 front # 1", "admin*@web1:2222",
		"10.0.0.0/8:22", "root@[2001:db8::1]:22 six", "2001:db8::2", "a@b@192.0.2.3:*", "*@192.0.2.2", "!sftp@192.0.2.1:22\r")
	req.DryRun = true
	before := w.servers()
	w.golden("groupSetServers-dryRun", w.want("OK", "aclkeeper", "groupSetServers", req))
	if got := w.servers(); !slices.Equal(got, before) || w.deps.rechecks != 0 {
		t.Fatalf("trying it changed the list to %v", got)
	}
	req.DryRun = false
	w.golden("groupSetServers", w.want("OK", "aclkeeper", "groupSetServers", req))
	want := []string{
		"!sftp@192.0.2.1:22", "*@10.0.0.0/8:22", "*@192.0.2.2:*", "*@[2001:db8::2]:*", "a@b@192.0.2.3:*",
		"admin*@192.0.2.1:2222", "root@192.0.2.1:*", "root@192.0.2.1:22", "root@[2001:db8::1]:22",
	}
	if got := w.servers(); !slices.Equal(got, want) || w.deps.rechecks != 1 {
		t.Errorf("the list is %v, want %v; %d rechecks", got, want, w.deps.rechecks)
	}
}

// What is listed again stays, unless the line says less than there is.
func TestSetServersKeeps(t *testing.T) {
	w := newWorld(t)
	w.change(func(tx store.Tx) error {
		a, err := gateway.ParseAccess("root@192.0.2.2:22")
		if err != nil {
			return err
		}
		a.AddedBy, a.AddedAt, a.Expires = "boss", w.now, w.now.Add(time.Hour)
		_, err = tx.AddAccess(store.Owner{Group: "web"}, a, w.now)
		return err
	})
	w.now = w.now.Add(time.Minute)
	w.want("OK", "super", "groupSetServers", setServers("root@192.0.2.1:22", "root@192.0.2.2:22"))
	by := map[string]string{}
	for _, a := range w.live.Load().Group("web").Accesses {
		by[a.String()] = a.AddedBy
		if !a.Expires.IsZero() {
			t.Errorf("%s still has an end", a)
		}
	}
	if by["root@192.0.2.1:22"] != "boss" || by["root@192.0.2.2:22"] != "super" || !w.last().Override {
		t.Errorf("added by %v, override %v", by, w.last().Override)
	}
}

func TestSetServersBad(t *testing.T) {
	w := newWorld(t)
	before := w.servers()
	req := setServers("root@192.0.2.1:22", "root@nosuch:22", "", "192.0.2.1/24", "@192.0.2.1", "192.0.2.1:", "[2001:db8::1", "[2001:db8::1]22",
		"root@192.0.2.1:0", "ro\x1bot@192.0.2.1", "!cp@192.0.2.1", "forbidden", ":22")
	r := w.want("ERR_INVALID_PARAMETER", "aclkeeper", "groupSetServers", req)
	printable(t, r)
	w.golden("groupSetServers-errors", r)
	req.SkipErrors = true
	req.DryRun = true
	w.golden("groupSetServers-skipErrors", w.want("OK", "aclkeeper", "groupSetServers", req))

	// Nothing at all is more likely an accident than a wish.
	for _, lines := range []string{"", "\n\n", "# none\n", "nosuch"} {
		req := setServers(lines)
		req.SkipErrors = true
		w.want("ERR_INVALID_PARAMETER", "aclkeeper", "groupSetServers", req)
	}
	w.want("ERR_MISSING_PARAMETER", "aclkeeper", "groupSetServers", osh.GroupSetServers{Lines: "192.0.2.1"})
	for _, account := range []string{"owner", "gatekeeper", "member", "guest", "zoe", "eve"} {
		w.want("ERR_NOT_GROUP_ACLKEEPER", account, "groupSetServers", setServers("192.0.2.1"))
	}
	w.want("ERR_INVALID_PARAMETER", "aclkeeper", "groupSetServers", setServers(slices.Repeat([]string{"192.0.2.1"}, 10001)...))

	// Many errors are cut short, and few names are looked up.
	var names []string
	for i := range 700 {
		names = append(names, fmt.Sprintf("no%d.example", i))
	}
	var v osh.GroupSetServersValue
	r = w.want("ERR_INVALID_PARAMETER", "aclkeeper", "groupSetServers", setServers(names...))
	if err := json.Unmarshal(r.Value, &v); err != nil || len(v.Errors) != 101 || v.ParsedLines != "700" {
		t.Errorf("%d errors, %s lines, %v", len(v.Errors), v.ParsedLines, err)
	}
	if got := w.servers(); !slices.Equal(got, before) {
		t.Errorf("the list is %v", got)
	}
}

func TestSetManyServers(t *testing.T) {
	w := newWorld(t)
	lines := make([]string, 10000)
	for i := range lines {
		lines[i] = fmt.Sprintf("root@10.1.%d.%d:22", i/256, i%256)
	}
	w.want("OK", "aclkeeper", "groupSetServers", setServers(lines...))
	if got := len(w.servers()); got != len(lines) {
		t.Errorf("%d servers", got)
	}
	w.want("OK", "aclkeeper", "groupSetServers", setServers("192.0.2.1"))
	if got := w.servers(); len(got) != 1 {
		t.Errorf("%d servers", len(got))
	}
}
