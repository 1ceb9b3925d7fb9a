package admin

import (
	"slices"
	"strings"

	"gateway/internal/osh"
)

// Bounds of --include and --exclude: a list may have 100,000 entries, and the
// monitor has others to serve.
const (
	maxPatterns = 32
	maxPattern  = 128
)

// checkFilter refuses a filter that would take too long.
func (c *call) checkFilter(o osh.FilterOptions) error {
	patterns := slices.Concat(o.Include, o.Exclude)
	if len(patterns) > maxPatterns {
		return c.fail("ERR_INVALID_PARAMETER", "more than %d patterns", maxPatterns)
	}
	for _, p := range patterns {
		if len(p) > maxPattern {
			return c.fail("ERR_INVALID_PARAMETER", "a pattern of more than %d characters", maxPattern)
		}
	}
	return nil
}

// matches applies --include and --exclude to the texts of one entry.
func matches(o osh.FilterOptions, texts ...string) bool {
	any := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			return slices.ContainsFunc(texts, func(t string) bool { return matchesPattern(p, t) })
		})
	}
	return (len(o.Include) == 0 || any(o.Include)) && !any(o.Exclude)
}

// matchesPattern matches t against p, in which * and ? are wildcards; a plain
// word matches whatever contains it.
func matchesPattern(p, t string) bool {
	if !strings.ContainsAny(p, "*?") {
		return strings.Contains(t, p)
	}
	return glob(p, t)
}

// glob matches * (anything) and ? (one byte). It goes back to the last star
// only, so it is quadratic at worst.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
