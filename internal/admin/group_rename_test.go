package admin_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func renameRequest(from, to string) osh.GroupRename {
	return osh.GroupRename{GroupOption: osh.GroupOption{Group: from}, To: to}
}

func TestGroupRename(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "groupRename")
	w.want("OK", "owner", "groupModify", osh.GroupModify{GroupOption: web, MFARequired: "any", GuestTTLLimit: "1h"})
	w.want("OK", "gatekeeper", "groupAddMember", osh.GroupAddRole{GroupAccount: roleRequest("web", "bob"), TTL: "1h"})
	want := *w.live.Load().Group("web")
	want.Name = "front"
	w.golden("groupRename", w.want("OK", "zoe", "groupRename", renameRequest("web", "front")))
	if diff := cmp.Diff(&want, w.live.Load().Group("front"), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("the group (-want +got):\n%s", diff)
	}
	if w.live.Load().Group("web") != nil || !slices.Equal(w.vault.forgotten, []string{"egress-key:group:web"}) {
		t.Errorf("the old group is there, or the vault forgot %v", w.vault.forgotten)
	}
	sealed, err := w.store.SealedKey(t.Context(), want.Keys[0].ID)
	if err != nil || string(sealed) != "sealed for egress-key:group:front" {
		t.Errorf("the key is %q, %v", sealed, err)
	}
	// What the members and guests could, they can, by another name.
	for account, kind := range map[string]gateway.WayKind{"member": gateway.WayGroupMember, "guest": gateway.WayGroupGuest} {
		d := w.live.Load().Decide(gateway.Request{
			Principal: gateway.Principal{Account: account}, From: netip.MustParseAddrPort("198.51.100.9:40000"), Protocol: gateway.SSH,
			Target: gateway.Target{User: "root", Addr: netip.MustParseAddr("192.0.2.1"), Port: 22},
		}, w.now)
		if len(d.Ways) != 1 || d.Ways[0].Group != "front" || d.Ways[0].Kind != kind || d.Ways[0].Keys[0].ID != want.Keys[0].ID {
			t.Errorf("%s: %+v", account, d)
		}
	}
	w.group("web", nil)
	w.want("KO_ALREADY_EXISTING", "zoe", "groupRename", renameRequest("front", "web"))
	w.local("OK", "groupRename", renameRequest("front", "back"))
}

func TestGroupRenameBad(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "groupRename")
	for to, code := range map[string]string{
		"": "ERR_MISSING_PARAMETER", "web": "OK_NO_CHANGE", "keyweb": "KO_FORBIDDEN_NAME", "web-owner": "KO_FORBIDDEN_NAME",
		"we\x1bb": "ERR_INVALID_PARAMETER", "nineteen-characters": "ERR_INVALID_PARAMETER",
	} {
		printable(t, w.want(code, "zoe", "groupRename", renameRequest("web", to)))
	}
	w.want("KO_GROUP_NOT_FOUND", "zoe", "groupRename", renameRequest("none", "front"))
	w.want("KO_RESTRICTED_COMMAND", "owner", "groupRename", renameRequest("web", "front"))

	// A key that can't be opened leaves the group as it was.
	w.change(func(tx store.Tx) error {
		_, err := tx.AddEgressKey(store.Owner{Group: "web"}, gateway.EgressKey{Blob: []byte("x"), Fingerprint: "x"}, []byte("sealed for something else"))
		return err
	})
	w.want("ERR_INTERNAL", "zoe", "groupRename", renameRequest("web", "front"))
	if w.live.Load().Group("web") == nil || w.live.Load().Group("front") != nil {
		t.Error("the group is half renamed")
	}
	sealed, err := w.store.SealedKey(t.Context(), w.live.Load().Group("web").Keys[0].ID)
	if err != nil || string(sealed) != "sealed" {
		t.Errorf("the first key is %q, %v", sealed, err)
	}
}

func TestAssetForgetHostKey(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "assetForgetHostKey")
	for _, k := range []struct {
		account string
		port    uint16
	}{{"zoe", 22}, {"bob", 22}, {"bob", 2222}} {
		key := store.HostKey{Addr: netip.MustParseAddr("192.0.2.1"), Port: k.port, Type: "ssh-ed25519", Blob: []byte{1}, Added: time.Now()}
		if err := w.store.AddHostKey(t.Context(), k.account, key); err != nil {
			t.Fatal(err)
		}
	}
	req := func(host, port string) osh.AssetForgetHostKey {
		return osh.AssetForgetHostKey{SelfForgetHostKey: osh.SelfForgetHostKey{Host: host, Port: port}}
	}
	w.want("KO_RESTRICTED_COMMAND", "bob", "assetForgetHostKey", req("web1", ""))
	w.golden("assetForgetHostKey", w.want("OK", "zoe", "assetForgetHostKey", req("web1", "")))
	w.golden("assetForgetHostKey-none", w.want("OK_NO_CHANGE", "zoe", "assetForgetHostKey", req("192.0.2.1", "22")))
	w.want("ERR_MISSING_PARAMETER", "zoe", "assetForgetHostKey", req("", ""))
	w.want("ERR_INVALID_PARAMETER", "zoe", "assetForgetHostKey", req("192.0.2.1", "0"))
	w.want("ERR_HOST_NOT_FOUND", "zoe", "assetForgetHostKey", req("no.example", ""))
	keys, err := w.store.HostKeys(t.Context(), "bob", netip.MustParseAddrPort("192.0.2.1:2222"), netip.AddrPort{})
	if err != nil || len(keys) != 1 {
		t.Errorf("of another port %v is left, %v", keys, err)
	}
}
