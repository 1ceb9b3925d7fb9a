package admin_test

import (
	"io/fs"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
	"gateway/internal/store"
	"gateway/policy"
)

func TestAccountModify(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountModify", "accountInfo", "auditor")
	all := func(name string) osh.AccountModify {
		days := 7
		return osh.AccountModify{
			AccountOption: osh.AccountOption{Account: name}, PAMAuthBypass: "yes", MFAPasswordRequired: "bypass", MFATOTPRequired: "yes",
			HostKeyChecking: "ask", Multiplexing: "no", PersonalMFA: "any", AlwaysActive: "yes", IdleIgnore: "yes", MaxInactiveDays: &days,
			OSHOnly: "yes", PubkeyAuthOptional: "yes",
		}
	}
	with := func(change func(r *osh.AccountModify)) osh.AccountModify {
		r := osh.AccountModify{AccountOption: osh.AccountOption{Account: "member"}}
		change(&r)
		return r
	}
	minus2 := -2
	for name, want := range map[string]string{
		"": "ERR_MISSING_PARAMETER", "ghost": "KO_NOT_FOUND", "key": "KO_FORBIDDEN_PREFIX", "a\x1b": "ERR_INVALID_PARAMETER", "boss": "ERR_SECURITY_VIOLATION",
	} {
		printable(t, w.want(want, "zoe", "accountModify", all(name)))
	}
	w.want("ERR_MISSING_PARAMETER", "zoe", "accountModify", with(func(*osh.AccountModify) {}))
	before := *w.live.Load().Account("member")
	for _, change := range []func(r *osh.AccountModify){
		func(r *osh.AccountModify) { r.OSHOnly, r.IdleIgnore = "yes", "maybe" },
		func(r *osh.AccountModify) { r.OSHOnly, r.MFATOTPRequired = "yes", "always" },
		func(r *osh.AccountModify) { r.OSHOnly, r.HostKeyChecking = "yes", strings.Repeat("\x1b", 5000) },
		func(r *osh.AccountModify) { r.OSHOnly, r.PersonalMFA = "yes", "u2f" },
		func(r *osh.AccountModify) { r.OSHOnly, r.Multiplexing = "yes", "auto" },
		func(r *osh.AccountModify) { r.OSHOnly, r.MaxInactiveDays = "yes", &minus2 },
	} {
		printable(t, w.want("ERR_INVALID_PARAMETER", "zoe", "accountModify", with(change)))
	}
	if a := w.live.Load().Account("member"); a.OSHOnly != before.OSHOnly {
		t.Error("a refused change was made in part")
	}
	w.golden("accountModify", w.want("OK", "zoe", "accountModify", all("member")))
	w.golden("accountModify-again", w.want("OK", "zoe", "accountModify", all("member")))
	a := w.live.Load().Account("member")
	if !a.PAMAuthBypass || a.MFAPassword != gateway.FactorBypass || a.MFATOTP != gateway.FactorRequired || a.HostKeyPolicy != gateway.HostKeyAsk ||
		a.Multiplexing != "no" || a.PersonalMFA != gateway.MFAAny || !a.AlwaysActive || !a.IdleIgnore || *a.MaxInactiveDays != 7 ||
		!a.OSHOnly || !a.PubkeyAuthOptional {
		t.Errorf("the account is %+v", a)
	}
	w.golden("accountInfo-modified", w.want("OK", "zoe", "accountInfo", osh.AccountInfo{Account: "member"}))

	global := -1
	w.want("OK", "zoe", "accountModify", osh.AccountModify{
		AccountOption: osh.AccountOption{Account: "member"}, PAMAuthBypass: "no", MFAPasswordRequired: "no", MFATOTPRequired: "no",
		HostKeyChecking: "default", Multiplexing: "default", PersonalMFA: "none", AlwaysActive: "no", IdleIgnore: "no", MaxInactiveDays: &global,
		OSHOnly: "no", PubkeyAuthOptional: "no",
	})
	a = w.live.Load().Account("member")
	if a.PAMAuthBypass || a.MFAPassword != "" || a.MFATOTP != "" || a.HostKeyPolicy != "" || a.Multiplexing != "" || a.PersonalMFA != "" ||
		a.AlwaysActive || a.IdleIgnore || a.MaxInactiveDays != nil || a.OSHOnly || a.PubkeyAuthOptional {
		t.Errorf("back to nothing, the account is %+v", a)
	}
	w.local("OK", "accountModify", all("boss"))
}

