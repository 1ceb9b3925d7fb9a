package gateway_test

import (
	"testing"

	"gateway"
)

func TestUnmet(t *testing.T) {
	has := []gateway.EgressPassword{{ID: 1}}
	forced := gateway.Access{ForcePassword: "$1$x"}
	for name, test := range map[string]struct {
		decision gateway.Decision
		want     gateway.Refusal
	}{
		"a factor":                  {gateway.Decision{MFA: gateway.MFATOTP, Ways: []gateway.Way{{}}}, gateway.RefusalMFATOTP},
		"forced, and not asked for": {gateway.Decision{Ways: []gateway.Way{{Access: forced}, {Access: forced}}}, gateway.RefusalForcedPassword},
		"forced and there":          {gateway.Decision{Ways: []gateway.Way{{Access: forced, Passwords: has}}}, gateway.Refusal{}},
		"one of two ways":           {gateway.Decision{Ways: []gateway.Way{{Access: forced}, {Access: forced, Passwords: has}}}, gateway.Refusal{}},
		"another way":               {gateway.Decision{Ways: []gateway.Way{{Access: forced}, {}}}, gateway.Refusal{}},
		"a factor, and no password": {gateway.Decision{MFA: gateway.MFAAny, Ways: []gateway.Way{{Access: forced}}}, gateway.RefusalMFAAny},
	} {
		got, text, ok := test.decision.Unmet()
		if got != test.want || ok != (test.want != gateway.Refusal{}) || ok != (text != "") {
			t.Errorf("%s: %v, %q, %v, want %v", name, got, text, ok, test.want)
		}
	}
}
