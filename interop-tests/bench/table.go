package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is one line of the table: a value for each route that was measured.
type row struct {
	name, unit string
	values     map[string]float64
	target     target
}

// target is what the gateway is meant to reach.
type target struct {
	limit   float64 // 0: none
	atLeast bool    // else at most
	ratio   bool    // of the ratio to the direct way, not of the value
}

func atMost(limit float64) target       { return target{limit: limit} }
func ratioAtMost(limit float64) target  { return target{limit: limit, ratio: true} }
func ratioAtLeast(limit float64) target { return target{limit: limit, ratio: true, atLeast: true} }

func (t target) met(v float64) bool {
	if t.atLeast {
		return v >= t.limit
	}
	return v <= t.limit
}

func (r *row) ratio(of string) float64 { return r.values[of] / r.values["direct"] }

type table struct{ rows []row }

func (t *table) add(name, unit string, values map[string]float64, want target) {
	t.rows = append(t.rows, row{name, unit, values, want})
}

// print writes the rows; a ratio follows in parentheses where both ends of it
// were measured.
func (t *table) print(out io.Writer, routes []string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\tunit\t%s\ttarget\t\n", strings.Join(routes, "\t"))
	for _, r := range t.rows {
		fmt.Fprintf(w, "%s\t%s\t", r.name, r.unit)
		for _, route := range routes {
			v, ok := r.values[route]
			switch {
			case !ok:
				fmt.Fprint(w, "-\t")
			case route != "direct" && r.values["direct"] > 0:
				fmt.Fprintf(w, "%s (%.2f×)\t", number(v), r.ratio(route))
			default:
				fmt.Fprintf(w, "%s\t", number(v))
			}
		}
		fmt.Fprintf(w, "%s\t\n", r.verdict())
	}
	return w.Flush()
}

func (r *row) verdict() string {
	v, measured := r.values["gateway"]
	want, unit := r.target, ""
	if want.limit == 0 {
		return ""
	}
	if want.ratio {
		v, unit = r.ratio("gateway"), "×"
		measured = measured && r.values["direct"] > 0
	}
	sign := "≤"
	if want.atLeast {
		sign = "≥"
	}
	text := fmt.Sprintf("%s %g%s", sign, want.limit, unit)
	switch {
	case !measured:
		return text
	case want.met(v):
		return text + " met"
	}
	return text + " MISSED"
}

// number gives three significant digits.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func median[T cmp.Ordered](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

func percentile99(values map[string][]float64) map[string]float64 {
	m := map[string]float64{}
	for name, v := range values {
		v = slices.Sorted(slices.Values(v))
		m[name] = v[len(v)*99/100]
	}
	return m
}
