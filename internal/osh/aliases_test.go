package osh_test

import (
	"testing"

	"gateway/internal/osh"
)

// The names that commands had in older versions of The Bastion still work.
func TestOldNames(t *testing.T) {
	for old, name := range map[string]string{
		"selfAddKey": "selfAddIngressKey", "selfDelKey": "selfDelIngressKey", "selfListKeys": "selfListIngressKeys",
		"selfAddPrivateAccess": "selfAddPersonalAccess", "selfDelPrivateAccess": "selfDelPersonalAccess",
		"accountAddPrivateAccess": "accountAddPersonalAccess", "accountDelPrivateAccess": "accountDelPersonalAccess",
		"groupAddFullGroupAccess": "groupAddMember", "groupDelFullGroupAccess": "groupDelMember",
		"helloWorld": "info",
	} {
		if cmd, ok := osh.Lookup(old); !ok || cmd.Name != name {
			t.Errorf("%s is %+v, want %s", old, cmd, name)
		}
	}
	seen := map[string]string{}
	for _, cmd := range osh.Commands() {
		for _, name := range append(cmd.Aliases, cmd.Name) {
			if seen[name] != "" {
				t.Errorf("%s is both %s and %s", name, seen[name], cmd.Name)
			}
			seen[name] = cmd.Name
		}
	}
}
