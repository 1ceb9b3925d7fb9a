package osh

import (
	"slices"
	"strconv"
	"strings"
)

// maybe returns " (did you mean …?)" when known holds words like w.
func maybe(w string, known []string) string {
	near := suggest(w, known)
	if len(near) == 0 {
		return ""
	}
	return " (did you mean " + strings.Join(near, ", ") + "?)"
}

// suggest returns at most three of known that look like w, the nearest first.
func suggest(w string, known []string) []string {
	if len(w) > 64 {
		return nil
	}
	type scored struct {
		name string
		d    int
	}
	var near []scored
	lower := strings.ToLower(w)
	for _, k := range known {
		d := distance(lower, strings.ToLower(k))
		if len(w) >= 4 && strings.HasPrefix(strings.ToLower(k), lower) {
			d = min(d, 2)
		}
		if d <= 1+len(w)/5 {
			near = append(near, scored{k, d})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int { return a.d - b.d })
	var names []string
	for _, s := range near[:min(3, len(near))] {
		names = append(names, s.name)
	}
	return names
}

// distance is the edit distance between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// counted writes a number of things.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
