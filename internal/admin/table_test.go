package admin

import (
	"strings"
	"testing"

	"gateway/internal/osh"
)

// A command without rights or without a handler must not exist, nor a handler
// that nothing declares.
func TestEveryCommandHasRightsAndHandler(t *testing.T) {
	all := handlers()
	for _, cmd := range osh.Commands() {
		if _, ok := rights()[cmd.Category]; !ok {
			t.Errorf("%s: category %q has no rights", cmd.Name, cmd.Category)
		}
		if all[cmd.Name] == nil {
			t.Errorf("%s: no handler", cmd.Name)
		}
		delete(all, cmd.Name)
		switch cmd.Category {
		case osh.GroupOwner, osh.GroupGatekeeper, osh.GroupAclkeeper, osh.GroupKeepers:
			if _, ok := cmd.New().(osh.GroupNamed); !ok {
				t.Errorf("%s: its rights depend on a group, and its request names none", cmd.Name)
			}
		}
	}
	for name := range all {
		t.Errorf("%s: a handler without declaration", name)
	}
}

// Every command that lists things takes filters and pages.
func TestListingsAreFiltered(t *testing.T) {
	for _, cmd := range osh.Commands() {
		_, filtered := cmd.New().(osh.Filtered)
		lists := strings.Contains(cmd.Name, "List") || cmd.Name == "whoHasAccessTo"
		if lists && !filtered && cmd.Name != "selfListSessions" { // which has its own
			t.Errorf("%s lists things without FilterOptions", cmd.Name)
		}
	}
}
