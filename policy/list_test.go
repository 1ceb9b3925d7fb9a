package policy

import (
	"slices"
	"testing"
)

func TestLengths(t *testing.T) {
	for _, want := range [][]int{nil, {0}, {128}, {128, 0}, {64, 63}, {127, 65, 64, 63, 1, 0}, {32, 24, 8, 0}} {
		var s lengths
		for _, n := range want {
			s.add(n)
		}
		var got []int
		for n := s.below(129); n >= 0; n = s.below(n) {
			got = append(got, n)
		}
		if !slices.Equal(got, want) {
			t.Errorf("lengths are %v, want %v", got, want)
		}
		if n := s.below(33); n > 32 {
			t.Errorf("below(33) = %d", n)
		}
	}
}
