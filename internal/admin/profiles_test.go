package admin_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"gateway/internal/dialogue"
	"gateway/internal/osh"
)

func TestProfiles(t *testing.T) {
	f := newFixture(t)
	acme := "name: acme\nvendor: ACME switches\ndetect: [ACME]\nlogin: ['Login:']\npassword: ['Password:']\nshell: ['acme>']\n"
	f.profiles["acme.yaml"] = &fstest.MapFile{Data: []byte(acme)}
	f.profiles["bad.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(acme, "vendor", "seller", 1))}
	f.golden("profileList", f.want("OK", "bob", "profileList", osh.ProfileList{}))

	f.want("KO_RESTRICTED_COMMAND", "bob", "profileTest", osh.ProfileTest{})
	f.grant("bob", "profileTest")
	for name, n := range map[string]int{"": 13, "acme": 1, "cisco-ios": 1} {
		r := f.want("OK", "bob", "profileTest", osh.ProfileTest{Profile: name})
		var plan osh.ProfileTestPlan
		if err := json.Unmarshal(r.Value, &plan); err != nil {
			t.Fatal(err)
		}
		if _, err := dialogue.Decode(plan.Profiles); err != nil {
			t.Errorf("profileTest %q: %v", name, err)
		}
		if got := strings.Count(plan.Profiles, `"vendor"`); got != n {
			t.Errorf("profileTest %q gives %d profiles, want %d", name, got, n)
		}
	}
	for name, want := range map[string]string{
		"bad":    "bad.yaml:2: seller: unknown key; allowed are name, vendor, ",
		"nobody": `profile "nobody" is not valid: want one of acme, arista-eos, `,
		"a\x1b":  `profile "a`,
	} {
		r := f.want("ERR_INVALID_PARAMETER", "bob", "profileTest", osh.ProfileTest{Profile: name})
		if !strings.HasPrefix(r.Message, want) {
			t.Errorf("profileTest %q: %s\nwant %s…", name, r.Message, want)
		}
	}
}