// What asks for a factor refuses, as nobody has one.
func TestFactorsOfCommands(t *testing.T) {
	w := newWorld(t)
	list := func(code string, exit int) {
		t.Helper()
		if r := w.want(code, "zoe", "selfListEgressKeys", osh.SelfListEgressKeys{}); r.Exit != exit {
			t.Errorf("%s: exit %d, want %d", code, r.Exit, exit)
		}
	}
	modify := func(m osh.AccountModify) {
		t.Helper()
		m.Account = "zoe"
		w.local("OK", "accountModify", m)
	}
	modify(osh.AccountModify{MFAPasswordRequired: "yes"})
	list("KO_MFA_PASSWORD_SETUP_REQUIRED", 122)
	w.want("OK", "zoe", "info", osh.Info{})
	modify(osh.AccountModify{MFATOTPRequired: "yes"})
	list("KO_MFA_TOTP_SETUP_REQUIRED", 123)
	modify(osh.AccountModify{MFAPasswordRequired: "bypass", MFATOTPRequired: "no"})
	list("OK", 0)

	rule := func(r policy.Rules) {
		w.live.Update(func(s *policy.Snapshot) *policy.Snapshot { return s.WithRules(r) })
	}
	rule(policy.Rules{AccountMFA: gateway.MFAAny})
	list("KO_MFA_ANY_SETUP_REQUIRED", 124)
	rule(policy.Rules{AccountMFA: gateway.MFAPassword})
	list("OK", 0) // bypass
	rule(policy.Rules{})

	// The setting of one command, also of those that need no factor set up.
	w.set.Commands = map[string]admin.CommandSettings{
		"selfListEgressKeys": {MFARequired: gateway.MFATOTP}, "info": {MFARequired: gateway.MFAAny}, "selfListIngressKeys": {MFARequired: gateway.MFAPassword},
	}
	list("KO_MFA_TOTP_SETUP_REQUIRED", 123)
	w.want("KO_MFA_ANY_SETUP_REQUIRED", "zoe", "info", osh.Info{})
	w.want("OK", "zoe", "selfListIngressKeys", osh.SelfListIngressKeys{}) // bypass
	w.want("KO_MFA_PASSWORD_SETUP_REQUIRED", "bob", "selfListIngressKeys", osh.SelfListIngressKeys{})
	modify(osh.AccountModify{MFATOTPRequired: "bypass"})
	list("OK", 0)
	w.want("OK", "zoe", "info", osh.Info{})
	modify(osh.AccountModify{MFATOTPRequired: "no", MFAPasswordRequired: "no"})
	rule(policy.Rules{NoMFA: true})
	list("OK", 0)
	w.local("OK", "info", osh.Info{})
}

func TestAccountUnexpire(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountUnexpire", "accountUnlock")
	req := func(name string) osh.AccountUnexpire {
		return osh.AccountUnexpire{AccountOption: osh.AccountOption{Account: name}}
	}
	unlock := func(name string) osh.AccountUnlock {
		return osh.AccountUnlock{AccountOption: osh.AccountOption{Account: name}}
	}
	for name, want := range map[string]string{
		"": "ERR_MISSING_PARAMETER", "ghost": "KO_NOT_FOUND", "realm_x": "KO_FORBIDDEN_PREFIX", "boss": "ERR_SECURITY_VIOLATION",
	} {
		w.want(want, "zoe", "accountUnexpire", req(name))
		w.want(want, "zoe", "accountUnlock", unlock(name))
	}
	w.golden("accountUnlock", w.want("OK", "zoe", "accountUnlock", unlock("member")))

	w.set.MaxInactiveDays = 90 // as the rules of every world
	w.golden("accountUnexpire-not", w.want("OK_NOT_EXPIRED", "zoe", "accountUnexpire", req("member")))
	set := func(change func(a *gateway.Account)) {
		t.Helper()
		w.change(func(tx store.Tx) error {
			a, err := tx.Account("member")
			if err != nil {
				return err
			}
			change(a)
			return tx.UpdateAccount(a)
		})
	}
	never := 0
	set(func(a *gateway.Account) { a.MaxInactiveDays = &never })
	w.golden("accountUnexpire-never", w.want("OK_EXPIRATION_NOT_CONFIGURED", "zoe", "accountUnexpire", req("member")))
	set(func(a *gateway.Account) { a.MaxInactiveDays, a.AlwaysActive = nil, true })
	w.want("OK_EXPIRATION_NOT_CONFIGURED", "zoe", "accountUnexpire", req("member"))
	set(func(a *gateway.Account) { a.AlwaysActive, a.LastLogin = false, w.now.Add(-100*day) })
	if why := w.live.Load().Login("member", w.now); why != gateway.ReasonInactive {
		t.Fatalf("after 100 days: %q", why)
	}
	w.set.ReadOnly = true // a read-only node is one too
	w.golden("accountUnexpire", w.want("OK", "zoe", "accountUnexpire", req("member")))
	if why := w.live.Load().Login("member", w.now); why != "" {
		t.Errorf("unexpired, it can't log in: %s", why)
	}
	w.want("KO_READ_ONLY", "zoe", "accountUnlock", unlock("member"))
}

