package admin_test

import (
	"strings"
	"testing"

	"gateway/internal/osh"
)

func createWorld(t *testing.T) *world {
	w := newWorld(t)
	w.grant("zoe", "accountCreate")
	return w
}

func TestAccountCreate(t *testing.T) {
	w := createWorld(t)
	w.set.SupplementaryGroups = []string{"osh-selfAddPersonalAccess", "selfDelPersonalAccess"}
	w.set.DefaultPersonalAccesses = []string{"ACCOUNT@192.0.2.50", "root@[2001:db8::1]:2222"}
	days := 30
	r := w.want("OK", "zoe", "accountCreate", osh.AccountCreate{
		AccountOption: osh.AccountOption{Account: "new"}, UIDAuto: true, PublicKey: key1, TTL: "1d",
		Comment: "who\x1b \"it\" is", MaxInactiveDays: &days, AlwaysActive: true, OSHOnly: true,
	})
	w.golden("accountCreate", r)
	a := w.live.Load().Account("new")
	if a == nil {
		t.Fatal("the account is not there")
	}
	if a.UID < w.set.UIDMin || a.CreatedBy != "zoe" || !a.Expires.Equal(w.now.Add(day)) || *a.MaxInactiveDays != 30 ||
		!a.AlwaysActive || !a.OSHOnly || a.Comment != `who_x1b _it_ is` {
		t.Errorf("the account is %+v", a)
	}
	if len(a.IngressKeys) != 1 || len(a.EgressKeys) != 1 || a.EgressKeys[0].Fingerprint != "SHA256:egress_key_account_new" {
		t.Errorf("its keys are %+v and %+v", a.IngressKeys, a.EgressKeys)
	}
	if !a.Granted("selfAddPersonalAccess") || !a.Granted("selfDelPersonalAccess") || len(a.Grants) != 2 {
		t.Errorf("it was granted %v", a.Grants)
	}
	if len(a.Personal) != 2 || a.Personal[0].String() != "new@192.0.2.50:*" || a.Personal[1].String() != "root@[2001:db8::1]:2222" {
		t.Errorf("its accesses are %v", a.Personal)
	}
	if rec := w.last(); !rec.Change || rec.Command != "accountCreate" || rec.Actor.Account != "zoe" {
		t.Errorf("the record is %+v", rec)
	}
}

func TestAccountCreateRefuses(t *testing.T) {
	w := createWorld(t)
	n := func(n int) *int { return &n }
	uid := w.live.Load().Account("zoe").UID
	good := osh.AccountCreate{AccountOption: osh.AccountOption{Account: "new"}, UIDAuto: true, NoKey: true}
	for _, tt := range []struct {
		want   string
		change func(*osh.AccountCreate)
	}{
		{"ERR_MISSING_PARAMETER", func(r *osh.AccountCreate) { r.Account = "" }},
		{"ERR_MISSING_PARAMETER", func(r *osh.AccountCreate) { r.UIDAuto = false }},
		{"ERR_MISSING_PARAMETER", func(r *osh.AccountCreate) { r.NoKey = false }},
		{"ERR_INCOMPATIBLE_PARAMETERS", func(r *osh.AccountCreate) { r.UID = n(12345) }},
		{"ERR_INCOMPATIBLE_PARAMETERS", func(r *osh.AccountCreate) { r.PublicKey = key1 }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.UIDAuto, r.UID = false, n(0) }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.UIDAuto, r.UID = false, n(-1) }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.UIDAuto, r.UID = false, n(w.set.UIDMax+1) }},
		{"ERR_UID_COLLISION", func(r *osh.AccountCreate) { r.UIDAuto, r.UID = false, &uid }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.MaxInactiveDays = n(-1) }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.MaxInactiveDays = n(1 << 40) }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.TTL = "9223372036854775808" }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.TTL = "1 d" }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.Account = "a" }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.Account = strings.Repeat("a", 29) }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.Account = "a/b" }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.Account = "ab\x1b[2J" }},
		{"ERR_INVALID_PARAMETER", func(r *osh.AccountCreate) { r.Account = "ab\nOK" }},
		{"KO_FORBIDDEN_PREFIX", func(r *osh.AccountCreate) { r.Account = "keyweb" }},
		{"KO_FORBIDDEN_PREFIX", func(r *osh.AccountCreate) { r.Account = "realm_acme" }},
		{"KO_FORBIDDEN_PREFIX", func(r *osh.AccountCreate) { r.Account = "-rf" }},
		{"KO_FORBIDDEN_PREFIX", func(r *osh.AccountCreate) { r.Account = ".ssh" }},
		{"KO_FORBIDDEN_NAME", func(r *osh.AccountCreate) { r.Account = "web-owner" }},
		{"KO_FORBIDDEN_NAME", func(r *osh.AccountCreate) { r.Account = "root" }},
		{"KO_ALREADY_EXISTING", func(r *osh.AccountCreate) { r.Account = "eve" }},
		{"KO_NOT_A_KEY", func(r *osh.AccountCreate) { r.NoKey, r.PublicKey = false, "ssh-ed25519 garbage" }},
		{"KO_NOT_A_KEY", func(r *osh.AccountCreate) { r.NoKey, r.PublicKey = false, strings.Repeat("A", 1<<19) }},
		{"KO_PRIVATE_KEY", func(r *osh.AccountCreate) {
			r.NoKey, r.PublicKey = false, "-----BEGIN OPENSSH PRIVATE KEY-----"
		}},
	} {
		r := good
		tt.change(&r)
		before := len(w.names())
		printable(t, w.want(tt.want, "zoe", "accountCreate", r))
		if len(w.names()) != before {
			t.Fatalf("%+v made an account", r)
		}
	}
}

