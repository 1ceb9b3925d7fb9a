package admin

import (
	"errors"
	"slices"
	"strings"

	"gateway"
	"gateway/internal/osh"
	"gateway/policy"
)

// state is what rights are decided on: the snapshot at first, the transaction
// again before a change.
type state interface {
	// Account and Group wrap gateway.ErrNotFound.
	Account(name string) (*gateway.Account, error)
	Group(name string) (*gateway.Group, error)
}

type snapshotState struct{ *policy.Snapshot }

func (s snapshotState) Account(name string) (*gateway.Account, error) {
	if a := s.Snapshot.Account(name); a != nil {
		return a, nil
	}
	return nil, gateway.ErrNotFound
}

func (s snapshotState) Group(name string) (*gateway.Group, error) {
	if g := s.Snapshot.Group(name); g != nil {
		return g, nil
	}
	return nil, gateway.ErrNotFound
}

// right returns nil when the actor, whose account is me (nil for a local actor
// without account), may run the command. Nothing else is permitted.
type right func(c *call, s state, me *gateway.Account) error

// rights is the check of each category. A command of a category that is not
// here can't be run.
func rights() map[osh.Category]right {
	return map[osh.Category]right{
		osh.Open:            anybody,
		osh.Restricted:      granted,
		osh.Admin:           adminOnly,
		osh.GroupOwner:      holding("ERR_NOT_GROUP_OWNER", gateway.Owner),
		osh.GroupGatekeeper: holding("ERR_NOT_GROUP_GATEKEEPER", gateway.Gatekeeper),
		osh.GroupAclkeeper:  holding("ERR_NOT_GROUP_ACLKEEPER", gateway.Aclkeeper),
		osh.GroupKeepers:    holding("ERR_NOT_GROUP_ACLKEEPER", gateway.Aclkeeper, gateway.Owner),
	}
}

// authorise checks the actor's account and the command's rights on s.
func (c *call) authorise(s state) error {
	check, ok := rights()[c.cmd.Category]
	if !ok {
		return refusal(gateway.RefusalRestricted, "nobody may run this command")
	}
	if c.actor.By != "" {
		return c.authoriseSudo(s, check)
	}
	me, err := s.Account(c.actor.Account)
	if errors.Is(err, gateway.ErrNotFound) && c.actor.Local {
		return check(c, s, nil)
	}
	if errors.Is(err, gateway.ErrNotFound) {
		return refusal(gateway.RefusalAccountInvalid, "your account does not exist any more")
	}
	if err != nil {
		return err
	}
	if c.actor.Local {
		return check(c, s, me)
	}
	if err := c.alive(me); err != nil {
		return err
	}
	if err := c.factors(me); err != nil {
		return err
	}
	return check(c, s, me)
}

// knownActor refuses the name of an account that does not exist: records would
// name somebody whom nobody knows.
func (c *call) knownActor() error {
	_, err := c.state().Account(c.actor.Account)
	if errors.Is(err, gateway.ErrNotFound) {
		return refusal(gateway.RefusalAccountInvalid, "account %s does not exist; without --as, the command runs as the owner of the node",
			gateway.Printable(clip(c.actor.Account)))
	}
	return err
}

// factors checks that the account has set up what it must, and has the factor
// that the command asks for. Nobody has a second factor yet, so that what is
// required is missing.
func (c *call) factors(me *gateway.Account) error {
	if c.actor.Local {
		return nil
	}
	need := c.settings().MFARequired
	if c.actor.By != "" {
		need = need.Stricter(c.set.Commands[osh.AdminSudoName].MFARequired)
	}
	missing := c.snap.Factor(me, need)
	if !c.cmd.WithoutFactor {
		missing = c.snap.MissingFactor(me).Stricter(missing)
	}
	if missing != gateway.MFANone {
		return refusal(missing.SetupRefusal(), "%s", missing.SetupText())
	}
	return nil
}

// alive checks that the account may still act. Inactivity counts at login only.
func (c *call) alive(me *gateway.Account) error {
	switch {
	case me.Freeze != nil:
		return refusal(gateway.RefusalFrozen, "your account is frozen")
	case !me.Expires.IsZero() && !c.now.Before(me.Expires):
		return refusal(gateway.RefusalTTL, "your account has expired")
	}
	return nil
}

// isAdmin is listed in the configuration, or owns the node.
func (c *call) isAdmin() bool {
	return c.actor.Local || slices.Contains(c.set.Admins, c.actor.Account)
}

// isSuperowner holds every role of every group. Administrators are superowners.
func (c *call) isSuperowner() bool {
	return c.isAdmin() || slices.Contains(c.set.SuperOwners, c.actor.Account)
}

// isAuditor may see more.
func (c *call) isAuditor(me *gateway.Account) bool {
	return c.isAdmin() || me != nil && me.Granted("auditor")
}

func anybody(*call, state, *gateway.Account) error { return nil }

func granted(c *call, _ state, me *gateway.Account) error {
	if c.actor.Local || me != nil && me.Granted(c.cmd.Name) {
		return nil
	}
	return refusal(gateway.RefusalRestricted, "you were not granted the command %s", c.cmd.Name)
}

func adminOnly(c *call, _ state, _ *gateway.Account) error {
	if c.isAdmin() {
		return nil
	}
	return refusal(gateway.RefusalRestricted, "the command %s is for administrators", c.cmd.Name)
}

// holding wants one of the roles in the group that the request names, which takes the
// options, and those come after the node's state. That there is such
// a request is a matter of the declarations, and tested.
func holding(code string, roles ...gateway.Role) right {
	return func(c *call, s state, me *gateway.Account) error {
		if err := c.writable(); err != nil {
			return err
		}
		named, ok := c.req.(osh.GroupNamed)
		if !ok {
			return refusal(gateway.RefusalRestricted, "nobody may run this command")
		}
		if named.GroupName() == "" {
			return c.fail("ERR_MISSING_PARAMETER", "option --group is missing")
		}
		g, err := c.group(s, named.GroupName())
		if err != nil {
			return err
		}
		return c.holds(g, code, roles...)
	}
}

// holds checks for one of the roles in g, and notes when it is only there by
// override.
func (c *call) holds(g *gateway.Group, code string, roles ...gateway.Role) error {
	words := make([]string, len(roles))
	for i, role := range roles {
		if g.Has(role, c.actor.Account, c.now) {
			return nil
		}
		words[i] = string(role)
	}
	if c.isSuperowner() {
		c.override = true
		return nil
	}
	return c.fail(code, "you are not %s of the group %s", strings.Join(words, " or "), g.Name)
}

// may reports whether the actor may use cmd, in some group if that is what it
// needs; for help and completion only.
func (c *call) may(cmd *osh.Command, me *gateway.Account) bool {
	if c.enabled(cmd.Name) != nil {
		return false
	}
	roles, grouped := map[osh.Category][]gateway.Role{
		osh.GroupOwner: {gateway.Owner}, osh.GroupGatekeeper: {gateway.Gatekeeper}, osh.GroupAclkeeper: {gateway.Aclkeeper},
		osh.GroupKeepers: {gateway.Aclkeeper, gateway.Owner},
	}[cmd.Category]
	if !grouped {
		probe := *c
		probe.cmd = cmd
		check, ok := rights()[cmd.Category]
		return ok && check(&probe, c.state(), me) == nil
	}
	return c.isSuperowner() || slices.ContainsFunc(c.snap.GroupsOf(c.actor.Account, c.now), func(m policy.Membership) bool {
		return slices.ContainsFunc(m.Roles, func(r gateway.Role) bool { return slices.Contains(roles, r) })
	})
}
