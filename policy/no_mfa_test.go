package policy_test

import (
	"testing"

	"gateway"
	"gateway/policy"
)

// NoMFA is stronger than what accounts, groups and the other rule want.
func TestNoMFA(t *testing.T) {
	a := &gateway.Account{
		Name: "alice", EgressKeys: keys("k"), MFATOTP: gateway.FactorRequired, PersonalMFA: gateway.MFAPassword,
		Personal: []gateway.Access{{User: "root", Port: 22, Prefix: nets("192.0.2.1/32")[0]}},
	}
	r := gateway.Request{Principal: gateway.Principal{Account: "alice"}, Target: gateway.Target{User: "root", Addr: a.Personal[0].Prefix.Addr(), Port: 22}}
	for _, no := range []bool{false, true} {
		rules := open
		rules.AccountMFA, rules.NoMFA = gateway.MFAAny, no
		s := policy.New([]*gateway.Account{a}, nil, rules)
		d := s.Decide(r, now)
		if d.MFA.String() != map[bool]string{false: "password", true: "none"}[no] || len(d.Ways) != 1 {
			t.Errorf("NoMFA %v: Decide = %v", no, d)
		}
		if got := s.MissingFactor(a); (got == gateway.MFANone) != no {
			t.Errorf("NoMFA %v: MissingFactor = %q", no, got)
		}
	}
}
