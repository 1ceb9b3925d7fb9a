package admin

import (
	"fmt"
	"slices"
	"strings"

	"gateway/internal/osh"
	"gateway/policy"
)

// Bounds of --include and --exclude: a list may have 100,000 entries, and the
// monitor has others to serve.
const (
	maxPatterns = 32
	maxPattern  = 128
	maxWild     = 512 // of all patterns with wildcards, which take longest, together
)

// filter is the part of a list that is wanted.
type filter struct {
	osh.FilterOptions
	matched, taken int
}

// filterOf refuses what would take too long or means nothing.
func (c *call) filterOf(o osh.FilterOptions) (filter, error) {
	patterns := slices.Concat(o.Include, o.Exclude)
	if len(patterns) > maxPatterns {
		return filter{}, c.fail("ERR_INVALID_PARAMETER", "more than %d patterns", maxPatterns)
	}
	wild := 0
	for _, p := range patterns {
		if len(p) > maxPattern {
			return filter{}, c.fail("ERR_INVALID_PARAMETER", "a pattern of more than %d characters", maxPattern)
		}
		if strings.ContainsAny(p, "*?") {
			wild += len(p)
		}
	}
	if wild > maxWild {
		return filter{}, c.fail("ERR_INVALID_PARAMETER", "patterns with wildcards of more than %d characters together", maxWild)
	}
	if o.Limit < 0 || o.Offset < 0 {
		return filter{}, c.fail("ERR_INVALID_PARAMETER", "--limit and --offset are not negative")
	}
	return filter{FilterOptions: o}, nil
}

// take reports whether an entry, given by its texts, is on the page that was
// asked for. Entries must come in an order that does not change.
func (f *filter) take(texts ...string) bool {
	if !f.matches(texts...) {
		return false
	}
	f.matched++
	if f.matched <= f.Offset || f.Limit != 0 && f.taken == f.Limit {
		return false
	}
	f.taken++
	return true
}

// note says where the list goes on, if it does.
func (f *filter) note() string {
	if f.Limit == 0 || f.Offset+f.taken >= f.matched {
		return ""
	}
	return fmt.Sprintf(" (%d of %d; --offset %d goes on)", f.taken, f.matched, f.Offset+f.taken)
}

// matches applies --include and --exclude to the texts of one entry.
func (f *filter) matches(texts ...string) bool {
	any := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			return slices.ContainsFunc(texts, func(t string) bool { return matchesPattern(p, t) })
		})
	}
	return (len(f.Include) == 0 || any(f.Include)) && !any(f.Exclude)
}

// matchesPattern matches t against p, in which * and ? are wildcards; a plain
// word matches whatever contains it.
func matchesPattern(p, t string) bool {
	if !strings.ContainsAny(p, "*?") {
		return strings.Contains(t, p)
	}
	return policy.Glob(p, t)
}
