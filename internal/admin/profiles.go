package admin

import (
	"context"
	"errors"
	"strings"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/profiles"
)

func profileList(_ context.Context, c *call, _ *osh.ProfileList) (osh.Result, error) {
	set, err := c.e.Profiles()
	if err != nil {
		return osh.Result{}, err
	}
	list := []osh.ListedProfile{}
	for _, name := range set.Names() {
		p, err := set.Get(name)
		if err != nil {
			return osh.Result{}, err
		}
		if c.page.take(p.Name, p.Vendor) {
			list = append(list, osh.ListedProfile{Name: p.Name, Vendor: p.Vendor, Legacy: p.Legacy, Own: set.Own(name)})
		}
	}
	return c.ok(list, "Device profiles:")
}

// profileTest only hands the profiles out: the dialogue is played in the
// session process, which has no use for them but this one.
func profileTest(_ context.Context, c *call, r *osh.ProfileTest) (osh.Result, error) {
	set, err := c.e.Profiles()
	if err != nil {
		return osh.Result{}, err
	}
	if err := c.checkProfile(set, r.Profile); err != nil {
		return osh.Result{}, err
	}
	text, _, err := set.Lease(r.Profile)
	if problem, ok := errors.AsType[*profiles.Problem](err); ok {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "%v", problem) // of the fallback
	}
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(osh.ProfileTestPlan{Profiles: text}, "")
}

// checkProfile refuses the name of a device profile that does not exist; an
// empty one names none.
func (c *call) checkProfile(set *profiles.Set, name string) error {
	if name == "" {
		return nil
	}
	_, err := set.Get(name)
	if errors.Is(err, gateway.ErrNotFound) {
		return c.fail("ERR_INVALID_PARAMETER", "profile %q is not valid: want one of %s", gateway.Printable(clip(name)), strings.Join(set.Names(), ", "))
	}
	if problem, ok := errors.AsType[*profiles.Problem](err); ok {
		return c.fail("ERR_INVALID_PARAMETER", "%v", problem)
	}
	return err
}
