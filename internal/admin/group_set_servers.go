package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// Bounds of a list of servers.
const (
	maxServers      = 10_000
	maxServerNames  = 500              // host names to be resolved
	maxServerErrors = 100              // shown
	resolveServers  = 30 * time.Second // for all the names together
)

func groupSetServers(ctx context.Context, c *call, r *osh.GroupSetServers) (osh.Result, error) {
	l := serverList{c: c, hosts: map[string]serverHost{}, have: map[string]bool{}}
	l.parse(ctx, r.Lines)
	v := osh.GroupSetServersValue{ACL: []osh.ServerLine{}, DryRun: r.DryRun, Errors: l.shownErrors(), ParsedLines: strconv.Itoa(l.lines)}
	if why := l.refused(r.SkipErrors); why != "" {
		return osh.Fail(c.cmd.Name, "ERR_INVALID_PARAMETER", why, v), nil
	}
	for _, a := range l.accesses {
		s := osh.ServerLine{Comment: optional(a.Comment), IP: gateway.NetworkText(a.Prefix), User: optional(a.User)}
		if a.Port != 0 {
			s.Port = optional(strconv.Itoa(int(a.Port)))
		}
		v.ACL = append(v.ACL, s)
	}
	if r.DryRun {
		return c.ok(v, "Nothing was changed. The group %s would have %s:", r.Group, count(len(l.accesses), "server"))
	}
	added, removed := 0, 0
	err := c.update(ctx, func(tx store.Tx) (err error) {
		added, removed, err = l.replace(tx, r.Group)
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	v.Group = r.Group
	return c.ok(v, "The group %s has %s now; %d added, %d removed:", r.Group, count(len(l.accesses), "server"), added, removed)
}

// serverList is a list of servers that is read from lines.
type serverList struct {
	c        *call
	lines    int
	accesses []gateway.Access
	have     map[string]bool // those in accesses, as text
	errors   []string
	hosts    map[string]serverHost
}

// serverHost is a host of a line, or why it is none.
type serverHost struct {
	prefix netip.Prefix
	name   string
	err    error
}

func (l *serverList) parse(ctx context.Context, text string) {
	ctx, cancel := context.WithTimeout(ctx, resolveServers)
	defer cancel()
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if l.lines++; l.lines > maxServers {
			return
		}
		a, err := l.access(ctx, line)
		switch {
		case err != nil:
			l.errors = append(l.errors, fmt.Sprintf("line %d: %s", n, l.why(err)))
		case !l.have[a.String()]:
			l.have[a.String()] = true
			l.accesses = append(l.accesses, a)
		}
	}
}

// why is what a person is told of an error.
func (l *serverList) why(err error) string {
	return l.c.answer(err).Message
}

// access reads one line, [USER@]HOST[:PORT][ COMMENT].
func (l *serverList) access(ctx context.Context, line string) (gateway.Access, error) {
	c := l.c
	target, comment := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		target, comment = line[:i], strings.TrimSpace(line[i:])
	}
	user, host, port, err := gateway.SplitTarget(target)
	if err != nil {
		return gateway.Access{}, c.fail("ERR_INVALID_PARAMETER", "%s", what(err, gateway.ErrInvalid))
	}
	o := osh.AccessOptions{User: cmp.Or(user, "*"), Host: host, Port: cmp.Or(port, "*")}
	var a gateway.Access
	if a.User, err = c.accessUser(o); err != nil {
		return a, err
	}
	if a.Port, err = c.accessPort(o); err != nil {
		return a, err
	}
	h := l.host(ctx, o.Host)
	if a.Prefix = h.prefix; h.err != nil {
		return a, h.err
	}
	a.Comment = cleanComment(comment)
	if a.Comment == "" && h.name != "" {
		a.Comment = hostnameComment + h.name
	}
	a.AddedBy, a.AddedAt = c.actor.Account, c.now
	return a, nil
}

// host looks each name up once.
func (l *serverList) host(ctx context.Context, host string) serverHost {
	if h, ok := l.hosts[host]; ok {
		return h
	}
	var h serverHost
	if gateway.IsHostname(host) && !isAddr(host) {
		if len(l.hosts) >= maxServerNames {
			return serverHost{err: l.c.fail("ERR_INVALID_PARAMETER", "more than %d host names: give addresses", maxServerNames)}
		}
		h.prefix, h.name, h.err = l.c.accessHost(ctx, host)
		l.hosts[host] = h
		return h
	}
	h.prefix, h.name, h.err = l.c.accessHost(ctx, host)
	return h
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// refused says why the list can't be set.
func (l *serverList) refused(skipErrors bool) string {
	switch {
	case l.lines > maxServers:
		return fmt.Sprintf("the list has more than %d lines", maxServers)
	case l.lines == 0:
		return "the list is empty: to take servers away one by one, use groupDelServer"
	case len(l.errors) > 0 && !skipErrors:
		return fmt.Sprintf("%d of %d lines are wrong, and nothing was changed (--skip-errors leaves them out): %s",
			len(l.errors), l.lines, strings.Join(l.errors[:min(3, len(l.errors))], "; "))
	case len(l.accesses) == 0:
		return fmt.Sprintf("all %d lines are wrong, and nothing was changed: %s", l.lines, l.errors[0])
	}
	return ""
}

func (l *serverList) shownErrors() []string {
	if more := len(l.errors) - maxServerErrors; more > 0 {
		return append(l.errors[:maxServerErrors:maxServerErrors], fmt.Sprintf("and %d more lines", more))
	}
	return list(l.errors)
}

// replace makes the group's accesses those of the list. One that is listed
// again stays if the line says all that there is of it, or if it has NETCONF
// rights: a line can't say them, and without them it would allow more.
func (l *serverList) replace(tx store.Tx, group string) (added, removed int, err error) {
	g, err := l.c.group(tx, group)
	if err != nil {
		return 0, 0, err
	}
	owner := store.Owner{Group: group}
	old := make(map[string]gateway.Access, len(g.Accesses))
	for _, a := range g.Accesses {
		old[a.String()] = a
	}
	for _, a := range l.accesses {
		was, ok := old[a.String()]
		if ok && (asAdded(was, a) == a || was.NETCONF != "") {
			delete(old, a.String())
			continue
		}
		if ok {
			if _, err := tx.DelAccess(owner, was); err != nil {
				return 0, 0, err
			}
			delete(old, a.String())
		} else {
			added++
		}
		if _, err := tx.AddAccess(owner, a, l.c.now); err != nil {
			return 0, 0, err
		}
	}
	for _, a := range old {
		if _, err := tx.DelAccess(owner, a); err != nil {
			return 0, 0, err
		}
	}
	return added, len(old), nil
}

// asAdded is was, as if it were added by who and when new is.
func asAdded(was, new gateway.Access) gateway.Access {
	was.AddedBy, was.AddedAt = new.AddedBy, new.AddedAt
	return was
}

// count writes a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
