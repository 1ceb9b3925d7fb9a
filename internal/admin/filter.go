package admin

import (
	"path"
	"slices"
	"strings"

	"gateway/internal/osh"
)

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
	// path.Match gives * and ? their meaning between slashes only, and [ and \
	// one that they must not have here.
	clean := strings.NewReplacer("/", "\x00", "[", `\[`, `\`, `\\`)
	ok, err := path.Match(clean.Replace(p), strings.ReplaceAll(t, "/", "\x00"))
	return err == nil && ok
}
