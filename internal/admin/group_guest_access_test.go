package admin_test

import (
	"strings"
	"testing"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

var (
	web1 = osh.AccessOptions{Host: "192.0.2.1", User: "root", Port: "22"} // what the group web has
	web  = osh.GroupOption{Group: "web"}
)

func guestRequest(account string, o osh.AccessOptions, ttl string) osh.GroupAddGuestAccess {
	return osh.GroupAddGuestAccess{GroupOption: web, AccountOption: osh.AccountOption{Account: account}, AccessOptions: o, TTL: ttl}
}

func delGuestRequest(account string, o osh.AccessOptions) osh.GroupDelGuestAccess {
	return osh.GroupDelGuestAccess{GroupOption: web, AccountOption: osh.AccountOption{Account: account}, AccessOptions: o}
}

func listGuestRequest(account string) osh.GroupListGuestAccesses {
	return osh.GroupListGuestAccesses{GroupAccount: roleRequest("web", account)}
}

func (w *world) guest(account string) []gateway.Access {
	return w.live.Load().Group("web").Guests[account]
}

func TestGuestAccesses(t *testing.T) {
	w := newWorld(t)
	w.want("OK_EMPTY", "gatekeeper", "groupListGuestAccesses", listGuestRequest("zoe"))
	w.golden("groupAddGuestAccess", w.want("OK", "gatekeeper", "groupAddGuestAccess", guestRequest("zoe", web1, "")))
	w.want("OK_NO_CHANGE", "gatekeeper", "groupAddGuestAccess", guestRequest("zoe", web1, "1h"))
	if list := w.guest("zoe"); len(list) != 1 || list[0].AddedBy != "gatekeeper" || !list[0].Expires.IsZero() {
		t.Errorf("zoe has %v", list)
	}
	w.golden("groupListGuestAccesses", w.want("OK", "gatekeeper", "groupListGuestAccesses", listGuestRequest("zoe")))

	w.add(store.Owner{Group: "web"}, "192.0.2.0/24")
	second := osh.AccessOptions{Host: "192.0.2.0/24", UserAny: true, PortAny: true}
	r := w.want("OK", "super", "groupAddGuestAccess", guestRequest("zoe", second, "1h"))
	if !strings.Contains(r.Message, "OVERRIDE") || !w.last().Override {
		t.Errorf("the superowner's right is not told of: %s", r.Message)
	}
	w.golden("groupDelGuestAccess", w.want("OK", "gatekeeper", "groupDelGuestAccess", delGuestRequest("zoe", web1)))
	w.want("OK_NO_CHANGE", "gatekeeper", "groupDelGuestAccess", delGuestRequest("zoe", web1))
	if r := w.want("OK", "gatekeeper", "groupDelGuestAccess", delGuestRequest("zoe", second)); string(r.Value) != "null" {
		t.Errorf("nothing remains, and the value is %s", r.Value)
	}
}

func TestGuestAccessesAreTheGroups(t *testing.T) {
	w := newWorld(t)
	w.add(store.Owner{Group: "web"}, "*@10.0.0.0/8:22")
	for _, o := range []osh.AccessOptions{
		{Host: "192.0.2.2", User: "root", Port: "22"},
		{Host: "192.0.2.1", User: "root", Port: "23"},
		{Host: "192.0.2.1", User: "*", Port: "22"},
		{Host: "192.0.2.0/24", User: "root", Port: "22"},
		{Host: "10.1.2.3", User: "*", Port: "22"}, // part of one is not that one
	} {
		printable(t, w.want("ERR_GROUP_HAS_NO_ACCESS", "gatekeeper", "groupAddGuestAccess", guestRequest("zoe", o, "")))
	}
	w.change(func(tx store.Tx) error {
		a, err := gateway.ParseAccess("old@192.0.2.3:22")
		a.Expires = w.now
		if err == nil {
			_, err = tx.AddAccess(store.Owner{Group: "web"}, a, w.now)
		}
		return err
	})
	w.want("ERR_GROUP_HAS_NO_ACCESS", "gatekeeper", "groupAddGuestAccess",
		guestRequest("zoe", osh.AccessOptions{Host: "192.0.2.3", User: "old", Port: "22"}, ""))
	if list := w.guest("zoe"); list != nil {
		t.Errorf("zoe has %v", list)
	}
}

// Who is a member is no guest; a membership that is over does not count.
func TestMemberCannotBeGuest(t *testing.T) {
	w := newWorld(t)
	w.want("ERR_MEMBER_CANNOT_BE_GUEST", "gatekeeper", "groupAddGuestAccess", guestRequest("member", web1, ""))
	w.want("OK", "gatekeeper", "groupAddMember", osh.GroupAddRole{GroupAccount: roleRequest("web", "zoe"), TTL: "1h"})
	w.want("ERR_MEMBER_CANNOT_BE_GUEST", "gatekeeper", "groupAddGuestAccess", guestRequest("zoe", web1, ""))
	w.now = w.now.Add(time.Hour)
	w.want("OK", "gatekeeper", "groupAddGuestAccess", guestRequest("zoe", web1, ""))
}

func TestGuestTTLLimit(t *testing.T) {
	w := newWorld(t)
	w.want("OK", "owner", "groupModify", osh.GroupModify{GroupOption: web, GuestTTLLimit: "1d"})
	w.want("ERR_INVALID_PARAMETER", "gatekeeper", "groupAddGuestAccess", guestRequest("zoe", web1, "1d1s"))
	w.golden("groupAddGuestAccess-imposed", w.want("OK", "gatekeeper", "groupAddGuestAccess", guestRequest("zoe", web1, "")))
	w.want("OK", "gatekeeper", "groupAddGuestAccess", guestRequest("carol", web1, "1d"))
	w.want("OK", "gatekeeper", "groupAddGuestAccess", guestRequest("bob", web1, "2h"))
	for account, want := range map[string]time.Duration{"zoe": day, "carol": day, "bob": 2 * time.Hour} {
		if list := w.guest(account); len(list) != 1 || !list[0].Expires.Equal(w.now.Add(want)) {
			t.Errorf("%s has %v, want it for %s", account, list, want)
		}
	}
	// Those that were there before stay as they were.
	if list := w.guest("guest"); len(list) != 1 || !list[0].Expires.IsZero() {
		t.Errorf("guest has %v", list)
	}
	// Time over, it can be given again.
	w.now = w.now.Add(day)
	w.want("OK_EMPTY", "gatekeeper", "groupListGuestAccesses", listGuestRequest("zoe"))
	w.want("OK", "gatekeeper", "groupAddGuestAccess", guestRequest("zoe", web1, ""))
}

func TestBadGuestAccesses(t *testing.T) {
	w := newWorld(t)
	bad := func(want, account string, o osh.AccessOptions, ttl string) {
		t.Helper()
		printable(t, w.want(want, "gatekeeper", "groupAddGuestAccess", guestRequest(account, o, ttl)))
		if ttl == "" {
			printable(t, w.want(want, "gatekeeper", "groupDelGuestAccess", delGuestRequest(account, o)))
		}
	}
	bad("ERR_MISSING_PARAMETER", "", web1, "")
	bad("ERR_MISSING_PARAMETER", "zoe", osh.AccessOptions{User: "root", Port: "22"}, "")
	bad("ERR_MISSING_PARAMETER", "zoe", osh.AccessOptions{Host: "192.0.2.1", Port: "22"}, "")
	bad("ERR_MISSING_PARAMETER", "zoe", osh.AccessOptions{Host: "192.0.2.1", User: "root"}, "")
	bad("ERR_HOST_NOT_FOUND", "zoe", osh.AccessOptions{Host: "no.example", User: "root", Port: "22"}, "")
	bad("ERR_INVALID_PARAMETER", "zoe", osh.AccessOptions{Host: "192.0.2.1\x1b", User: "root", Port: "22"}, "")
	bad("ERR_INVALID_PARAMETER", "zoe", web1, "soon")
	bad("ERR_INVALID_PARAMETER", "z\x1boe", web1, "")
	bad("KO_FORBIDDEN_PREFIX", "realm_acme", web1, "")
	bad("KO_NOT_FOUND", "ghost", web1, "")
	w.want("KO_NOT_FOUND", "gatekeeper", "groupListGuestAccesses", listGuestRequest("ghost"))
	for _, account := range []string{"owner", "aclkeeper", "member", "guest", "zoe", "eve"} {
		w.want("ERR_NOT_GROUP_GATEKEEPER", account, "groupAddGuestAccess", guestRequest("zoe", web1, ""))
		w.want("ERR_NOT_GROUP_GATEKEEPER", account, "groupDelGuestAccess", delGuestRequest("guest", web1))
		w.want("ERR_NOT_GROUP_GATEKEEPER", account, "groupListGuestAccesses", listGuestRequest("guest"))
	}
	if len(w.guest("zoe")) != 0 || len(w.guest("guest")) != 1 {
		t.Errorf("zoe has %v, guest %v", w.guest("zoe"), w.guest("guest"))
	}
}
