package admin

import (
	"maps"
	"slices"
	"strings"

	"gateway"
	"gateway/internal/osh"
)

// maxCompletions is how many names the prompt is told.
const maxCompletions = 100

// Complete gives names that start with prefix to the prompt of a: those of the
// commands it may use, of groups, of accounts, or of the hosts or databases that
// it may reach. Group names are no secret (groupList --all); account names are, except
// to who may list them or manages a group.
func (e *Executor) Complete(a Actor, kind, prefix string) []string {
	c := &call{e: e, actor: a, set: e.Config(), snap: e.Policy.Load(), now: e.Now()}
	names := []string{}
	add := func(name string) bool {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
		return len(names) < maxCompletions
	}
	switch {
	case kind == "command" && c.answers("help"):
		for _, name := range c.allowed() {
			add(name)
		}
	case kind == "group" && c.answers("groupList"):
		for g := range c.snap.Groups() {
			if !add(g.Name) {
				break
			}
		}
	case kind == "account" && c.knowsAccounts():
		for a := range c.snap.Accounts() {
			if !add(a.Name) {
				break
			}
		}
	case kind == "database" && c.answers("dbList"):
		for _, m := range c.snap.GroupsOf(c.actor.Account, c.now) {
			for _, d := range m.Group.Databases {
				if usable, _ := c.usable(d.Name); usable != nil {
					add(d.Name)
				}
			}
		}
	case kind == "host" && c.answers("selfListAccesses"):
		names = c.hosts(prefix)
	}
	return names
}

// answers reports whether the actor could run the command, which tells the
// same, with all that its settings ask for.
func (c *call) answers(command string) bool {
	asked := *c
	asked.cmd, _ = osh.Lookup(command)
	return asked.cmd != nil && asked.enabled(command) == nil && asked.authorise(c.state()) == nil
}

// hosts gives the single targets that start with prefix and that the actor has
// an access to without a jump host, as ADDRESS, or as the name that was
// resolved when the access was added, and after USER@ where the access is for
// one user.
func (c *call) hosts(prefix string) []string {
	me := c.me()
	if me == nil {
		return nil
	}
	found := map[string]bool{}
	add := func(accesses []gateway.Access) {
		for _, a := range accesses {
			if len(found) >= maxCompletions {
				return
			}
			if a.Expired(c.now) || !a.Prefix.IsSingleIP() || strings.HasPrefix(a.User, "!") || !a.Proxy.IsZero() {
				continue
			}
			for _, text := range targetTexts(a) {
				if strings.HasPrefix(text, prefix) {
					found[text] = true
				}
			}
		}
	}
	add(me.Personal)
	for _, m := range c.snap.GroupsOf(me.Name, c.now) {
		if m.Group.Has(gateway.Member, me.Name, c.now) {
			add(m.Group.Accesses)
		} else {
			add(m.Group.Guests[me.Name])
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// targetTexts are the ways to write the one target of an access.
func targetTexts(a gateway.Access) []string {
	texts := []string{a.Prefix.Addr().String()}
	if name, ok := strings.CutPrefix(a.Comment, hostnameComment); ok && gateway.IsHostname(name) {
		texts = append(texts, name)
	}
	if a.User != "" && !strings.ContainsAny(a.User, "*?") {
		for i, host := range texts {
			texts[i] = a.User + "@" + host
		}
	}
	return texts
}

func (c *call) knowsAccounts() bool {
	if c.answers("accountList") {
		return true
	}
	if !c.answers("help") {
		return false
	}
	if c.isSuperowner() {
		return true
	}
	for _, m := range c.snap.GroupsOf(c.actor.Account, c.now) {
		if slices.Contains(m.Roles, gateway.Owner) || slices.Contains(m.Roles, gateway.Gatekeeper) {
			return true
		}
	}
	return false
}
