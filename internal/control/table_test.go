package control

import (
	"errors"
	"testing"
)

func TestGate(t *testing.T) {
	table := []Row{
		{1, "early", PreAuth, 2, 10},
		{2, "late", Authenticated, 1, 10},
		{3, "always", PreAuth | Authenticated | Refused, 100, 0},
	}
	type ask struct {
		op    Op
		phase Phase
		size  int
	}
	for _, test := range []struct {
		name string
		asks []ask
		want string // of the last one; the others are in order
	}{
		{"unknown", []ask{{9, PreAuth, 0}}, "control protocol: operation 9: unknown operation"},
		{"early in time", []ask{{1, PreAuth, 10}, {1, PreAuth, 10}}, ""},
		{"early too late", []ask{{1, Authenticated, 0}}, "control protocol: early: out of phase"},
		{"early when refused", []ask{{1, Refused, 0}}, "control protocol: early: out of phase"},
		{"late too early", []ask{{2, PreAuth, 0}}, "control protocol: late: out of phase"},
		{"no phase", []ask{{3, 0, 0}}, "control protocol: always: out of phase"},
		{"too often", []ask{{1, PreAuth, 0}, {1, PreAuth, 0}, {1, PreAuth, 0}}, "control protocol: early: asked too often"},
		{"counted each by itself", []ask{{1, PreAuth, 0}, {1, PreAuth, 0}, {2, Authenticated, 0}}, ""},
		{"too large", []ask{{1, PreAuth, 11}}, "control protocol: early: too large"},
		{"in every phase", []ask{{3, PreAuth, 0}, {3, Authenticated, 0}, {3, Refused, 0}}, ""},
	} {
		g := NewGate(table)
		for i, a := range test.asks {
			err, want := g.Admit(a.op, a.phase, a.size), ""
			if i == len(test.asks)-1 {
				want = test.want
			}
			var v *ViolationError
			if err == nil && want != "" || err != nil && (err.Error() != want || !errors.As(err, &v)) {
				t.Errorf("%s: Admit %d = %v, want %q", test.name, i, err, want)
			}
		}
	}
}

// TestTables: what may be asked before the proof is as little as there can be,
// and no row is without a bound.
func TestTables(t *testing.T) {
	before := map[Op]bool{OpSignHost: true, OpUserKey: true, OpProve: true}
	for _, r := range SessionTable() {
		if (r.Phases&PreAuth != 0) != before[r.Op] {
			t.Errorf("%s may be asked before authentication: %v", r.Name, r.Phases&PreAuth != 0)
		}
	}
	for _, table := range [][]Row{SessionTable(), ProbeTable(), RecorderTable(), LocalTable()} {
		seen := map[Op]bool{}
		for _, r := range table {
			if seen[r.Op] || r.Name == "" || r.Phases == 0 || r.Max < 1 || r.MaxBody < 1 || r.MaxBody > large {
				t.Errorf("row %+v is incomplete or doubled", r)
			}
			seen[r.Op] = true
		}
	}
}