func TestAccountListKeys(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountListEgressKeys", "accountListIngressKeys", "rootListIngressKeys")
	of := func(name string) osh.AccountOption { return osh.AccountOption{Account: name} }
	for name, want := range map[string]string{
		"": "ERR_MISSING_PARAMETER", "ghost": "KO_NOT_FOUND", "key": "KO_FORBIDDEN_PREFIX", "a\x1b": "ERR_INVALID_PARAMETER",
	} {
		w.want(want, "zoe", "accountListEgressKeys", osh.AccountListEgressKeys{AccountOption: of(name)})
		w.want(want, "zoe", "accountListIngressKeys", osh.AccountListIngressKeys{AccountOption: of(name)})
	}
	w.golden("accountListEgressKeys", w.want("OK", "zoe", "accountListEgressKeys", osh.AccountListEgressKeys{AccountOption: of("member")}))
	w.want("OK", "member", "selfAddIngressKey", osh.SelfAddIngressKey{PublicKey: key1})
	w.golden("accountListIngressKeys", w.want("OK", "zoe", "accountListIngressKeys", osh.AccountListIngressKeys{AccountOption: of("member")}))

	root := func(code string) osh.Result {
		t.Helper()
		return w.want(code, "zoe", "rootListIngressKeys", osh.RootListIngressKeys{})
	}
	w.golden("rootListIngressKeys-none", root("OK"))
	w.deps.rootKeys = "# people\n\nfrom=\"192.0.2.1,198.51.100.0/24\",command=\"/bin/\x1bfalse\",no-pty " + key1 + "\nno key at all\n" +
		strings.Repeat("x", 1<<17) + "\n" + key1
	w.golden("rootListIngressKeys", root("OK"))
	w.deps.rootErr = fs.ErrPermission
	root("ERR_CANNOT_OPEN_FILE")
	w.deps.rootErr = gateway.ErrInvalid
	root("ERR_CANNOT_OPEN_FILE")
	w.want("KO_RESTRICTED_COMMAND", "bob", "rootListIngressKeys", osh.RootListIngressKeys{})
}

// Who was given fixed keys can't change them, nor who acts as that person.
func TestImmutableKeys(t *testing.T) {
	w := newWorld(t)
	w.grant("zoe", "accountCreate")
	w.want("OK", "zoe", "accountCreate", osh.AccountCreate{
		AccountOption: osh.AccountOption{Account: "fixed"}, UIDAuto: true, PublicKey: key1, ImmutableKey: true,
	})
	if a := w.live.Load().Account("fixed"); !a.ImmutableKeys || a.CreatedWith != w.set.Version {
		t.Errorf("created %+v", a)
	}
	add := osh.SelfAddIngressKey{PublicKey: key2}
	one := 1
	del := osh.SelfDelIngressKey{ID: &one}
	w.want("KO_IMMUTABLE_KEYS", "fixed", "selfAddIngressKey", add)
	w.want("KO_IMMUTABLE_KEYS", "fixed", "selfDelIngressKey", del)
	owner := admin.Actor{Account: "fixed", Local: true, Session: "0123456789abcdef01234567"}
	if r := w.runAs(owner, "selfAddIngressKey", add); r.Code != "OK" {
		t.Errorf("the owner of the node: %s", r.Code)
	}
	if r := w.runAs(owner, "selfDelIngressKey", del); r.Code != "OK" {
		t.Errorf("the owner of the node: %s", r.Code)
	}
}