// Whoever may create accounts could become an administrator by creating the
// one that the configuration names.
func TestPowerfulAccountsAreForAdministrators(t *testing.T) {
	w := createWorld(t)
	w.grant("zoe", "accountDelete")
	w.grant("zoe", "accountFreeze")
	w.grant("zoe", "accountUnfreeze")
	w.grant("boss", "accountCreate")
	w.grant("boss", "accountFreeze")
	w.set.Admins = append(w.set.Admins, "future")
	w.set.SuperOwners = append(w.set.SuperOwners, "mighty")
	create := func(name string) osh.AccountCreate {
		return osh.AccountCreate{AccountOption: osh.AccountOption{Account: name}, UIDAuto: true, NoKey: true}
	}
	for _, name := range []string{"future", "mighty"} {
		w.want("ERR_SECURITY_VIOLATION", "zoe", "accountCreate", create(name))
		w.want("OK", "boss", "accountCreate", create(name))
		named := osh.AccountOption{Account: name}
		w.want("ERR_SECURITY_VIOLATION", "zoe", "accountDelete",
			osh.AccountDelete{AccountOption: named, ConfirmOption: osh.ConfirmOption{NoConfirm: true}})
		w.want("ERR_SECURITY_VIOLATION", "zoe", "accountFreeze", osh.AccountFreeze{AccountOption: named})
		w.want("OK", "boss", "accountFreeze", osh.AccountFreeze{AccountOption: named})
		w.want("ERR_SECURITY_VIOLATION", "zoe", "accountUnfreeze", osh.AccountUnfreeze{AccountOption: named})
	}
}

// What the configuration gives to new accounts is checked when it is given.
func TestAccountCreateDefaultsAreChecked(t *testing.T) {
	req := osh.AccountCreate{AccountOption: osh.AccountOption{Account: "new"}, UIDAuto: true, NoKey: true}
	w := createWorld(t)
	for _, s := range []string{"groupInfo", "accountGrantCommand", "\x1b", ""} {
		w.set.SupplementaryGroups = []string{s}
		printable(t, w.want("ERR_CONFIGURATION", "zoe", "accountCreate", req))
	}
	w.set.SupplementaryGroups, w.set.DefaultPersonalAccesses = nil, []string{"ACCOUNT@nowhere"}
	printable(t, w.want("ERR_CONFIGURATION", "zoe", "accountCreate", req))
	w.set.DefaultPersonalAccesses, w.set.DefaultAlgorithm = nil, "dsa"
	w.want("ERR_INVALID_PARAMETER", "zoe", "accountCreate", req)
	if w.live.Load().Account("new") != nil {
		t.Error("an account was made")
	}
}
