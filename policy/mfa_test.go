package policy_test

import (
	"testing"

	"gateway"
	"gateway/policy"
)

// A factor that the account need not prove doesn't hide another that it must.
func TestBypassHidesNothing(t *testing.T) {
	for _, tt := range []struct {
		name    string
		account gateway.Account
		rule    gateway.MFA
		want    gateway.MFA
	}{
		{"nothing", gateway.Account{}, gateway.MFANone, gateway.MFANone},
		{"rule", gateway.Account{}, gateway.MFAAny, gateway.MFAAny},
		{"own", gateway.Account{MFAPassword: gateway.FactorRequired}, gateway.MFAAny, gateway.MFAPassword},
		{"bypass", gateway.Account{MFATOTP: gateway.FactorBypass}, gateway.MFATOTP, gateway.MFANone},
		{"one of any", gateway.Account{MFATOTP: gateway.FactorBypass}, gateway.MFAAny, gateway.MFAAny},
		{"both of any", gateway.Account{MFATOTP: gateway.FactorBypass, MFAPassword: gateway.FactorBypass}, gateway.MFAAny, gateway.MFANone},
		{"own beside bypass", gateway.Account{MFATOTP: gateway.FactorBypass, MFAPassword: gateway.FactorRequired}, gateway.MFATOTP, gateway.MFAPassword},
	} {
		s := policy.New(nil, nil, policy.Rules{AccountMFA: tt.rule})
		if got := s.MissingFactor(&tt.account); got != tt.want {
			t.Errorf("%s: MissingFactor = %q, want %q", tt.name, got, tt.want)
		}
	}
}
