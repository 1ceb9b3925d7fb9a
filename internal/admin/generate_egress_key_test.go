package admin_test

import (
	"encoding/json"
	"slices"
	"testing"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func TestGenerateEgressKey(t *testing.T) {
	w := newWorld(t)
	options := osh.NewKeyOptions{Algo: "ed25519"}
	w.golden("selfGenerateEgressKey", w.want("OK", "zoe", "selfGenerateEgressKey", osh.SelfGenerateEgressKey{NewKeyOptions: options}))
	w.golden("groupGenerateEgressKey", w.want("OK", "owner", "groupGenerateEgressKey",
		osh.GroupGenerateEgressKey{GroupOption: web, NewKeyOptions: options}))
	if a, g := w.live.Load().Account("zoe"), w.live.Load().Group("web"); len(a.EgressKeys) != 2 || len(g.Keys) != 2 {
		t.Errorf("zoe has %d keys, web %d", len(a.EgressKeys), len(g.Keys))
	}
	for _, tt := range []struct {
		want string
		o    osh.NewKeyOptions
	}{
		{"ERR_MISSING_PARAMETER", osh.NewKeyOptions{}},
		{"ERR_MISSING_PARAMETER", osh.NewKeyOptions{Algo: "rsa"}},
		{"ERR_INVALID_PARAMETER", osh.NewKeyOptions{Algo: "dsa\x1b", Size: 1024}},
		{"ERR_INVALID_PARAMETER", osh.NewKeyOptions{Algo: "ecdsa", Size: 257}},
		{"ERR_INVALID_PARAMETER", osh.NewKeyOptions{Algo: "ed25519", Size: -1}},
		{"ERR_INVALID_PARAMETER", osh.NewKeyOptions{Algo: "ed25519", Encrypted: true}},
		{"KO_KEY_SIZE_TOO_SMALL", osh.NewKeyOptions{Algo: "rsa", Size: 1024}},
		{"KO_KEY_SIZE_TOO_BIG", osh.NewKeyOptions{Algo: "rsa", Size: 16384}},
	} {
		printable(t, w.want(tt.want, "zoe", "selfGenerateEgressKey", osh.SelfGenerateEgressKey{NewKeyOptions: tt.o}))
		printable(t, w.want(tt.want, "owner", "groupGenerateEgressKey", osh.GroupGenerateEgressKey{GroupOption: web, NewKeyOptions: tt.o}))
	}
	for _, account := range []string{"gatekeeper", "aclkeeper", "member", "zoe"} {
		w.want("ERR_NOT_GROUP_OWNER", account, "groupGenerateEgressKey", osh.GroupGenerateEgressKey{GroupOption: web, NewKeyOptions: options})
	}
	for range 30 {
		w.want("OK", "zoe", "selfGenerateEgressKey", osh.SelfGenerateEgressKey{NewKeyOptions: options})
	}
	w.want("ERR_TOO_MANY_KEYS", "zoe", "selfGenerateEgressKey", osh.SelfGenerateEgressKey{NewKeyOptions: options})
}

func TestGroupDelEgressKey(t *testing.T) {
	w := newWorld(t)
	del := func(id string) osh.GroupDelEgressKey { return osh.GroupDelEgressKey{GroupOption: web, ID: id} }
	var shown osh.GroupInfoValue
	if err := json.Unmarshal(w.want("OK", "owner", "groupInfo", osh.GroupInfo{Group: "web"}).Value, &shown); err != nil {
		t.Fatal(err)
	}
	fp := w.live.Load().Group("web").Keys[0].Fingerprint
	w.change(func(tx store.Tx) error {
		a, err := gateway.ParseAccess("root@192.0.2.9:22")
		a.ForceKey = fp
		if err == nil {
			_, err = tx.AddAccess(store.Owner{Group: "web"}, a, w.now)
		}
		return err
	})
	w.want("ERR_MISSING_PARAMETER", "owner", "groupDelEgressKey", del(""))
	printable(t, w.want("ERR_INVALID_PARAMETER", "owner", "groupDelEgressKey", del("id\x1b0000")))
	w.want("ERR_NOT_GROUP_OWNER", "gatekeeper", "groupDelEgressKey", del(shown.Keys[fp].ID))
	// The key of somebody else is none of the group.
	w.want("ERR_INVALID_PARAMETER", "owner", "groupDelEgressKey", del(w.live.Load().Account("zoe").EgressKeys[0].Fingerprint))
	w.golden("groupDelEgressKey", w.want("OK", "owner", "groupDelEgressKey", del(shown.Keys[fp].ID)))
	if len(w.live.Load().Group("web").Keys) != 0 || w.deps.rechecks != 1 || !slices.Equal(w.vault.forgotten, []string{"egress-key:group:web"}) {
		t.Errorf("keys %v, %d rechecks, forgotten %v", w.live.Load().Group("web").Keys, w.deps.rechecks, w.vault.forgotten)
	}
}
